"""Results that outlive their client: kept in a file, or found again in the controller's records."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .hubresult import AsyncHubResult, HubRecord
from .metadata import read_metadata

if TYPE_CHECKING:
    from .asyncresult import AsyncResult
    from .client import Client

__all__ = ["attach", "load_result", "save_result"]

_FORMAT = "camshaft result 1"


class SavedResult(AsyncHubResult):
    """A result from a file: what was finished then is here, the rest comes from the controller as it is finished."""

    def __init__(self, client: Client, kept: dict[str, Any]) -> None:
        self._partition: Any = kept["partition"]
        records = []
        for msg_id, done in kept["messages"]:
            record = HubRecord(msg_id)
            if done is not None:
                record.fill(*done)
            records.append(record)
        super().__init__(client, records, single=kept["single"], fname=kept["fname"])

    def _assemble(self, outcomes: Sequence[Any]) -> Any:
        if self._partition is None or self._failed():
            return super()._assemble(outcomes)
        return self._partition.joinPartitions(outcomes)


def save_result(result: AsyncResult, path: str | os.PathLike[str]) -> None:
    """Write `result` to the file `path`: the ids of its messages, and the replies of those that are finished.

    The file comes under its name when it is whole, and can be read by its owner only. Whoever loads it runs what is
    pickled in it: load only files of people you trust.
    """
    kept = {
        "format": _FORMAT,
        "fname": result._fname,
        "single": result._single,
        "partition": getattr(result, "_partition", None),
        "messages": [(request.msg_id, _reply(result, request)) for request in result._requests],
    }
    target = Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            pickle.dump(kept, file)
        os.replace(draft, target)
    except OSError as failure:  # a missing folder, a full disk: of the file that the user knows
        draft.unlink(missing_ok=True)
        raise OSError(failure.errno, failure.strerror, os.fspath(path)) from None
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _reply(result: AsyncResult, request: Any) -> tuple[dict[str, Any], list[bytes]] | None:
    """A finished message as the controller's record of it would be."""
    import json

    if not request.done:
        return None
    if isinstance(request, HubRecord):
        return request.record, request.raw
    metadata = read_metadata(request, {}, {})
    reply = json.loads(request.metadata)
    record = {
        "header": {"date": request.submitted},
        "metadata": {"codec": reply.get("codec")},
        "result_header": {"date": request.completed},
        "result_metadata": reply,
        "result_content": json.loads(request.content),
        "received": None if metadata.received is None else metadata.received.isoformat(),
        "io": {
            "stdout": metadata.stdout,
            "stderr": metadata.stderr,
            "execute_input": metadata.execute_input,
            "execute_result": metadata.execute_result,
            "error": _content(metadata.error),
        },
    }
    return record, [bytes(buffer) for buffer in request.buffers]


def _content(failure: Any) -> dict[str, Any] | None:
    """An error as an engine's message says it."""
    if failure is None:
        return None
    return {
        "ename": failure.ename,
        "evalue": failure.evalue,
        "traceback": failure.traceback.splitlines(),
        "engine_info": failure.engine_info,
    }


def load_result(path: str | os.PathLike[str], client: Client) -> AsyncHubResult:
    """The result that `save_result` (or `AsyncResult.save`) wrote to `path`, for any client of the same cluster.

    OSError when there is no such file, ValueError when it is another kind of file. Waiting for messages that the
    controller does not know raises KeyError.
    """
    with open(path, "rb") as file:
        try:
            kept = pickle.load(file)
        except Exception as failure:
            raise ValueError(f"{os.fspath(path)} is no saved result: {failure}") from None
    if not isinstance(kept, dict) or kept.get("format") != _FORMAT:
        raise ValueError(f"{os.fspath(path)} is no saved result: write one with AsyncResult.save")
    return SavedResult(client, kept)


def attach(client: Client, label: Any = None, session: str | None = None) -> AsyncHubResult:
    """The results of all messages with `label`, or of a client's `session`, or both, in the order of submission.

    ValueError when neither is given; KeyError when the controller has no such message.
    """
    if label is None and session is None:
        raise ValueError("attach needs a label or a session: attach(label='night run') or attach(session=rc.session)")
    query: dict[str, Any] = {} if session is None else {"client_uuid": session}
    records = client.db_query(query, keys=["msg_id", "metadata", "submitted", "header"])
    found = [
        record["msg_id"]
        for record in records
        if record.get("header") and (label is None or (record.get("metadata") or {}).get("label") == label)
    ]
    if not found:
        wanted = " and ".join(f"{k} {v!r}" for k, v in (("label", label), ("session", session)) if v is not None)
        raise KeyError(f"the controller has no message with {wanted}")
    return AsyncHubResult(client, found, single=False)
