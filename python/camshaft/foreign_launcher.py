"""Launchers that are Python classes of others, found by the original's entry points or by import string."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["Launcher", "chosen", "find", "rendered"]

Launcher = tuple[str, dict[str, Any]]
"""The name of a launcher and its options."""


def find(launcher: Any, *, controller: bool = False) -> str:
    """Return the name by which the core knows a launcher: 'mpi', or 'module:Class'.

    Parameters
    ----------
    launcher: a short name, a class name of the original's, an import string, or a class.
    controller: look for one that starts controllers, not engines.

    Raises ValueError, with the names that are known, for a name that nobody knows.
    """
    from . import _core

    if isinstance(launcher, type):
        launcher = f"{launcher.__module__}:{launcher.__qualname__}"
        if launcher.startswith("ipyparallel."):
            launcher = launcher.replace(":", ".")
    if not isinstance(launcher, str):
        raise TypeError(f"a launcher is a name, an import string or a class, not {launcher!r}")
    return _core.find_launcher(launcher, controller=controller)


def chosen(
    short: Any,
    long: Any,
    options: Mapping[str, Any] | None,
    *,
    controller: bool = False,
    configured: Mapping[str, Any] | None = None,
) -> Launcher:
    """Return what the arguments `engines`, `engine_launcher_class` and `engine_options` of a Cluster mean.

    `configured`: what configuration says, by 'Class.trait'; arguments go before it.
    """
    from .cluster.configured import launcher_options

    values = configured or {}
    wanted = short if short is not None else long
    if wanted is None:
        wanted = values.get(f"Cluster.{'controller' if controller else 'engine'}_launcher_class") or "local"
    name = find(wanted, controller=controller)
    return name, {**launcher_options(values, name, controller=controller), **(options or {})}


def rendered(launcher: Launcher, **commands: list[str] | None) -> tuple[str, str]:
    """Return name and options in JSON; `commands` that were given are options, too."""
    name, options = launcher
    return name, json.dumps({**options, **{key: value for key, value in commands.items() if value is not None}})
