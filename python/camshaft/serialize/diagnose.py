"""Which part of an argument cannot be sent: turns pickle's complaint into one line that names the member."""

from __future__ import annotations

import functools
import io
import types
from collections.abc import Iterator
from typing import Any

from ..error import SerializationError
from . import byvalue
from .reference import PrePickled

_MAX_CHECKS = 2000


def refuse(message: str) -> SerializationError:
    """The error to raise for something that cannot be read or written."""
    return SerializationError(message)


def explain_call(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> SerializationError:
    """The error for a call that could not be packed because of `error`."""
    if isinstance(error, SerializationError):
        return error
    search = _Search()
    if isinstance(f, PrePickled):
        f = f.obj
    found = search.culprit(f, _name_of(f))
    if found is not None:
        return refuse(f"cannot send function {_name_of(f)}{_at(found[0], _name_of(f))}: {found[1]}")
    names = _parameter_names(f, len(args))
    for index, arg in enumerate(args):
        found = search.culprit(arg, names[index])
        if found is not None:
            return refuse(f"cannot send argument {index + 1} ({found[0]}): {found[1]}")
    for name, value in kwargs.items():
        found = search.culprit(value, name)
        if found is not None:
            return refuse(f"cannot send argument {name!r} ({found[0]}): {found[1]}")
    return refuse(f"cannot send the call of {_name_of(f)}: {_text(error)}")


def explain_result(result: Any, error: Exception) -> SerializationError:
    """The error for a result that could not be packed because of `error`."""
    if isinstance(error, SerializationError):
        return error
    found = _Search().culprit(result, "result")
    where, why = found or ("result", _text(error))
    return refuse(f"cannot send the result{_at(where, 'result')}: {why}")


def _at(path: str, root: str) -> str:
    return "" if path == root else f" ({path})"


def _text(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply to pickle"
    return str(error) or type(error).__name__


def _name_of(f: Any) -> str:
    if isinstance(f, functools.partial):
        return f"partial({_name_of(f.func)})"
    return getattr(f, "__name__", None) or repr(f)


def _parameter_names(f: Any, count: int) -> list[str]:
    import inspect

    names: list[str] = []
    try:
        for parameter in inspect.signature(f).parameters.values():
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                names.append(parameter.name)
    except (TypeError, ValueError):
        pass
    return names[:count] + [f"args[{index}]" for index in range(len(names[:count]), count)]


class _Search:
    """Walks down from an object to its deepest member that does not pickle."""

    def __init__(self) -> None:
        self._checks = 0

    def culprit(self, obj: Any, path: str) -> tuple[str, str] | None:
        """(path, complaint) of the deepest unpicklable member of `obj`; None if `obj` pickles."""
        complaint = self._complaint(obj)
        if complaint is None:
            return None
        seen = {id(obj)}
        while True:
            for member_path, member in _members(obj, path):
                if id(member) in seen or self._checks > _MAX_CHECKS:
                    continue
                seen.add(id(member))
                below = self._complaint(member)
                if below is not None:
                    obj, path, complaint = member, member_path, below
                    break
            else:
                return path, complaint

    def _complaint(self, obj: Any) -> str | None:
        self._checks += 1
        try:
            byvalue.ByValuePickler(io.BytesIO(), 5, buffer_callback=lambda _: False).dump(obj)
        except Exception as error:
            return _text(error)
        return None


def _members(obj: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(obj, dict):
        for key, value in obj.items():
            yield f"key {key!r} of {path}", key
            yield f"{path}[{key!r}]", value
    elif isinstance(obj, list | tuple):
        names = getattr(obj, "_fields", None)
        for index, item in enumerate(obj):
            yield f"{path}.{names[index]}" if names else f"{path}[{index}]", item
    elif isinstance(obj, set | frozenset):
        for item in obj:
            yield f"item {item!r} of {path}", item
    elif isinstance(obj, types.FunctionType):
        for name, cell in zip(obj.__code__.co_freevars, obj.__closure__ or (), strict=False):
            try:
                yield f"variable {name!r} of {path}", cell.cell_contents
            except ValueError:
                continue
        for index, value in enumerate(obj.__defaults__ or ()):
            yield f"default {index + 1} of {path}", value
        for name, value in (obj.__kwdefaults__ or {}).items():
            yield f"default of {name!r} of {path}", value
    elif isinstance(obj, functools.partial):
        yield f"{path}.func", obj.func
        for index, value in enumerate(obj.args):
            yield f"{path}.args[{index}]", value
        for name, value in obj.keywords.items():
            yield f"{path}.keywords[{name!r}]", value
    elif isinstance(obj, types.MethodType):
        yield f"{path}.__self__", obj.__self__
    if isinstance(obj, type):
        for name, value in vars(obj).items():
            if name not in ("__dict__", "__weakref__"):
                yield f"{path}.{name}", value
        return
    for name, value in getattr(obj, "__dict__", {}).items():
        yield f"{path}.{name}", value
    for kind in type(obj).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(obj, name):
                yield f"{path}.{name}", getattr(obj, name)
