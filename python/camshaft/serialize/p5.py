"""Codec "p5": what camshaft clients and engines say to each other.

Request buffers: [pickle(function)] [pickle((args, kwargs))] [out-of-band buffers ...]; reply buffers: [pickle(result)]
[out-of-band buffers ...]. Both pickles of a request draw on one sequence of out-of-band buffers, in order.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, FunctionType
from typing import Any

from . import byvalue, choice
from .byvalue import OUT_OF_BAND, Call
from .diagnose import explain_call, explain_result, refuse
from .memo import PickledFunctions, ReadFunctions, worth_looking_up
from .reference import PrePickled

CODEC = f"p5/{sys.version_info[0]}.{sys.version_info[1]}"
"""What a request's metadata says under "codec"."""

_ATOMS = frozenset({int, float, complex, bool, str, type(None)})
_NO_ARGUMENTS = pickle.dumps(((), {}), 5)
_LIFT_ITEMS = 64
_LARGEST_BODY = 64 << 20
"""Bytes of arrays that a function may hold to be sent in one piece; `kLargestBody` in src/wire/bodies.hpp."""
_pickled = PickledFunctions()
_read = ReadFunctions()


def pack_call(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Buffers of a request; see camshaft.serialize.pack_call."""
    try:
        function = f.frames("p5", _body_frames) if type(f) is PrePickled else _function_frames(f)
        if not kwargs and _ATOMS.issuperset(map(type, args)):
            return [function[0], pickle.dumps((args, kwargs), 5) if args else _NO_ARGUMENTS, *function[1:]]
        arguments = _frames((tuple(map(_lift, args)), {name: _lift(value) for name, value in kwargs.items()}))
    except Exception as error:
        raise explain_call(f, args, kwargs, error) from error
    return [function[0], arguments[0], *function[1:], *arguments[1:]]


def call_packer(f: Any) -> Callable[[tuple[Any, ...]], list[Any]]:
    """See camshaft.serialize.call_packer."""
    plain: list[Any] = []  # the function's one buffer, once it is known

    def pack(args: tuple[Any, ...]) -> list[Any]:
        if plain and _ATOMS.issuperset(map(type, args)):
            return [plain[0], pickle.dumps((args, {}), 5)]
        buffers = pack_call(f, args, {})
        if type(f) is PrePickled and len(f.frames("p5", _body_frames)) == 1:
            plain[:] = buffers[:1]
        return buffers

    return pack


def pack_result(result: Any) -> list[Any]:
    """Buffers of a reply; see camshaft.serialize.pack_result."""
    if type(result) in _ATOMS:
        return [pickle.dumps(result, 5)]
    try:
        return _frames(_lift(result))
    except Exception as error:
        raise explain_result(result, error) from error


def unpack_call(
    buffers: Sequence[Any], codec: str, namespace: dict[str, Any] | None
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """(f, args, kwargs) of a request; see camshaft.serialize.unpack_call."""
    check_codec(codec)
    if len(buffers) < 2:
        raise refuse("the request has fewer than the two buffers of a call")
    out_of_band = iter(buffers[2:])
    f = _function(buffers[0], out_of_band, namespace)
    args, kwargs = _loads(buffers[1], out_of_band, namespace)
    return f, args, kwargs


def unpack_result(buffers: Sequence[Any], codec: str, namespace: dict[str, Any] | None) -> Any:
    """The result in a reply; see camshaft.serialize.unpack_result."""
    check_codec(codec)
    if not buffers:
        raise refuse("the reply carries no result")
    return _loads(buffers[0], iter(buffers[1:]), namespace)


def unpack_results(buffers: Sequence[Any], codec: str, count: int) -> list[Any]:
    """The results in the replies of `count` engines; see camshaft.serialize.unpack_results."""
    check_codec(codec)
    left = iter(buffers)
    values: list[Any] = []
    for _ in range(count):
        data = next(left, None)
        if data is None:
            raise refuse(f"the reply carries {len(values)} results instead of {count}")
        values.append(_loads(data, left, None))
    return values


def check_codec(codec: str) -> None:
    """Raise SerializationError unless this Python can read `codec`."""
    if codec == CODEC:
        return
    kind, _, version = codec.partition("/")
    if kind != "p5":
        raise refuse(f"unknown codec {codec!r}: use the same version of camshaft on both sides")
    mine = CODEC.partition("/")[2]
    raise refuse(
        f"the sender runs Python {version}, this side runs Python {mine}: functions travel as byte code, "
        "so both sides need the same minor version"
    )


class NamespaceUnpickler(pickle.Unpickler):
    """Reads by-value pickles so that `__main__` is the dict `namespace`."""

    def __init__(self, file: Any, namespace: dict[str, Any], *, buffers: Any = None) -> None:
        super().__init__(file, buffers=buffers)
        self._namespace = namespace

    def find_class(self, module: str, name: str) -> Any:
        """pickle's look-up of a name."""
        if module == "builtins" and name == "vars":
            return self._vars
        if module == "__main__" and name in self._namespace:
            return self._namespace[name]
        return super().find_class(module, name)

    def _vars(self, module: Any) -> dict[str, Any]:
        return self._namespace if module is sys.modules["__main__"] else vars(module)


def _loads(data: Any, out_of_band: Any, namespace: dict[str, Any] | None) -> Any:
    if namespace is None or namespace is vars(sys.modules["__main__"]):
        return pickle.loads(data, buffers=out_of_band)
    import io

    return NamespaceUnpickler(io.BytesIO(data), namespace, buffers=out_of_band).load()


def _function(data: Any, out_of_band: Any, namespace: dict[str, Any] | None) -> Any:
    if not worth_looking_up(data):
        return _loads(data, out_of_band, namespace)
    space = vars(sys.modules["__main__"]) if namespace is None else namespace
    key = bytes(data)
    f = _read.get(key, space)
    if f is None:
        f = _loads(data, out_of_band, namespace)
        _read.add(key, f, space)
    return f


def remembered(f: Any) -> bytes | None:
    """The pickle of a plain or importable function, which stays the same while the function does; None for others."""
    return _pickled.pickle(f, byvalue.dumps) if choice.is_default() else None


def learn_call(known: Any, buffers: Sequence[Any], f: Any, namespace: dict[str, Any]) -> None:
    """Tell `known` (an EngineFunctions) how to read a function that unpack_call has just read as `f`."""
    if len(buffers) != 2 or not worth_looking_up(buffers[0]):
        return
    data = bytes(buffers[0])
    if _read.get(data, namespace) is f:
        known.learn(data, f)
    elif isinstance(f, FunctionType | BuiltinFunctionType | type):
        known.learn(data, None)


def _function_frames(f: Any) -> list[Any]:
    known = remembered(f)
    return _body_frames(f) if known is None else [known]


def _body_frames(f: Any) -> list[Any]:
    """The frames of what is called: one, if it is not huge, so that it can travel once for many calls (ADR 9)."""
    frames = _frames(f)
    large = sum(frame.nbytes for frame in frames[1:])
    return [byvalue.dumps(f)] if 0 < large <= _LARGEST_BODY else frames


def _frames(obj: Any) -> list[Any]:
    frames: list[Any] = [b""]

    def keep_in_band(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND:
            return True
        frames.append(raw)
        return False

    frames[0] = byvalue.dumps(obj, keep_in_band)
    return frames


def _lift(obj: Any, depth: int = 2) -> Any:
    """`obj` with large bytes and bytearrays marked to go out of band, `depth` levels into small containers."""
    kind = type(obj)
    if kind in _ATOMS:
        return obj
    if kind is bytes or kind is bytearray:
        return obj if len(obj) < OUT_OF_BAND else Call(kind, pickle.PickleBuffer(obj))
    if kind is PrePickled:
        return obj.obj
    if depth and (kind is list or kind is tuple) and len(obj) < _LIFT_ITEMS:
        lifted = [_lift(item, depth - 1) for item in obj]
        if all(map(_same, lifted, obj)):
            return obj  # the very object: shared references stay shared
        return lifted if kind is list else tuple(lifted)
    if depth and kind is dict and len(obj) < _LIFT_ITEMS:
        values = {key: _lift(value, depth - 1) for key, value in obj.items()}
        return obj if all(values[key] is obj[key] for key in obj) else values
    return obj


def _same(one: Any, other: Any) -> bool:
    return one is other
