"""What a client can ask about engines' properties and about tasks that have not ended."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from . import error
from .asyncresult import AsyncResult
from .demands import check_json
from .predicates import Predicates, is_mark

if TYPE_CHECKING:
    from ._core import ClientCore

Running = Literal["interrupt", "kill"] | None

_SOON = 1.0
"""Seconds that engines get to say whether they could still drop a task."""
_ANSWER = 10.0
"""Seconds that the answer of a task may take which the controller has ended."""


class TaskControl:
    """The part of Client that deals with properties and with waiting tasks. Needs what Client has."""

    _ask: Any
    _resolve: Any
    _engines: Any
    _control: Any
    _core: ClientCore
    _by_id: dict[str, AsyncResult]
    _predicates_made: Predicates | None = None
    _own_controller: bool | None = None

    # -- properties ---------------------------------------------------------------------------------------------------

    def engine_properties(self, targets: Any = None) -> dict[Any, Any]:
        """{engine id: properties} of `targets` (default: all); an int yields that engine's dict.

        Our engines declare host, cores, memory (bytes), gpus, python and pid, and what `ipengine --properties` says.
        """
        return self._properties(targets, None)

    def set_properties(self, changes: Mapping[str, Any], targets: Any = None) -> dict[Any, Any]:
        """Set properties of `targets` (default: all engines); None as a value removes one. Returns what they are then.

        Tasks that wait are reconsidered at once. TypeError for what JSON cannot say.
        """
        if not isinstance(changes, Mapping) or not all(isinstance(name, str) for name in changes):
            raise TypeError(f"properties are a dict with names as keys, not {changes!r}")
        for name, value in changes.items():
            check_json(f"the property {name!r}", value)
        reserved = sorted(name for name in changes if is_mark(name))
        if reserved:
            raise ValueError(f"names of properties must not begin with '?': {reserved[0]!r}")
        return self._properties(targets, dict(changes))

    def _need_own_controller(self, what: str) -> None:
        """RuntimeError, in one line, when the controller is the original's; it is asked once."""
        if self._own_controller is None:
            try:
                self._ask("why_request", {"msg_ids": []})
                self._own_controller = True
            except error.RemoteError as failure:
                if failure.ename != "KeyError":
                    raise
                self._own_controller = False
        if not self._own_controller:
            raise RuntimeError(f"{what} needs a controller of camshaft, but this one is the original's")

    def _properties(self, targets: Any, changes: dict[str, Any] | None) -> dict[Any, Any]:
        self._need_own_controller("asking for engine properties")
        ids = self._resolve(targets)
        reply, _ = self._ask("properties_request", {"targets": ids, "changes": changes})
        found = {int(number): _shown(properties) for number, properties in reply["properties"].items()}
        if hasattr(targets, "__index__"):
            return found[ids[0]]
        return {number: found[number] for number in ids if number in found}

    @property
    def _predicates(self) -> Predicates:
        if self._predicates_made is None:
            self._predicates_made = Predicates(self)  # type: ignore[arg-type]
        return self._predicates_made

    # -- tasks --------------------------------------------------------------------------------------------------------

    def why(self, jobs: Any) -> dict[str, str]:
        """{msg_id: what it waits for, where it runs, or how it ended}, for msg_ids, AsyncResults, or a list of them."""
        ids = self._ids_of(jobs)  # type: ignore[attr-defined]
        texts = {msg_id: self._known_end(msg_id) for msg_id in ids}
        open_ids = [msg_id for msg_id, text in texts.items() if not text]
        if open_ids:
            self._need_own_controller("why()")
            found: dict[str, str] = {}
            for _ in _a_few_times():
                reply, _ = self._ask("why_request", {"msg_ids": open_ids})
                found.update(reply["why"])
                if not self._under_way(msg_id for msg_id in open_ids if msg_id not in found):
                    break
            ahead = self._ahead() if len(found) < len(open_ids) else {}
            for msg_id in open_ids:
                text = found.get(msg_id) or self._known_end(msg_id) or self._where_sent(msg_id, ahead.get(msg_id, 0))
                texts[msg_id] = text if self._predicates_made is None else self._predicates_made.readable(text)
        return texts

    def _known_end(self, msg_id: str) -> str:
        result = self._by_id.get(msg_id)
        if result is None:
            return ""
        request = result._request(msg_id)
        return f"finished: {request.status}" if request.done else ""

    def _ahead(self) -> dict[str, int]:
        """{msg_id of a direct request that is pending: how many pending ones of this client its engine got before}."""
        counts: dict[str, int] = {}
        ahead: dict[str, int] = {}
        for result in {id(result): result for result in list(self._by_id.values())}.values():
            for request in result._requests:
                uuid = request.engine_uuid
                if uuid is not None and not request.done:
                    ahead[request.msg_id] = counts.get(uuid, 0)
                    counts[uuid] = ahead[request.msg_id] + 1
        return ahead

    def _where_sent(self, msg_id: str, ahead: int) -> str:
        result = self._by_id.get(msg_id)
        uuid = None if result is None else result._request(msg_id).engine_uuid
        text = self._sent_to(uuid)
        if text and ahead:
            text += f": behind {ahead} of this client"
        return text or "not known to the controller as a task that waits or runs"

    def _sent_to(self, uuid: str | None) -> str:
        """Which engine has a request that was sent to it; "" when it is none that is there."""
        for number, engine in self._engines().items():
            if engine == uuid:
                return f"sent to engine {number}, which runs its requests in order"
        return ""

    def cancel(self, jobs: Any, running: Running = None) -> dict[str, bool]:
        """Give up `jobs` (msg_ids, AsyncResults, or a list): {msg_id: whether it will not run, or was stopped}.

        What waits, in the controller or in an engine, ends with TaskAborted. What runs goes on, but is not tried
        again, unless `running` says 'interrupt' (KeyboardInterrupt in the task) or 'kill' (SIGKILL to its engine).
        Waits about a second for engines to answer. ValueError for another `running`.
        """
        if running not in (None, "interrupt", "kill"):
            raise ValueError(f"running is None, 'interrupt' or 'kill', not {running!r}")
        ids = self._ids_of(jobs)  # type: ignore[attr-defined]
        requests = {i: self._by_id[i]._request(i) for i in ids if i in self._by_id}
        direct: dict[str, list[str]] = {}
        for msg_id, request in requests.items():
            if not request.done and request.engine_uuid is not None:
                direct.setdefault(request.engine_uuid, []).append(msg_id)
        addressed = {msg_id for group in direct.values() for msg_id in group}
        tasks = [i for i in ids if i not in addressed and not (i in requests and requests[i].done)]
        ended: list[str] = []
        if tasks:
            ended = self._cancel_tasks(tasks, running)
        self._cancel_direct(direct, running)
        if ended:
            self._core.wait([requests[i] for i in ended if i in requests], _ANSWER)
        pending = [request for request in requests.values() if not request.done]
        if pending:
            self._core.wait(pending, _SOON)
        return {i: (i in requests and is_aborted(requests[i])) or (i in ended and i not in requests) for i in ids}

    def _cancel_tasks(self, ids: list[str], running: Running) -> list[str]:
        """Ids of the tasks that the controller has ended at once."""
        ended = self._ask_to_cancel(ids, running)
        if ended is None or not all(uuid.startswith("camshaft-") for uuid in self._engines().values()):
            # engines of the original hand nothing back, but they can be told not to run it
            self._control("abort_request", {"msg_ids": ids}, None, "abort").wait(_ANSWER)
        return ended or []

    def _abort_tasks(self, ids: list[str]) -> None:
        """Let the controller drop tasks that it has not given to an engine."""
        requests = ((i, self._by_id[i]._request(i) if i in self._by_id else None) for i in ids)
        tasks = [i for i, request in requests if request is None or (not request.done and request.engine_uuid is None)]
        if tasks:
            self._ask_to_cancel(tasks, None)

    def _ask_to_cancel(self, ids: list[str], running: Running) -> list[str] | None:
        """Ids of those that have ended by it; None from a controller of the original, which cannot be asked."""
        ended: list[str] = []
        for _ in _a_few_times():
            try:
                reply, _ = self._ask("cancel_request", {"msg_ids": ids, "running": running})
            except error.RemoteError as failure:
                if failure.ename != "KeyError":
                    raise
                return None
            ended += reply["ended"]
            ids = self._under_way(reply["unknown"])
            if not ids:
                break
        return ended

    def _under_way(self, ids: Iterable[str]) -> list[str]:
        """Which of these tasks have been sent and may not have reached the controller: a question can be faster."""
        requests = {msg_id: self._by_id[msg_id]._request(msg_id) for msg_id in ids if msg_id in self._by_id}
        return [i for i, request in requests.items() if not request.done and request.engine_uuid is None]

    def _cancel_direct(self, by_engine: dict[str, list[str]], running: Running) -> None:
        numbers = {uuid: number for number, uuid in self._engines().items()}
        for uuid, ids in by_engine.items():
            if uuid not in numbers:
                continue
            self._control("abort_request", {"msg_ids": ids}, numbers[uuid], "abort").wait(_ANSWER)
            if running is None:
                continue
            if uuid.startswith("camshaft-"):
                self._control(f"{running}_request", {"msg_ids": ids}, numbers[uuid], running)
            else:
                self._control("signal_request", {"sig": 2 if running == "interrupt" else 9}, numbers[uuid], running)


def _a_few_times() -> Iterator[int]:
    """For about a second, with growing pauses between."""
    for turn in range(10):
        if turn:
            time.sleep(0.0005 * 2**turn)
        yield turn


def _shown(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if not is_mark(name)}


def is_aborted(request: Any) -> bool:
    """Whether a request has ended without having run, or because it was given up."""
    if request.status == "aborted":
        return True
    if request.status != "error":
        return False
    import json

    return json.loads(request.content).get("ename") == "TaskAborted"
