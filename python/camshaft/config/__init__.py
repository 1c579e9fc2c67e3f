"""Configuration files of a profile: ``ipcluster_config.py``, ``ipcontroller_config.py`` and ``ipengine_config.py``.

`load` evaluates the files of one program, with traitlets' loaders, and says of each value which file it is from. The
programs in C++ run ``python -m camshaft.config PROGRAM ...``, which prints the same as JSON, and only if such a file
exists. Nothing is imported until it is used: an engine without such a file pays nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Configuration", "Setting", "load", "places"]


def __getattr__(name: str) -> Any:
    if name in ("Configuration", "Setting", "load"):
        from . import loading

        return getattr(loading, name)
    if name == "places":
        from .files import places

        return places
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
