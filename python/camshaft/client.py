"""Client: a connection to a controller and, through it, to the engines."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from . import error
from .arguments import old_arguments
from .asyncresult import AsyncResult
from .connection import read_connection
from .enginewait import EngineWait
from .hubqueries import HubQueries
from .limits import at, limit
from .lowlevel import LowLevel
from .notifier import Notifier
from .oldnames import ClientNames, SessionId
from .records import Held, HeldMetadata, HeldResults, registered
from .targets import choose_codec, other_pythons, resolve
from .taskcontrol import TaskControl
from .tunnels import through

if TYPE_CHECKING:
    from ._core import ClientCore, Request
    from .balanced import LoadBalancedView
    from .broadcast import BroadcastView
    from .direct import DirectView
    from .executor import ViewExecutor
    from .hubresult import AsyncHubResult

__all__ = ["Client"]

_LEAVING = 5.0
"""Seconds that engines get to answer a request to shut down."""


class Client(EngineWait, Held, HubQueries, TaskControl, LowLevel, ClientNames):
    """A connection to a controller.

    `rc[0]`, `rc[:]`, `rc[[1, 3]]` are DirectViews of engines; `rc.load_balanced_view()` lets the controller choose.
    `len(rc)`, `iter(rc)` and `rc.ids` tell which engines there are now. Use it in a `with` statement, or `close` it.

    Parameters
    ----------
    connection_info: path of a client connection file, a dict with its fields, or "tcp://host:port" of a controller of
        ours, with `key` (default: $IPP_SESSION_KEY); default: the file of the profile. A list of those, or of ids of
        clusters, makes a FederatedClient of them all.
    profile, profile_dir, ipython_dir, cluster_id: where that file is looked for.
    timeout: seconds to wait for a missing file, and for the controller's first answer.
    reconnect_timeout: seconds to wait for a controller that was there and is gone; then what is pending fails.
    cluster: the Cluster that owns the engines, if any.
    curve_serverkey: the public key of a controller that encrypts connections; default: the connection file's, else
        $IPP_CURVE_SERVERKEY. This side's pair (`curve_publickey`, `curve_secretkey`) is made afresh: nobody checks it.

    Raises OSError (no connection file), ValueError (not a usable one), TimeoutError (the controller does not answer),
    RuntimeError (it refuses).
    """

    block: bool = False

    def __new__(cls, connection_info: Any = None, *_: Any, **__: Any) -> Client:
        """Several controllers take another class."""
        if cls is Client and isinstance(connection_info, list | tuple):
            from .federation import FederatedClient

            return object.__new__(FederatedClient)
        return object.__new__(cls)

    def __init__(
        self,
        connection_info: str | os.PathLike[str] | Mapping[str, Any] | list[Any] | tuple[Any, ...] | None = None,
        *,
        url_file: str | None = None,
        profile: str | None = None,
        profile_dir: str | os.PathLike[str] | None = None,
        ipython_dir: str | os.PathLike[str] | None = None,
        context: Any = None,
        debug: bool = False,
        sshserver: str | None = None,
        sshkey: str | None = None,
        password: str | None = None,
        paramiko: bool | None = None,
        timeout: float = 10.0,
        reconnect_timeout: float = 60.0,
        cluster_id: str | None = None,
        cluster: Any = None,
        key: str | bytes | None = None,
        curve_serverkey: str | bytes | None = None,
        curve_publickey: str | bytes | None = None,
        curve_secretkey: str | bytes | None = None,
        **extra_args: Any,
    ) -> None:
        connection_info, changes = old_arguments(connection_info, url_file, extra_args, Client.__init__.__annotations__)
        if isinstance(connection_info, list | tuple):
            raise TypeError("several controllers are for camshaft.Client itself, or FederatedClient, not a subclass")
        info = read_connection(
            connection_info,
            profile=profile,
            profile_dir=profile_dir,
            ipython_dir=ipython_dir,
            cluster_id=cluster_id,
            timeout=timeout,
            key=key.decode() if isinstance(key, bytes) else key,
            curve_serverkey=curve_serverkey.decode() if isinstance(curve_serverkey, bytes) else curve_serverkey,
        )
        info |= changes
        if key is not None:
            info["key"] = key.decode() if isinstance(key, bytes) else key
        info, self._tunnel = through(info, sshserver, sshkey, password, timeout)
        core = self._connect(json.dumps(info), timeout, reconnect_timeout)
        self._begin(core, Notifier(core), profile, debug, cluster, timeout)
        self._activate_first()
        mismatch = other_pythons(self._engines())
        if mismatch is not None:
            import warnings

            warnings.warn(mismatch, RuntimeWarning, stacklevel=2)

    __new__.__wrapped__ = __init__  # type: ignore[attr-defined]  # what help() and others show as arguments

    def _begin(
        self, core: ClientCore, notifier: Any, profile: str | None, debug: bool, cluster: Any, timeout: float
    ) -> None:
        """What a client starts with, once it is connected by `core`."""
        self._core = core
        self._notifier = notifier
        self.profile = profile
        self.debug = debug
        self.cluster = cluster
        self.history: list[str] = []
        self._comm_relay: Any = None
        self._timeout = timeout
        self._by_id: dict[str, AsyncResult] = {}
        self._generation = -1
        self._engine_table: dict[int, str] = {}
        self._ids_ever: dict[str, int] = {}
        self._codecs: tuple[int, str | None] = (-1, None)

    @staticmethod
    def _connect(connection: str, timeout: float, reconnect_timeout: float) -> ClientCore:
        from ._core import ClientCore

        return ClientCore(connection, timeout=timeout, reconnect_timeout=reconnect_timeout)

    # -- life ---------------------------------------------------------------------------------------------------------

    def close(self, linger: float | None = None) -> None:
        """Disconnect; what is still pending fails. The engines go on. May be called twice."""
        self._core.close()
        if self._tunnel is not None:
            self._tunnel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        core = self.__dict__.get("_core")
        if core is not None and not sys.is_finalizing():
            core.close()
            if self._tunnel is not None:
                self._tunnel.close()

    @property
    def results(self) -> Mapping[str, Any]:
        """{msg_id: result} of finished messages that nobody has taken; at most some 10,000 are kept so."""
        return HeldResults(self)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """{msg_id: Metadata} of the messages that this client holds."""
        return HeldMetadata(self)

    @property
    def session(self) -> SessionId:
        """The id of this client's session: names it in the controller's records, see `attach`."""
        return SessionId(self._core.session)

    def __repr__(self) -> str:
        state = "closed" if self._core.closed else f"{len(self)} engines"
        return f"<Client: {state}>"

    def _repr_html_(self) -> str:
        from .jupyter.tables import client_html

        return client_html(self)

    # -- engines ------------------------------------------------------------------------------------------------------

    @property
    def ids(self) -> list[int]:
        """Ids of the engines that are registered now, in order."""
        return sorted(self._engines())

    def __len__(self) -> int:
        return len(self._engines())

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[DirectView]:
        for number in self.ids:
            yield self.direct_view(number)

    def __getitem__(self, key: int | slice | Collection[int]) -> DirectView:
        if not (hasattr(key, "__index__") or isinstance(key, slice | tuple | list | range)):
            raise TypeError(f"engines are chosen by int, slice, tuple, list or range, not {type(key).__name__}")
        return self.direct_view(key)

    def _engines(self) -> dict[int, str]:
        generation = self._core.generation
        if generation != self._generation:
            self._engine_table = self._core.engines()
            self._ids_ever.update((uuid, number) for number, uuid in self._engine_table.items())
            self._generation = generation
        return self._engine_table

    def _ids_by_uuid(self) -> dict[str, int]:
        """{uuid: id} of all engines ever seen."""
        self._engines()
        return self._ids_ever

    def _number_in(self, info: dict[str, Any]) -> int:
        """The number of the engine that `info` of an error names."""
        number: int = info["engine_id"]
        return number if number != -1 else self._ids_by_uuid().get(info.get("engine_uuid", ""), -1)

    def _resolve(self, targets: Any) -> list[int]:
        self._check_open()
        return resolve(targets, self._engines())

    def _codec(self, ids: Iterable[int] | None) -> str | None:
        """The codec for requests to the engines `ids`, or to any engine (None)."""
        engines = self._engines()
        if ids is not None:
            return choose_codec((number, engines[number]) for number in ids)
        if self._codecs[0] != self._generation:
            self._codecs = (self._generation, choose_codec(engines.items()))
        return self._codecs[1]

    def _check_open(self) -> None:
        if self._core.closed:
            raise OSError("the client is closed, or its controller was shut down: make a new Client")

    # -- views --------------------------------------------------------------------------------------------------------

    def direct_view(self, targets: Any = "all", **flags: Any) -> DirectView:
        """A view of the engines `targets`; 'all' follows engines that come and go. `flags` as for view.set_flags."""
        from .direct import DirectView

        if isinstance(targets, str) or targets is None:
            if targets is not None and targets.lower() != "all":
                raise TypeError(f"targets must be 'all', an engine id or a collection of ids, not {targets!r}")
            targets = "all"
        else:
            ids = self._resolve(targets)
            targets = ids[0] if hasattr(targets, "__index__") else ids
        return DirectView(self, targets, **flags)

    def broadcast_view(self, targets: Any = "all", is_coalescing: bool = False, **flags: Any) -> BroadcastView:
        """A view of `targets` whose calls leave the client once; `is_coalescing`: so do replies reach it."""
        from .broadcast import BroadcastView

        flags.setdefault("coalescing", is_coalescing)
        return BroadcastView(self, self._resolve(targets), **flags)

    def load_balanced_view(self, targets: Any = None, **flags: Any) -> LoadBalancedView:
        """A view whose tasks go wherever there is room, among `targets` (None or 'all': any engine)."""
        from .balanced import LoadBalancedView

        if isinstance(targets, str) and targets.lower() == "all":
            targets = None
        return LoadBalancedView(self, None if targets is None else self._resolve(targets), **flags)

    def activate(self, targets: Any = "all", suffix: str = "") -> DirectView:
        """Make the %px magics (with `suffix`) work on a blocking view of `targets`; returns that view."""
        view = self.direct_view(targets, block=True)
        view.activate(suffix)
        return view

    def _activate_first(self) -> None:
        """The first client in an IPython session gets the magics."""
        from .display import running_shell

        shell = running_shell()
        if shell is not None and "px" not in shell.magics_manager.magics["line"]:
            self.activate()

    def become_dask(
        self,
        targets: Any = "all",
        port: int = 0,
        nanny: bool = False,
        scheduler_args: dict[str, Any] | None = None,
        **worker_args: Any,
    ) -> Any:
        """Make the engines workers of Dask; returns a distributed.Client for them.

        The scheduler runs on the first of `targets`, at `port` (0: any), a worker of one thread on each.
        `scheduler_args` and `worker_args` go to distributed.Scheduler and distributed.Worker; with `nanny`, workers are
        processes of their own. ImportError where `distributed` is not installed.
        """
        from .dask import become_dask

        return become_dask(self, targets, port, nanny, dict(scheduler_args or {}), worker_args)

    def stop_dask(self, targets: Any = "all") -> None:
        """Stop what become_dask started on `targets`."""
        from .dask import stop_dask

        stop_dask(self, targets)

    become_distributed = become_dask
    stop_distributed = stop_dask

    def executor(self, targets: Any = None, max_workers: int | None = None) -> ViewExecutor:
        """A concurrent.futures.Executor on a load-balanced view of `targets`; see ViewExecutor for `max_workers`."""
        view = self.load_balanced_view(targets)
        if max_workers is None:
            return view.executor
        from .executor import ViewExecutor

        return ViewExecutor(view, max_workers)

    # -- messages -----------------------------------------------------------------------------------------------------

    @property
    def outstanding(self) -> set[str]:
        """Ids of the messages whose replies are not here yet."""
        results = {id(result): result for result in list(self._by_id.values())}
        return {
            msg_id
            for result in results.values()
            for msg_id, request in zip(registered(result), result._requests, strict=False)
            if not request.done
        }

    def _control(
        self, msg_type: str, content: dict[str, Any], targets: Any, fname: str, reader: Callable[..., Any] | None = None
    ) -> AsyncResult:
        engines = self._engines()
        text = json.dumps(content)
        requests = [
            self._core.submit("control", msg_type, text, engine=engines[number]) for number in self._resolve(targets)
        ]
        return AsyncResult(self, requests, fname=fname, single=len(requests) == 1, reader=reader, owner=False)

    def _ask(self, msg_type: str, content: dict[str, Any]) -> tuple[dict[str, Any], list[memoryview]]:
        self._check_open()
        request = self._core.submit("query", msg_type, json.dumps(content))
        longest = max(self._timeout, 30.0)
        if not self._core.wait([request], longest):
            raise error.TimeoutError(
                f"the controller did not answer {msg_type} within {longest:g} s: is it still running?"
            )
        reply = json.loads(request.content)
        if reply.get("status") != "ok":
            raise error.unwrap_exception(reply)
        return reply, request.buffers

    # -- results of others ------------------------------------------------------------------------------------------

    def attach(self, label: Any = None, session: str | None = None) -> AsyncHubResult:
        """The results of all messages with `label`, or of a client's `session`, or both; in the order of submission.

        For what another client has submitted, or an earlier one that is gone. Needs a controller that keeps records.
        ValueError when neither is given; KeyError when the controller has no such message.
        """
        from .saved import attach

        return attach(self, label, session)

    # -- waiting ------------------------------------------------------------------------------------------------------

    def wait(self, jobs: Any = None, timeout: float | None = -1) -> bool:
        """Wait for `jobs`: an index of the history, a msg_id, an AsyncResult, any Future, or a collection of those.

        None: everything outstanding. `timeout` in seconds (negative or None: no limit); False when it passed first.
        """
        requests, futures = self._jobs(jobs)
        longest = limit(timeout)
        start = time.monotonic()
        if not self._core.wait(requests, longest):
            return False
        if futures:
            from concurrent.futures import wait

            left = None if longest is None else max(0.0, longest - (time.monotonic() - start))
            return not wait(futures, left).not_done
        return True

    def wait_interactive(self, jobs: Any = None, interval: float = 1.0, timeout: float | None = -1.0) -> None:
        """Wait like `wait`, with a progress bar."""
        from .progress import show_progress

        requests, _ = self._jobs(jobs)

        def count() -> int:
            return sum(request.done for request in requests)

        def pause(seconds: float) -> None:
            self._core.wait([request for request in requests if not request.done], seconds)

        show_progress(
            "tasks", "tasks", len(requests), count, lambda: count() == len(requests), pause, interval, limit(timeout)
        )

    def _jobs(self, jobs: Any) -> tuple[list[Request], list[Future[Any]]]:
        requests: list[Request] = []
        futures: list[Future[Any]] = []
        if jobs is None:
            for result in {id(result): result for result in self._by_id.values()}.values():
                requests += result._requests
            return requests, futures
        for job in jobs if isinstance(jobs, list | tuple | set | frozenset) else [jobs]:
            if isinstance(job, int):
                job = at(self.history, job)
            if isinstance(job, str):
                found = self._by_id.get(job)
                requests += [found._request(job)] if found is not None else []
            elif isinstance(job, AsyncResult):
                requests += job._requests
            elif isinstance(job, Future):
                futures.append(job)
            else:
                raise TypeError(f"cannot wait for {job!r}: use an AsyncResult, a Future, a msg_id or a history index")
        return requests, futures

    # -- control ------------------------------------------------------------------------------------------------------

    def _finish(self, result: AsyncResult, block: bool | None) -> AsyncResult | None:
        if self.block if block is None else block:
            result.get()
            return None
        return result

    def abort(self, jobs: Any = None, targets: Any = None, block: bool | None = None) -> AsyncResult | None:
        """Drop jobs (msg_ids, AsyncResults; None: all outstanding) that have not started, here or on an engine.

        They end with TaskAborted. Returns None when it blocks, else an AsyncResult. TypeError for other jobs.
        """
        ids: list[str] = []
        if jobs is None:
            ids = sorted(self.outstanding)
        else:
            for job in jobs if isinstance(jobs, Iterable) and not isinstance(jobs, str | AsyncResult) else [jobs]:
                if isinstance(job, str):
                    ids.append(job)
                elif isinstance(job, AsyncResult):
                    ids += job.msg_ids
                else:
                    raise TypeError(f"cannot abort {job!r}: use a msg_id or an AsyncResult")
        self._abort_tasks(ids)
        return self._finish(self._control("abort_request", {"msg_ids": ids}, targets, "abort"), block)

    def clear(self, targets: Any = None, block: bool | None = None) -> AsyncResult | None:
        """Empty the namespaces of engines. Returns None when it blocks, else an AsyncResult."""
        return self._finish(self._control("clear_request", {}, targets, "clear"), block)

    def send_signal(self, sig: int | str, targets: Any = None, block: bool | None = None) -> AsyncResult | None:
        """Send a signal (number, or name such as 'SIGINT') to engines, which get it while they run user code too."""
        sig = int(sig) if isinstance(sig, int) else sig
        return self._finish(self._control("signal_request", {"sig": sig}, targets, "send_signal"), block)

    def shutdown(
        self, targets: Any = "all", restart: bool = False, hub: bool = False, block: bool | None = None
    ) -> None:
        """Stop engines; with `hub`, all of them and the controller, and close this client.

        With `restart`, whoever watches their processes (`ipcluster`, `Cluster`) starts them again, with new ids; a call
        that blocks waits until they are there. RuntimeError when nobody would.
        """
        if restart:
            from .restarting import restart_engines

            if hub:
                raise ValueError("a controller is not restarted by its clients: stop the cluster and start it again")
            restart_engines(self, targets, self.block if block is None else block)
            return
        everything = hub or isinstance(targets, str) or targets is None
        if not everything or self._engines():
            result = self._control("shutdown_request", {"restart": False}, "all" if hub else targets, "shutdown")
            if hub or (self.block if block is None else block):
                # an engine that leaves before its answer arrives has done what it was asked to
                result.wait(_LEAVING if hub else None)
                for failure in (r for r in result._decoded_now() if isinstance(r, error.RemoteError)):
                    if failure.ename != "EngineError":
                        raise failure
        if hub:
            self._ask("shutdown_request", {})
            self.close()
