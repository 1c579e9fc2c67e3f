"""What a federation asks its controllers: each question is divided among them, and the answers are made one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .. import error

if TYPE_CHECKING:
    from .core import FederatedCore

__all__ = ["ask"]

Content = dict[str, Any]
Answer = tuple[Content, list[memoryview]]


def ask(core: FederatedCore, msg_type: str, content: Content) -> Answer:
    """(content, buffers) of the answer, with the federation's numbers of engines. Raises as Client._ask does."""
    return _ANSWERS[msg_type](core, msg_type, content)


def _tell(core: FederatedCore, place: int, msg_type: str, content: Content) -> Answer:
    return core.clients[place]._ask(msg_type, content)


def _parts(core: FederatedCore, msg_ids: Iterable[str]) -> dict[int, list[str]]:
    """{member: ids} of messages. Those of other clients are looked for in all: RemoteError (KeyError) if in vain."""
    parts: dict[int, list[str]] = {}
    for msg_id in msg_ids:
        place = core.owner_of(msg_id)
        parts.setdefault(_find(core, msg_id) if place is None else place, []).append(msg_id)
    return parts


def _find(core: FederatedCore, msg_id: str) -> int:
    failure: error.RemoteError | None = None
    for place in core.living():
        try:
            _tell(core, place, "result_request", {"msg_ids": [msg_id], "status_only": True})
            return place
        except error.RemoteError as unknown:
            if unknown.ename != "KeyError":
                raise
            failure = unknown
    assert failure is not None  # living() is never empty
    raise failure


def _queues(core: FederatedCore, msg_type: str, content: Content) -> Answer:
    targets = content["targets"]
    parts: dict[int, Any] = dict.fromkeys(core.living()) if targets is None else dict(core.by_member(targets))
    merged: Content = {"status": "ok"}
    unassigned: Any = [] if content["verbose"] else 0
    for place, local in parts.items():
        reply, _ = _tell(core, place, msg_type, {**content, "targets": local})
        unassigned += reply.pop("unassigned", [] if content["verbose"] else 0)
        merged.update((str(core.number(place, int(name))), one) for name, one in reply.items() if name.isdigit())
    ordered = {name: merged[name] for name in sorted(merged, key=lambda name: int(name) if name.isdigit() else -1)}
    return {**ordered, "unassigned": unassigned}, []


def _history(core: FederatedCore, msg_type: str, content: Content) -> Answer:
    lists = [_tell(core, place, msg_type, content)[0]["history"] for place in core.living()]
    return {"status": "ok", "history": [msg_id for one in lists for msg_id in one]}, []


def _results(core: FederatedCore, msg_type: str, content: Content) -> Answer:
    merged: Content = {"status": "ok", "pending": [], "completed": []}
    buffers: list[memoryview] = []
    for place, ids in _parts(core, content["msg_ids"]).items():
        reply, found = _tell(core, place, msg_type, {**content, "msg_ids": ids})
        buffers += found
        for name in ("pending", "completed"):
            merged[name] += reply.pop(name, [])
        merged.update(reply)
    return merged, buffers


def _resubmission(core: FederatedCore, msg_type: str, content: Content) -> Answer:
    renamed: dict[str, str] = {}
    for place, ids in _parts(core, content["msg_ids"]).items():
        renamed.update(_tell(core, place, msg_type, {"msg_ids": ids})[0]["resubmitted"])
    return {"status": "ok", "resubmitted": renamed}, []


def _watch(core: FederatedCore, msg_type: str, content: Content) -> Answer:
    """All are asked at once, and the first answer counts."""
    questions = [
        core.cores[place].submit("query", msg_type, json.dumps({**content, "msg_ids": ids}))
        for place, ids in _parts(core, content["msg_ids"]).items()
    ]
    core.wait(questions, content["timeout"] + 10, any=True)
    for question in questions:
        if question.done:
            reply = json.loads(question.content)
            if reply.get("status") != "ok":
                raise error.unwrap_exception(reply)
            return reply, []
    return {"status": "ok"}, []


