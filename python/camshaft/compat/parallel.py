"""What `IPython.parallel` had, by its names."""

from __future__ import annotations

from typing import Any

import camshaft

from ..view import View
from . import Client

__all__ = [*(name for name in camshaft.__all__ if not name.startswith("_")), "Client", "View"]


def __getattr__(name: str) -> Any:
    return getattr(camshaft, name)
