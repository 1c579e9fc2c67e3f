"""Evaluates configuration files and keeps account of where each value comes from."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from traitlets.config.loader import (
    Config,
    ConfigFileNotFound,
    JSONFileConfigLoader,
    LazyConfigValue,
    PyFileConfigLoader,
)

from . import clusterfile, oldnames
from .files import files_of, places


@dataclass
class Setting:
    """One value: ``Class.trait``, a value that JSON can carry, and the file that says so."""

    name: str
    value: Any
    origin: str


@dataclass
class Configuration:
    """What the files of one program say. `settings` are in the order in which they were read: later ones win."""

    files: list[str] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def values(self) -> dict[str, Any]:
        """Return what is in force, by name."""
        return {setting.name: setting.value for setting in self.settings}

    def as_json(self) -> str:
        """Return everything as one JSON object, as the programs in C++ read it."""
        return json.dumps(asdict(self))


def load(
    program: str, profile_dir: str, more: Sequence[str] = (), folders: Sequence[str] | None = None
) -> Configuration:
    """Evaluate the files of `program` (a key of files.PROGRAMS) for a profile, then those in `more`.

    `folders` replaces the profile's and the system's folders. A file of `more` that is not there raises
    FileNotFoundError. An error inside a file is a warning, and what the file said before it counts; with
    $IPYTHON_SUPPRESS_CONFIG_ERRORS=0 it raises RuntimeError instead.
    """
    result = Configuration()
    paths = files_of(program, list(places(profile_dir) if folders is None else folders))
    for path in more:
        if not os.path.isfile(path):
            raise FileNotFoundError(f"--config: there is no file {path}")
        paths.append(os.path.abspath(path))
    merged = _Merged(result.warnings)
    for path in paths:
        result.files.append(path)
        merged.add(path, *_evaluate(path, result.warnings))
    result.settings = merged.settings
    return result


def of_object(config: Any) -> Configuration:
    """Return the same of a Config, or a dict of dicts, that a program has made itself."""
    result = Configuration()
    merged = _Merged(result.warnings)
    merged.add("config", Config(config), {})
    result.settings = merged.settings
    return result


class _Merged:
    """Values of several files; lists and dictionaries that a file adds to are those of the files before it."""

    def __init__(self, warnings: list[str]) -> None:
        self.settings: list[Setting] = []
        self._warnings = warnings
        self._at: dict[str, int] = {}

    def add(self, path: str, config: Config, origins: dict[str, str]) -> None:
        common = os.path.basename(path).startswith("ipython_config")
        for owner, trait, value in _leaves(config):
            origin = origins.get(f"{owner}.{trait}", path)
            name, warning = oldnames.today(owner, trait)
            if warning and not common:
                self._warnings.append(f"{origin}: {warning}")
            before = self.settings[self._at[name]].value if name in self._at else None
            try:
                plain = _plain(_reified(value, before))
            except TypeError as error:
                self._warnings.append(f"{origin}: c.{owner}.{trait} is ignored: {error}")
                continue
            if name in self._at:
                del self.settings[self._at[name]]
                self._at = {setting.name: i for i, setting in enumerate(self.settings)}
            self._at[name] = len(self.settings)
            self.settings.append(Setting(name, plain, origin))


def _evaluate(path: str, warnings: list[str]) -> tuple[Config, dict[str, str]]:
    if path.endswith(".json"):
        loader: Any = JSONFileConfigLoader(os.path.basename(path), path=os.path.dirname(path))
        origins: dict[str, str] = {}
    else:
        loader = _Loader(os.path.basename(path), path=os.path.dirname(path))
        origins = loader.origins
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the standard output is not theirs
            return loader.load_config(), origins
    except (Exception, SystemExit) as error:
        line = f"{path}{_line_of(error, path)}: {type(error).__name__}: {error}"
        if os.environ.get("IPYTHON_SUPPRESS_CONFIG_ERRORS", "").lower() in ("0", "false", "no"):
            raise RuntimeError(line) from error
        warnings.append(f"{line} (what comes after it in the file has no effect)")
        return loader.config, origins


def _line_of(error: BaseException, path: str) -> str:
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f", line {lines[-1]}" if lines else ""


class _Loader(PyFileConfigLoader):
    """Knows `load_subconfig(file, profile=name)` too, and remembers which values came with which file."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.origins: dict[str, str] = {}

    def _read_file_as_dict(self) -> None:
        namespace = {
            "c": self.config,
            "get_config": lambda: self.config,
            "load_subconfig": self.load_subconfig,
            "__file__": self.full_filename,
        }
        with open(self.full_filename, "rb") as file:
            exec(compile(file.read(), self.full_filename, "exec"), namespace)
        if not self.config:
            self.config.merge(clusterfile.settings(namespace))

    def load_subconfig(self, fname: str, path: str | None = None, profile: str | None = None) -> None:
        """Add what another file says: beside this one, in the folder `path`, or in another profile."""
        folder: Any = path
        if profile is not None:
            here = self.path[0] if isinstance(self.path, list) else self.path
            folder = _folder_of_profile(profile, str(here))
        elif folder is None:
            folder = self.path
        loader = type(self)(fname, folder)
        try:
            config = loader.load_config()
        except ConfigFileNotFound:
            return  # as in IPython, a file that is not there says nothing
        self.config.merge(config)
        for owner, trait, value in _leaves(config):
            name = f"{owner}.{trait}"
            self.origins[name] = loader.origins.get(name, loader.full_filename)
            self._given[name] = value

    def load_config(self) -> Config:
        """Evaluate the file; what it changes after a sub-configuration is its own."""
        self._given: dict[str, Any] = {}
        try:
            return super().load_config()
        finally:
            for owner, trait, value in _leaves(self.config):
                name = f"{owner}.{trait}"
                if name in self._given and self._given[name] is not value and self._given[name] != value:
                    self.origins.pop(name, None)


