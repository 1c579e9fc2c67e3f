"""MultiEngineClient: direct work with engines, as in 2008."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from ..client import Client
from ..direct import DirectView
from ..error import KernelError, NoEnginesRegistered
from ..partition import check_iterable
from . import shipped
from .error import InvalidEngineID, StopLocalExecution
from .remoteblock import block_source
from .results import KnownResult, PendingResult, ResultList, command_result

__all__ = ["MultiEngineClient", "Serialized", "connect", "default_multiengine_address"]

default_multiengine_address = ("127.0.0.1", 10105)
"""Where a controller of 2008 listened. MultiEngineClient() finds the controller by its connection file."""

Address = str | os.PathLike[str] | Sequence[Any] | None


def connect(address: Address, default: tuple[str, int], options: Mapping[str, Any]) -> Client:
    """A Client for the address of a controller: a file, URL or (ip, port). None and `default`: by profile."""
    if address is None or address == default:
        return Client(**options)
    if isinstance(address, str | os.PathLike):
        return Client(address, **options)
    host, port = tuple(address)
    return Client(f"tcp://{host}:{port}", **options)


class Serialized:
    """An object in pickled form, as pull_serialized gives it and push_serialized takes it."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @classmethod
    def of(cls, value: Any) -> Serialized:
        """Pickle `value`."""
        return cls(pickle.dumps(value, 4))

    def unpack(self) -> Any:
        """The object. Only for data that comes from engines you trust."""
        return pickle.loads(self.data)

    def __repr__(self) -> str:
        return f"<Serialized: {len(self.data)} bytes>"


