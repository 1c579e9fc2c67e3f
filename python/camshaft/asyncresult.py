"""AsyncResult: the future results of one call on one or several engines."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, Future
from datetime import datetime, timezone
from pickle import loads
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from . import error
from .limits import check_return_when, limit
from .metadata import METADATA_KEYS, OLD_KEYS, Metadata, read_metadata
from .nearest import hint
from .oldnames import NotReady, ResultMethod
from .replies import failure_of, no_value, read_p5

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ._core import Request, Requests
    from .client import Client
    from .streaming import LiveOutput

__all__ = ["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION", "AsyncResult", "Reader"]

Reader = Callable[["AsyncResult", "Request"], Any]
"""Turns the reply of a request that ended well into its value."""

_FUTURE_STATE = frozenset({"_condition", "_state", "_result", "_exception", "_waiters", "_done_callbacks"})
_OUTPUT_GRACE = 2.0
"""Seconds to wait for output that is still under way when a finished result's output is read."""
_birth = threading.Lock()


class AsyncResult(Future):  # type: ignore[type-arg]
    """Results that may not be here yet.

    A `concurrent.futures.Future` (it works with `concurrent.futures.wait`, `as_completed`, `asyncio.wrap_future`), and
    awaitable. What was sent and what came back lives in C++ Requests; the inherited state is built only when somebody
    waits the standard library's way. One engine given as an int yields a value; a list of engines yields a list.
    Metadata fields are attributes and items: `ar.stdout`, `ar['engine_id']`.
    """

    # What a new result has, unless it is told otherwise: see result_of_task.
    _known: Mapping[str, Any] = MappingProxyType({})
    _single = False
    _return_exceptions = False
    _outcomes: Sequence[Any] | None = None
    _ids: list[str] | None = None
    owner = True

    def __init__(
        self,
        client: Client,
        requests: Sequence[Request] | Requests,
        *,
        fname: str = "unknown",
        single: bool = False,
        reader: Reader | None = None,
        known: Mapping[str, Any] | None = None,
        owner: bool = True,
        return_exceptions: bool = False,
    ) -> None:
        # Future.__init__ is left to __getattr__: see _materialise
        self._client = client
        self._core = client._core
        # A tuple, which the garbage collector soon leaves alone, or what ClientCore.submit_tasks gave: a sequence whose
        # items are made when looked at.
        self._requests: Any = tuple(requests) if isinstance(requests, list) else requests
        self._fname = fname
        self._single = single
        self._reader: Reader = reader or no_value
        if known:
            self._known = known
        self.owner = owner
        self._return_exceptions = return_exceptions

    # -- the standard library's Future -------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name in _FUTURE_STATE:
            self._materialise()
            return self.__dict__[name]
        if name in METADATA_KEYS or name in OLD_KEYS:
            return self[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def _materialise(self) -> None:
        with _birth:
            if "_condition" in self.__dict__:
                return
            Future.__init__(self)
        pending = [request for request in self._requests if not request.done]
        if not pending:
            self._finish()
            return
        left = [len(pending)]

        def one_less(_: Request) -> None:
            left[0] -= 1  # only the notifier's thread comes here
            if left[0] == 0:
                self._finish()

        for request in pending:
            self._client._notifier.watch(request, one_less)

    def _finish(self) -> None:
        if self._return_exceptions or not self._failed():
            Future.set_result(self, None)  # the value itself is read when asked for
        else:
            Future.set_exception(self, self._failure())

    def done(self) -> bool:
        """Whether all replies are here."""
        requests = self._requests
        if type(requests) is tuple:
            return all(request.done for request in requests)
        return bool(requests.all_done())

    ready = done

    def running(self) -> bool:
        """Whether a reply is missing."""
        return not self.done()

    def cancelled(self) -> bool:
        """Whether all of it was given up; then `result` raises TaskAborted, which is a CancelledError too."""
        from .taskcontrol import is_aborted

        return self.done() and all(is_aborted(request) for request in self._requests)

    def cancel(self, running: Literal["interrupt", "kill"] | None = None) -> bool:
        """Give up what has not started, in the controller or in an engine: whether that is all of it.

        What runs goes on, and False is returned, unless `running` is 'interrupt' (KeyboardInterrupt in the task) or
        'kill' (SIGKILL to its engine's process). Waits about a second for engines to answer.
        """
        if not self.done():
            self._client.cancel(self, running)
        return self.cancelled()

    def why(self) -> str | list[str]:
        """Where it is: "waiting for 3 engines that ...", "running on engine 3 since 12 s", "finished: ok".

        A text, or one for each message. Asks the controller, which must be ours.
        """
        waiting = [request.msg_id for request in self._requests if not request.done]
        known = self._client.why(waiting) if waiting else {}
        texts = [known.get(request.msg_id) or f"finished: {request.status}" for request in self._requests]
        for index, request in enumerate(self._requests):  # control requests are held by their results alone
            if texts[index].startswith("not known") and request.engine_uuid:
                texts[index] = self._client._sent_to(request.engine_uuid) or texts[index]
        return texts[0] if self._single else texts

    @ResultMethod
    def result(self, timeout: float | None = None) -> Any:
        """Same as `get(timeout)`."""
        return self.get(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The error, or None if all went well. TimeoutError after `timeout` seconds."""
        self._need(timeout)
        if self._return_exceptions or not self._failed():
            return None
        return self._failure()

    def as_completed(self, timeout: float | None = None) -> Iterator[AsyncResult]:
        """One-message AsyncResults, first come first served; TimeoutError unless all come within `timeout` seconds."""
        from concurrent.futures import as_completed

        return as_completed(self._parts(), timeout)  # type: ignore[arg-type,return-value]

    async def __aiter__(self) -> AsyncIterator[Any]:
        """`async for`: what iteration gives, as it arrives. TypeError for a single result."""
        import asyncio

        values, end = iter(self), object()
        while (value := await asyncio.to_thread(next, values, end)) is not end:
            yield value

    def __await__(self) -> Generator[Any, None, Any]:
        import asyncio

        return asyncio.wrap_future(self).__await__()

    # -- waiting ------------------------------------------------------------------------------------------------------

    def wait(self, timeout: float | None = -1, return_when: str | None = None) -> Any:
        """Wait until all is done: True, or False after `timeout` seconds (None or negative: no limit).

        With `return_when` ('FIRST_COMPLETED', 'FIRST_EXCEPTION', 'ALL_COMPLETED'): the sets (done, pending) of
        one-message AsyncResults, as from concurrent.futures.wait. Ctrl-C leaves everything usable.
        """
        if return_when is None:
            return self._core.wait(self._requests, limit(timeout))
        from concurrent.futures import wait

        check_return_when(return_when)
        done, pending = wait(self._parts(), limit(timeout), return_when)
        return set(done), set(pending)

    def wait_for_output(self, timeout: float | None = -1) -> bool:
        """Wait until all stdout, stderr and display output is here too; False after `timeout` seconds."""
        return self._core.wait(self._requests, limit(timeout), outputs=True)

    def _need(self, timeout: float | None) -> None:
        requests = self._requests
        if type(requests) is tuple and len(requests) == 1 and requests[0].done:
            return
        if not self._core.wait(self._requests, limit(timeout)):
            raise error.TimeoutError("Result not ready.")

    @property
    def sent(self) -> bool:
        """Whether the messages have left: buffers that were sent may be changed again."""
        return all(request.sent for request in self._requests)

    def wait_for_send(self, timeout: float | None = -1) -> bool:
        """Wait until `sent`. TimeoutError after `timeout` seconds (None or negative: no limit)."""
        longest = limit(timeout)
        deadline = None if longest is None else time.monotonic() + longest
        pause = 0.0001
        while not self.sent:
            if deadline is not None and time.monotonic() > deadline:
                raise error.TimeoutError("Still waiting to be sent")
            time.sleep(pause)
            pause = min(pause * 2, 0.01)
        return True

    wait_on_send = wait_for_send

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, finished or not: `camshaft.load_result(path, rc)` takes it up again, in any process."""
        from .saved import save_result

        save_result(self, path)

    # -- results ------------------------------------------------------------------------------------------------------

    def get(
        self, timeout: float | None = None, return_exceptions: bool | None = None, return_when: str | None = None
    ) -> Any:
        """The result: a value for one engine, else a list in the order of the targets.

        Raises TimeoutError after `timeout` seconds (None: no limit); RemoteError if one call failed, CompositeError if
        several calls were made and any failed. `return_exceptions=True` puts error objects in the places of results.
        `return_when='FIRST_EXCEPTION'` raises as soon as one call has failed.
        """
        if return_when is not None:
            check_return_when(return_when)
        if return_when == FIRST_EXCEPTION and not self.done():
            done, pending = self.wait(-1 if timeout is None else timeout, FIRST_EXCEPTION)
            if pending and any(part.exception() for part in done):
                errors = [failure for failure in (part.exception() for part in done) if failure is not None]
                if len(errors) > 1:
                    error.collect_exceptions(errors, self._fname)
                raise errors[0]
        elif return_when == FIRST_COMPLETED:
            import warnings

            warnings.warn("get() ignores return_when=FIRST_COMPLETED", UserWarning, stacklevel=2)
        self._need(timeout)
        if type(self) is AsyncResult and self._reader is read_p5 and self._single:
            request = self._requests[0]
            small = request.small_result  # most results are one small pickle
            if small is not None:
                if self._outcomes is None:
                    self._outcomes = (loads(small),)
                    if self.owner:
                        self._client._forget_task(request.msg_id, self)
                return self._outcomes[0]
        outcomes = self._decoded()
        if return_exceptions is None:
            return_exceptions = self._return_exceptions
        if not return_exceptions and self._failed():
            raise self._failure()
        return self._assemble(outcomes)

    @property
    def r(self) -> Any:
        """get(), as a property."""
        return self.get()

    def successful(self) -> bool:
        """Whether it ended without an error. RuntimeError while it is not done."""
        if not self.done():
            raise NotReady("Cannot check successful() if not done.")
        return not self._failed()

    def _failed(self) -> bool:
        requests = self._requests
        if type(requests) is tuple:
            return requests[0].status != "ok" if len(requests) == 1 else any(one.status != "ok" for one in requests)
        return not requests.all_ok()

    def _decode(self, request: Request) -> Any:
        status = request.status
        if status == "ok":
            return self._reader(self, request)
        return failure_of(request, self._client)

    def _decoded(self) -> Sequence[Any]:
        if self._outcomes is None:
            self._outcomes = self._decode_all()
            if self.owner:
                self._client._forget(self)
        return self._outcomes

    def _decode_all(self) -> list[Any]:
        decode, requests = self._decode, self._requests
        if type(requests) is tuple or self._reader is not read_p5:
            return [decode(request) for request in requests]
        # Most results are one small pickle: those need no Request.
        return [
            decode(requests[n]) if small is None else loads(small) for n, small in enumerate(requests.small_results())
        ]

    def _decoded_now(self) -> list[Any]:
        return [self._decode(request) for request in self._requests if request.done]

    def _failure(self) -> BaseException:
        """The error to raise; only when done and failed."""
        failures = [failure_of(request, self._client) for request in self._requests if request.status != "ok"]
        if self._single:
            return failures[0]
        try:
            error.collect_exceptions(failures, self._fname)
        except error.CompositeError as composite:
            return composite
        raise AssertionError("no failure to collect")

    def _assemble(self, outcomes: Sequence[Any]) -> Any:
        return outcomes[0] if self._single else list(outcomes)

    def get_dict(self, timeout: float | None = -1) -> dict[int, Any]:
        """{engine id: result}. ValueError when one engine ran several parts; else as `get`."""
        results = self.get(limit(timeout))
        ids = [metadata["engine_id"] for metadata in self._metadata()]
        if len(set(ids)) < len(ids):
            raise ValueError("results cannot be keyed by engine: some engine ran several parts")
        return dict(zip(ids, [results] if self._single else results, strict=False))

    @property
    def result_dict(self) -> dict[int, Any]:
        """get_dict(), as a property."""
        return self.get_dict()

    def __len__(self) -> int:
        return len(self._requests)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        if self._single:
            raise TypeError("AsyncResults with a single result are not iterable.")
        return self._iterate()

    def _iterate(self) -> Iterator[Any]:
        for request in self._requests:
            if not request.done:
                self._core.wait([request])
            value = self._decode(request)
            if isinstance(value, error.KernelError) and request.status != "ok" and not self._return_exceptions:
                raise value
            yield value

    def __getitem__(self, key: int | slice | str) -> Any:
        if isinstance(key, int | slice):
            self._need(0)
            outcomes = self._decoded()
            if isinstance(key, int) and not -len(outcomes) <= key < len(outcomes):
                raise IndexError(f"no result {key}: there are {len(outcomes)}")
            picked = list(outcomes[key]) if isinstance(key, slice) else [outcomes[key]]
            if not self._return_exceptions:
                for value, request in zip(picked, self._requests[key] if isinstance(key, slice) else (), strict=False):
                    if request.status != "ok":
                        raise value
                if isinstance(key, int) and self._requests[key].status != "ok":
                    raise picked[0]
            return picked if isinstance(key, slice) else picked[0]
        if isinstance(key, str):
            if key not in METADATA_KEYS and key not in OLD_KEYS:
                raise KeyError(f"no field {key!r} in metadata: {hint(key, sorted(METADATA_KEYS))}")
            values = [metadata[key] for metadata in self._metadata()]
            return values[0] if self._single else values
        raise TypeError(f"keys are int, slice or str, not {type(key).__name__}")

    # -- what is known about the requests -----------------------------------------------------------------------------

    @property
    def msg_ids(self) -> list[str]:
        """The id of each message."""
        if self._ids is None:
            requests = self._requests
            self._ids = [request.msg_id for request in requests] if type(requests) is tuple else requests.msg_ids()
        return list(self._ids)

    def _request(self, msg_id: str) -> Request:
        return self._requests[self.msg_ids.index(msg_id)]

    def _part(self, msg_id: str) -> AsyncResult:
        """The result of one message alone."""
        if len(self._requests) == 1 and self._single:
            return self
        return self._one(self._request(msg_id))

    @property
    def metadata(self) -> Metadata | list[Metadata]:
        """Metadata: one for a single result, else a list. Available, if incomplete, before the result is."""
        found = self._metadata()
        return found[0] if self._single else found

    def _metadata(self) -> list[Metadata]:
        if self.done() and not all(request.outputs_done for request in self._requests):
            self._core.wait(self._requests, _OUTPUT_GRACE, outputs=True)
        ids = self._client._ids_by_uuid()
        return [read_metadata(request, ids, self._known) for request in self._requests]

    @property
    def progress(self) -> int:
        """How many items are finished."""
        requests = self._requests
        return sum([request.done for request in requests]) if type(requests) is tuple else int(requests.done_count())

    @property
    def elapsed(self) -> float:
        """Seconds since the first message was sent; once all is done, the same as `wall_time`."""
        if self.done():
            return self.wall_time
        first = min(metadata["submitted"] for metadata in self._metadata())
        return (datetime.now(timezone.utc) - first).total_seconds()

    @property
    def serial_time(self) -> float:
        """Seconds of work: the sum of (completed - started) over all tasks. TimeoutError before all is done."""
        self._need(0)
        spans = [(m["started"], m["completed"]) for m in self._metadata()]
        return sum((end - start).total_seconds() for start, end in spans if start and end)

    @property
    def wall_time(self) -> float:
        """Seconds from the first submission to the last reply. TimeoutError before all is done."""
        self._need(0)
        metadata = self._metadata()
        received = max(m["received"] or m["completed"] or m["submitted"] for m in metadata)
        return (received - min(m["submitted"] for m in metadata)).total_seconds()

    @property
    def speedup(self) -> float:
        """serial_time / wall_time. TimeoutError before all is done."""
        return self.serial_time / self.wall_time

    @property
    def efficiency(self) -> float:
        """speedup / engines that took part: 1.0 when all worked all the time. TimeoutError before all is done."""
        engines = {metadata["engine_uuid"] for metadata in self._metadata()}
        return self.speedup / max(1, len(engines))

    def timedelta(
        self,
        start: datetime | Iterable[datetime],
        end: datetime | Iterable[datetime],
        start_key: Callable[[Iterable[datetime]], datetime] = min,
        end_key: Callable[[Iterable[datetime]], datetime] = max,
    ) -> float:
        """Seconds between two stamps; of several, `start_key` and `end_key` choose (the first and the last)."""
        first = start if isinstance(start, datetime) else start_key(start)
        last = end if isinstance(end, datetime) else end_key(end)
        return (last - first).total_seconds()

    # -- acting on it -------------------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Ask the engines to drop what has not started: it ends with TaskAborted. RuntimeError when all is done."""
        if self.done():
            raise RuntimeError("Can't abort, I am already done!")
        self._client.abort(self.msg_ids, block=True)

    def split(self) -> tuple[AsyncResult, ...]:
        """One AsyncResult for each message (this one, if it has one message)."""
        return (self,) if len(self._requests) == 1 else tuple(self._parts())

    def _parts(self) -> list[AsyncResult]:
        return [self._one(request) for request in self._requests]

    def _one(self, request: Request) -> AsyncResult:
        return AsyncResult(
            self._client,
            [request],
            fname=self._fname,
            single=True,
            reader=self._reader,
            known=self._known,
            owner=False,
            return_exceptions=self._return_exceptions,
        )

    @classmethod
    def join(cls, *results: AsyncResult) -> AsyncResult:
        """One AsyncResult with the messages of all `results` (of one client). ValueError when there are none."""
        if not results:
            raise ValueError("Can't join zero results")
        readers = {request.msg_id: result._reader for result in results for request in result._requests}
        first = results[0]
        return AsyncResult(
            first._client,
            [request for result in results for request in result._requests],
            fname=first._fname,
            reader=lambda result, request: readers[request.msg_id](result, request),
            known=first._known,
            owner=False,
        )

    def wait_interactive(
        self,
        interval: float = 0.1,
        timeout: float | None = -1,
        widget: bool | None = None,
        return_when: str = ALL_COMPLETED,
    ) -> None:
        """Show a progress bar (tqdm, if installed) until done, for at most `timeout` seconds.

        ValueError for a bad `return_when`.
        """
        from .progress import show_progress

        check_return_when(return_when)

        def over() -> bool:
            if return_when == FIRST_COMPLETED:
                return any(request.done for request in self._requests)
            if return_when == FIRST_EXCEPTION and any(r.status in ("error", "aborted") for r in self._requests):
                return True
            return self.done()

        def pause(seconds: float) -> None:
            pending = [request for request in self._requests if not request.done]
            self._core.wait(pending, seconds)

        show_progress(self._fname, "tasks", len(self), lambda: self.progress, over, pause, interval, limit(timeout))

    def display_outputs(self, groupby: Literal["type", "engine", "order"] = "type", result_only: bool = False) -> None:
        """Print stdout and stderr, and show display output and results, headed by the engine they come from.

        `groupby`: 'type' (all stdout, all stderr, then the rest), 'engine', or 'order' (first outputs first).
        TimeoutError before all is done; ValueError for another `groupby`.
        """
        from .display import display_outputs
        from .jupyter.comms import relay_comms

        self._need(0)
        self.wait_for_output(_OUTPUT_GRACE)
        relay_comms(self._client, self._requests)
        display_outputs(self._metadata(), self._single, groupby, result_only)

    def stream_output(self, errors: bool = True, seen: bool = False) -> AbstractContextManager[LiveOutput]:
        """Within the `with` statement, output is shown here while engines produce it.

        stdout and stderr come under headers `[stdout:ID]`, displays under `[output:ID]`; what many engines say alike is
        shown once. With `errors`, remote tracebacks are shown too (whole ones for the first `CompositeError.tb_limit`).
        What came before is shown first, unless `seen` says that it was shown already.
        """
        from .streaming import stream_output

        return stream_output(self, errors, seen)

    def __repr__(self) -> str:
        state = "pending" if not self.done() else "failed" if self._failed() else "finished"
        return f"<{type(self).__name__}({self._fname}): {state}>"

    def _repr_html_(self) -> str:
        from .jupyter.tables import result_html

        return result_html(self)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *METADATA_KEYS})


def result_of_task(client: Client, request: Request, fname: str, known: Mapping[str, Any] | None) -> AsyncResult:
    """The AsyncResult of one load-balanced task in our own codec, at the least cost."""
    result = _new(AsyncResult)
    result._client = client
    result._core = client._core
    result._requests = (request,)
    result._fname = fname
    result._reader = read_p5
    result._single = True
    if known:
        result._known = known
    return result


_new = object.__new__
