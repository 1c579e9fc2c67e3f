"""View: what direct and load-balanced views have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .asyncresult import AsyncResult, Reader, result_of_task
from .limits import at
from .metadata import ExecuteReply, read_metadata
from .nearest import hint
from .records import trim
from .replies import read_p5
from .serialize import PrePickled, Reference, choice, official, p5

if TYPE_CHECKING:
    from ._core import KnownCalls, Request
    from .client import Client
    from .executor import ViewExecutor
    from .mapresult import AsyncMapResult
    from .remotefunction import ParallelFunction, RemoteFunction

    Applied = Callable[..., Any] | Reference | PrePickled

__all__ = ["View"]

_OUTPUT_GRACE = 2.0


class View:
    """Calls functions on engines; made by Client.direct_view, Client.load_balanced_view or indexing a Client.

    Flags (attributes): `block` (wait for results), `track` (know when buffers are sent), `targets`, `label` (stored
    with each task). Set them directly, with `set_flags`, or for a while with `temp_flags`.
    """

    _flag_names: tuple[str, ...] = ("block", "track", "targets", "label")
    _shown_name = "View"

    def __init__(self, client: Client, targets: Any, **flags: Any) -> None:
        self.client = client
        self.targets = targets
        self.block: bool = client.block
        self.track = False
        self.label: str | None = None
        self.history: list[str] = []
        self._executor: ViewExecutor | None = None
        self.set_flags(**flags)

    _calls: KnownCalls | None = None  # functions that were sent with the flags as they are

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in self._flag_names or name == "client":
            object.__setattr__(self, "_calls", None)

    # -- flags --------------------------------------------------------------------------------------------------------

    def set_flags(self, **flags: Any) -> Any:
        """Set several flags; returns the view, for chaining. KeyError for an unknown one."""
        for name in flags:
            if name not in self._flag_names:
                has = hint(name, self._flag_names, f"a {type(self).__name__} has")
                raise KeyError(f"no flag {name!r}: {has}")
        for name, value in flags.items():
            setattr(self, name, value)
        return self

    @contextmanager
    def temp_flags(self, **flags: Any) -> Iterator[None]:
        """Set flags within a `with` statement."""
        saved = {name: getattr(self, name) for name in self._flag_names}
        try:
            self.set_flags(**flags)
            yield
        finally:
            self.set_flags(**saved)

    # -- calls --------------------------------------------------------------------------------------------------------

    def apply(self, f: Applied, /, *args: Any, **kwargs: Any) -> Any:
        """Call f(*args, **kwargs): the result if `block`, else an AsyncResult.

        Functions of `__main__` find their globals in the engine's namespace. Raises NoEnginesRegistered,
        SerializationError; RemoteError or CompositeError when results are read.
        """
        return self._apply(f, args, kwargs, self.block)

    def apply_async(self, f: Applied, /, *args: Any, **kwargs: Any) -> AsyncResult:
        """Like `apply`, never waiting."""
        return self._apply(f, args, kwargs, False)

    def apply_sync(self, f: Applied, /, *args: Any, **kwargs: Any) -> Any:
        """Like `apply`, always waiting."""
        return self._apply(f, args, kwargs, True)

    def _apply(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], block: bool) -> Any:
        raise NotImplementedError

    def map(self, f: Callable[..., Any], *sequences: Any, **options: Any) -> Any:
        """Call f with the items of `sequences`; see the subclasses."""
        raise NotImplementedError

    def map_async(self, f: Callable[..., Any], *sequences: Any, **options: Any) -> AsyncMapResult:
        """Like `map`, never waiting. TypeError for a `block` argument."""
        if "block" in options:
            raise TypeError("map_async doesn't take a `block` keyword argument.")
        return self.map(f, *sequences, block=False, **options)

    def map_sync(self, f: Callable[..., Any], *sequences: Any, **options: Any) -> Any:
        """Like `map`, always waiting. TypeError for a `block` argument."""
        if "block" in options:
            raise TypeError("map_sync doesn't take a `block` keyword argument.")
        return self.map(f, *sequences, block=True, **options)

    def imap(self, f: Callable[..., Any], *sequences: Any, **options: Any) -> Iterator[Any]:
        """Iterate over the results of map_async."""
        return iter(self.map_async(f, *sequences, **options))

    def remote(self, block: bool | None = None, **flags: Any) -> Callable[[Callable[..., Any]], RemoteFunction]:
        """Decorator: the function runs on this view when called."""
        from .remotefunction import remote

        return remote(self, block=block, **flags)

    def parallel(
        self, dist: str = "b", block: bool | None = None, **flags: Any
    ) -> Callable[[Callable[..., Any]], ParallelFunction]:
        """Decorator: the function runs on parts of its sequences, in parallel, when called."""
        from .remotefunction import parallel

        return parallel(self, dist=dist, block=block, **flags)

    # -- sending ------------------------------------------------------------------------------------------------------

    def _apply_known(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AsyncResult | None:
        """The result of f(*args), sent the short way; None unless `f` was learned and all is as it was then."""
        calls = self._calls
        if calls is None or kwargs or not choice.is_default():
            return None
        request = calls.submit(f, args)
        if request is None:
            return None
        label = self.label
        result = result_of_task(self.client, request, f.__name__, None if label is None else {"label": label})
        self._track_task(request.msg_id, result)
        return result

    def _learn(self, f: Any, generation: int, metadata: str, engine: str | None) -> None:
        """Let the next call of `f` take the short way, to `engine` or any, if no change of it can go unseen."""
        if type(f) is not FunctionType:
            return
        pickled = p5.remembered(f)
        if pickled is None:
            return
        if self._calls is None:
            self._calls = self.client._core.known_calls(engine)
        self._calls.learn(f, generation, metadata, pickled)

    def _track(self, result: Any) -> Any:
        self.history += self.client._register(result)
        trim(self.history)
        return result

    def _track_task(self, msg_id: str, result: AsyncResult) -> None:
        """As _track, for a result of one message."""
        self.client._register_task(msg_id, result)
        self.history.append(msg_id)
        trim(self.history)

    def _known(self) -> dict[str, Any]:
        return {"label": self.label} if self.label is not None else {}

    # -- the client's methods, for this view's engines and tasks ------------------------------------------------------

    @property
    def results(self) -> Any:
        """As Client.results."""
        return self.client.results

    @property
    def outstanding(self) -> set[str]:
        """Ids of this view's messages whose replies are not here yet."""
        return self.client.outstanding & set(self.history)

    @property
    def executor(self) -> ViewExecutor:
        """A concurrent.futures.Executor on this view."""
        if self._executor is None or self._executor.is_shut_down:
            from .executor import ViewExecutor

            self._executor = ViewExecutor(self)
        return self._executor

    def wait(self, jobs: Any = None, timeout: float | None = -1) -> bool:
        """As Client.wait; None means all messages of this view."""
        return self.client.wait(self._own(jobs), timeout)

    def spin(self) -> None:
        """As Client.spin."""

    def _own(self, jobs: Any) -> Any:
        if jobs is None:
            return list(self.history)
        return at(self.history, jobs) if isinstance(jobs, int) else jobs

    def abort(self, jobs: Any = None, targets: Any = None, block: bool | None = None) -> Any:
        """As Client.abort; None means what this view has outstanding."""
        return self.client.abort(
            sorted(self.outstanding) if jobs is None else jobs,
            self.targets if targets is None else targets,
            self.block if block is None else block,
        )

    def queue_status(self, targets: Any = None, verbose: bool = False) -> dict[Any, Any]:
        """As Client.queue_status, for the view's engines."""
        return self.client.queue_status(self._wanted(targets), verbose)

    def purge_results(self, jobs: Any = (), targets: Any = ()) -> None:
        """As Client.purge_results."""
        self.client.purge_results(jobs, targets)

    def shutdown(
        self, targets: Any = None, restart: bool = False, hub: bool = False, block: bool | None = None
    ) -> None:
        """As Client.shutdown, for the view's engines."""
        self.client.shutdown(self._wanted(targets), restart, hub, self.block if block is None else block)

    def get_result(self, indices_or_msg_ids: Any = None, block: bool | None = None, owner: bool = False) -> Any:
        """As Client.get_result; indexes are into this view's history (default: its last message)."""
        wanted = -1 if indices_or_msg_ids is None else indices_or_msg_ids
        if isinstance(wanted, int):
            wanted = at(self.history, wanted)
        elif isinstance(wanted, list | tuple):
            wanted = [at(self.history, item) if isinstance(item, int) else item for item in wanted]
        return self.client.get_result(wanted, block=self.block if block is None else block, owner=owner)

    def _wanted(self, targets: Any) -> Any:
        wanted = self.targets if targets is None else targets
        return "all" if wanted is None else wanted

    def __len__(self) -> int:
        if isinstance(self.targets, list):
            return len(self.targets)
        return 1 if isinstance(self.targets, int) else len(self.client)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        text = str(self.targets)
        return f"<{type(self).__name__} {text if len(text) <= 16 else text[:12] + '...]'}>"

    def _repr_html_(self) -> str:
        from .jupyter.tables import view_html

        return view_html(self)