def _records(core: FederatedCore, msg_type: str, content: Content) -> Answer:
    query = content["query"]
    if isinstance(query.get("client_uuid"), str):  # the session of a federation is those of its members
        query = {**query, "client_uuid": {"$in": query["client_uuid"].split("+")}}
    merged: Content = {"status": "ok", "records": [], "buffer_lens": None, "result_buffer_lens": None}
    buffers: list[memoryview] = []
    for place in core.living():
        reply, found = _tell(core, place, msg_type, {**content, "query": query})
        buffers += found
        merged["records"] += reply["records"]
        for name in ("buffer_lens", "result_buffer_lens"):
            if reply.get(name) is not None:
                merged[name] = (merged[name] or []) + reply[name]
    if not buffers and merged["buffer_lens"] is None and merged["result_buffer_lens"] is None:
        merged["records"].sort(key=lambda record: record.get("submitted") or "")
    return merged, buffers


def _purge(core: FederatedCore, msg_type: str, content: Content) -> Answer:
    ids, engines = content["msg_ids"], core.by_member(content["engine_ids"])
    messages: dict[int, Any] = dict.fromkeys(core.living(), "all") if ids == "all" else dict(_parts(core, ids))
    for place in sorted({*messages, *engines}):
        _tell(core, place, msg_type, {"msg_ids": messages.get(place, []), "engine_ids": engines.get(place, [])})
    return {"status": "ok"}, []


def _properties(core: FederatedCore, msg_type: str, content: Content) -> Answer:
    targets = content["targets"]
    parts: dict[int, Any] = dict.fromkeys(core.living()) if targets is None else dict(core.by_member(targets))
    found: dict[int, Any] = {}
    version = 0
    if content.get("changes"):
        core.forget_routes()
    for place, local in parts.items():
        if not core.clients[place]._engines():
            continue
        reply, _ = _tell(core, place, msg_type, {**content, "targets": local})
        version += reply.get("version", 0)
        found.update((core.number(place, int(number)), one) for number, one in reply["properties"].items())
    return {"status": "ok", "properties": {str(n): found[n] for n in sorted(found)}, "version": version}, []


def _why(core: FederatedCore, msg_type: str, content: Content) -> Answer:
    texts: dict[str, str] = {}
    for place in core.living():
        ids = [msg_id for msg_id in content["msg_ids"] if core.owner_of(msg_id) in (None, place)]
        if content["msg_ids"] and not ids:
            continue
        reply, _ = _tell(core, place, msg_type, {"msg_ids": ids})

        def renumbered(match: re.Match[str], place: int = place) -> str:
            return f"engine {core.number(place, int(match[1]))}"

        texts.update((i, re.sub(r"\bengine (\d+)\b", renumbered, text)) for i, text in reply["why"].items())
    return {"status": "ok", "why": texts}, []


def _cancelling(core: FederatedCore, msg_type: str, content: Content) -> Answer:
    ended: list[str] = []
    unknown = list(content["msg_ids"])
    for place in core.living():
        ids = [msg_id for msg_id in unknown if core.owner_of(msg_id) in (None, place)]
        if not ids:
            continue
        reply, _ = _tell(core, place, msg_type, {**content, "msg_ids": ids})
        ended += reply["ended"]
        known = set(ids) - set(reply["unknown"])
        unknown = [msg_id for msg_id in unknown if msg_id not in known]
    return {"status": "ok", "ended": ended, "unknown": unknown}, []


def _all(core: FederatedCore, msg_type: str, content: Content) -> Answer:
    for place in core.living():
        _tell(core, place, msg_type, content)
    return {"status": "ok"}, []


_ANSWERS: dict[str, Callable[[FederatedCore, str, Content], Answer]] = {
    "queue_request": _queues,
    "history_request": _history,
    "result_request": _results,
    "resubmit_request": _resubmission,
    "watch_request": _watch,
    "db_request": _records,
    "purge_request": _purge,
    "properties_request": _properties,
    "why_request": _why,
    "cancel_request": _cancelling,
    "shutdown_request": _all,
}
