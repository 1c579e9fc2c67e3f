"""What configuration says about a Cluster: a `config` that it was given, and the files of its profile."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from ..config.files import files_of, places, says_something

_BATCH = frozenset({"batch", "pbs", "sge", "lsf", "htcondor", "slurm"})
_PARENTS = {"sshproxy": ("SSHLauncher",)}


def settings(config: Any, profile_dir: str, load_profile: bool) -> dict[str, Any]:
    """{'Class.trait': value}: the profile's ipcluster_config files, if wanted, and over them `config`.

    `config` is a traitlets Config or a dict of dicts. What files have in them that does not work is warned about.
    """
    values: dict[str, Any] = {}
    if load_profile and any(map(says_something, files_of("ipcluster", places(profile_dir)))):
        from ..config.loading import load

        loaded = load("ipcluster", profile_dir)
        for line in loaded.warnings:
            warnings.warn(line, UserWarning, stacklevel=4)
        values |= loaded.values()
    if config:
        if not isinstance(config, Mapping):
            raise TypeError(f"config is a traitlets Config or a dict such as {{'Cluster': {{'n': 4}}}}, not {config!r}")
        from ..config.loading import of_object

        values |= of_object(config).values()
    return values


def launcher_options(values: Mapping[str, Any], name: str, *, controller: bool) -> dict[str, Any]:
    """The traits of a launcher, gathered over the original's classes from the most general to its own."""
    role = "Controller" if controller else "Engine"
    family = ("BatchSystemLauncher",) if name in _BATCH else ("LocalProcessLauncher",)
    own = name.rpartition(":")[2]
    classes = ["BaseLauncher", f"{role}Launcher", *family, *_PARENTS.get(name, ()), f"{own}Launcher"]
    classes += [f"{own}{role}Launcher"] if controller else [f"{own}EngineLauncher", f"{own}EngineSetLauncher"]
    if ":" in name:
        classes.append(own)
    found: dict[str, Any] = {}
    for wanted in classes:
        for key, value in values.items():
            owner, _, trait = key.partition(".")
            if owner.lower() == wanted.lower():
                found[trait] = value
    return found