def deliver(result: Any, block: bool) -> Any:
    """The value of `result` if `block`, else `result`; Ctrl-C while waiting hands out `result` itself."""
    if not block:
        return result
    try:
        return result.get()
    except KeyboardInterrupt:
        return result


def check_callable(f: Any) -> None:
    """TypeError unless `f` can be applied."""
    if not (callable(f) or isinstance(f, Reference | PrePickled)):
        raise TypeError(f"must apply a callable or a Reference, not {type(f).__name__}")


def name_of(f: Any) -> str:
    """What to call `f` in messages."""
    if isinstance(f, PrePickled):
        f = f.obj
    if isinstance(f, partial):
        f = f.func
    return getattr(f, "__name__", None) or getattr(f, "name", None) or str(f)


def full_name_of(f: Any) -> str:
    """Module and qualified name of what `f` calls, or of the class of an object without a name."""
    if isinstance(f, PrePickled):
        f = f.obj
    if isinstance(f, partial):
        f = f.func
    if isinstance(f, Reference):
        return f"Reference.{f.name}"
    name = getattr(f, "__qualname__", None)
    if name is None:
        inner = getattr(f, "f", None)
        if callable(inner):  # a dependent function
            return full_name_of(inner)
        f = type(f)
        name = f.__qualname__
    elif name.endswith("<lambda>") and hasattr(f, "__code__"):
        name = f"{name}:{f.__code__.co_firstlineno}"
    return f"{getattr(f, '__module__', None)}.{name}"


def _read_official(_: AsyncResult, request: Request) -> Any:
    return official.unpack_result(request.buffers, None)


def apply_reader(codec: str | None) -> Reader:
    """How to read replies to apply requests sent in `codec`."""
    return _read_official if codec is None else read_p5


def read_execute(result: AsyncResult, request: Request) -> ExecuteReply:
    """How to read replies to execute requests."""
    import json

    if not request.outputs_done:
        result._core.wait([request], _OUTPUT_GRACE, outputs=True)
    metadata = read_metadata(request, result._client._ids_by_uuid(), result._known)
    return ExecuteReply(request.msg_id, json.loads(request.content), metadata)
