"""Errors of camshaft: what can go wrong here, on an engine, or in between.

Everything derives from `IPythonError`, with the names that users of IPython Parallel know. `RemoteError` stands for an
exception that was raised on an engine and shows the traceback from there; `CompositeError` gathers several of them.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "AbortedTask",
    "AlreadyDisplayedError",
    "CompositeError",
    "DependencyTimeout",
    "EngineError",
    "IPythonError",
    "ImpossibleDependency",
    "InvalidDependency",
    "KernelError",
    "NoEnginesRegistered",
    "RemoteError",
    "SerializationError",
    "TaskAborted",
    "TaskRejectError",
    "TaskTimeout",
    "TimeoutError",
    "UnmetDependency",
    "collect_exceptions",
    "unwrap_exception",
    "wrap_exception",
]

TimeoutError = builtins.TimeoutError


class IPythonError(Exception):
    """Root of all errors of this package."""


class KernelError(IPythonError):
    """Something went wrong with an engine, a controller, or the way to them."""


class EngineError(KernelError):
    """An engine died or left while work was waiting for it."""


class NoEnginesRegistered(KernelError):
    """There is no engine to run on."""

    def __init__(self, message: str = "") -> None:
        super().__init__(
            message
            or "no engines are registered with this controller: start some (ipcluster engines, ipengine) "
            "or wait for them with client.wait_for_engines(n)"
        )


class TaskAborted(KernelError):
    """The task was aborted before it started."""


AbortedTask = TaskAborted
"""The name until 2012."""


class TaskTimeout(KernelError):
    """The time that a task may wait for its dependencies or for a retry is over."""


class UnmetDependency(KernelError):
    """Raised on an engine to refuse a task; the scheduler tries another engine."""


class ImpossibleDependency(UnmetDependency):
    """No engine can ever meet the task's dependencies."""


class DependencyTimeout(ImpossibleDependency):
    """A dependency was not met in time."""


class InvalidDependency(ImpossibleDependency):
    """A task depends on itself or on a message that nobody knows."""


class TaskRejectError(KernelError):
    """User code may raise this to refuse a task; useful together with retries."""


class SerializationError(KernelError, TypeError):
    """An object cannot be sent, or what came cannot be read; the message names the object."""


class RemoteError(KernelError):
    """An exception that was raised on an engine.

    Attributes: `ename` and `evalue` (class name and text of the original), `traceback` (text, as formatted on the
    engine) and `engine_info` (dict with engine_id, engine_uuid and method; empty when no engine was involved).
    """

    def __init__(self, ename: str, evalue: str, traceback: str, engine_info: Mapping[str, Any] | None = None) -> None:
        super().__init__(ename, evalue, traceback, engine_info)
        self.ename = ename
        self.evalue = evalue
        self.traceback = traceback
        self.engine_info: dict[str, Any] = dict(engine_info or {})

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.ename, self.evalue, self.traceback, self.engine_info)

    def _origin(self) -> str:
        info = self.engine_info
        if not info:
            return "[Engine Exception]"
        return f"[{info.get('engine_id', '?')}:{info.get('method', '?')}]"

    def __str__(self) -> str:
        return f"{self._origin()} {self.ename}: {self.evalue}"

    def __repr__(self) -> str:
        engine = self.engine_info.get("engine_id")
        where = "" if engine is None else f"[{engine}]"
        return f"<RemoteError{where}:{self.ename}({self.evalue})>"

    def render_traceback(self) -> list[str]:
        """The remote traceback as a list of lines, headed by where it comes from."""
        text = self.traceback or f"{self.ename}: {self.evalue}"
        return [self._origin(), *text.splitlines()]

    def _render_traceback_(self) -> list[str]:
        """IPython calls this instead of showing the local traceback."""
        return self.render_traceback()

    def print_traceback(self, excid: int | None = None) -> None:
        """Print the remote traceback on standard error."""
        print("\n".join(self.render_traceback()), file=sys.stderr)


class RemoteTaskTimeout(RemoteError, TaskTimeout, DependencyTimeout):
    """A task waited too long: TaskTimeout today, DependencyTimeout in the manual and until 2012."""


class RemoteImpossibleDependency(RemoteError, ImpossibleDependency):
    """The scheduler found that no engine can ever run a task."""


class RemoteInvalidDependency(RemoteError, InvalidDependency):
    """The scheduler found that a task depends on what it cannot know."""


class RemoteEngineError(RemoteError, EngineError):
    """The scheduler or the relay says that an engine died with a request, or was not there."""


_TYPED: dict[str, type[RemoteError]] = {
    "TaskTimeout": RemoteTaskTimeout,
    "DependencyTimeout": RemoteTaskTimeout,
    "ImpossibleDependency": RemoteImpossibleDependency,
    "InvalidDependency": RemoteInvalidDependency,
    "EngineError": RemoteEngineError,
}


