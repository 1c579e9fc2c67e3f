"""LoadBalancedView: tasks that go wherever there is room."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import attrgetter
from typing import Any

from . import demands, onengine
from .asyncresult import AsyncResult
from .dependency import Dependency
from .limits import whole_number
from .mapresult import AsyncMapResult, LazyMapIterator
from .nearest import hint
from .partition import Map, check_iterable
from .recovery import RecoveringResult, RecoveryTask, after_all_failed, chain_of
from .serialize import PrePickled, call_packer, pack_call
from .view import View, apply_reader, check_callable, deliver, full_name_of, name_of

__all__ = ["LoadBalancedView"]


class LoadBalancedView(View):
    """Lets the controller choose an engine for each task.

    Flags beyond those of every view: `follow` (run on an engine where these ran), `after` (run after these; both take
    msg_ids, AsyncResults, Dependency), `timeout` (seconds that a task may wait for them), `retries` (how often to try
    again); and, where the controller is ours:

    - `priority`: an int; tasks with a higher one go first, 0 is usual.
    - `resources`: {'gpu': 1}: amounts of what engines declare in their properties, taken while the task is there.
    - `where`: conditions on the engine's properties, which all must hold: {'host': 'a', 'cores': ('>=', 8)}, a
      Condition made with Property, [name, operator, value] items, or a function of the properties:
      lambda p: p['cores'] >= 8.
    - `time_limit`: seconds that the task may run; then it is interrupted and, after `kill_after` more seconds (default
      5), its engine is killed. It ends with TaskTimeout unless it has `retries`.
    - `recovery_task`: a function, called with the task's arguments, or a RecoveryTask, run when the task has failed.

    `targets` None means any engine. `using` gives a view with other flags, for one call.
    """

    _flag_names = (
        *View._flag_names,
        *("follow", "after", "timeout", "retries"),
        *("priority", "resources", "where", "time_limit", "kill_after", "recovery_task"),
    )

    def __init__(self, client: Any, targets: Any = None, **flags: Any) -> None:
        self.follow: Any = None
        self.after: Any = None
        self.timeout: float | None = None
        self.retries = 0
        self.priority = 0
        self.resources: dict[str, float] | None = None
        self.where: Any = None
        self.time_limit: float | None = None
        self.kill_after: float | None = None
        self.recovery_task: RecoveryTask | Callable[..., Any] | None = None
        self._prepared: tuple[Any, tuple[str | None, str]] | None = None  # (flags and engines, what they gave)
        self._named: dict[tuple[str, str], str] = {}  # (metadata, name of a function): both in one
        super().__init__(client, targets, **flags)

    def set_flags(self, **flags: Any) -> Any:
        """As View.set_flags. TypeError or ValueError, in one line, for a value that its flag cannot have."""
        for name in ("follow", "after"):
            if name in flags:
                flags[name] = _dependency(name, flags[name])
        timeout = flags.get("timeout")
        if timeout is not None:
            if isinstance(timeout, bool) or not isinstance(timeout, int | float):
                raise TypeError(f"timeout must be a number of seconds or None, not {timeout!r}")
            if timeout < 0:
                raise ValueError(f"timeout must not be negative, but is {timeout!r}")
        chain_of(flags.get("recovery_task"))
        return super().set_flags(**{name: demands.read_flag(name, value) for name, value in flags.items()})

    def using(self, **flags: Any) -> LoadBalancedView:
        """A view like this one but for `flags`; its tasks are in the histories of both."""
        view = copy.copy(self)
        view._executor = None
        return view.set_flags(**flags)

    # -- sending ------------------------------------------------------------------------------------------------------

    def _prepare(self) -> tuple[str | None, str]:
        """(codec, metadata as JSON) for the tasks sent now."""
        client = self.client
        client._check_open()
        flags = _flags_of(self)
        if not _ATOMS.issuperset(map(type, flags)):  # what can change in place is read each time
            return self._prepare_anew()
        known = (client._core.generation, *flags)
        if self._prepared is None or self._prepared[0] != known:
            self._prepared = (known, self._prepare_anew())
        return self._prepared[1]

    def _prepare_anew(self) -> tuple[str | None, str]:
        client = self.client
        targets = self.targets
        if targets == "all":
            targets = None
        ids = client._resolve(targets)  # raises when there is no engine
        follow, after = _dependency("follow", self.follow), _dependency("after", self.after)
        metadata = demands.as_metadata(self)
        if metadata.keys() - {"retries"} or self.where is not None:
            client._need_own_controller("a task with priority, resources, where or time_limit")
        if callable(self.where):
            metadata["where"] = [[client._predicates.mark(self.where), "==", True]]
        asked = follow or after or metadata or self.timeout or targets is not None
        if asked and client._core.task_scheme == "pure":
            raise RuntimeError(
                "the controller's task scheme is 'pure', which knows no follow, after, retries, timeout, targets or "
                "other conditions: start it with another one"
            )
        codec = client._codec(None if targets is None else ids)
        if codec:
            metadata["codec"] = codec
        if self.label is not None:
            metadata["label"] = self.label
        if after:
            metadata["after"] = after.as_dict()
        if follow:
            metadata["follow"] = follow.as_dict()
        if self.timeout:
            metadata["timeout"] = self.timeout
        if targets is not None:
            engines = client._engines()
            metadata["targets"] = [engines[number] for number in ids]
        return codec, json.dumps(metadata)

    def _prepare_for(self, f: Any) -> tuple[str | None, str]:
        """As _prepare, with the function's name, by which the controller learns how long its tasks take."""
        codec, metadata = self._prepare()
        if self.label is not None:
            return codec, metadata
        key = (metadata, full_name_of(f))
        named = self._named.get(key)
        if named is None:
            function = json.dumps(key[1].encode("ascii", "backslashreplace").decode())
            named = f'{metadata[:-1]}{", " if len(metadata) > 2 else ""}"function": {function}}}'
            if len(self._named) >= _NAMES_KEPT:
                self._named.clear()
            self._named[key] = named
        return codec, named

    def _known(self) -> dict[str, Any]:
        known = super()._known()
        if self.follow is None and self.after is None:
            return known
        for name in ("follow", "after"):
            value = _dependency(name, getattr(self, name))
            if value:
                known[name] = sorted(value)
        return known

    def _apply(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], block: bool) -> Any:
        short = self._apply_known(f, args, kwargs)
        if short is not None:
            return deliver(short, block)
        check_callable(f)
        if self.recovery_task is not None:
            return deliver(self._apply_with_recovery(f, args, kwargs), block)
        generation = self.client._core.generation
        codec, metadata = self._prepare_for(f)
        buffers = pack_call(f, args, kwargs, codec)
        request = self.client._core.submit("task", "apply_request", "{}", metadata, buffers, track=self.track)
        result = AsyncResult(
            self.client, [request], fname=name_of(f), single=True, reader=apply_reader(codec), known=self._known()
        )
        if codec and self.follow is None and self.after is None and _ATOMS.issuperset(map(type, _flags_of(self))):
            self._learn(f, generation, metadata, None)
        return deliver(self._track(result), block)

    def _apply_with_recovery(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RecoveringResult:
        chain = chain_of(self.recovery_task)
        results: list[AsyncResult] = []
        with self.temp_flags(recovery_task=None):
            results.append(self._apply(f, args, kwargs, False))
            for step in chain:
                flags: dict[str, Any] = {"retries": 0, "follow": None, "timeout": None}
                call = (step, args, kwargs)
                if isinstance(step, RecoveryTask):
                    flags.update(step.flags)
                    call = (step.f, step.args, step.kwargs)
                with self.temp_flags(**flags, after=after_all_failed([r.msg_ids[0] for r in results])):
                    results.append(self._apply(*call, False))
        readers = {result.msg_ids[0]: result._reader for result in results}
        joined = RecoveringResult(
            self.client,
            [result._requests[0] for result in results],
            fname=name_of(f),
            reader=lambda result, request: readers[request.msg_id](result, request),
            known=self._known(),
        )
        self.client._by_id.update(dict.fromkeys(joined.msg_ids, joined))
        return joined

    def _track(self, result: Any) -> Any:
        if callable(self.where):
            self.client._predicates.used(self.where, result)
        return super()._track(result)

    def map(
        self,
        f: Callable[..., Any],
        *sequences: Iterable[Any],
        block: bool | None = None,
        chunksize: int = 1,
        ordered: bool = True,
        return_exceptions: bool = False,
        label: str | None = None,
        bound: bool = False,
        **flags: Any,
    ) -> Any:
        """list(map(f, *sequences)), as tasks of `chunksize` items each. `bound` as for DirectView.map; `flags`
        (priority, where, ...) are for this call.

        Returns the list if it blocks, else an AsyncMapResult, which with `ordered=False` iterates over results as they
        come. The shortest sequence decides; no items give []. Raises NoEnginesRegistered, SerializationError;
        RemoteError or CompositeError when results are read, unless `return_exceptions`.
        """
        assert len(sequences) > 0, "must have some sequences to map onto!"
        check_callable(f)
        f = onengine.interactive(f) if bound else f
        chunksize = whole_number("chunksize", chunksize, 1)
        for sequence in sequences:
            check_iterable(sequence)
        for name in flags:
            if name not in self._flag_names:
                raise TypeError(f"map has no argument {name!r}: {hint(name, (*_MAP_OPTIONS, *self._flag_names))}")
        if flags.get("recovery_task", self.recovery_task) is not None:
            raise ValueError("recovery_task works with apply, not with map: apply the function to each item")
        with self.temp_flags(**flags, label=self.label if label is None else label):
            function = (f if isinstance(f, PrePickled) else PrePickled(f)) if chunksize == 1 else onengine.mapper(f)
            rows = zip(*sequences, strict=False)
            calls = rows if chunksize == 1 else _chunks(rows, chunksize)
            result = self._map_calls(
                function,
                calls,
                fname=name_of(f),
                chunked=chunksize > 1,
                ordered=ordered,
                return_exceptions=return_exceptions,
            )
        return deliver(result, self.block if block is None else block) if isinstance(result, AsyncResult) else result

    def _map_calls(
        self,
        function: PrePickled,
        calls: Iterable[tuple[Any, ...]],
        *,
        fname: str,
        chunked: bool,
        partition: Map | None = None,
        ordered: bool = True,
        return_exceptions: bool = False,
    ) -> AsyncMapResult | list[Any]:
        """One task function(*args) for each args in `calls`."""
        codec, metadata = self._prepare_for(function)
        sizes: list[int] | None = [] if chunked else None
        if sizes is not None:
            calls = _measured(calls, sizes)
        requests = self.client._core.submit_tasks(metadata, map(call_packer(function, codec), calls))
        if not len(requests):
            return []
        return self._track(
            AsyncMapResult(
                self.client,
                requests,
                fname=fname,
                reader=apply_reader(codec),
                known=self._known(),
                partition=(partition or Map()) if chunked else None,
                sizes=sizes,
                ordered=ordered,
                return_exceptions=return_exceptions,
            )
        )

    def imap(
        self,
        f: Callable[..., Any],
        *sequences: Iterable[Any],
        ordered: bool = True,
        max_outstanding: int | str = "auto",
        return_exceptions: bool = False,
    ) -> LazyMapIterator:
        """Iterate over results while the input is still being read; infinite inputs are fine.

        At most `max_outstanding` tasks are under way ('auto': as many as engines; 0: no limit). An error of the input
        is raised where its result would have come.
        """
        assert len(sequences) > 0, "must have some sequences to map onto!"
        check_callable(f)
        for sequence in sequences:
            check_iterable(sequence)
        window = len(self) if max_outstanding == "auto" else whole_number("max_outstanding", max_outstanding, 0)
        function = f if isinstance(f, PrePickled) else PrePickled(f)
        return LazyMapIterator(
            zip(*sequences, strict=False),
            lambda args: self.apply_async(function, *args),
            window if max_outstanding != "auto" else max(1, window),
            ordered=ordered,
            return_exceptions=return_exceptions,
        )

    def register_joblib_backend(self, name: str = "ipyparallel", make_default: bool = False) -> None:
        """Make joblib know this view as the backend `name`. ImportError without joblib."""
        from .joblib import register

        register(name, make_default, view=self)


_flags_of = attrgetter(*(name for name in LoadBalancedView._flag_names if name not in ("block", "track")))
_NAMES_KEPT = 64
_MAP_OPTIONS = ("block", "chunksize", "ordered", "return_exceptions", "label", "bound")
_ATOMS = frozenset({type(None), bool, int, float, str})


def _measured(calls: Iterable[tuple[Any, ...]], sizes: list[int]) -> Iterator[tuple[Any, ...]]:
    """`calls`, noting how many items each has."""
    for args in calls:
        sizes.append(len(args[0]))
        yield args


def _chunks(rows: Iterator[tuple[Any, ...]], size: int) -> Iterator[tuple[Any, ...]]:
    """Rows in groups of `size`, each group as columns."""
    while group := list(islice(rows, size)):
        yield tuple(map(list, zip(*group, strict=False)))


def _dependency(name: str, value: Any) -> Dependency | None:
    if value is None or isinstance(value, Dependency):
        return value
    try:
        return Dependency(value)
    except TypeError:
        raise ValueError(f"{name} must be msg_ids, AsyncResults or a Dependency, not {type(value).__name__}") from None
