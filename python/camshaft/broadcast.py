"""BroadcastView: one message for many engines, multiplied by the controller's broadcast scheduler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .asyncresult import AsyncResult
from .direct import DirectView
from .folding import span
from .metadata import Metadata
from .serialize import CODEC, unpack_results
from .view import apply_reader

__all__ = ["BroadcastView"]


class BroadcastView(DirectView):
    """A DirectView whose calls leave the client once, however many engines there are.

    `is_coalescing`: the replies of a call come back as one too. Its AsyncResult then has a single message, whose
    `engine_id` and `engine_uuid` are lists; results still are in the order of the targets. One failed engine fails the
    call as a whole. `execute` and whatever sends each engine something of its own (`map`, `scatter`, `gather`) never
    coalesce.
    """

    _flag_names = (*DirectView._flag_names, "is_coalescing")

    def __init__(self, client: Any, targets: Any = None, **flags: Any) -> None:
        self.is_coalescing = False
        if "coalescing" in flags:
            flags["is_coalescing"] = flags.pop("coalescing")
        super().__init__(client, targets, **flags)

    def _ids(self, targets: Any) -> tuple[list[int], bool]:
        ids, _ = super()._ids(targets)
        return ids, False

    def _to_all(
        self, buffers: list[Any], codec: str | None, ids: list[int], single: bool, track: bool, fname: str
    ) -> AsyncResult:
        metadata: dict[str, Any] = {"codec": codec} if codec else {}
        if self.label is not None:
            metadata["label"] = self.label
        requests = self._broadcast("apply_request", "{}", metadata, buffers, ids, self.is_coalescing)
        known = self._known()
        if self.is_coalescing and len(requests) == 1:  # replies of several controllers do not become one
            return self._track(CoalescedResult(self.client, requests, ids, codec, fname=fname, known=known))
        return self._track(AsyncResult(self.client, requests, fname=fname, reader=apply_reader(codec), known=known))

    def _execute_on(self, content: str, metadata: dict[str, Any], ids: list[int]) -> list[Any]:
        return self._broadcast("execute_request", content, metadata, [], ids, False)

    def _broadcast(
        self,
        msg_type: str,
        content: str,
        metadata: dict[str, Any],
        buffers: list[Any],
        ids: list[int],
        coalescing: bool,
    ) -> list[Any]:
        engines = self.client._engines()
        uuids = [engines[number] for number in ids]
        metadata = {
            **metadata,
            "targets": list(map(list, zip(uuids, ids, strict=True))),
            "is_broadcast": True,
            "is_coalescing": coalescing,
        }
        return self.client._core.submit_broadcast(msg_type, content, json.dumps(metadata), buffers, uuids, coalescing)


class CoalescedResult(AsyncResult):
    """The results of several engines that came in one reply."""

    def __init__(self, client: Any, requests: list[Any], ids: list[int], codec: str | None, **options: Any) -> None:
        super().__init__(client, requests, single=True, reader=self._read_all, **options)
        self._targets = ids
        self._uuids = [client._engines()[number] for number in ids]
        self._codec = codec

    def _read_all(self, _: AsyncResult, request: Any) -> list[Any]:
        answered = [uuid for uuid, _ in json.loads(request.metadata)["broadcast_targets"]]
        values = unpack_results(request.buffers, self._codec and CODEC, len(answered))
        by_engine = dict(zip(answered, values, strict=True))
        return [by_engine[uuid] for uuid in self._uuids]

    def _metadata(self) -> list[Metadata]:
        found = super()._metadata()
        if isinstance(found[0]["engine_id"], list):
            found[0].update(engine_id=list(self._targets), engine_uuid=list(self._uuids))
        return found

    def why(self) -> str:
        """As AsyncResult.why: one text, for there is one message."""
        if self.done():
            return f"finished: {self._requests[0].status}"
        plural = "s" if len(self._targets) > 1 else ""
        return (
            f"sent to engine{plural} {span(self._targets)} in one message, whose one reply comes when all have answered"
        )

    def get_dict(self, timeout: float | None = -1) -> dict[int, Any]:
        """{engine id: result}; as AsyncResult.get_dict."""
        return dict(zip(self._targets, self.get(None if timeout is None or timeout < 0 else timeout), strict=True))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.get())

    def __len__(self) -> int:
        return len(self._targets)
