"""What is known about one request: times, engine, status and output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._core import Request

__all__ = ["ExecuteReply", "Metadata", "parse_date", "read_metadata"]


class Metadata(dict[str, Any]):
    """Metadata of one request: a dict with a fixed set of keys that are attributes too.

    `submitted`, `started`, `completed` and `received` are timezone-aware datetimes, or None while unknown. Reading or
    writing a key that does not exist raises KeyError (as item) or AttributeError (as attribute).
    """

    __slots__ = ()

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        super().__init__(
            msg_id=None,
            submitted=None,
            started=None,
            completed=None,
            received=None,
            engine_uuid=None,
            engine_id=None,
            follow=None,
            after=None,
            status=None,
            execute_input=None,
            execute_result=None,
            error=None,
            stdout="",
            stderr="",
            outputs=[],
            data={},
            label=None,
        )
        for key, value in (values or {}).items():
            self[key] = value

    def __missing__(self, key: str) -> Any:
        return self[OLD_KEYS[key]]

    def __getattr__(self, name: str) -> Any:
        try:
            return dict.__getitem__(self, name)
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self:
            raise AttributeError(name)
        dict.__setitem__(self, name, value)

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in self:
            raise KeyError(key)
        dict.__setitem__(self, key, value)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]


METADATA_KEYS = frozenset(Metadata())
OLD_KEYS = {"pyin": "execute_input", "pyout": "execute_result", "pyerr": "error"}
"""Names that some keys had before 2013; reading them works."""


class ExecuteReply:
    """Result of `execute` on one engine: its displayed value, source and metadata.

    Attributes: `msg_id`, `execution_count`, `metadata`, `source` (the code), `data` (dict by MIME type). Metadata
    fields are attributes and items as well.
    """

    def __init__(self, msg_id: str, content: Mapping[str, Any], metadata: Metadata) -> None:
        self.msg_id = msg_id
        self._content = content
        self.execution_count = content.get("execution_count")
        self.metadata = metadata

    @property
    def execute_result(self) -> dict[str, Any]:
        """Content of the displayed result, or {}."""
        return self.metadata["execute_result"] or {}

    @property
    def source(self) -> str | None:
        """The code, as the engine repeated it (None for silent execution)."""
        return self.metadata["execute_input"]

    @property
    def data(self) -> dict[str, Any]:
        """The displayed result by MIME type; empty for silent execution."""
        return self.execute_result.get("data", {})

    def __getitem__(self, key: str) -> Any:
        return self.metadata[key]

    def __getattr__(self, name: str) -> Any:
        if name == "metadata":
            raise AttributeError(name)
        return getattr(self.metadata, name)

    def __repr__(self) -> str:
        text = self.data.get("text/plain", "")
        if len(text) > 32:
            text = text[:29] + "..."
        return f"<ExecuteReply[{self.execution_count}]: {text}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        text = self.data.get("text/plain", "")
        if not text:
            printer.text(repr(self))
            return
        printer.text(f"Out[{self.metadata['engine_id']}:{self.execution_count}]: ")
        if "\n" in text:
            printer.break_()
        printer.text(text)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        return {k: v for k, v in self.data.items() if k != "text/plain"}, self.execute_result.get("metadata", {})


def parse_date(text: str | None) -> datetime | None:
    """The timezone-aware datetime for an ISO 8601 `text`; None for None and for what is no date."""
    if not text:
        return None
    try:
        date = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)


def read_metadata(request: Request, engine_ids: Mapping[str, int], known: Mapping[str, Any]) -> Metadata:
    """Metadata of `request` as of now. `known` holds what only the sender knows (label, follow, after)."""
    reply = json.loads(request.metadata) if request.done else {}
    content = json.loads(request.content) if request.done else {}
    received = request.received
    info = content.get("engine_info") or reply.get("engine_info") or {}
    uuid = reply.get("engine") or request.engine_uuid or info.get("engine_uuid")
    found = Metadata(known)
    found.update(
        msg_id=request.msg_id,
        submitted=parse_date(request.submitted),
        started=parse_date(reply.get("started")),
        completed=parse_date(request.completed),
        received=None if received is None else datetime.fromtimestamp(received, timezone.utc),
        engine_uuid=uuid,
        engine_id=engine_ids.get(uuid, info.get("engine_id")) if isinstance(uuid, str) else info.get("engine_id"),
        status=content.get("status") if request.done else None,
        stdout=request.stdout,
        stderr=request.stderr,
    )
    if "broadcast_targets" in reply:  # one reply made of many
        found["engine_uuid"] = [uuid for uuid, _ in reply["broadcast_targets"]]
        found["engine_id"] = [number for _, number in reply["broadcast_targets"]]
    if found["label"] is None:
        found["label"] = reply.get("label")
    _add_outputs(found, request)
    return found


def _add_outputs(found: Metadata, request: Request) -> None:
    outputs = []
    for msg_type, content_text, _, buffers in request.outputs:
        content = json.loads(content_text)
        if msg_type == "execute_input":
            found["execute_input"] = content.get("code")
        elif msg_type == "execute_result":
            found["execute_result"] = content
        elif msg_type == "error":
            from .error import unwrap_exception

            found["error"] = unwrap_exception(content)
        elif msg_type == "data_message":
            from .serialize import unpack_result

            found["data"] = {**found["data"], **unpack_result(buffers, None)}
        elif msg_type == "display_data":
            outputs.append(content)
        elif msg_type == "update_display_data":
            display_id = content.get("transient", {}).get("display_id")
            for index, shown in enumerate(outputs):
                if display_id is not None and shown.get("transient", {}).get("display_id") == display_id:
                    outputs[index] = {**shown, "data": content.get("data", {}), "metadata": content.get("metadata", {})}
        elif msg_type == "clear_output":
            outputs.clear()
    found["outputs"] = outputs
