"""How calls and results become buffers and come back.

Two codecs: None is the layout of the original system (official.py), a text such as "p5/3.11" is our own (p5.py).
Clients and engines use the four functions below; `CODEC` is what this Python writes in a request's metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..error import SerializationError
from . import official, p5
from .choice import (
    can,
    can_map,
    register_reducer,
    uncan,
    uncan_map,
    use_cloudpickle,
    use_dill,
    use_pickle,
)
from .p5 import CODEC, check_codec
from .reference import PrePickled, Reference

__all__ = [
    "CODEC",
    "PrePickled",
    "Reference",
    "SerializationError",
    "call_packer",
    "can",
    "can_map",
    "check_codec",
    "deserialize_object",
    "pack_apply_message",
    "register_reducer",
    "serialize_object",
    "uncan",
    "uncan_map",
    "unpack_apply_message",
    "use_cloudpickle",
    "use_dill",
    "use_pickle",
    "pack_call",
    "pack_result",
    "unpack_call",
    "unpack_result",
    "unpack_results",
]


def pack_call(
    f: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, codec: str | None = CODEC
) -> list[Any]:
    """Buffers for the call f(*args, **kwargs) in `codec`.

    `f` may be a callable, a Reference or a PrePickled. Large buffers in the list are views of the caller's memory:
    leave it unchanged until the message is sent. Raises SerializationError naming the member that cannot be sent.
    """
    if codec is None:
        return official.pack_call(f, tuple(args), dict(kwargs or {}))
    return p5.pack_call(f, tuple(args), kwargs if type(kwargs) is dict else dict(kwargs or {}))


def call_packer(f: Any, codec: str | None = CODEC) -> Callable[[tuple[Any, ...]], list[Any]]:
    """A function that gives the buffers for f(*args) as `pack_call` does, for many `args` and one `f`."""
    if codec is None:
        return lambda args: official.pack_call(f, args, {})
    return p5.call_packer(f)


def unpack_call(
    buffers: Sequence[Any], codec: str | None, namespace: dict[str, Any] | None = None
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """(f, args, kwargs) from the buffers of a request.

    `namespace` becomes the globals of interactive functions, and References are evaluated in it; None means the dict of
    `__main__`. Runs what the sender packed, so any exception may come out; SerializationError for a wrong codec.
    Arrays and memoryviews stand on `buffers` without a copy.
    """
    if codec is None:
        return official.unpack_call(buffers, namespace)
    return p5.unpack_call(buffers, codec, namespace)


def pack_result(result: Any, codec: str | None = CODEC) -> list[Any]:
    """Buffers for a result in `codec`. Raises SerializationError naming the member that cannot be sent."""
    return official.pack_result(result) if codec is None else p5.pack_result(result)


def unpack_result(buffers: Sequence[Any], codec: str | None, namespace: dict[str, Any] | None = None) -> Any:
    """The result from the buffers of a reply; arguments as for `unpack_call`."""
    if codec is None:
        return official.unpack_result(buffers, namespace)
    return p5.unpack_result(buffers, codec, namespace)


def unpack_results(buffers: Sequence[Any], codec: str | None, count: int) -> list[Any]:
    """`count` results from the buffers of as many replies, one after the other."""
    if codec is None:
        frames = list(buffers)
        return [official.deserialize(frames, None) for _ in range(count)]
    return p5.unpack_results(buffers, codec, count)


def serialize_object(obj: Any, buffer_threshold: int = 1024, item_threshold: int = 64) -> list[Any]:
    """`obj` as the original system writes it: a pickle, then the buffers that are larger than `buffer_threshold` bytes.

    Containers with fewer items than `item_threshold` are searched for buffers, one level deep.
    """
    return official.serialize(obj, buffer_threshold, item_threshold)


def deserialize_object(buffers: Sequence[Any], g: dict[str, Any] | None = None) -> tuple[Any, list[Any]]:
    """(object, what is left of `buffers`); `g` becomes the globals of functions and holds what References name."""
    frames = list(buffers)
    return official.deserialize(frames, g), frames


def pack_apply_message(
    f: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    buffer_threshold: int = 1024,
    item_threshold: int = 64,
) -> list[Any]:
    """The buffers of a call as the original system writes them."""
    return official.pack_call(f, tuple(args), dict(kwargs), buffer_threshold, item_threshold)


def unpack_apply_message(bufs: Sequence[Any], g: dict[str, Any] | None = None, copy: bool = True) -> Any:
    """(f, args, kwargs) from what `pack_apply_message` made. `copy` is of no effect."""
    return official.unpack_call(bufs, g)
