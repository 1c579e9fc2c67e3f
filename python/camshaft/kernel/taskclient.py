"""TaskClient: tasks for whichever engine is free, as in 2008."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..asyncresult import AsyncResult
from ..client import Client
from ..error import KernelError, TaskAborted
from ..recovery import after_all_failed
from .multiengine import Address, connect
from .task import BaseTask, MapTask, TaskResult

__all__ = ["TaskClient", "default_task_address"]

default_task_address = ("127.0.0.1", 10113)
"""Where a task controller of 2008 listened. TaskClient() finds the controller by its connection file."""


class _Running:
    """A task that was handed in, and its recovery tasks, each waiting for the failure of those before it."""

    def __init__(self, taskid: int, chain: list[BaseTask], results: list[AsyncResult]) -> None:
        self.taskid = taskid
        self.chain = chain
        self.results = results
        self._outcome: Any = None

    def decisive(self) -> int | None:
        """Which of the chain has decided: the first that succeeded, or else the last. None: still running."""
        for index, result in enumerate(self.results):
            if not result.done():
                return None
            if result.successful() or isinstance(_failure(result), TaskAborted):
                return index
        return len(self.results) - 1

    def wait(self) -> int:
        """`decisive`, waiting for it."""
        for index, result in enumerate(self.results):
            result.wait()
            if result.successful() or isinstance(_failure(result), TaskAborted):
                return index
        return len(self.results) - 1

    def outcome(self, index: int) -> Any:
        """What the user gets, decided by number `index` of the chain."""
        result = self.results[index]
        failure = _failure(result)
        value = None if failure is not None else result.get()
        metadata: Any = result.metadata
        described = TaskResult(
            self.taskid,
            value if isinstance(value, Mapping) else None,
            failure,
            engineid=metadata.engine_id if metadata.started else None,
            submitted=metadata.submitted,
            started=metadata.started,
            completed=metadata.completed,
        )
        return self.chain[index].result_of(value, described)


class TaskClient:
    """Hands in tasks; the controller gives each to a free engine, first come, first served.

    Parameters: the connection file, 'tcp://ip:port' or (ip, port) of a controller, or nothing; `client`, a
    camshaft.Client to use; and whatever Client takes (`profile`, `timeout`, ...).
    """

    def __init__(self, address: Address = None, *, client: Client | None = None, **options: Any) -> None:
        self.client = client if client is not None else connect(address, default_task_address, options)
        self.block = True
        self._tasks: dict[int, _Running] = {}
        self._next = 0

    def close(self) -> None:
        """Leave the controller."""
        self.client.close()

    # -- tasks --------------------------------------------------------------------------------------------------------

    def run(self, task: BaseTask, block: bool = False) -> Any:
        """Hand in a task: its number (0, 1, 2, ...), or with block=True its result.

        TypeError for what is no task, ValueError for recovery tasks that go in a circle.
        """
        if not isinstance(task, BaseTask):
            raise TypeError(f"run takes a StringTask or MapTask, not {type(task).__name__}")
        chain = task.chain()
        results: list[AsyncResult] = []
        for one in chain:
            view = self.client.load_balanced_view(retries=one.retries)
            if results:
                view.after = after_all_failed([result.msg_ids[0] for result in results])
            if one.depend is not None:
                view.set_flags(where=one.depend)
            f, args = one.call()
            results.append(view.apply_async(f, *args))
        taskid, self._next = self._next, self._next + 1
        self._tasks[taskid] = _Running(taskid, chain, results)
        return self.get_task_result(taskid, block=True) if block else taskid

    def get_task_result(self, taskid: int, block: bool = False) -> Any:
        """The result of a task: a TaskResult of a StringTask, what the function returned of a MapTask.

        None while it is not done, unless `block`. A failed MapTask raises its error here, a failed StringTask when its
        results are looked at. IndexError for a number that was never given, or was cleared.
        """
        running = self._known(taskid)
        index = running.wait() if block else running.decisive()
        return None if index is None else running.outcome(index)

    def _known(self, taskid: int) -> _Running:
        try:
            return self._tasks[taskid]
        except KeyError:
            raise IndexError(f"no task {taskid}: this client knows {len(self._tasks)} tasks") from None

    def barrier(self, taskids: int | Iterable[int]) -> None:
        """Wait until the task or tasks are done, however they end."""
        for taskid in [taskids] if isinstance(taskids, int) else taskids:
            self._known(taskid).wait()

    def abort(self, taskid: int) -> None:
        """Take back a task that has not started, its further attempts and its recovery tasks; does not wait for it.

        IndexError when it is done already.
        """
        running = self._known(taskid)
        if running.decisive() is not None:
            raise IndexError("Task Already Completed")
        for result in reversed(running.results):  # recovery tasks first, or the failure would start them
            if not result.done():
                self.client.abort(result, block=True)

    def spin(self) -> None:
        """Nothing: the controller looks at its tasks again by itself when properties of engines change."""

    def clear(self) -> None:
        """Forget the results of finished tasks, here and in the controller."""
        done = [taskid for taskid, running in self._tasks.items() if running.decisive() is not None]
        finished = [result for taskid in done for result in self._tasks.pop(taskid).results if result.done()]
        if finished:
            self.client.purge_results(finished)

    def queue_status(self, verbose: bool = False) -> dict[str, Any]:
        """How many of this client's tasks are 'scheduled', 'pending', 'succeeded' and 'failed'.

        Scheduled: no engine has it yet; pending: one has. Lists of their numbers if `verbose`.
        """
        status: dict[str, list[int]] = {"scheduled": [], "pending": [], "succeeded": [], "failed": []}
        undecided = []
        for taskid, running in self._tasks.items():
            index = running.decisive()
            if index is None:
                undecided.append(running)
            else:
                status["succeeded" if running.results[index].successful() else "failed"].append(taskid)
        if undecided:
            unassigned = set(self.client.queue_status(verbose=True)["unassigned"])
            for running in undecided:
                current = next((result for result in running.results if not result.done()), running.results[-1])
                status["scheduled" if current.msg_ids[0] in unassigned else "pending"].append(running.taskid)
        return dict(status) if verbose else {name: len(ids) for name, ids in status.items()}

    # -- functions ----------------------------------------------------------------------------------------------------

    def map(self, func: Callable[..., Any], *sequences: Iterable[Any], **options: Any) -> list[Any]:
        """list(map(func, *sequences)), each call a MapTask with these `options`; waits."""
        tasks = [MapTask(func, args, **options) for args in zip(*sequences, strict=False)]
        taskids = [self.run(task) for task in tasks]
        return [self.get_task_result(taskid, block=True) for taskid in taskids]

    def parallel(self, **options: Any) -> Callable[..., Any]:
        """Decorator: the function, called on sequences, maps over them as tasks with these `options`."""

        def decorate(f: Callable[..., Any]) -> Callable[..., list[Any]]:
            return lambda *sequences: self.map(f, *sequences, **options)

        return decorate


def _failure(result: AsyncResult) -> KernelError | None:
    failure = result.exception()
    assert failure is None or isinstance(failure, KernelError)
    return failure
