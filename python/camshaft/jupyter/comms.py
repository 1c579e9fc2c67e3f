"""Widgets of engines in the notebook of the client: comm messages are passed on in both directions."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..display import running_shell

if TYPE_CHECKING:
    from .._core import ClientCore, Request
    from ..client import Client

__all__ = ["CommRelay", "relay_comms"]

_TICK = 0.05
"""Seconds between two looks for messages that no call is waiting for."""
_KEPT = 256
"""So many messages to engines are listened to for what the engines say in answer."""


def relay_comms(client: Client, requests: Iterable[Request]) -> None:
    """Pass on what the comms of `requests` have said; only within a Jupyter kernel."""
    if not hasattr(running_shell(), "kernel"):
        return
    for request in requests:
        if any(kind.startswith("comm_") for kind, _, _, _ in request.outputs):
            if client._comm_relay is None:
                client._comm_relay = CommRelay(client._core)
            client._comm_relay.listen(request)


class CommRelay:
    """For each comm of an engine, one in this kernel. A thread of its own looks for what engines say unasked."""

    def __init__(self, core: ClientCore) -> None:
        self._core = core  # not the client, which could then never be collected
        self._comms: dict[str, Any] = {}
        self._seen: dict[str, tuple[int, int]] = {}  # how often its output had changed, and how much was passed on
        self._lasting: dict[str, Request] = {}
        self._recent: deque[Request] = deque(maxlen=_KEPT)
        self._lock = threading.RLock()
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="camshaft-comms", daemon=True).start()

    def listen(self, request: Request) -> None:
        """Pass on what `request` has said, and all that it still says."""
        with self._lock:
            self._lasting[request.msg_id] = request
            self._pass_on(request)

    def _run(self) -> None:
        while not self._closed.wait(_TICK) and not self._core.closed:
            with self._lock:
                for request in [*self._lasting.values(), *self._recent]:
                    self._pass_on(request)

    def _pass_on(self, request: Request) -> None:
        changes, (known, first) = request.output_changes, self._seen.get(request.msg_id, (0, 0))
        if changes == known:
            return
        messages = request.outputs
        self._seen[request.msg_id] = changes, len(messages)
        for kind, content, metadata, buffers in messages[first:]:
            if kind.startswith("comm_"):
                frames = [bytes(buffer) for buffer in buffers]
                self._from_engine(kind, json.loads(content), json.loads(metadata), frames, request.engine_uuid)

    def _from_engine(
        self, kind: str, content: dict[str, Any], metadata: dict[str, Any], buffers: list[bytes], engine: str | None
    ) -> None:
        comm_id = content["comm_id"]
        if kind == "comm_open":
            from comm import create_comm

            made = create_comm(
                comm_id=comm_id,
                target_name=content.get("target_name", "comm"),
                target_module=content.get("target_module"),
                data=content.get("data"),
                metadata=metadata,
                buffers=buffers,
            )
            made.on_msg(lambda message: self._to_engine("comm_msg", message, engine))
            made.on_close(lambda message: self._to_engine("comm_close", message, engine))
            self._comms[comm_id] = made
        elif comm_id in self._comms:
            if kind == "comm_msg":
                self._comms[comm_id].send(content.get("data"), metadata, buffers)
            else:
                self._comms.pop(comm_id).close(content.get("data"), metadata, buffers)

    def _to_engine(self, kind: str, message: dict[str, Any], engine: str | None) -> None:
        buffers = [bytes(memoryview(buffer).cast("B")) for buffer in message.get("buffers") or ()]
        request = self._core.submit("mux", kind, json.dumps(message["content"]), "{}", buffers, engine=engine)
        with self._lock:
            if len(self._recent) == _KEPT:
                self._seen.pop(self._recent[0].msg_id, None)
            self._recent.append(request)
