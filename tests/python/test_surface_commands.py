"""Every flag, alias and configurable of the original's programs is taken by ours."""

from __future__ import annotations

import os
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import traitlets
from ipyparallel.cluster import app as cluster_app
from ipyparallel.controller.app import IPController
from ipyparallel.engine.app import IPEngine
from processes import PATIENCE, command_of

PROGRAMS: dict[str, tuple[type[Any], list[str]]] = {
    "ipcontroller": (IPController, []),
    "ipengine": (IPEngine, []),
    "ipcluster start": (cluster_app.IPClusterStart, ["start"]),
    "ipcluster engines": (cluster_app.IPClusterEngines, ["engines"]),
    "ipcluster stop": (cluster_app.IPClusterStop, ["stop"]),
    "ipcluster list": (cluster_app.IPClusterList, ["list"]),
    "ipcluster clean": (cluster_app.IPClusterClean, ["clean"]),
}
REFUSED = {
    "IPEngine.registration_url": "the connection file carries all addresses",
    "url": "as IPEngine.registration_url",
}
"""What is answered by one line that says what to use instead."""
VALUES = {
    "db_class": "DictDB",
    "extra_config_file": "",
    "log_level": "INFO",
    "n": "2",
    "engine_launcher_class": "local",
    "controller_launcher_class": "local",
    "signal": "2",
    "keyfile": "",
    **dict.fromkeys(("hb", "mux", "task", "control", "iopub", "mon_port", "notifier_port", "regport"), "10101"),
}
"""Values for traits whose default is not a text that could be written."""


def value_of(name: str, trait: traitlets.TraitType[Any, Any]) -> str:
    """A value that a user could give."""
    if name in VALUES:
        return VALUES[name]
    default = trait.default_value
    if isinstance(trait, traitlets.Bool):
        return "False"
    if isinstance(trait, traitlets.Int | traitlets.Float | traitlets.CFloat):
        return str(default if isinstance(default, int | float) and default > 0 else 3)
    if isinstance(trait, traitlets.Dict):
        return "{}"
    if isinstance(trait, traitlets.List):
        return "[]" if "args" in name or "ports" in name or name.startswith("to_") else "['a']"
    return default if isinstance(default, str) and default else ""


def configurables(app: type[Any]) -> Iterator[tuple[str, str, traitlets.TraitType[Any, Any]]]:
    """(Class.trait, trait, what it is) of a program, those that --help-all lists."""
    parents = (parent for parent in app.mro() if hasattr(parent, "class_traits"))
    for cls in dict.fromkeys((app, *app().classes, *parents)):
        for name, trait in sorted(cls.class_traits(config=True).items()):
            if cls.__name__ not in ("Configurable", "SingletonConfigurable", "LoggingConfigurable", "HasTraits"):
                yield f"{cls.__name__}.{name}", name, trait


def run(program: str, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Let one of our programs read its arguments, and say what they mean."""
    name, *command = program.split()
    return subprocess.run(
        [*command_of(name, "ours"), *command, *arguments, "--show-config"],  # type: ignore[arg-type]
        env={**os.environ, "IPYTHONDIR": str(folder / "ip")},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_configurables(program: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = [
            f"--{path}={value_of(name, trait)}"
            for path, name, trait in configurables(PROGRAMS[program][0])
            if path not in REFUSED
        ]
    assert len(wanted) > 15
    ended = run(program, [word for word in wanted if not word.endswith("extra_config_file=")], tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("program", PROGRAMS)
def test_flags_and_aliases(program: str, tmp_path: Path) -> None:
    traits = {path: value_of(name, trait) for path, name, trait in configurables(PROGRAMS[program][0])}
    app = PROGRAMS[program][0]()
    words = [(f"-{name}" if len(name) == 1 else f"--{name}") for name in app.flags if isinstance(name, str)]
    for names, target in app.aliases.items():
        path = target[0] if isinstance(target, tuple) else target
        for name in (names,) if isinstance(names, str) else names:
            if name not in REFUSED and name != "config":
                words.append(f"{'-' if len(name) == 1 else '--'}{name}={traits.get(path, 'x')}")
    assert words
    ended = run(program, [word for word in words if word not in ("--mongodb", "--debug", "--quiet")], tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_refused_says_what_to_use(name: str, tmp_path: Path) -> None:
    ended = run("ipengine", [f"--{name}=tcp://127.0.0.1:1"], tmp_path)
    assert ended.returncode == 2
    assert "use --file" in ended.stderr and len(ended.stderr.splitlines()) == 1
