"""How replies become values and errors."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pickle import loads
from typing import TYPE_CHECKING, Any

from . import error
from .serialize import CODEC, p5

if TYPE_CHECKING:
    from ._core import Request
    from .asyncresult import AsyncResult
    from .client import Client

__all__ = ["failure_of", "no_value", "read_p5"]


class _Cancelled(error.TaskAborted, CancelledError):
    """TaskAborted, as users of concurrent.futures know it too."""


_Cancelled.__name__ = _Cancelled.__qualname__ = "TaskAborted"


def read_p5(_: AsyncResult, request: Request) -> Any:
    """How to read replies to apply requests in our own codec."""
    buffers = request.buffers
    return loads(buffers[0]) if len(buffers) == 1 else p5.unpack_result(buffers, CODEC, None)


def no_value(_: AsyncResult, __: Request) -> None:
    """How to read replies that carry no value."""


def failure_of(request: Request, client: Client) -> error.KernelError:
    """The error that the reply of a failed request stands for."""
    if request.status == "aborted":
        return _Cancelled(request.msg_id)
    import json

    failure = error.unwrap_exception(json.loads(request.content))
    info = failure.engine_info
    if failure.ename == "TaskAborted" and not info:
        return _Cancelled(failure.evalue)
    if "engine_id" in info:
        info["engine_id"] = client._number_in(info)
    return failure
