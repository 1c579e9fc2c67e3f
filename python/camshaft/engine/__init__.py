"""The engine: a Python process that runs what clients send, with its message loop in C++.

On an engine, ``from camshaft.engine import properties`` gives its own properties: see ownproperties.py.
"""

from __future__ import annotations

TYPE_CHECKING = False  # an engine starts faster without what it may never need
if TYPE_CHECKING:
    from typing import Any

    from .ownproperties import properties

__all__ = ["properties"]


def __getattr__(name: str) -> Any:
    if name == "properties":
        from .ownproperties import properties

        return properties
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
