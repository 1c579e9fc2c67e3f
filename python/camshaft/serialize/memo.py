"""Plain functions are pickled once by a client and read once by an engine; functions of modules are pickled once, too.

Plain: a function of ``__main__`` whose pickle is decided by objects that cannot change: its code, defaults that are
numbers or text, its names. It has no closure and no attributes of its own, so nothing can pass from one call to the
next when an engine uses one function object for many. What readers import by its name is decided by that name, as long
as it leads to the very function. Whatever is neither takes the long way each time.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from .byvalue import by_reference

_IMMUTABLE = frozenset({int, float, complex, bool, str, bytes, type(None)})
_LIMIT = 256  # functions; when there are more, the memo starts again
_LARGEST = 8192  # bytes of a pickle


def _is_plain(f: types.FunctionType) -> bool:
    defaults = f.__defaults__
    return (
        f.__closure__ is None
        and not f.__kwdefaults__
        and not f.__dict__
        and (defaults is None or all(type(value) in _IMMUTABLE for value in defaults))
    )


def _annotations(f: types.FunctionType) -> tuple[Any, ...] | None:
    """Names and values in turn; None when one of them could be pickled differently next time."""
    items: list[Any] = []
    for name, value in f.__annotations__.items():
        if type(value) not in _IMMUTABLE and not (type(value) is type and value.__module__ == "builtins"):
            return None
        items += (name, value)
    return tuple(items)


def _refers_to_itself(code: types.CodeType, name: str) -> bool:
    return name in code.co_names or any(
        _refers_to_itself(constant, name) for constant in code.co_consts if isinstance(constant, types.CodeType)
    )


class PickledFunctions:
    """What a client has pickled: the parts of each function, and the bytes that they give."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[types.CodeType, tuple[Any, ...], bytes]] = {}
        self._named: dict[int, tuple[types.FunctionType, str, str, bytes]] = {}

    def pickle(self, f: Any, dumps: Callable[[Any], bytes]) -> bytes | None:
        """The pickle of a plain or importable function, by `dumps` the first time; None for any other object."""
        if type(f) is not types.FunctionType:
            return None
        if f.__globals__ is not vars(sys.modules["__main__"]):
            return self._pickle_name(f, dumps)
        if not _is_plain(f):
            return None
        annotations = _annotations(f)
        if annotations is None:
            return None
        code = f.__code__
        parts = (f.__defaults__, f.__name__, f.__qualname__, f.__module__, f.__doc__, *annotations)
        found = self._known.get(id(code))  # which names this code object for as long as the memo holds it
        if found is not None and len(found[1]) == len(parts) and all(map(_is_same, found[1], parts)):
            return found[2]
        if _refers_to_itself(code, f.__name__):
            return None
        data = dumps(f)
        if len(data) <= _LARGEST:
            if len(self._known) >= _LIMIT:
                self._known.clear()
            self._known[id(code)] = (code, parts, data)
        return data

    def _pickle_name(self, f: types.FunctionType, dumps: Callable[[Any], bytes]) -> bytes | None:
        if not by_reference(f):
            return None
        found = self._named.get(id(f))  # which names this function for as long as the memo holds it
        if found is not None and found[1] == f.__module__ and found[2] == f.__qualname__:
            return found[3]
        data = dumps(f)
        if len(self._named) >= _LIMIT:
            self._named.clear()
        self._named[id(f)] = (f, f.__module__, f.__qualname__, data)
        return data


class ReadFunctions:
    """What an engine has unpickled, by the bytes."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[types.FunctionType, types.CodeType, Any]] = {}

    def get(self, data: bytes, namespace: dict[str, Any]) -> types.FunctionType | None:
        """The function that these bytes gave before, if nobody has changed it since."""
        found = self._known.get(data)
        if found is None:
            return None
        f, code, defaults = found
        if f.__code__ is code and f.__defaults__ is defaults and f.__globals__ is namespace and _is_plain(f):
            return f
        del self._known[data]
        return None

    def add(self, data: bytes, f: Any, namespace: dict[str, Any]) -> None:
        """Remember a plain function of `namespace`; anything else is ignored."""
        if type(f) is not types.FunctionType or f.__globals__ is not namespace or not _is_plain(f):
            return
        if _refers_to_itself(f.__code__, f.__name__):  # reading it also puts its name back into the namespace
            return
        if len(self._known) >= _LIMIT:
            self._known.clear()
        self._known[data] = (f, f.__code__, f.__defaults__)


def worth_looking_up(buffer: Any) -> bool:
    """Whether a function's pickle is small enough to be remembered."""
    return len(buffer) <= _LARGEST


def _is_same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is str and type(b) is str and a == b)
