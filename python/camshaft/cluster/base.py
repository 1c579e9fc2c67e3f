"""What every part of a Cluster stands on: its options, what is known of its processes, and the thread behind them."""

from __future__ import annotations

import os
import random
import string
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _binaries, foreign_launcher
from ..connection import _current_profile, _short
from ..limits import whole_number
from ..nearest import hint
from ..progress import by_default
from .configured import settings
from .notices import ExitCallback, Watch
from .processes import lives, processes_of, read_record

if TYPE_CHECKING:
    from .._core import LocalCluster
    from ..client import Client
    from .scaling import Adaptation

STOP_PATIENCE = 25.0
"""Seconds to wait for a stop: engines and the controller get 5 s each before they are killed."""
ENGINE_TIMEOUT = 60.0
"""Seconds for engines to come up, where they do not wait in a queue."""
_A_YEAR = 365 * 86400.0
GRACE = 5.0
"""Seconds between asking a process to stop and killing it."""


class ClusterBase:
    """Options and state of a Cluster."""

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
        engine_timeout: float | None = None,
        wait_for: bool | int = True,
        controller_timeout: float = 60.0,
        controller_ip: str = "",
        controller_location: str = "",
        controller_args: Sequence[str] = (),
        engine_args: Sequence[str] = (),
        scheme: str | Callable[..., int] | None = None,
        controller_cmd: Sequence[str] | None = None,
        engine_cmd: Sequence[str] | None = None,
        python: str | None = None,
        restart_engines: bool | int = False,
        template: bool | Sequence[str] = True,
        environment: Mapping[str, str] | None = None,
        work_dir: str | os.PathLike[str] = "",
        send_engines_connection_env: bool | None = None,
        shutdown_atexit: bool = True,
        progress: bool | None = None,
        delay: float = 0.0,
        load_profile: bool = True,
        config: Any = None,
        log_level: int | str = 20,
        parent: Any = None,
        log: Any = None,
        **unknown: Any,
    ) -> None:
        for name in unknown:
            known = ClusterBase.__init__.__annotations__
            raise TypeError(f"Cluster() has no argument {name!r}: {hint(name, known)}")
        for short, long in ((engines, engine_launcher_class), (controller, controller_launcher_class)):
            if short is not None and long is not None:
                raise TypeError("give either engines= and controller= or the launcher classes, not both")
        root = Path(ipython_dir or os.environ.get("IPYTHONDIR") or "~/.ipython").expanduser()
        self.ipython_dir = str(root.absolute())
        if profile_dir is not None:
            self.profile_dir = str(Path(profile_dir).expanduser().absolute())
        else:
            self.profile_dir = str(root.absolute() / f"profile_{profile or _current_profile()}")
        self.cluster_id = _fresh_id() if cluster_id is None else cluster_id
        values = settings(config, self.profile_dir, load_profile)

        def trait(name: str, given: Any, default: Any) -> Any:
            """What was said: by the caller, else by configuration."""
            return given if given not in (None, "", ()) else values.get(f"Cluster.{name}") or default

        self.n: int | None = n if n is not None else values.get("Cluster.n")
        if self.n is not None:
            self.n = whole_number("n, the number of engines,", self.n, 1)
        self.engine_timeout = float(trait("engine_timeout", engine_timeout, ENGINE_TIMEOUT))
        self.wait_for = wait_for if isinstance(wait_for, bool) else whole_number("wait_for", wait_for, 0)
        self.shutdown_atexit = shutdown_atexit
        self.load_profile, self.delay, self.log_level = load_profile, delay, log_level  # as they were given
        self.controller_ip: str = trait("controller_ip", controller_ip, "")
        self.controller_location: str = trait("controller_location", controller_location, "")
        self.controller_args: list[str] = list(trait("controller_args", controller_args, ()))
        if send_engines_connection_env is None:
            send_engines_connection_env = bool(values.get("Cluster.send_engines_connection_env", True))
        self.send_engines_connection_env = send_engines_connection_env
        self._options: dict[str, Any] = {
            "engine_args": list(engine_args),
            "environment": list((environment or {}).items()),
            "work_dir": os.fspath(work_dir),
            "controller_timeout": float(controller_timeout),
            "send_connection": send_engines_connection_env,
        }
        launcher = foreign_launcher.chosen
        self._engine_launcher = launcher(engines, engine_launcher_class, engine_options, configured=values)
        self._controller_launcher = launcher(
            controller, controller_launcher_class, controller_options, controller=True, configured=values
        )
        self._controller_cmd = None if controller_cmd is None else list(controller_cmd)
        if scheme is not None:
            from ..controller import command

            program, arguments = command(scheme)
            if program and controller_cmd is not None:
                raise TypeError("give either controller_cmd= or a scheme in Python, which is its own program")
            self._controller_cmd = program or self._controller_cmd
            self.controller_args += arguments
        self._engine_cmd = None if engine_cmd is None else list(engine_cmd)
        self._python = python
        self._options["restart_engines"] = 5 if restart_engines is True else int(restart_engines)
        if isinstance(template, str):
            raise TypeError(f"template={template!r}: give True, False, or a list of modules to import once")
        self._options["fork_engines"] = template is not False and engine_cmd is None and python is None
        self._options["template_imports"] = "" if isinstance(template, bool) else ",".join(template)
        self._progress = progress
        self._core: LocalCluster | None = None
        self._watch: Watch | None = None
        self._exit_callbacks: list[ExitCallback] = []
        self._steward_client: Client | None = None
        self._adaptation: Adaptation | None = None
        self._lock = threading.RLock()  # guards the steward and the adaptation
        self._scaling = threading.Lock()  # held by the one who scales
        self._attached = False  # it was started elsewhere, and its file tells about it
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
    def engine_launcher_class(self) -> str:
        """The name of the launcher of engines."""
        return self._engine_launcher[0]

    @property
    def controller_launcher_class(self) -> str:
        """The name of the launcher of the controller."""
        return self._controller_launcher[0]

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
            return lives(self._recorded()[0])
        return self._core is not None and self._core.snapshot()["controller"] in ("starting", "running")

    @property
    def engine_sets(self) -> dict[str, dict[int, dict[str, Any]]]:
        """The engine processes that were started: {set id: {index: {'pid', 'log_file', 'exit_code'}}}."""
        recorded: dict[str, dict[int, dict[str, Any]]] = {}
        if self._attached:
            for name, members in self._recorded()[1].items():
                recorded[name] = {
                    index: {"pid": state["pid"], "log_file": state.get("output_file", ""), "exit_code": None}
                    for index, state in members.items()
                    if lives(state)
                }
        if self._core is None:
            return recorded
        return recorded | {name: one["engines"] for name, one in self._core.snapshot()["sets"].items()}

    @property
    def controller_pid(self) -> int | None:
        """The process id of the controller, None when there is none."""
        if self._attached:
            state, _ = self._recorded()
            return state["pid"] if state is not None and lives(state) else None
        process = self._core.snapshot()["controller_process"] if self._core is not None else None
        return process["pid"] if process is not None and process["exit_code"] is None else None

    def _recorded(self) -> tuple[dict[str, Any] | None, dict[str, dict[int, dict[str, Any]]]]:
        """What the cluster file says of processes: the controller's state and {set: {index: state}}."""
        try:
            return processes_of(read_record(self.cluster_file))
        except (FileNotFoundError, ValueError):
            return None, {}

    def __repr__(self) -> str:
        where = f"profile={self.profile!r}"
        if os.path.isabs(self.profile):
            where = f"profile_dir={_short(Path(self.profile_dir))!r}"
        state = ", controller=<running>" if self.running else ""
        sets = list(self.engine_sets)
        engine_sets = f", engine_sets={sets}" if sets else ""
        return f"<Cluster(cluster_id={self.cluster_id!r}, {where}{state}{engine_sets})>"

    # -- inside -------------------------------------------------------------------------------------------------------

    def _make_core(self, controller_cmd: list[str]) -> LocalCluster:
        from .._core import LocalCluster

        options = dict(self._options)
        engine_cmd = self._engine_cmd
        if engine_cmd is None:
            python = self._python or sys.executable
            if not python:
                raise RuntimeError("this Python does not know its own program: say which one with Cluster(python=...)")
            engine_cmd = [python, "-m", "camshaft.engine"]
            options["environment"] = [*_package_path(options["environment"]), *options["environment"]]
        core = LocalCluster(
            ipython_dir=self.ipython_dir,
            profile_dir=self.profile_dir,
            cluster_id=self.cluster_id,
            controller_cmd=controller_cmd,
            engine_cmd=engine_cmd,
            controller_args=self.controller_args,
            controller_ip=self.controller_ip,
            controller_location=self.controller_location,
            engine_timeout=self.engine_timeout if self.wait_for is True else _A_YEAR,
            outlive=not self.shutdown_atexit,
            engine_launcher=foreign_launcher.rendered(self._engine_launcher, engine_cmd=self._engine_cmd),
            controller_launcher=foreign_launcher.rendered(
                self._controller_launcher, controller_cmd=self._controller_cmd
            ),
            tether_cmd=self._tether_cmd(),
            python_cmd=[self._python or sys.executable],
            **options,
        )
        if self._exit_callbacks:
            self._watch = Watch(core, self._exit_callbacks)
        return core

    def _tether_cmd(self) -> list[str]:
        if self._engine_launcher[0] == self._controller_launcher[0] == "local":
            return []
        return [_binaries.find("ipcluster"), "tether"]

    def _start_set(self, n: int | None, name: str | None) -> str:
        assert self._core is not None
        count = foreign_launcher.set_size(self._engine_launcher, n or self.n or 0)
        sets = self.engine_sets
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
        """Wait for as many engines of a set as `wait_for` says; the others join as they come."""
        enough = self.wait_for
        if enough is True:
            self._wait(lambda now: now["sets"][name]["up"], "the engines did not start", watched=name)
            return
        from .. import _core

        queued = _core.launcher_queues(self._engine_launcher[0])
        file = "-".join(filter(None, ("jobs", self.cluster_id, name)))
        submitted = os.path.join(self.profile_dir, "security", f"{file}.json")
        # a queue takes its time: only a limit that somebody chose is one
        limit = _A_YEAR if queued and self.engine_timeout == ENGINE_TIMEOUT else self.engine_timeout
        deadline = time.monotonic() + limit

        def reached(now: dict[str, Any]) -> bool:
            one = now["sets"][name]
            if not enough:
                return bool(one["engines"]) and (not queued or os.path.exists(submitted))
            if one["up"] or one["ready"] >= enough:
                return True
            if time.monotonic() > deadline:
                if self._core is not None:
                    self._core.stop_engines(name)
                folder = os.path.join(self.profile_dir, "log")
                raise RuntimeError(
                    f"only {one['ready']} of {enough} engines registered within {limit:g} s: see {folder}"
                )
            return False

        self._wait(reached, "the engines did not start", watched=name, enough=int(enough))

    def _wait(
        self,
        reached: Callable[[dict[str, Any]], bool],
        failure: str,
        watched: str | None = None,
        enough: int | None = None,
    ) -> None:
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
            from ..progress import show_progress

            wanted = latest["sets"][watched]["wanted"]
            total = wanted if enough is None else min(wanted, enough)
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
        if not by_default():
            return False
        notebook = "ipykernel" in sys.modules and "IPython" in sys.modules
        return sys.stderr is not None and (notebook or sys.stderr.isatty())

    def _own_sets(self) -> dict[str, Any]:
        """The sets of engines that this object has started, as the core tells of them."""
        return self._core.snapshot()["sets"] if self._core is not None else {}

    def _let_go(self) -> None:
        """Before the end: whatever runs beside the cluster for it ends."""
        with self._lock:
            adaptation, self._adaptation = self._adaptation, None
            steward, self._steward_client = self._steward_client, None
        if adaptation is not None:
            adaptation.stop()
        if steward is not None:
            steward.close()

    def _chosen_sets(self, name: str | None) -> list[str]:
        sets = self.engine_sets
        if name is None:
            return list(sets)
        if name not in sets:
            raise KeyError(f"no engine set {name!r}; there are {', '.join(sets) or 'none'}")
        return [name]

    def _alive(self, names: list[str]) -> list[int]:
        sets = self.engine_sets
        engines = [engine for name in names for engine in sets.get(name, {}).values()]
        return [engine["pid"] for engine in engines if engine["exit_code"] is None]

    def _forget_core(self) -> None:
        self._let_go()
        core, self._core = self._core, None
        if core is not None:
            core.close()


def _fresh_id() -> str:
    letters = random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=4)
    return f"{int(time.time())}-{''.join(letters)}"


def _package_path(environment: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """PYTHONPATH for engines, if they might not find this very package otherwise."""
    home = str(Path(__file__).resolve().parents[2])
    if "site-packages" in Path(home).parts or "dist-packages" in Path(home).parts:
        return []
    before = dict(environment).get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    return [("PYTHONPATH", os.pathsep.join(part for part in (home, before) if part))]
