"""Results of map: one sequence, put together from the replies of many messages."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from . import error
from .asyncresult import AsyncResult, Reader
from .partition import Map

if TYPE_CHECKING:
    from ._core import Request, Requests
    from .client import Client


class AsyncMapResult(AsyncResult):
    """The results of a map, in the order of its items.

    Iteration may start at once: results come as they arrive, in order, or first come first served if `ordered` is
    False. `len` and `progress` count items. With `return_exceptions`, a failed message puts one error in the place of
    its items.
    """

    def __init__(
        self,
        client: Client,
        requests: Sequence[Request] | Requests,
        *,
        fname: str = "unknown",
        reader: Reader | None = None,
        known: dict[str, Any] | None = None,
        partition: Map | None = None,
        sizes: Sequence[int] | None = None,
        ordered: bool = True,
        return_exceptions: bool = False,
    ) -> None:
        """`partition` None: each reply is one item; else each reply is a part with `sizes[i]` items."""
        super().__init__(client, requests, fname=fname, reader=reader, known=known, return_exceptions=return_exceptions)
        self._partition = partition
        self._sizes = sizes
        self._ordered = ordered

    def _assemble(self, outcomes: Sequence[Any]) -> Any:
        if self._partition is None:
            return list(outcomes)
        if self._failed():
            parts = (part if r.status == "ok" else [part] for part, r in zip(outcomes, self._requests, strict=False))
            return list(chain.from_iterable(parts))
        return self._partition.joinPartitions(outcomes)

    def __len__(self) -> int:
        return len(self._requests) if self._sizes is None else sum(self._sizes)

    @property
    def progress(self) -> int:
        """How many items are finished."""
        if self._sizes is None:
            return super().progress
        return sum(size for size, request in zip(self._sizes, self._requests, strict=False) if request.done)

    def _iterate(self) -> Iterator[Any]:
        for request in self._in_order() if self._ordered else self._as_they_come():
            value = self._decode(request)
            if request.status != "ok":
                if not self._return_exceptions:
                    raise value
                yield value
            elif self._partition is None:
                yield value
            else:
                yield from value

    def _in_order(self) -> Iterator[Request]:
        for request in self._requests:
            if not request.done:
                self._core.wait([request])
            yield request

    def _as_they_come(self) -> Iterator[Request]:
        arrived: queue.SimpleQueue[Request] = queue.SimpleQueue()
        pending = 0
        for request in self._requests:
            if request.done:
                arrived.put(request)
            else:
                self._client._notifier.watch(request, arrived.put)
            pending += 1
        for _ in range(pending):
            yield arrived.get()


class LazyMapIterator:
    """Results of a lazy map: takes items from its input only as results are taken from it."""

    def __init__(
        self,
        items: Iterator[Any],
        submit: Callable[[Any], AsyncResult],
        window: int,
        *,
        ordered: bool,
        return_exceptions: bool,
    ) -> None:
        """`submit(item)` sends one task; at most `window` are under way (0: no limit)."""
        self._items = items
        self._submit = submit
        self._window = window
        self._ordered = ordered
        self._return_exceptions = return_exceptions
        self.deadline: float | None = None
        """When to give up waiting for results, by time.monotonic()."""
        self._pending: deque[Any] = deque()
        self._exhausted = False

    def cancel(self) -> None:
        """Take no more input; what was submitted goes on and is still yielded."""
        self._exhausted = True

    def __iter__(self) -> LazyMapIterator:
        return self

    def __next__(self) -> Any:
        self._fill()
        if not self._pending:
            raise StopIteration
        found = self._take()
        if isinstance(found, _InputError):
            raise found.error
        self._fill_one()
        try:
            return found.get(self._left())
        except error.KernelError as failure:
            if self._return_exceptions:
                return failure
            raise

    def _fill(self) -> None:
        while not self._exhausted and (not self._window or len(self._pending) < self._window):
            self._fill_one()

    def _fill_one(self) -> None:
        if self._exhausted:
            return
        try:
            item = next(self._items)
        except StopIteration:
            self._exhausted = True
            return
        except Exception as failure:  # raised again where its result would have come
            self._exhausted = True
            self._pending.append(_InputError(failure))
            return
        self._pending.append(self._submit(item))

    def _take(self) -> Any:
        if self._ordered or isinstance(self._pending[0], _InputError):
            return self._pending.popleft()
        results = [result for result in self._pending if not isinstance(result, _InputError)]
        while True:
            for result in results:
                if result.done():
                    self._pending.remove(result)
                    return result
            left = self._left()
            if not results[0]._core.wait([result._requests[0] for result in results], left, any=True):
                raise error.TimeoutError("Result not ready.")

    def _left(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())


class _InputError:
    def __init__(self, failure: Exception) -> None:
        self.error = failure