class MultiEngineClient:
    """All engines at once, with one list entry for each engine in every result.

    `block` (True: wait) and `targets` ('all', an id, or ids) are what calls use that do not say otherwise; a call that
    does not wait gives a PendingResult. What fails on engines is raised as CompositeError; an engine that is not there
    as InvalidEngineID.

    Parameters: the connection file, 'tcp://ip:port' or (ip, port) of a controller, or nothing; `client`, a
    camshaft.Client to use; and whatever Client takes (`profile`, `timeout`, ...).
    """

    def __init__(self, address: Address = None, *, client: Client | None = None, **options: Any) -> None:
        self.client = client if client is not None else connect(address, default_multiengine_address, options)
        self.block = True
        self.targets: Any = "all"
        self._commands: dict[int, dict[int, dict[str, Any]]] = {}
        self._pending: list[PendingResult] = []

    # -- engines ------------------------------------------------------------------------------------------------------

    def get_ids(self) -> list[int]:
        """Ids of the engines that are there now."""
        return self.client.ids

    def __len__(self) -> int:
        return len(self.get_ids())

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<MultiEngineClient: {len(self)} engines>"

    def close(self) -> None:
        """Leave the controller."""
        self.client.close()

    def _view(self, targets: Any) -> DirectView:
        wanted = self.targets if targets is None else targets
        try:
            return self.client.direct_view([wanted] if isinstance(wanted, int) else wanted)
        except (KeyError, IndexError) as unknown:
            raise InvalidEngineID(unknown.args[0]) from None
        except NoEnginesRegistered as nobody:
            raise InvalidEngineID(str(nobody)) from None

    def _deliver(
        self, ar: Any, block: bool | None, method: str, shape: Callable[[list[Any]], Any] = list
    ) -> PendingResult | Any:
        pending = PendingResult(ar, method, shape)
        if self.block if block is None else block:
            return pending.get_result()
        self._pending = [one for one in self._pending if not one._taken]
        self._pending.append(pending)
        return pending

    def _call(self, targets: Any, block: bool | None, method: str, f: Any, *args: Any, **kwargs: Any) -> Any:
        return self._deliver(self._view(targets).apply_async(f, *args, **kwargs), block, method)

    # -- commands -----------------------------------------------------------------------------------------------------

    def execute(self, lines: str, targets: Any = None, block: bool | None = None) -> Any:
        """Run code on engines: a ResultList if it blocks, else a PendingResult of one."""
        ar = self._view(targets).execute(lines, silent=False, block=False)
        return self._deliver(ar, block, "execute", self._command_results)

    def run(self, filename: str, targets: Any = None, block: bool | None = None) -> Any:
        """Run the text of a local file on engines, as `execute`."""
        with open(filename, encoding="utf-8") as file:
            return self.execute(file.read(), targets, block)

    def _command_results(self, replies: list[Any]) -> ResultList:
        results = ResultList(command_result(reply) for reply in replies)
        for result in results:
            self._commands.setdefault(result["id"], {})[result["number"]] = result
        return results

    def get_result(self, i: int | None = None, targets: Any = None, block: bool | None = None) -> ResultList:
        """What engines did with command number `i` (None: the last) of this client: a ResultList.

        IndexError if an engine has no such command. Never waits.
        """
        for pending in self._pending:  # what came meanwhile counts
            if pending._method == "execute" and pending.called:
                with contextlib.suppress(KernelError):
                    pending.get_result()
        found = ResultList()
        for engine in self._ids(targets):
            commands = self._commands.get(engine, {})
            number = i if i is not None else max(commands, default=None)
            if number not in commands:
                known = ", ".join(map(str, sorted(commands))) or "none"
                raise IndexError(f"engine {engine} has no result of command {number}: this client knows {known}")
            found.append(commands[number])
        return found

    def _ids(self, targets: Any) -> list[int]:
        wanted = self._view(targets).targets
        return self.get_ids() if wanted == "all" else list(wanted)

    def __enter__(self) -> MultiEngineClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Run the block on the engines, if it began with `remote()`; see `camshaft.kernel.client.remote`."""
        if not isinstance(value, StopLocalExecution) or traceback is None:
            return False
        self.execute(block_source(traceback))
        return True

    # -- data ---------------------------------------------------------------------------------------------------------

    def push(self, ns: Mapping[str, Any], targets: Any = None, block: bool | None = None) -> Any:
        """Set names on engines. A None for each engine. TypeError if `ns` is no mapping."""
        if not isinstance(ns, Mapping):
            raise TypeError(f"push takes a dict of names and values, not {type(ns).__name__}")
        return self._deliver(self._view(targets).push(dict(ns), block=False), block, "push")

    def pull(self, keys: str | Iterable[str], targets: Any = None, block: bool | None = None) -> Any:
        """The value of a name from each engine; for a tuple or list of names, a list from each."""
        names = keys if isinstance(keys, str) else list(keys)
        return self._deliver(self._view(targets).pull(names, block=False), block, "pull")

    def zip_pull(self, keys: str | Iterable[str], targets: Any = None, block: bool | None = None) -> Any:
        """Like `pull`, turned round: for each name, a tuple of the engines' values."""
        if not isinstance(keys, str | list | tuple | set):
            raise TypeError(f"zip_pull takes a name or a list of names, not {keys!r}")
        names = [keys] if isinstance(keys, str) else list(keys)
        ar = self._view(targets).pull(names, block=False)
        return self._deliver(ar, block, "zip_pull", lambda values: list(zip(*values, strict=True)))

    def push_function(
        self, ns: Mapping[str, Callable[..., Any]], targets: Any = None, block: bool | None = None
    ) -> Any:
        """Define functions on engines. TypeError for what is no function."""
        for name, f in ns.items():
            if not callable(f):
                raise TypeError(f"push_function takes functions, but {name} is {type(f).__name__}")
        return self._deliver(self._view(targets).push(dict(ns), block=False), block, "push_function")

    def pull_function(self, keys: str | Iterable[str], targets: Any = None, block: bool | None = None) -> Any:
        """The function of that name from each engine (a list of them for several names)."""
        view = self._view(targets)
        if isinstance(keys, str):
            return self._deliver(view.apply_async(shipped.FUNCTION, keys), block, "pull_function")
        return self._deliver(view.pull(list(keys), block=False), block, "pull_function")

    def push_serialized(self, ns: Mapping[str, Serialized], targets: Any = None, block: bool | None = None) -> Any:
        """Set names on engines to objects that are pickled already."""
        pickles = {name: value.data for name, value in ns.items()}
        return self._call(targets, block, "push_serialized", shipped.LOAD, **pickles)

    def pull_serialized(self, keys: str | Iterable[str], targets: Any = None, block: bool | None = None) -> Any:
        """Like `pull`, with Serialized objects that need not be unpacked here."""
        single = isinstance(keys, str)

        def shape(values: list[Any]) -> list[Any]:
            rows = [[Serialized(bytes(data)) for data in row] for row in values]
            return [row[0] for row in rows] if single else rows

        ar = self._view(targets).apply_async(shipped.DUMP, [keys] if isinstance(keys, str) else list(keys))
        return self._deliver(ar, block, "pull_serialized", shape)

    def keys(self, targets: Any = None, block: bool | None = None) -> Any:
        """The names in each engine's namespace."""
        return self._call(targets, block, "keys", shipped.KEYS)

    def reset(self, targets: Any = None, block: bool | None = None) -> Any:
        """Empty the namespaces of engines. A None for each engine."""
        ids = self._ids(targets)
        ar = self.client.clear(ids, block=False)
        return self._deliver(ar, block, "reset", lambda values: [None] * len(ids)) if ar is not None else None

    def __setitem__(self, key: str, value: Any) -> None:
        self.push({key: value}, block=True)

    def __getitem__(self, key: str) -> Any:
        return self.pull(key, block=True)

    def scatter(
        self, key: str, seq: Any, dist: str = "b", flatten: bool = False, targets: Any = None, block: bool | None = None
    ) -> Any:
        """Divide `seq` among engines under the name `key`. A None for each engine."""
        view = self._view(targets)
        return self._deliver(view.scatter(key, seq, dist=dist, flatten=flatten, block=False), block, "scatter")

    def gather(self, key: str, dist: str = "b", targets: Any = None, block: bool | None = None) -> Any:
        """The parts called `key`, put together in the order of the engines."""
        ar = self._view(targets).gather(key, dist=dist, block=False)
        return self._deliver(ar, block, "gather", lambda whole: whole)

    # -- functions ----------------------------------------------------------------------------------------------------

    def map(self, func: Callable[..., Any], *sequences: Any, targets: Any = None, block: bool | None = None) -> Any:
        """list(map(func, *sequences)), with the items divided among engines."""
        ar = self._view(targets).map(func, *sequences, block=False)
        return ar if isinstance(ar, list) else self._deliver(ar, block, "map")

    def parallel(self, dist: str = "b", targets: Any = None, block: bool | None = None) -> Callable[..., Any]:
        """Decorator: the function, called on sequences, maps over them on engines."""

        def decorate(f: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *sequences: self.map(f, *sequences, targets=targets, block=block)

        return decorate

    # -- waiting, queues ----------------------------------------------------------------------------------------------

    def barrier(self, pending: PendingResult | Iterable[PendingResult]) -> None:
        """Wait until all of these PendingResults are here; raises nothing."""
        check_iterable([] if isinstance(pending, PendingResult) else pending)
        wanted = [pending] if isinstance(pending, PendingResult) else list(pending)
        self.client.wait([one._ar for one in wanted])

    def flush(self) -> None:
        """Give up the results that nobody has taken: their PendingResults raise InvalidDeferredID."""
        for pending in self._pending:
            pending._flush()
        finished = [pending._ar for pending in self._pending if pending.called and not pending._taken]
        self._pending.clear()
        if finished:
            self.client.purge_results(finished)

    clear_pending_results = flush

    def queue_status(self, targets: Any = None) -> list[tuple[int, dict[str, int]]]:
        """(engine id, {'queue', 'tasks', 'completed'}: counts) for each engine."""
        status = self.client.queue_status(self._ids(targets))
        return [(engine, counts) for engine, counts in status.items() if isinstance(engine, int)]

    def clear_queue(self, targets: Any = None) -> None:
        """Drop what engines have not started of this client's calls."""
        self.client.abort(targets=self._ids(targets), block=True)

    def kill(self, controller: bool = False, targets: Any = None) -> None:
        """Stop engines; with `controller`, all of them and the controller."""
        self.client.shutdown("all" if controller else self._ids(targets), hub=controller, block=True)

    # -- properties ---------------------------------------------------------------------------------------------------

    def set_properties(self, properties: Mapping[str, Any], targets: Any = None, block: bool | None = None) -> Any:
        """Set properties of engines, which tasks can ask for. A None for each engine."""
        ids = self._ids(targets)
        self.client.set_properties(properties, ids)
        return self._deliver_now([None] * len(ids), block)

    def get_properties(self, keys: Iterable[str] | None = None, targets: Any = None, block: bool | None = None) -> Any:
        """The properties of each engine (None: all; else those named that it has), as a list of dicts."""
        ids = self._ids(targets)
        found = self.client.engine_properties(ids)
        wanted = None if keys is None else {keys} if isinstance(keys, str) else set(keys)
        rows = [{k: v for k, v in found[engine].items() if wanted is None or k in wanted} for engine in ids]
        return self._deliver_now(rows, block)

    def has_properties(self, keys: str | Iterable[str], targets: Any = None, block: bool | None = None) -> Any:
        """For each engine, a list that says of each of `keys` whether it has that property."""
        names = [keys] if isinstance(keys, str) else list(keys)
        found = self.get_properties(names, targets, block=True)
        return self._deliver_now([[name in one for name in names] for one in found], block)

    def del_properties(self, keys: str | Iterable[str], targets: Any = None, block: bool | None = None) -> Any:
        """Take properties away from engines. A None for each engine."""
        return self.set_properties(dict.fromkeys([keys] if isinstance(keys, str) else keys), targets, block)

    def _deliver_now(self, values: list[Any], block: bool | None) -> Any:
        """What the controller has answered already, in the form that the call asks for."""
        return values if (self.block if block is None else block) else KnownResult(values)

    # -- the shell ----------------------------------------------------------------------------------------------------

    def activate(self, suffix: str = "") -> None:
        """Let the magics %px, %autopx and %result work on this client's engines."""
        view: Any = self._view(None)
        view.activate(suffix)
