"""What `ipyparallel` has today, by its names: the package, and what its modules keep to themselves."""

from __future__ import annotations

from typing import Any

import camshaft

from ..mapresult import LazyMapIterator
from ..metadata import ExecuteReply, Metadata
from ..view import View

__all__ = [*(name for name in camshaft.__all__ if not name.startswith("_")), "ExecuteReply", "LazyMapIterator",
           "Metadata", "View"]  # fmt: skip

__version__ = "9.2.0"
version_info = (9, 2, 0)
"""Of the interface: programs ask for it."""


def __getattr__(name: str) -> Any:
    return getattr(camshaft, name)
