"""Live output: what engines print and display is shown here while they do."""

from __future__ import annotations

import contextvars
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .display import Printer, results, running_shell
from .error import RemoteError
from .folding import fold, span
from .jupyter.comms import relay_comms

if TYPE_CHECKING:
    from ._core import Request
    from .asyncresult import AsyncResult

__all__ = ["LiveOutput", "stream_output"]

_TICK = 0.02
"""Seconds between two looks; what many engines say within one is said once."""
_TICK_IN_KERNEL = 0.1
"""A front end gets a whole text each time: less often."""


class _Progress:
    """How much of one request has been shown: nothing, or all that `request` has so far."""

    def __init__(self, request: Request | None = None) -> None:
        self.text = {"stdout": request.stdout if request else "", "stderr": request.stderr if request else ""}
        self.messages = len(request.outputs) if request else 0
        self.failed = request is not None and request.status not in ("ok", "pending")
        self.changes = request.output_changes if request else 0


class LiveOutput:
    """Shows the output of `result` from the beginning on; `step` shows what has come since the last step.

    Identical output of many engines that comes together is shown once. With `errors`, the tracebacks of failed
    requests are shown too.
    """

    def __init__(self, result: AsyncResult, errors: bool = True, seen: bool = False) -> None:
        self._result = result
        self._errors = errors
        self._seen: dict[str, _Progress] = {}
        self._tracebacks = 0
        self._printer = Printer()
        self._boxes = _Boxes() if hasattr(running_shell(), "kernel") else None
        self._lock = threading.Lock()
        if seen:
            for request in result._requests:
                self._seen[request.msg_id] = _Progress(request)

    @property
    def tick(self) -> float:
        """Seconds between steps."""
        return _TICK if self._boxes is None else _TICK_IN_KERNEL

    def step(self) -> None:
        """Show what is new."""
        with self._lock:
            requests = list(self._result._requests)
            changed = []
            for request in requests:
                seen = self._seen.setdefault(request.msg_id, _Progress())
                changes = request.output_changes  # before the output itself: what comes meanwhile is for the next step
                if changes != seen.changes:
                    seen.changes = changes
                    changed.append(request)
            if changed:
                relay_comms(self._result._client, changed)  # before the displays that name them
                for name in ("stdout", "stderr"):
                    self._streams(requests, changed, name)
                self._messages(changed)
            if self._errors:
                self._failures(requests)

    def _engine(self, request: Request) -> Any:
        return self._result._client._ids_by_uuid().get(request.engine_uuid or "", "?")

    def _streams(self, requests: list[Request], changed: list[Request], name: str) -> None:
        news = []
        for request in changed:
            seen = self._seen[request.msg_id]
            text = request.stdout if name == "stdout" else request.stderr
            if text != seen.text[name]:
                news.append((self._engine(request), addition(seen.text[name], text)))
                seen.text[name] = text
        if not news:
            return
        if self._boxes is not None:
            texts = [(self._engine(r), self._seen[r.msg_id].text[name]) for r in requests]
            self._boxes.show(name, [(engine, text) for engine, text in texts if text])
            return
        for ids, text in fold(news):
            self._printer.text(name, ids, text)

    def _messages(self, requests: list[Request]) -> None:
        news: list[tuple[Any, tuple[str, str]]] = []
        for request in requests:
            seen = self._seen[request.msg_id]
            messages = request.outputs
            for msg_type, content, _, _ in messages[seen.messages :]:
                if msg_type in ("display_data", "execute_result"):
                    news.append((self._engine(request), (msg_type, content)))
            seen.messages = len(messages)
        for ids, text in fold([(engine, content) for engine, (kind, content) in news if kind == "display_data"]):
            self._printer.rich(ids, json.loads(text))
        values = [(engine, json.loads(text)) for engine, (kind, text) in news if kind == "execute_result"]
        results(self._printer, values)

    def _failures(self, requests: list[Request]) -> None:
        news = []
        for request in requests:
            seen = self._seen[request.msg_id]
            if request.done and request.status != "ok" and not seen.failed:
                seen.failed = True
                error = self._result._decode(request)
                if not isinstance(error, RemoteError):
                    error = RemoteError(type(error).__name__, str(error), str(error))
                news.append((self._engine(request), error))
        if news:
            self._tracebacks = self._printer.failures(news, self._tracebacks)

    def finish(self) -> None:
        """Show the rest and end the line."""
        self.step()
        self._printer.end_line()


def addition(before: str, after: str) -> str:
    """What a terminal that shows `before` must print to show `after`, which may have rewritten its last line."""
    if after.startswith(before):
        return after[len(before) :]
    start = before.rfind("\n") + 1
    if after[:start] == before[:start]:
        return "\r" + after[start:]
    return "\n" + after


class _Boxes:
    """One display of the front end for each stream, updated in place."""

    def __init__(self) -> None:
        self._handles: dict[str, Any] = {}

    def show(self, name: str, texts: list[tuple[Any, str]]) -> None:
        """Show all text so far."""
        from IPython.display import DisplayHandle

        lines = []
        for ids, text in fold(texts):
            lines.append(f"[{name}:{span(ids)}] \n{text}{'' if text.endswith(chr(10)) else chr(10)}")
        data = {"text/plain": "".join(lines).rstrip("\n")}
        handle = self._handles.get(name)
        if handle is None:
            handle = self._handles[name] = DisplayHandle()
            handle.display(data, raw=True)
        else:
            handle.update(data, raw=True)


@contextmanager
def stream_output(result: AsyncResult, errors: bool = True, seen: bool = False) -> Iterator[LiveOutput]:
    """Show the output of `result` until the `with` block is left; see AsyncResult.stream_output."""
    live = LiveOutput(result, errors, seen)
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(live.tick):
            live.step()
            if all(request.outputs_done for request in result._requests):
                return

    # the context tells a front end which cell the output belongs to
    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="camshaft-output", daemon=True)
    thread.start()
    try:
        yield live
    finally:
        stop.set()
        thread.join()
        live.finish()
