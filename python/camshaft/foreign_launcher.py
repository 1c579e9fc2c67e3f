"""Launchers that are Python classes of others, found by the original's entry points or by import string."""

from __future__ import annotations

from typing import Any

__all__ = ["find"]


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
