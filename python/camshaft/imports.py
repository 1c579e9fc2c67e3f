"""Repeats imports on engines."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import onengine

if TYPE_CHECKING:
    from .direct import DirectView


@contextmanager
def sync_imports(view: DirectView, local: bool, quiet: bool) -> Iterator[None]:
    """See DirectView.sync_imports."""
    if not local:
        raise NotImplementedError("imports on the engines alone: use view.execute('import ...')")
    original = builtins.__import__
    depth = 0
    results = []

    def both(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        nonlocal depth
        depth += 1
        try:
            module = original(name, globals, locals, fromlist, level)
        finally:
            depth -= 1
        if depth == 0:
            names = ",".join(fromlist or ())
            if not quiet:
                print(f"importing {names} from {name} on engine(s)" if names else f"importing {name} on engine(s)")
            depth += 1  # sending may import, too
            try:
                results.append(view.apply_async(onengine.IMPORT, name, tuple(fromlist or ()), level))
            finally:
                depth -= 1
        return module

    builtins.__import__ = both
    try:
        yield
    finally:
        builtins.__import__ = original
    for result in results:
        result.get()
