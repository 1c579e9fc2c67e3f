"""``python -m camshaft.apps.iploggerapp``: the same as ``python -m camshaft.logger``."""

from __future__ import annotations

from ..logger import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
