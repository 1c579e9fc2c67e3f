"""Requests that are sent as they are, past the views: the part of Client that views of one's own can stand on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .asyncresult import AsyncResult
from .serialize import pack_call
from .view import apply_reader, check_callable, name_of, read_execute

if TYPE_CHECKING:
    from ._core import ClientCore, Request

_CHANNELS = ("mux", "task")


class LowLevel:
    """The part of Client that sends single requests. Needs what Client has."""

    _core: ClientCore
    _engines: Any
    _codec: Any
    _check_open: Any
    _register: Any
    _mux_socket = "mux"
    _task_socket = "task"

    def send_apply_request(
        self,
        socket: str,
        f: Any,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        track: bool = False,
        ident: str | bytes | None = None,
        message_future_hook: Callable[[AsyncResult], Any] | None = None,
    ) -> AsyncResult:
        """Send f(*args, **kwargs) in one message; returns an AsyncResult of one value, with the attribute `msg_id`.

        Parameters
        ----------
        socket: 'mux', to the engine whose uuid is `ident`; 'task', through the load balancer.
        metadata: what the message says beside the call; `after`, `retries`, ... for the load balancer.
        track: make `sent` and `wait_for_send` of the result work.
        message_future_hook: called with the result before it is returned.

        TypeError for other types; ValueError for another socket or an engine that is not there.
        """
        check_callable(f)
        args, kwargs = () if args is None else args, {} if kwargs is None else kwargs
        if not isinstance(args, list | tuple):
            raise TypeError(f"args must be a list or tuple, not {type(args).__name__}")
        if not isinstance(kwargs, Mapping):
            raise TypeError(f"kwargs must be a dict, not {type(kwargs).__name__}")
        number, uuid = self._addressee(socket, ident)
        codec = self._codec(None if number is None else [number])
        about = {"codec": codec} if codec else {}
        request = self._send_alone(
            socket, "apply_request", {}, metadata, uuid, about, pack_call(f, tuple(args), kwargs, codec), track
        )
        return self._as_result(request, name_of(f), apply_reader(codec), metadata, message_future_hook)

    def send_execute_request(
        self,
        socket: str,
        code: str,
        silent: bool = True,
        metadata: Mapping[str, Any] | None = None,
        ident: str | bytes | None = None,
        message_future_hook: Callable[[AsyncResult], Any] | None = None,
    ) -> AsyncResult:
        """Send `code` to the engine whose uuid is `ident`; arguments and errors as of `send_apply_request`."""
        if not isinstance(code, str):
            raise TypeError(f"code must be a str, not {type(code).__name__}")
        _, uuid = self._addressee(socket, ident)
        content = {"code": code, "silent": bool(silent), "user_expressions": {}}
        request = self._send_alone(socket, "execute_request", content, metadata, uuid, {}, [], False)
        return self._as_result(request, "execute", read_execute, metadata, message_future_hook)

    def _addressee(self, socket: str, ident: str | bytes | None) -> tuple[int | None, str | None]:
        """(id, uuid) of the engine that is meant, None for any."""
        self._check_open()
        if socket not in _CHANNELS:
            raise ValueError(f"socket is 'mux' (with ident, an engine's uuid) or 'task', not {socket!r}")
        if socket == "task":
            return None, None
        uuid = ident.decode() if isinstance(ident, bytes) else ident
        for number, engine in self._engines().items():
            if engine == uuid:
                return number, engine
        raise ValueError(f"ident is the uuid of a registered engine for socket='mux', not {ident!r}")

    def _send_alone(
        self,
        socket: str,
        msg_type: str,
        content: dict[str, Any],
        metadata: Mapping[str, Any] | None,
        uuid: str | None,
        about: dict[str, Any],
        buffers: list[Any],
        track: bool,
    ) -> Request:
        if metadata is not None and not isinstance(metadata, Mapping):
            raise TypeError(f"metadata must be a dict, not {type(metadata).__name__}")
        text = json.dumps({**(metadata or {}), **about})
        return self._core.submit(socket, msg_type, json.dumps(content), text, buffers, engine=uuid, track=track)

    def _as_result(
        self, request: Request, fname: str, reader: Any, metadata: Mapping[str, Any] | None, hook: Any
    ) -> AsyncResult:
        known = {"label": metadata["label"]} if metadata and "label" in metadata else None
        result = AsyncResult(self, [request], fname=fname, single=True, reader=reader, known=known)  # type: ignore[arg-type]
        self._register(result)
        if hook is not None:
            hook(result)
        return result
