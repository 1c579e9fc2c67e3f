"""Tasks of the 2008 interface, and their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..error import KernelError
from ..serialize import PrePickled
from . import shipped
from .error import original_exception

__all__ = ["BaseTask", "MapTask", "StringTask", "Task", "TaskResult"]


class BaseTask:
    """What all tasks can be told, when they are made or later by setting attributes.

    clear_before, clear_after: empty the engine's namespace before or after (default: neither).
    retries: how often to try again after a failure, or when the engine dies (default 0).
    recovery_task: another task that runs if this one has failed for good; it may have one itself. Its result is then
        the result of this one. A circle of them is refused with ValueError when the task is run.
    depend: a function of an engine's properties (a dict); the task runs only on engines for which it returns True. One
        that raises counts as False.
    """

    def __init__(
        self,
        clear_before: bool = False,
        clear_after: bool = False,
        retries: int = 0,
        recovery_task: BaseTask | None = None,
        depend: Callable[[dict[str, Any]], bool] | None = None,
    ) -> None:
        self.clear_before = clear_before
        self.clear_after = clear_after
        self.retries = retries
        self.recovery_task = recovery_task
        self.depend = depend

    def call(self) -> tuple[PrePickled, tuple[Any, ...]]:
        """(function, arguments) that do this task on an engine."""
        raise TypeError(f"{type(self).__name__} says what a task can be told: use StringTask or MapTask")

    def result_of(self, value: Any, described: TaskResult) -> Any:
        """What the user gets for the value that the engine has returned."""
        raise TypeError(f"{type(self).__name__} has no results: use StringTask or MapTask")

    def chain(self) -> list[BaseTask]:
        """This task, its recovery task, the recovery task of that one, ... ValueError if they go in a circle."""
        chain: list[BaseTask] = []
        task: BaseTask | None = self
        while task is not None:
            if not isinstance(task, BaseTask):
                raise TypeError(f"a recovery_task must be a task, not {type(task).__name__}")
            if any(task is seen for seen in chain):
                raise ValueError("recovery tasks go in a circle: the last one of a chain must have none")
            chain.append(task)
            task = task.recovery_task
        return chain


class StringTask(BaseTask):
    """Code that runs in the namespace of an engine; its result is a TaskResult.

    expression: the code.
    pull: a name or a list of names whose values are the result.
    push: dict of names that are set before the code runs.
    Further: see BaseTask.
    """

    def __init__(
        self,
        expression: str,
        pull: str | Iterable[str] | None = None,
        push: Mapping[str, Any] | None = None,
        clear_before: bool = False,
        clear_after: bool = False,
        retries: int = 0,
        recovery_task: BaseTask | None = None,
        depend: Callable[[dict[str, Any]], bool] | None = None,
    ) -> None:
        if not isinstance(expression, str):
            raise TypeError(f"a StringTask is made from code as str, not {type(expression).__name__}")
        super().__init__(clear_before, clear_after, retries, recovery_task, depend)
        self.expression = expression
        self.pull = pull
        self.push = push

    def call(self) -> tuple[PrePickled, tuple[Any, ...]]:
        """See BaseTask."""
        names = [self.pull] if isinstance(self.pull, str) else list(self.pull or ())
        push = dict(self.push or {})
        return shipped.RUN_STRING, (self.expression, push, names, self.clear_before, self.clear_after, shipped.CLEAR)

    def result_of(self, value: Any, described: TaskResult) -> Any:
        """The TaskResult."""
        return described

    def __repr__(self) -> str:
        return f"<StringTask: {self.expression[:40]!r}>"


Task = StringTask


class MapTask(BaseTask):
    """A call of a function; its result is what the function returns.

    function, args (tuple), kwargs (dict). Further: see BaseTask.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        clear_before: bool = False,
        clear_after: bool = False,
        retries: int = 0,
        recovery_task: BaseTask | None = None,
        depend: Callable[[dict[str, Any]], bool] | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"a MapTask is made from a function, not {type(function).__name__}")
        super().__init__(clear_before, clear_after, retries, recovery_task, depend)
        self.function = function
        self.args = tuple(args)
        self.kwargs = dict(kwargs or {})

    def call(self) -> tuple[PrePickled, tuple[Any, ...]]:
        """See BaseTask."""
        arguments = (self.args, self.kwargs, self.clear_before, self.clear_after, shipped.CLEAR)
        return shipped.RUN_CALL, (self.function, *arguments)

    def result_of(self, value: Any, described: TaskResult) -> Any:
        """The value that the function has returned; raises what it has raised."""
        described.raise_exception()
        return value

    def __repr__(self) -> str:
        return f"<MapTask: {getattr(self.function, '__name__', self.function)!r}>"


class Namespace:
    """Results as attributes."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __repr__(self) -> str:
        return f"Namespace({', '.join(self.__dict__)})"


class TaskResult:
    """What became of a task.

    taskid, engineid: numbers of the task and of the engine that ran it (None: none did).
    submitted, completed: when the client sent it, and when the engine had done it (datetime with time zone).
    duration: seconds that it ran.
    failure: the error, or None. With one, results, ns and items raise it.
    """

    def __init__(
        self,
        taskid: int,
        values: Mapping[str, Any] | None,
        failure: KernelError | None,
        *,
        engineid: int | None = None,
        submitted: datetime | None = None,
        started: datetime | None = None,
        completed: datetime | None = None,
    ) -> None:
        self.taskid = taskid
        self.failure = failure
        self.engineid = engineid
        self.submitted = submitted
        self.completed = completed
        self.duration = (completed - started).total_seconds() if started and completed else 0.0
        self._values = dict(values or {})

    @property
    def results(self) -> dict[str, Any]:
        """{name: value} of the names that were pulled."""
        self.raise_exception()
        return self._values

    @property
    def ns(self) -> Namespace:
        """The same as attributes: `tr.ns.a`."""
        return Namespace(self.results)

    def __getitem__(self, name: str) -> Any:
        return self.results[name]

    def keys(self) -> list[str]:
        """The names that were pulled."""
        return list(self.results)

    def raise_exception(self) -> None:
        """Raise the task's error as what it was on the engine; nothing if it succeeded."""
        if self.failure is not None:
            raise original_exception(self.failure)

    def __repr__(self) -> str:
        shown = self._values if self.failure is None else self.failure
        return f"TaskResult[ID:{self.taskid}]:{shown}"
