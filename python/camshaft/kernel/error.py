"""Errors of the 2008 interface."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from .. import error
from ..error import (
    AbortedTask,
    AlreadyDisplayedError,
    DependencyTimeout,
    EngineError,
    ImpossibleDependency,
    InvalidDependency,
    IPythonError,
    KernelError,
    NoEnginesRegistered,
    RemoteError,
    SerializationError,
    TaskAborted,
    TaskRejectError,
    TaskTimeout,
    TimeoutError,
    UnmetDependency,
)

__all__ = [
    "AbortedTask",
    "AlreadyDisplayedError",
    "CompositeError",
    "DependencyTimeout",
    "EngineError",
    "FileTimeoutError",
    "IPythonError",
    "ImpossibleDependency",
    "InvalidClientID",
    "InvalidDeferredID",
    "InvalidDependency",
    "InvalidEngineID",
    "KernelError",
    "NoEnginesRegistered",
    "RemoteError",
    "SerializationError",
    "StopLocalExecution",
    "TaskAborted",
    "TaskRejectError",
    "TaskTimeout",
    "TimeoutError",
    "UnmetDependency",
    "original_exception",
    "translated",
]


class StopLocalExecution(error.IPythonError):
    """Ends the local run of a `with` block whose body is for the engines."""


class InvalidEngineID(error.KernelError, KeyError):
    """There is no such engine."""

    def __str__(self) -> str:
        return Exception.__str__(self)


class InvalidDeferredID(error.KernelError):
    """A result was given up by `flush` before it was taken."""


class InvalidClientID(error.KernelError):
    """A client that the controller does not know."""


FileTimeoutError = TimeoutError


class CompositeError(error.CompositeError):
    """What went wrong in one call, on one or more engines.

    `elist` has (ename, evalue, traceback, engine_info) for each; `e[i]` is one of them. `message` names the method.
    """

    def __init__(self, message: str, elist: Any, method: str = "unknown") -> None:
        super().__init__(message, elist)
        self.method = method

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.elist, self.method)

    @property
    def message(self) -> str:
        """The summary: which method failed."""
        return self.msg

    def __getitem__(self, index: int) -> tuple[str, str, str, Mapping[str, Any]]:
        return self.elist[index]

    def __iter__(self) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
        return iter(self.elist)

    def __len__(self) -> int:
        return len(self.elist)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        lines = [
            f"[{info.get('engine_id', '?')}:{self.method}]: {ename}: {evalue}" for ename, evalue, _, info in self.elist
        ]
        return "\n".join([self.msg, *lines])

    def raise_exception(self, excid: int = 0) -> None:
        """Raise error number `excid` as what it was on the engine (RemoteError if its class is not known here).

        IndexError if there is no such error.
        """
        raise original_exception(self._pick(excid))

    def print_tracebacks(self, excid: int | None = None) -> None:
        """Print the remote traceback number `excid` (None: all) on standard error."""
        for number, part in enumerate(self._parts()):
            if excid is None or excid == number:
                print("\n".join(part.render_traceback()), file=sys.stderr)


def original_exception(failure: error.KernelError) -> BaseException:
    """The exception that `failure` reports, as an instance of its own class where that is a built-in one or ours.

    Its attributes `_ipython_traceback_text` and `_ipython_engine_info` tell where it comes from.
    """
    if not isinstance(failure, error.RemoteError) or isinstance(failure, error.CompositeError):
        return failure
    kind = getattr(builtins, failure.ename, None) or getattr(error, failure.ename, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return failure
    try:
        original = kind(failure.evalue)
    except TypeError:  # some built-in errors want more than a text
        return failure
    original.__dict__["_ipython_traceback_text"] = failure.traceback
    original.__dict__["_ipython_engine_info"] = failure.engine_info
    original.__cause__ = failure
    return original


def translated(failure: error.KernelError, method: str) -> error.KernelError:
    """`failure` as this interface reports it: whatever comes from engines is a CompositeError."""
    if isinstance(failure, error.CompositeError):
        elist = failure.elist
    elif isinstance(failure, error.RemoteError):
        elist = [(failure.ename, failure.evalue, failure.traceback, failure.engine_info)]
    elif isinstance(failure, error.TaskAborted):
        elist = [("TaskAborted", str(failure), str(failure), {})]
    else:
        return failure
    return CompositeError(f"one or more exceptions from call to method: {method}", elist, method)