class CompositeError(RemoteError):
    """Several errors in one. `elist` has one (ename, evalue, traceback, engine_info) for each."""

    tb_limit = 4
    """How many tracebacks (and lines of str) are shown."""

    def __init__(self, message: str, elist: Iterable[tuple[str, str, str, Mapping[str, Any]]]) -> None:
        Exception.__init__(self, message, elist)
        self.msg = message
        self.elist = list(elist)
        self.args = (message, self.elist)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.elist)

    @property
    def ename(self) -> str:  # type: ignore[override]
        """'CompositeError'."""
        return type(self).__name__

    @property
    def evalue(self) -> str:  # type: ignore[override]
        """The summary."""
        return self.msg

    @property
    def traceback(self) -> str:  # type: ignore[override]
        """All shown remote tracebacks as one text."""
        return "\n".join(self.render_traceback())

    @property
    def engine_info(self) -> dict[str, Any]:  # type: ignore[override]
        """Empty: several engines were involved."""
        return {}

    def _parts(self) -> list[RemoteError]:
        return [RemoteError(*parts) for parts in self.elist]

    def _shown(self) -> tuple[list[tuple[RemoteError, str]], list[str]]:
        """(error, where it comes from) for the first `tb_limit`, those that many calls raised alike counted as one; and
        a line that counts the rest."""
        from .folding import merged, span

        groups = merged([(error.engine_info.get("engine_id", "?"), error) for error in self._parts()])
        shown = []
        for error, engines in groups[: self.tb_limit]:
            origin = error._origin()
            if len(engines) > 1:
                times = "" if len(set(engines)) == len(engines) else f", {len(engines)} times"
                origin = f"[engines {span(engines)}:{error.engine_info.get('method', '?')}{times}]"
            shown.append((error, origin))
        hidden = sum(len(engines) for _, engines in groups[self.tb_limit :])
        return shown, [f".... {hidden} more exceptions ..."] if hidden else []

    def __str__(self) -> str:
        shown, rest = self._shown()
        return "\n".join([self.msg, *(f"{origin} {error.ename}: {error.evalue}" for error, origin in shown), *rest])

    def __repr__(self) -> str:
        return f"CompositeError({len(self.elist)})"

    def render_traceback(self, excid: int | None = None) -> list[str]:
        """Lines of the traceback number `excid`, or of the first `tb_limit`. IndexError if there is no such error."""
        if excid is not None:
            return self._pick(excid).render_traceback()
        lines: list[str] = []
        shown, rest = self._shown()
        for error, origin in shown:
            lines += [origin, *error.render_traceback()[1:], ""]
        return [*lines, *rest]

    def print_traceback(self, excid: int | None = None) -> None:
        """Print one or all shown remote tracebacks on standard error."""
        print("\n".join(self.render_traceback(excid)), file=sys.stderr)

    def _pick(self, excid: int) -> RemoteError:
        try:
            return _made(*self.elist[excid])
        except IndexError:
            raise IndexError(f"no exception with index {excid}: there are {len(self.elist)}") from None

    def raise_exception(self, excid: int = 0) -> None:
        """Raise error number `excid`, as its built-in class too if it has one. IndexError if there is none."""
        raise self._pick(excid)


class AlreadyDisplayedError(RemoteError):
    """Errors whose tracebacks were shown while output was streamed: renders as one line."""

    def __init__(self, original_error: RemoteError) -> None:
        self.original_error = original_error
        count = len(getattr(original_error, "elist", (None,)))
        self._summary = "1 error" if count == 1 else f"{count} errors"
        Exception.__init__(self, original_error)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.original_error,)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "original_error":
            raise AttributeError(name)
        return getattr(self.original_error, name)

    def __str__(self) -> str:
        return self._summary

    def __repr__(self) -> str:
        return f"<AlreadyDisplayedError: {self._summary}>"

    def render_traceback(self, excid: int | None = None) -> list[str]:
        """One line: the tracebacks were shown already."""
        return [self._summary]


def unwrap_exception(content: Mapping[str, Any]) -> RemoteError:
    """The RemoteError for the `content` of an error reply.

    What the scheduler reports is an instance of its own class too (`except TaskTimeout` works), and so is what was
    raised as a built-in exception (`except ZeroDivisionError`).
    """
    traceback = content.get("traceback") or []
    text = traceback if isinstance(traceback, str) else "\n".join(map(str, traceback))
    ename = str(content.get("ename", "Error"))
    return _made(ename, str(content.get("evalue", "")), text, content.get("engine_info") or {})


# Caught by somebody on the way (generators, attribute look-up, whoever waits with a timeout), or no plain errors.
_NEVER_TYPED = frozenset({"AttributeError", "StopAsyncIteration", "StopIteration", "TimeoutError"})


def _kind(ename: str) -> type[RemoteError]:
    """The class for an error whose class was called `ename` on the engine."""
    kind = _TYPED.get(ename)
    if kind is None and ename not in _NEVER_TYPED:
        original = getattr(builtins, ename, None)
        if isinstance(original, type) and issubclass(original, Exception):
            kind = _TYPED[ename] = type("RemoteError", (RemoteError, original), {"__module__": __name__})
    return RemoteError if kind is None else kind


def _made(ename: str, *rest: Any) -> RemoteError:
    try:
        return _kind(ename)(ename, *rest)
    except Exception:  # classes that insist on arguments of their own
        return RemoteError(ename, *rest)


def wrap_exception(engine_info: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The content of an error reply for the exception that is being handled."""
    import traceback

    kind, value, trace = sys.exc_info()
    return {
        "status": "error",
        "ename": kind.__name__ if kind else "None",
        "evalue": str(value),
        "traceback": traceback.format_exception(kind, value, trace),
        "engine_info": dict(engine_info or {}),
    }


def collect_exceptions(rdict_or_list: Iterable[Any] | Mapping[Any, Any], method: str = "unspecified") -> list[Any]:
    """The results as a list if none is an error; otherwise raise one CompositeError with all of them, flattened."""
    values = list(rdict_or_list.values()) if isinstance(rdict_or_list, Mapping) else list(rdict_or_list)
    elist: list[tuple[str, str, str, Mapping[str, Any]]] = []
    for value in values:
        if isinstance(value, CompositeError):
            elist += value.elist
        elif isinstance(value, RemoteError):
            elist.append((value.ename, value.evalue, value.traceback, value.engine_info))
        elif isinstance(value, KernelError):
            elist.append((type(value).__name__, str(value), str(value), {}))
    if elist:
        raise CompositeError(f"one or more exceptions raised in: {method}", elist)
    return values
