"""What configuration says about a Cluster: a `config` that it was given, and the files of its profile."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from ..config.files import files_of, places, says_something
from ..nearest import hint


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
    _warn_of_unknown(values)
    return values


def _warn_of_unknown(values: Mapping[str, Any]) -> None:
    """A warning for each trait of Cluster that does not exist."""
    from .base import ClusterBase

    known = [name for name in ClusterBase.__init__.__annotations__ if name not in ("unknown", "return")]
    for key in values:
        owner, _, trait = key.partition(".")
        if owner == "Cluster" and trait not in known:
            warnings.warn(f"{key} has no effect: {hint(trait, known)}", UserWarning, stacklevel=5)


def launcher_options(values: Mapping[str, Any], name: str, *, controller: bool) -> dict[str, Any]:
    """The traits of a launcher, gathered over the original's classes from the most general to its own."""
    from .._core import launcher_classes

    found: dict[str, Any] = {}
    for wanted in launcher_classes(name, controller=controller):
        for key, value in values.items():
            owner, _, trait = key.partition(".")
            if owner.lower() == wanted.lower():
                found[trait] = value
    return found
