"""Repeats imports on engines."""

from __future__ import annotations

import builtins
import dis
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import onengine

if TYPE_CHECKING:
    from .direct import DirectView

Bindings = list[tuple[str | None, str]]
"""What an import statement stores: (attribute, name); attribute None means the module that the statement names, and ''
the top one of its packages."""


@contextmanager
def sync_imports(view: DirectView, local: bool, quiet: bool) -> Iterator[None]:
    """See DirectView.sync_imports."""
    original = builtins.__import__
    depth = 0
    results = []

    def both(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        nonlocal depth
        names = tuple(fromlist or ())
        frame = sys._getframe(1)
        # imports that other modules do in turn, and those of our own sending, are their own business
        if depth or _is_ours(frame):
            return original(name, globals, locals, fromlist, level)
        depth += 1
        try:
            module = original(name, globals, locals, fromlist, level) if local else Elsewhere(name, names)
            if not quiet:
                listed = ",".join(names)
                print(f"importing {listed} from {name} on engine(s)" if names else f"importing {name} on engine(s)")
            results.append(view.apply_async(onengine.IMPORT, name, names, level, bindings_at(frame)))
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


def _is_ours(frame: types.FrameType) -> bool:
    return frame.f_globals.get("__name__", "").partition(".")[0] == __package__.partition(".")[0]


def bindings_at(frame: types.FrameType) -> Bindings:
    """What the import statement that `frame` executes will store under which names; [] when it is no statement."""
    found: Bindings = []
    following = (step for step in dis.get_instructions(frame.f_code) if step.offset >= frame.f_lasti)
    statement = next(following, None)
    if statement is None or statement.opname != "IMPORT_NAME":
        return found
    attributes: list[str] = []
    for step in following:
        if step.opname == "IMPORT_FROM":
            attributes.append(step.argval)
        elif step.opname.startswith("STORE_"):
            stored = str(step.argval)
            if not attributes:
                return [("", stored)]  # import a.b
            found.append((attributes.pop(), stored))
            if attributes:
                return [(None, stored)]  # import a.b.c as d, which looks up one after the other
        elif step.opname not in ("SWAP", "ROT_TWO", "COPY", "CACHE", "NOP") and not (
            step.opname == "POP_TOP" and attributes
        ):
            break
    return found


class Elsewhere(types.ModuleType):
    """What `import` gives for a module that is imported on the engines only."""

    def __init__(self, name: str, wanted: tuple[str, ...] = ()) -> None:
        super().__init__(name)
        for each in wanted:
            setattr(self, each, Elsewhere(f"{name}.{each}"))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"{self.__name__} was imported on the engines only (local=False): use it in what you send there"
        )
