"""A view as a concurrent.futures.Executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .asyncresult import AsyncResult
    from .view import View


class ViewExecutor(Executor):
    """Runs calls through `view`. Shutting it down waits for the work and leaves the engines alone."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._max_workers = len(view)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> AsyncResult:  # type: ignore[override]
        """Start fn(*args, **kwargs)."""
        return self.view.apply_async(fn, *args, **kwargs)

    def map(self, func: Callable[..., Any], *iterables: Iterable[Any], **kwargs: Any) -> Iterator[Any]:  # type: ignore[override]
        """Iterate over the results of calls with the items of `iterables`; `timeout` is ignored with a warning."""
        if kwargs.pop("timeout", None) is not None:
            import warnings

            warnings.warn("timeout is ignored by ViewExecutor.map", stacklevel=2)
        kwargs.pop("chunksize", None)
        return self.view.imap(func, *iterables, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for everything submitted, if asked to."""
        if cancel_futures:
            self.view.abort()
        if wait:
            self.view.wait()
