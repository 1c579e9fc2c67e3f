"""A view as a concurrent.futures.Executor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from .mapresult import LazyMapIterator

if TYPE_CHECKING:
    from .asyncresult import AsyncResult
    from .view import View


class ViewExecutor(Executor):
    """Runs calls through `view`. Shutting it down waits for its work and leaves the engines alone.

    `max_workers` bounds how many calls of a `map` are under way (default: one for each engine of the view). Exceptions
    of calls are RemoteErrors, and instances of the built-in class that was raised too.
    """

    def __init__(self, view: View, max_workers: int | None = None) -> None:
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        self.view = view
        self.is_shut_down = False
        self._max_workers = max_workers or len(view)
        self._bounded = max_workers is not None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> AsyncResult:  # type: ignore[override]
        """Start fn(*args, **kwargs). RuntimeError after `shutdown`."""
        self._check_open()
        return self.view.apply_async(fn, *args, **kwargs)

    def map(  # type: ignore[override]
        self,
        func: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **options: Any,
    ) -> Iterator[Any]:
        """Iterate over the results of calls with the items of `iterables`, which are read as results are taken.

        `chunksize` items make one task; the iterator raises TimeoutError when a result is not there `timeout` seconds
        after this call. RuntimeError after `shutdown`.
        """
        self._check_open()
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if chunksize > 1:
            return iter(self.view.map_async(func, *iterables, chunksize=chunksize))
        if self._bounded:
            options.setdefault("max_outstanding", self._max_workers)
        results = self.view.imap(func, *iterables, **options)
        if timeout is not None and isinstance(results, LazyMapIterator):
            results.deadline = time.monotonic() + timeout
        return results

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; wait for those submitted, if asked to, or take back what has not started."""
        self.is_shut_down = True
        if cancel_futures and self.view.outstanding:
            self.view.abort(block=True)
        if wait:
            self.view.wait()

    def _check_open(self) -> None:
        if self.is_shut_down:
            raise RuntimeError("cannot schedule new futures after shutdown")