def _folder_of_profile(profile: str, here: str) -> str:
    root = os.environ.get("IPYTHONDIR") or os.path.join("~", ".ipython")
    beside = os.path.join(os.path.dirname(here), f"profile_{profile}")
    if os.path.isdir(beside):
        return beside
    return os.path.join(os.path.abspath(os.path.expanduser(root)), f"profile_{profile}")


def _leaves(config: Config) -> Iterator[tuple[str, str, Any]]:
    """Class, trait and value. Sections inside sections (c.Parent.Child.trait) count as the inner one."""
    for owner, section in config.items():
        if not isinstance(section, Config):
            continue
        for trait, value in section.items():
            if isinstance(value, Config):
                yield from ((trait, inner, leaf) for inner, leaf in value.items() if not isinstance(leaf, Config))
            else:
                yield owner, trait, value


def _reified(value: Any, before: Any) -> Any:
    if not isinstance(value, LazyConfigValue):
        return value
    wanted: Any = [] if value._update is None else type(value._update)()
    return value.get_value(before if isinstance(before, type(wanted)) else wanted)


def _plain(value: Any) -> Any:
    """Return `value` as JSON can carry it. TypeError for what cannot be said in a file of text."""
    for kind, convert in _CONVERSIONS:
        if isinstance(value, kind):
            return convert(value)
    raise TypeError(f"a {type(value).__name__} cannot be handed to a program")


_CONVERSIONS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((str, bool, int, float, type(None)), lambda value: value),
    (bytes, lambda value: value.decode(errors="replace")),
    (os.PathLike, os.fspath),
    (type, lambda value: f"{value.__module__}.{value.__qualname__}"),
    (dict, lambda value: {str(key): _plain(one) for key, one in value.items()}),
    ((list, tuple), lambda value: [_plain(one) for one in value]),
    ((set, frozenset), lambda value: sorted(_plain(one) for one in value)),
)
