"""The buffers of the original system, written and read without importing it.

Request: [function frames] [info] [argument frames ...]; reply: [result frames]. What is written consists of plain,
self-contained pickles, with the original's carrier objects only around buffers (arrays, bytes, memoryviews).
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from . import byvalue
from .byvalue import Call, attribute_of
from .carriers import Carrier, Unpickler, uncan
from .diagnose import explain_call, explain_result, refuse
from .reference import PrePickled

BUFFER_THRESHOLD = 1024
"""Bytes; larger buffers leave the pickle."""
ITEM_THRESHOLD = 64
"""Containers with fewer items are searched for buffers, one level deep."""

_CANNING = "ipyparallel.serialize.canning"


class _Outgoing:
    """A carrier to be: pickles as an object of the original's class `name`, which only the reader needs to have."""

    __slots__ = ("attributes", "buffer", "name")

    def __init__(self, name: str, buffer: Any, **attributes: Any) -> None:
        self.name = name
        self.buffer = buffer
        self.attributes = attributes

    def collect(self, out: list[Any], threshold: int) -> None:
        """Move a buffer of more than `threshold` bytes to `out`; leave a small one in the pickle."""
        size = memoryview(self.buffer).nbytes
        if size > threshold:
            out.append(self.buffer)
            self.buffer = None
        elif not isinstance(self.buffer, bytes):
            self.buffer = bytes(self.buffer)


def _reduce_outgoing(_: Any, carrier: _Outgoing) -> Any:
    kind = attribute_of(_CANNING, carrier.name)
    return object.__new__, (kind,), {**carrier.attributes, "buffers": [carrier.buffer]}


byvalue._HANDLERS[_Outgoing] = _reduce_outgoing


def _wrap(obj: Any) -> Any:
    kind = type(obj)
    if kind is bytes:
        return _Outgoing("CannedBytes", obj)
    if kind is memoryview:
        return _Outgoing("CannedMemoryView", obj.cast("B") if obj.c_contiguous else obj.tobytes())
    if kind.__name__ == "ndarray" and kind.__module__ == "numpy" and not obj.dtype.hasobject and sum(obj.shape):
        import numpy

        dtype = obj.dtype.descr if obj.dtype.fields else obj.dtype.str
        data = numpy.ascontiguousarray(obj)
        flat = memoryview(data.reshape(-1).view(numpy.uint8)) if data.size else b""
        return _Outgoing("CannedArray", flat, shape=obj.shape, dtype=dtype, pickled=False)
    if kind is PrePickled:
        return _wrap(obj.obj)
    return obj


def serialize(obj: Any, buffer_threshold: int = BUFFER_THRESHOLD, item_threshold: int = ITEM_THRESHOLD) -> list[Any]:
    """Frames of one object. Raises what pickle raises."""
    if type(obj) is PrePickled:
        return list(obj.frames("official", serialize))
    kind = type(obj)
    found: list[Any] = []
    buffers: list[Any] = []
    wrapped: Any
    if kind in (list, tuple, set) and len(obj) < item_threshold:
        if kind is set:
            # the reader fills carriers in the order in which it walks its set: keep buffers inside the elements
            wrapped = obj
        else:
            wrapped = kind([_wrap(item) for item in obj])
            found = list(wrapped)
    elif kind is dict and len(obj) < item_threshold:
        try:
            keys = sorted(obj)
        except TypeError:
            raise refuse(
                "a dict with fewer than 64 items needs keys that can be sorted, to be sent in the format of "
                "IPython Parallel: use keys of one type"
            ) from None
        wrapped = {key: _wrap(obj[key]) for key in keys}
        found = list(wrapped.values())
    else:
        wrapped = _wrap(obj)
        found = [wrapped]
    for item in found:
        if type(item) is _Outgoing:
            item.collect(buffers, buffer_threshold)
    return [byvalue.dumps(wrapped), *buffers]


def deserialize(frames: list[Any], namespace: dict[str, Any] | None) -> Any:
    """Take one object off the front of `frames`, which shrinks."""
    if not frames:
        raise refuse("a serialized object is missing from the message")
    canned = Unpickler.read(frames.pop(0), namespace)
    kind = type(canned)
    if kind in (list, tuple, set) and len(canned) < ITEM_THRESHOLD:
        for item in canned:
            _restore(item, frames)
        return kind([uncan(item, namespace) for item in canned])
    if kind is dict and len(canned) < ITEM_THRESHOLD:
        values = {}
        for key in sorted(canned):
            _restore(canned[key], frames)
            values[key] = uncan(canned[key], namespace)
        return values
    _restore(canned, frames)
    return uncan(canned, namespace)


def _restore(item: Any, frames: list[Any]) -> None:
    if not isinstance(item, Carrier):
        return
    buffers: list[Any] = getattr(item, "buffers", None) or []
    for index, buffer in enumerate(buffers):
        if buffer is None:
            if not frames:
                raise refuse("a buffer of a serialized object is missing from the message")
            buffers[index] = frames.pop(0)


def pack_call(
    f: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    buffer_threshold: int = BUFFER_THRESHOLD,
    item_threshold: int = ITEM_THRESHOLD,
) -> list[Any]:
    """Buffers of a request; see camshaft.serialize.pack_call."""
    try:
        names = sorted(kwargs)
        frames: list[Any] = []
        for arg in args:
            frames += serialize(arg, buffer_threshold, item_threshold)
        narg_bufs = len(frames)
        for name in names:
            frames += serialize(kwargs[name], buffer_threshold, item_threshold)
        info = {"nargs": len(args), "narg_bufs": narg_bufs, "kw_keys": names}
        return [*serialize(f), pickle.dumps(info, 4), *frames]
    except Exception as error:
        raise explain_call(f, args, kwargs, error) from error


def unpack_call(
    buffers: Sequence[Any], namespace: dict[str, Any] | None
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """(f, args, kwargs) of a request; see camshaft.serialize.unpack_call."""
    frames = list(buffers)
    f = deserialize(frames, namespace)
    if not frames:
        raise refuse("the request has fewer than the two buffers of a call")
    info = pickle.loads(frames.pop(0))
    split = info["narg_bufs"]
    positional, named = frames[:split], frames[split:]
    args = tuple(deserialize(positional, namespace) for _ in range(info["nargs"]))
    kwargs = {name: deserialize(named, namespace) for name in info["kw_keys"]}
    if positional or named:
        raise refuse("the request has more buffers than its arguments need")
    return f, args, kwargs


def pack_result(result: Any) -> list[Any]:
    """Buffers of a reply; see camshaft.serialize.pack_result."""
    try:
        return serialize(result)
    except Exception as error:
        raise explain_result(result, error) from error


def unpack_result(buffers: Sequence[Any], namespace: dict[str, Any] | None) -> Any:
    """The result in a reply; see camshaft.serialize.unpack_result."""
    return deserialize(list(buffers), namespace)


__all__ = ["Call", "deserialize", "pack_call", "pack_result", "serialize", "unpack_call", "unpack_result"]
