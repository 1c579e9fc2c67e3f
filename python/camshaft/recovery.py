"""Tasks that step in when another has failed for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .asyncresult import AsyncResult
from .dependency import Dependency

if TYPE_CHECKING:
    from ._core import Request

__all__ = ["RecoveringResult", "RecoveryTask", "after_all_failed", "chain_of"]


class RecoveryTask:
    """A call f(*args, **kwargs) that is made when a task has failed and its retries are used up.

    Flags may be given for it (`flags={'retries': 2, 'timeout': 10}`), and another `recovery_task` for when this one
    fails too. ValueError if the chain comes back to itself.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        /,
        *args: Any,
        recovery_task: RecoveryTask | Callable[..., Any] | None = None,
        flags: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not callable(f):
            raise TypeError(f"a recovery task calls a function, not {type(f).__name__}")
        self.f = f
        self.args = args
        self.kwargs = kwargs
        self.flags = dict(flags or {})
        unknown = self.flags.keys() & {"recovery_task", "after", "follow", "block"}
        if unknown:
            raise ValueError(f"a recovery task cannot have the flag {sorted(unknown)[0]!r}")
        self.recovery_task = recovery_task
        chain_of(self)

    def __repr__(self) -> str:
        return f"<RecoveryTask: {getattr(self.f, '__name__', self.f)}>"


def chain_of(first: Any) -> list[RecoveryTask | Callable[..., Any]]:
    """The recovery tasks from `first` on, in the order in which they step in. ValueError for a cycle, TypeError for
    what cannot be called."""
    chain: list[Any] = []
    step = first
    while step is not None:
        if any(step is earlier for earlier in chain):
            names = " -> ".join(_name(each) for each in [*chain, step])
            raise ValueError(f"recovery tasks must not come back to themselves: {names}")
        if not isinstance(step, RecoveryTask) and not callable(step):
            raise TypeError(f"recovery_task is a function or a RecoveryTask, not {type(step).__name__}")
        chain.append(step)
        step = step.recovery_task if isinstance(step, RecoveryTask) else None
    return chain


def _name(step: Any) -> str:
    f = step.f if isinstance(step, RecoveryTask) else step
    return getattr(f, "__name__", None) or repr(f)


def after_all_failed(msg_ids: list[str]) -> Dependency:
    """Met once every one of these tasks has failed."""
    return Dependency(msg_ids, all=True, success=False, failure=True)


class RecoveringResult(AsyncResult):
    """The result of the first of a chain of tasks that succeeds; if none does, the error of the last that ran.

    Metadata (`ar.engine_id`, `ar.stdout`, ...) are those of the task that the result comes from.
    """

    def __init__(self, client: Any, requests: list[Request], **options: Any) -> None:
        super().__init__(client, requests, **options, single=True)
        self._tried = requests
        self._requests = tuple(requests)

    def _decided(self) -> Request | None:
        """The request that tells the outcome, once that is known."""
        for request in self._tried:
            if request.done and request.status == "ok":
                return request
            if not request.done:
                return None
        ran = [request for request in self._tried if not _stood_by(request)]
        return ran[-1] if ran else self._tried[0]

    def _settle(self) -> None:
        decided = self._decided()
        if decided is not None:
            self._requests = (decided,)

    def done(self) -> bool:
        """Whether a task has succeeded, or all have failed."""
        self._settle()
        return len(self._requests) == 1 and self._requests[0].done

    ready = done

    def wait(self, timeout: float | None = -1, return_when: str | None = None) -> Any:
        """As AsyncResult.wait."""
        self._settle()
        over = super().wait(timeout, return_when)
        self._settle()
        return over

    def _need(self, timeout: float | None) -> None:
        self._settle()
        super()._need(timeout)
        self._settle()

    def _finish(self) -> None:
        self._settle()
        super()._finish()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """As AsyncResult.exception."""
        self._need(timeout)
        return super().exception(timeout)

    @property
    def recovered(self) -> bool:
        """Whether the result comes from a recovery task. TimeoutError before it is here."""
        self._need(0)
        return self._requests[0] is not self._tried[0]

    def _request(self, msg_id: str) -> Request:
        return next(request for request in self._tried if request.msg_id == msg_id)

    @property
    def msg_ids(self) -> list[str]:
        """The ids of all tasks of the chain."""
        return [request.msg_id for request in self._tried]

    def _part(self, msg_id: str) -> AsyncResult:
        return self


def _stood_by(request: Request) -> bool:
    """Whether a recovery task was not needed: the scheduler refuses it once the one before has succeeded."""
    import json

    return request.status != "ok" and json.loads(request.content).get("ename") == "ImpossibleDependency"
