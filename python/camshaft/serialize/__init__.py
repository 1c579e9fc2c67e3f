"""How calls and results become buffers and come back.

Two codecs: None is the layout of the original system (official.py), a text such as "p5/3.11" is our own (p5.py).
Clients and engines use the four functions below; `CODEC` is what this Python writes in a request's metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..error import SerializationError
from . import official, p5
from .p5 import CODEC, check_codec
from .reference import PrePickled, Reference

__all__ = [
    "CODEC",
    "PrePickled",
    "Reference",
    "SerializationError",
    "check_codec",
    "pack_call",
    "pack_result",
    "unpack_call",
    "unpack_result",
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
