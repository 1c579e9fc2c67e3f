"""What users choose about pickling: another pickler for everything, and their own ways for types of theirs."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "can",
    "can_map",
    "register_reducer",
    "uncan",
    "uncan_map",
    "use",
    "use_cloudpickle",
    "use_dill",
    "use_pickle",
]

PICKLERS = ("pickle", "cloudpickle", "dill")
_chosen = "pickle"

can_map: dict[Any, Callable[[Any], Any]] = {}
"""{type or 'module.Type': can(obj)}: what is sent in the place of objects of that type. It must be picklable, and is
turned back by its type's entry in `uncan_map` on the other side or, without one, by its method get_object(g)."""
uncan_map: dict[Any, Callable[..., Any]] = {}
"""{type or 'module.Type': uncan(obj, g)}: how to turn back what `can_map` gave; `g` is the reader's namespace."""

_reducers: dict[type, Callable[[Any], Any]] = {}


def use(name: str) -> None:
    """Write with the pickler `name`: 'pickle' (our own), 'cloudpickle' or 'dill'.

    ValueError for another name, ImportError when it is not installed.
    """
    global _chosen
    if name not in PICKLERS:
        raise ValueError(f"no pickler {name!r}: there are {', '.join(PICKLERS)}")
    if name != "pickle":
        importlib.import_module(name)
    _chosen = name


def use_pickle() -> None:
    """Write with our own pickler again."""
    use("pickle")


def use_cloudpickle() -> None:
    """Write with cloudpickle in this process. ImportError when it is not installed."""
    use("cloudpickle")


def use_dill() -> None:
    """Write with dill in this process. ImportError when it is not installed."""
    use("dill")


def chosen() -> str:
    """The pickler that writes now."""
    return _chosen


@contextlib.contextmanager
def own_pickler() -> Iterator[None]:
    """Within the `with` statement our own pickler writes, whatever was chosen."""
    global _chosen
    before, _chosen = _chosen, "pickle"
    try:
        yield
    finally:
        _chosen = before


def register_reducer(cls: type, reduce: Callable[[Any], Any]) -> None:
    """Let `reduce(obj)` say how objects of exactly `cls` are pickled in messages, as `__reduce__` would.

    It returns (callable, arguments) from which the reader makes the object; the callable may be a function of
    `__main__`, which then travels along. Other pickles of the object do not change.
    """
    if not isinstance(cls, type):
        raise TypeError(f"register_reducer takes a type, not {cls!r}")
    if not callable(reduce):
        raise TypeError(f"register_reducer takes a function of the object, not {reduce!r}")
    _reducers[cls] = reduce


def reduce_as_registered(obj: Any) -> Any:
    """What the user's reducer or can_map says of `obj`, as from __reduce__; NotImplemented when they say nothing."""
    reducer = _reducers.get(type(obj))
    if reducer is not None:
        return reducer(obj)
    canner = _entry(can_map, type(obj)) if can_map else None
    if canner is None:
        return NotImplemented
    return uncan, (canner(obj),)


def is_empty() -> bool:
    """Whether no user has registered anything."""
    return not (_reducers or can_map)


def is_default() -> bool:
    """Whether our own pickler writes, and nobody has registered anything."""
    return _chosen == "pickle" and not _reducers and not can_map


def can(obj: Any) -> Any:
    """`obj` prepared for its journey: what can_map makes of its type, a Canned function or class, else itself."""
    canner = _entry(can_map, type(obj))
    if canner is not None:
        return canner(obj)
    import types

    return Canned(obj) if isinstance(obj, types.FunctionType | type) else obj


def uncan(obj: Any, g: dict[str, Any] | None = None) -> Any:
    """What `can` was given; `g` becomes the globals of functions of `__main__`."""
    unpack = _entry(uncan_map, type(obj))
    if unpack is not None:
        return unpack(obj, vars(sys.modules["__main__"]) if g is None else g)
    back = getattr(obj, "get_object", None)
    return obj if back is None else back(g)


class Canned:
    """A function or class as the bytes that messages would carry."""

    def __init__(self, obj: Any) -> None:
        from . import p5

        self.frames = [bytes(frame) for frame in p5.pack_result(obj)]

    def get_object(self, g: dict[str, Any] | None = None) -> Any:
        """The function or class; `g` becomes the globals of functions of `__main__`."""
        from . import p5

        return p5.unpack_result(self.frames, p5.CODEC, g)


def _entry(table: dict[Any, Callable[..., Any]], kind: type) -> Callable[..., Any] | None:
    found = table.get(kind)
    if found is None and table:
        found = table.get(f"{kind.__module__}.{kind.__qualname__}")
    return found
