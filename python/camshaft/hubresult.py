"""Results that come from the controller's records: of messages sent by other clients, or forgotten here."""

from __future__ import annotations

import json
import time
from typing import Any

from . import error
from .asyncresult import AsyncResult
from .limits import limit
from .metadata import parse_date
from .serialize import unpack_result

_POLL = 0.1
_WATCH = 10.0


class HubRecord:
    """One message as the controller knows it; has the properties of a Request."""

    done = outputs_done = sent = False
    status = "pending"
    content = metadata = "{}"
    buffers: list[Any] = []
    submitted = ""
    completed: str | None = None
    received: float | None = None
    engine_uuid: str | None = None
    stdout = stderr = ""

    def __init__(self, msg_id: str) -> None:
        self.msg_id = msg_id
        self.outputs: list[tuple[str, str, str, list[Any]]] = []
        self._values: list[Any] = []
        self.record: dict[str, Any] = {}
        self.raw: list[bytes] = []

    @property
    def output_changes(self) -> int:
        """As of a Request: output comes with the record, all at once."""
        return int(self.done)

    def fill(self, record: dict[str, Any], buffers: list[Any]) -> None:
        """Take over a completed `record` and its result's `buffers`."""
        self.record, self.raw = record, [bytes(buffer) for buffer in buffers]
        content = record["result_content"]
        metadata = record.get("result_metadata") or {}
        io = record.get("io") or {}
        self.status = content.get("status", "error")
        self.content = json.dumps(content)
        self.metadata = json.dumps(metadata)
        self.submitted = (record.get("header") or {}).get("date", "")
        self.completed = (record.get("result_header") or {}).get("date")
        received = parse_date(record.get("received"))
        self.received = received.timestamp() if received else None
        self.engine_uuid = metadata.get("engine")
        self.stdout, self.stderr = io.get("stdout") or "", io.get("stderr") or ""
        if io.get("execute_input"):
            self.outputs.append(("execute_input", json.dumps({"code": io["execute_input"]}), "{}", []))
        for kind in ("execute_result", "error"):
            if io.get(kind):
                self.outputs.append((kind, json.dumps(io[kind]), "{}", []))
        if self.status == "ok" and buffers:
            self._take(record, buffers)
        self.done = self.outputs_done = self.sent = True

    def _take(self, record: dict[str, Any], buffers: list[Any]) -> None:
        codec = (record.get("metadata") or {}).get("codec")
        self._values = [unpack_result(buffers, codec)]

    def value(self, client: Any) -> Any:
        """The result, or the error in its place."""
        if self.status == "ok":
            return self._values[0] if self._values else None
        if self.status == "aborted":
            return error.TaskAborted(self.msg_id)
        return error.unwrap_exception(json.loads(self.content))


def status_of(client: Any, msg_ids: list[str]) -> dict[str, list[str]]:
    """{'pending': [...], 'completed': [...]}. KeyError for ids that the controller does not know."""
    return _ask(client, {"msg_ids": msg_ids, "status_only": True})[0]


def fetch(client: Any, msg_ids: list[str]) -> dict[str, HubRecord]:
    """The completed ones of `msg_ids`. KeyError for ids that the controller does not know."""
    found = {}
    for msg_id in status_of(client, msg_ids)["completed"]:
        # Each alone, so that its buffers are known.
        content, buffers = _ask(client, {"msg_ids": [msg_id], "status_only": False, "codecs": ["p5"]})
        record = HubRecord(msg_id)
        record.fill(content[msg_id], list(buffers))
        found[msg_id] = record
    return found


def _ask(client: Any, wanted: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    try:
        return client._ask("result_request", wanted)
    except error.RemoteError as failure:
        if failure.ename == "KeyError":
            raise KeyError(failure.evalue.strip("'\"").replace("No such message", "no such message")) from None
        raise


def _read_record(result: AsyncResult, record: Any) -> Any:
    return record.value(result._client)


class AsyncHubResult(AsyncResult):
    """The result of messages that this client does not hold: the controller tells when more of them are finished."""

    def __init__(self, client: Any, messages: list[Any], *, single: bool, fname: str = "hub") -> None:
        """`messages`: msg_ids, or HubRecords that may be filled."""
        records = [message if isinstance(message, HubRecord) else HubRecord(message) for message in messages]
        super().__init__(client, records, fname=fname, single=single, reader=_read_record, owner=False)  # type: ignore[arg-type]
        self._watches = True  # until a controller turns out not to tell
        self._poll()

    def _poll(self) -> bool:
        waiting = [record.msg_id for record in self._requests if not record.done]
        if waiting:
            found = fetch(self._client, waiting)
            self._requests = tuple(found.get(record.msg_id, record) for record in self._requests)
        return self.done()

    def wait(self, timeout: float | None = -1, return_when: str | None = None) -> Any:
        """As AsyncResult.wait, without `return_when`."""
        longest = limit(timeout)
        deadline = None if longest is None else time.monotonic() + longest
        while not self._poll():
            left = _WATCH if deadline is None else min(_WATCH, deadline - time.monotonic())
            if left <= 0:
                return False
            self._sleep(left)
        return True

    def _sleep(self, seconds: float) -> None:
        """Until one more message is finished, but at most so long."""
        if not self._watches:
            return time.sleep(min(seconds, _POLL))
        waiting = [record.msg_id for record in self._requests if not record.done]
        try:
            self._client._ask("watch_request", {"msg_ids": waiting, "timeout": seconds})
        except error.RemoteError as failure:
            if failure.ename != "KeyError":
                raise
            self._watches = False  # the original's

    def wait_for_output(self, timeout: float | None = -1) -> bool:
        """As wait: records hold the output."""
        return self.wait(timeout)

    def _need(self, timeout: float | None) -> None:
        if not self.wait(timeout):
            raise error.TimeoutError("Result not ready.")

    def _materialise(self) -> None:
        self.wait()
        super()._materialise()
