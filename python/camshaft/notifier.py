"""Tells Python when requests are done: one daemon thread for each client, started by the first who asks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .threads import start_waiting

if TYPE_CHECKING:
    from ._core import ClientCore, Request

Callback = Callable[["Request"], None]
_POLL = 1.0


class Notifier:
    """Calls back, in its own thread, once for each watched request. Callbacks must not raise."""

    def __init__(self, core: ClientCore) -> None:
        self._core = core
        self._lock = threading.Lock()
        self._callbacks: dict[str, list[Callback]] = {}
        self._thread: threading.Thread | None = None

    def watch(self, request: Request, callback: Callback) -> None:
        """Call `callback(request)` when `request` is done; soon, if it is done already."""
        with self._lock:
            self._callbacks.setdefault(request.msg_id, []).append(callback)
            if self._thread is None:
                self._thread = start_waiting(self._run, self._core, name="camshaft-notifier")
        self._core.watch(request)

    def _run(self) -> None:
        while True:
            done = self._core.next_watched(_POLL)
            for request in done:
                with self._lock:
                    callbacks = self._callbacks.pop(request.msg_id, ())
                for callback in callbacks:
                    callback(request)
            with self._lock:
                if not done and (self._core.closed or not self._callbacks):
                    self._thread = None  # the next watch starts another one
                    return
