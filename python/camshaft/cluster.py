"""Cluster: starts a controller and engines on this machine, watches them, and stops them.

    with camshaft.Cluster(n=4) as rc:
        rc[:].apply_sync(os.getpid)

The processes are watched by a C++ thread, and end with this process however it ends, unless `shutdown_atexit` is False.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import os
import random
import string
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import _binaries, foreign_launcher
from .connection import _current_profile, _short

if TYPE_CHECKING:
    from ._core import LocalCluster
    from .client import Client

__all__ = ["Cluster"]

T = TypeVar("T")

_STOP_PATIENCE = 25.0
"""Seconds to wait for a stop: engines and the controller get 5 s each before they are killed."""


class Cluster:
    """A controller and engines on this machine.

    Use it as a context manager, sync or async: it yields a connected `Client` with all engines ready, and stops
    everything at the end. Each coroutine method `m` has a twin `m_sync` that blocks.

    Parameters
    ----------
    n: number of engines; default: as many as this process may use cores.
    profile, profile_dir: where connection files and logs are kept; default: the current IPython profile.
    cluster_id: tells the clusters of one profile apart; default: a fresh one. '' is that of a bare `ipcluster start`.
    engines, controller: how they are started: the name of a launcher ('local', 'mpi', 'ssh', ...), or a launcher class
        of yours; engine_launcher_class and controller_launcher_class are the same. Default: as processes here.
    engine_options, controller_options: options of the launcher, by the original's names: {'mpi_args': ['-v']}.
    engine_timeout: seconds in which all engines must be ready.
    controller_ip, controller_location: address to listen on, and the one to publish.
    controller_args, engine_args: further command-line arguments.
    scheme: how tasks are placed: a name, 'LIBRARY:FUNCTION', 'module:function', or a function of yours
        (see `camshaft.controller`); default: leastload.
    controller_cmd, engine_cmd: other programs; default: our ipcontroller, and `python` -m camshaft.engine.
    python: the interpreter of the engines; default: this one.
    template: fork engines from one process that has imported what they need; a list of names such as ["numpy"] is
        imported there too. False, or another program or interpreter: each engine is a process started afresh.
    environment: variables for controller and engines, in addition to this process's.
    work_dir: folder in which they start.
    send_engines_connection_env: give engines the connection file through their environment.
    shutdown_atexit: stop the cluster when this process ends. If False, it goes on and `from_file` finds it again.
    progress: show engines coming up; default: when somebody watches (a terminal or a notebook).
    delay, load_profile, log_level: accepted for compatibility; they have no effect.
    """

    def __init__(
        self,
        *,
        n: int | None = None,
        profile: str | None = None,
        profile_dir: str | os.PathLike[str] | None = None,
        ipython_dir: str | os.PathLike[str] | None = None,
        cluster_id: str | None = None,
        engines: Any = None,
        controller: Any = None,
        engine_launcher_class: Any = None,
        controller_launcher_class: Any = None,
        engine_options: Mapping[str, Any] | None = None,
        controller_options: Mapping[str, Any] | None = None,
        engine_timeout: float = 60.0,
        controller_timeout: float = 60.0,
        controller_ip: str = "",
        controller_location: str = "",
        controller_args: Sequence[str] = (),
        engine_args: Sequence[str] = (),
        scheme: str | Callable[..., int] | None = None,
        controller_cmd: Sequence[str] | None = None,
        engine_cmd: Sequence[str] | None = None,
        python: str | None = None,
        template: bool | Sequence[str] = True,
        environment: Mapping[str, str] | None = None,
        work_dir: str | os.PathLike[str] = "",
        send_engines_connection_env: bool = True,
        shutdown_atexit: bool = True,
        progress: bool | None = None,
        delay: float = 0.0,
        load_profile: bool = True,
        log_level: int | str = 20,
    ) -> None:
        for short, long in ((engines, engine_launcher_class), (controller, controller_launcher_class)):
            if short is not None and long is not None:
                raise TypeError("give either engines= and controller= or the launcher classes, not both")
        if n is not None and n < 1:
            raise ValueError(f"n={n}: a cluster has at least one engine")
        root = Path(ipython_dir or os.environ.get("IPYTHONDIR") or "~/.ipython").expanduser()
        self.n = n
        self.ipython_dir = str(root.absolute())
        if profile_dir is not None:
            self.profile_dir = str(Path(profile_dir).expanduser().absolute())
        else:
            self.profile_dir = str(root.absolute() / f"profile_{profile or _current_profile()}")
        self.cluster_id = _fresh_id() if cluster_id is None else cluster_id
        self.engine_timeout = engine_timeout
        self.shutdown_atexit = shutdown_atexit
        self.controller_ip = controller_ip
        self.controller_location = controller_location
        self.controller_args = list(controller_args)
        self._options: dict[str, Any] = {
            "engine_args": list(engine_args),
            "environment": list((environment or {}).items()),
            "work_dir": os.fspath(work_dir),
            "controller_timeout": float(controller_timeout),
            "send_connection": send_engines_connection_env,
        }
        launcher = foreign_launcher.chosen
        self._engine_launcher = launcher(engines, engine_launcher_class, engine_options)
        self._controller_launcher = launcher(controller, controller_launcher_class, controller_options, controller=True)
        self._controller_cmd = None if controller_cmd is None else list(controller_cmd)
        if scheme is not None:
            from .controller import command

            program, arguments = command(scheme)
            if program and controller_cmd is not None:
                raise TypeError("give either controller_cmd= or a scheme in Python, which is its own program")
            self._controller_cmd = program or self._controller_cmd
            self.controller_args += arguments
        self._engine_cmd = None if engine_cmd is None else list(engine_cmd)
        self._python = python
        if isinstance(template, str):
            raise TypeError(f"template={template!r}: give True, False, or a list of modules to import once")
        self._options["fork_engines"] = template is not False and engine_cmd is None and python is None
        self._options["template_imports"] = "" if isinstance(template, bool) else ",".join(template)
        self._progress = progress
        self._core: LocalCluster | None = None
        self._attached = False
        self._pid = os.getpid()
        self._client: Client | None = None

    # -- what there is ------------------------------------------------------------------------------------------------

    @property
    def profile(self) -> str:
        """The name of the profile, or its folder when it is outside the IPython folder."""
        folder = Path(self.profile_dir)
        if str(folder.parent) == self.ipython_dir and folder.name.startswith("profile_"):
            return folder.name.removeprefix("profile_")
        return self.profile_dir

    @property
    def cluster_file(self) -> str:
        """The file by which this cluster is found while it runs."""
        return os.path.join(self.profile_dir, "security", f"cluster-{self.cluster_id}.json")

    @property
    def connection_file(self) -> str:
        """The connection file of clients."""
        part = f"{self.cluster_id}-" if self.cluster_id else ""
        return os.path.join(self.profile_dir, "security", f"ipcontroller-{part}client.json")

    @property
    def running(self) -> bool:
        """The controller runs."""
        if self._attached:
            return os.path.exists(self.cluster_file)
        return self._core is not None and self._core.snapshot()["controller"] in ("starting", "running")

    @property
    def engine_sets(self) -> dict[str, dict[int, dict[str, Any]]]:
        """The engine processes that were started: {set id: {index: {'pid', 'log_file', 'exit_code'}}}."""
        if self._core is None:
            return {}
        return {name: one["engines"] for name, one in self._core.snapshot()["sets"].items()}

    @property
    def controller_pid(self) -> int | None:
        """The process id of the controller, None when there is none."""
        process = self._core.snapshot()["controller_process"] if self._core is not None else None
        return process["pid"] if process is not None and process["exit_code"] is None else None

    def _repr_html_(self) -> str:
        from .jupyter.tables import cluster_html

        return cluster_html(self)

    def __repr__(self) -> str:
        where = f"profile={self.profile!r}"
        if os.path.isabs(self.profile):
            where = f"profile_dir={_short(Path(self.profile_dir))!r}"
        state = ", controller=<running>" if self.running else ""
        sets = list(self.engine_sets)
        engine_sets = f", engine_sets={sets}" if sets else ""
        return f"<Cluster(cluster_id={self.cluster_id!r}, {where}{state}{engine_sets})>"

    # -- start --------------------------------------------------------------------------------------------------------

    def start_controller_sync(self) -> None:
        """Start the controller and wait until it is ready. RuntimeError when it runs already or does not come up."""
        self._launch(_binaries.find("ipcontroller") if self._controller_cmd is None else None)
        self._wait(lambda now: now["controller"] == "running", "the controller did not start")

    def start_engines_sync(self, n: int | None = None, engine_set_id: str | None = None) -> str:
        """Start `n` engines and wait until all are ready; returns the name of this set of engines.

        Without a controller of our own, they join the one whose connection files are in the profile. RuntimeError when
        an engine does not come up, with the end of its log.
        """
        if self._core is None:
            self._core = self._make_core([])
            try:
                self._core.adopt_controller()
            except BaseException:
                self._forget_core()
                raise
            self._stop_at_exit()
        name = self._start_set(n, engine_set_id)
        self._await_set(name)
        return name

    def start_cluster_sync(self, n: int | None = None) -> Cluster:
        """Start the controller and `n` engines, and wait until all are ready; returns this Cluster.

        RuntimeError, with the end of the log that explains it, when something does not come up; nothing is left then.
        """
        try:
            self._launch(_binaries.find("ipcontroller") if self._controller_cmd is None else None)
            self._await_set(self._start_set(n, None))
        except BaseException:
            self._abandon()
            raise
        return self

    def start_and_connect_sync(self, n: int | None = None, activate: bool = False) -> Client:
        """`start_cluster_sync`, then connect: a Client with all engines ready. `activate` makes magics use them."""
        self.start_cluster_sync(n)
        try:
            client = self.connect_client_sync()
            if activate:
                client[:].activate()
        except BaseException:
            self._abandon()
            raise
        return client

    def connect_client_sync(self, **options: Any) -> Client:
        """A Client of this cluster; `options` go to `camshaft.Client`."""
        from .client import Client

        return Client(self.connection_file, cluster=self, **options)

    # -- stop ---------------------------------------------------------------------------------------------------------

    def stop_engines_sync(self, engine_set_id: str | None = None) -> None:
        """Stop one set of engines, or all. KeyError for a name that is none."""
        if self._core is None:
            return
        names = self._chosen_sets(engine_set_id)
        for name in names:
            self._core.stop_engines(name)
        deadline = time.monotonic() + _STOP_PATIENCE
        while self._alive(names):
            if time.monotonic() > deadline:
                raise RuntimeError(f"engines of {', '.join(names)} do not stop")
            self._core.wait(self._core.snapshot()["generation"], 0.05)

    def restart_engines_sync(self, engine_set_id: str | None = None) -> None:
        """Stop one set of engines, or all, and start as many again."""
        if self._core is None:
            raise RuntimeError("this cluster is not running: start it first")
        wanted = {name: self._core.snapshot()["sets"][name]["wanted"] for name in self._chosen_sets(engine_set_id)}
        for name, n in wanted.items():
            self.stop_engines_sync(name)
            self.start_engines_sync(n, name)

    def signal_engines_sync(self, signum: int, engine_set_id: str | None = None) -> None:
        """Send a signal to the engine processes of one set, or of all."""
        if self._core is None:
            raise RuntimeError("this cluster is not running: start it first")
        if engine_set_id is not None:
            self._chosen_sets(engine_set_id)
        self._core.signal_engines(int(signum), engine_set_id)

    def stop_cluster_sync(self) -> None:
        """Stop engines and controller; does nothing when nothing runs."""
        if self._attached:
            self._stop_attached()
            return
        core, self._core = self._core, None
        if core is None:
            return
        atexit.unregister(self._exit_hook)
        try:
            core.stop()
            deadline = time.monotonic() + _STOP_PATIENCE
            while not (now := core.snapshot())["stopped"] and time.monotonic() < deadline:
                core.wait(now["generation"], 0.5)
        finally:
            core.close()  # kills what did not stop

    stop_controller_sync = stop_cluster_sync

    # -- the same, awaitable ------------------------------------------------------------------------------------------

    async def start_controller(self) -> None:
        """See `start_controller_sync`."""
        await asyncio.to_thread(self.start_controller_sync)

    async def start_engines(self, n: int | None = None, engine_set_id: str | None = None) -> str:
        """See `start_engines_sync`."""
        return await asyncio.to_thread(self.start_engines_sync, n, engine_set_id)

    async def start_cluster(self, n: int | None = None) -> Cluster:
        """See `start_cluster_sync`."""
        return await asyncio.to_thread(self.start_cluster_sync, n)

    async def start_and_connect(self, n: int | None = None, activate: bool = False) -> Client:
        """See `start_and_connect_sync`."""
        return await asyncio.to_thread(self.start_and_connect_sync, n, activate)

    async def connect_client(self, **options: Any) -> Client:
        """See `connect_client_sync`."""
        return await asyncio.to_thread(functools.partial(self.connect_client_sync, **options))

    async def stop_engines(self, engine_set_id: str | None = None) -> None:
        """See `stop_engines_sync`."""
        await asyncio.to_thread(self.stop_engines_sync, engine_set_id)

    async def restart_engines(self, engine_set_id: str | None = None) -> None:
        """See `restart_engines_sync`."""
        await asyncio.to_thread(self.restart_engines_sync, engine_set_id)

    async def signal_engines(self, signum: int, engine_set_id: str | None = None) -> None:
        """See `signal_engines_sync`."""
        self.signal_engines_sync(signum, engine_set_id)

    async def stop_controller(self) -> None:
        """See `stop_controller_sync`."""
        await asyncio.to_thread(self.stop_controller_sync)

    async def stop_cluster(self) -> None:
        """See `stop_cluster_sync`."""
        await asyncio.to_thread(self.stop_cluster_sync)

    def __enter__(self) -> Client:
        self._client = self.start_and_connect_sync()
        return self._client

    def __exit__(self, *_: object) -> None:
        client, self._client = self._client, None
        try:
            if client is not None:
                client.close()
        finally:
            self.stop_cluster_sync()

    async def __aenter__(self) -> Client:
        starting = asyncio.ensure_future(self.start_and_connect())
        try:
            self._client = await asyncio.shield(starting)
        except asyncio.CancelledError:  # the thread that starts cannot be cancelled: let it finish, then undo it
            starting.add_done_callback(self._undo)
            raise
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.__exit__)

    # -- clusters of others -------------------------------------------------------------------------------------------

    @classmethod
    def from_file(
        cls,
        cluster_file: str | os.PathLike[str] | None = None,
        *,
        profile: str | None = None,
        profile_dir: str | os.PathLike[str] | None = None,
        cluster_id: str = "",
        **options: Any,
    ) -> Cluster:
        """A Cluster that was started elsewhere (`ipcluster start`, another Python): connect to it, or stop it.

        Raises FileNotFoundError when none is recorded there.
        """
        if cluster_file is None:
            cluster_file = cls(profile=profile, profile_dir=profile_dir, cluster_id=cluster_id).cluster_file
        try:
            recorded = json.loads(Path(cluster_file).read_text(encoding="utf-8"))["cluster"]
        except FileNotFoundError:
            raise FileNotFoundError(
                f"no cluster file {os.fspath(cluster_file)!r}: 'ipcluster list' shows which clusters run"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{os.fspath(cluster_file)!r} is no cluster file") from None
        cluster = cls(
            profile_dir=recorded["profile_dir"],
            cluster_id=recorded["cluster_id"],
            shutdown_atexit=False,
            n=recorded.get("n") or None,
            **options,
        )
        cluster._attached = True
        return cluster

    def _stop_attached(self) -> None:
        if not os.path.exists(self.cluster_file):
            return
        which = [f"--profile-dir={self.profile_dir}", f"--cluster-id={self.cluster_id}"]
        command = [_binaries.find("ipcluster"), "stop", *which]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 11):
            raise RuntimeError(done.stderr.strip() or f"ipcluster stop failed with exit code {done.returncode}")

    # -- inside -------------------------------------------------------------------------------------------------------

    def _make_core(self, controller_cmd: list[str]) -> LocalCluster:
        from ._core import LocalCluster

        options = dict(self._options)
        engine_cmd = self._engine_cmd
        if engine_cmd is None:
            python = self._python or sys.executable
            if not python:
                raise RuntimeError("this Python does not know its own program: say which one with Cluster(python=...)")
            engine_cmd = [python, "-m", "camshaft.engine"]
            options["environment"] = [*_package_path(options["environment"]), *options["environment"]]
        return LocalCluster(
            ipython_dir=self.ipython_dir,
            profile_dir=self.profile_dir,
            cluster_id=self.cluster_id,
            controller_cmd=controller_cmd,
            engine_cmd=engine_cmd,
            controller_args=self.controller_args,
            controller_ip=self.controller_ip,
            controller_location=self.controller_location,
            engine_timeout=float(self.engine_timeout),
            outlive=not self.shutdown_atexit,
            engine_launcher=foreign_launcher.rendered(self._engine_launcher, engine_cmd=self._engine_cmd),
            controller_launcher=foreign_launcher.rendered(
                self._controller_launcher, controller_cmd=self._controller_cmd
            ),
            tether_cmd=self._tether_cmd(),
            python_cmd=[self._python or sys.executable],
            **options,
        )

    def _tether_cmd(self) -> list[str]:
        if self._engine_launcher[0] == self._controller_launcher[0] == "local":
            return []
        return [_binaries.find("ipcluster"), "tether"]

    def _launch(self, found: str | None) -> None:
        if self._attached or self.running:
            raise RuntimeError(f"{self!r} runs already")
        self._forget_core()
        self._core = self._make_core([found] if found is not None else self._controller_cmd or [])
        try:
            self._core.start_controller()
        except BaseException:
            self._forget_core()
            raise
        self._stop_at_exit()

    def _start_set(self, n: int | None, name: str | None) -> str:
        assert self._core is not None
        count = n or self.n or len(os.sched_getaffinity(0))
        sets = self._core.snapshot()["sets"]
        if name is None:
            first = name = str(int(time.time()))
            number = 0
            while name in sets:
                number += 1
                name = f"{first}-{number}"
        elif name in sets and self._alive([name]):
            raise RuntimeError(f"engine set {name!r} runs already")
        self._core.start_engines(name, count)
        return name

    def _await_set(self, name: str) -> None:
        self._wait(lambda now: now["sets"][name]["up"], "the engines did not start", watched=name)

    def _wait(self, reached: Callable[[dict[str, Any]], bool], failure: str, watched: str | None = None) -> None:
        """Wait for a state; the C++ side keeps the time limits and reports what fails."""
        core = self._core
        assert core is not None
        latest = core.snapshot()

        def over() -> bool:
            nonlocal latest
            latest = core.snapshot()
            broken = watched is not None and latest["sets"][watched]["failure"]
            return reached(latest) or bool(broken) or latest["controller"] == "after"

        def ready() -> int:
            return latest["sets"][watched]["ready"] if watched is not None else 0

        if watched is not None and self._shows_progress():
            from .progress import show_progress

            total = latest["sets"][watched]["wanted"]
            pause = lambda seconds: core.wait(latest["generation"], seconds)  # noqa: E731
            show_progress("Starting engines", "engine", total, ready, over, pause, 0.1, None)
        else:
            while not over():
                core.wait(latest["generation"], 1.0)
        if reached(latest):
            return
        troubles = latest["troubles"]
        message = troubles[-1] if troubles else failure
        if latest["log_tail"]:
            message += f"\n--- last lines of its log ---\n{latest['log_tail']}"
        raise RuntimeError(message)

    def _shows_progress(self) -> bool:
        if self._progress is not None:
            return self._progress
        if os.environ.get("IPP_NONINTERACTIVE"):
            return False
        notebook = "ipykernel" in sys.modules and "IPython" in sys.modules
        return sys.stderr is not None and (notebook or sys.stderr.isatty())

    def _chosen_sets(self, name: str | None) -> list[str]:
        assert self._core is not None
        sets = self._core.snapshot()["sets"]
        if name is None:
            return list(sets)
        if name not in sets:
            raise KeyError(f"no engine set {name!r}; there are {', '.join(sets) or 'none'}")
        return [name]

    def _alive(self, names: list[str]) -> list[int]:
        assert self._core is not None
        sets = self._core.snapshot()["sets"]
        engines = [engine for name in names for engine in sets[name]["engines"].values()]
        return [engine["pid"] for engine in engines if engine["exit_code"] is None]

    def _abandon(self) -> None:
        """Stop what was started, whatever comes; used when a start fails or is interrupted."""
        try:
            self.stop_cluster_sync()
        finally:
            self._forget_core()

    def _undo(self, started: asyncio.Future[Client]) -> None:
        if not started.cancelled() and started.exception() is None:
            started.result().close()
            self._abandon()

    def _forget_core(self) -> None:
        core, self._core = self._core, None
        if core is not None:
            core.close()

    @functools.cached_property
    def _exit_hook(self) -> Callable[[], None]:
        me = weakref.ref(self)
        pid = self._pid

        def stop_at_exit() -> None:
            cluster = me()
            if cluster is None or cluster._core is None or os.getpid() != pid:
                return
            print(f"Stopping cluster {cluster!r}", file=sys.stderr)
            cluster.stop_cluster_sync()

        return stop_at_exit

    def _stop_at_exit(self) -> None:
        if self.shutdown_atexit:
            atexit.register(self._exit_hook)


def _fresh_id() -> str:
    letters = random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=4)
    return f"{int(time.time())}-{''.join(letters)}"


def _package_path(environment: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """PYTHONPATH for engines, if they might not find this very package otherwise."""
    home = str(Path(__file__).resolve().parents[1])
    if "site-packages" in Path(home).parts or "dist-packages" in Path(home).parts:
        return []
    before = dict(environment).get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    return [("PYTHONPATH", os.pathsep.join(part for part in (home, before) if part))]
