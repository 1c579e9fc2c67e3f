"""Real controllers, engines and clients for tests: ours from the build tree, the original's from .venv.

Every process carries a mark of its test in its environment; when the test ends, each one that we started is ended by
its own pid, and a process with that mark which is still there (a grandchild, say) fails the test.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(os.environ.get("CAMSHAFT_BIN", ROOT / "build" / "dev" / "bin"))
PATIENCE = 60.0
ATTEMPTS = 4  # at starting a controller of the original
MARK = "CAMSHAFT_TEST_MARK"
Kind = Literal["ours", "official"]


def wait_until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Return the first true value of ``condition()``; fail after ``seconds`` with a line that names ``what``."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.01)
    return value


def command_of(program: str, kind: Kind) -> list[str]:
    """Return the command line that starts ``ipcontroller``, ``ipengine`` or ``ipcluster`` of either kind."""
    if kind == "official":
        return [sys.executable, "-m", f"ipyparallel.{program.removeprefix('ip')}"]
    if not (BIN / program).exists():
        raise FileNotFoundError(f"{BIN / program} is not built: run `make build`")
    return [str(BIN / program)]


def marked(mark: str) -> list[int]:
    """Return the pids of live processes that carry ``mark`` in their environment."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:  # gone meanwhile, a zombie, or not ours to look at
            continue
    return found


def identity(file: Path) -> tuple[int, int]:
    """What tells a file from another one that had its name."""
    about = file.stat()
    return about.st_ino, about.st_mtime_ns


def takes_connections(file: Path) -> bool:
    """Whether a connection file is there and whole, and every address in it takes connections."""
    try:
        about = json.loads(file.read_text())
        values = [value for key, value in about.items() if key != "pid"]
        flat = [part for value in values for part in (value if isinstance(value, list) else [value])]
        for port in (part for part in flat if isinstance(part, int)):
            socket.create_connection((about["interface"].rpartition("/")[2], port), 1).close()
    except (OSError, ValueError):
        return False
    return True


def at_the_prompt(f: Any) -> Any:
    """Return `f` as if it had been typed at the prompt: engines cannot import test modules, so it goes by value."""
    function = types.FunctionType(f.__code__, {"__name__": "__main__"}, f.__name__, f.__defaults__, f.__closure__)
    function.__kwdefaults__ = f.__kwdefaults__
    function.__module__ = "__main__"
    return function


class Process:
    """One started program, and what it has written."""

    def __init__(self, command: Sequence[str], env: dict[str, str], cwd: Path, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    @property
    def output(self) -> str:
        """Everything written to stdout and stderr so far."""
        return self.log.read_text(errors="replace")

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for the end; return the exit status. AssertionError with what it wrote when it does not end."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.popen.args} does not end; it wrote:\n{self.output}") from None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if the process is still there."""
        if self.running:
            self.popen.send_signal(number)

    def stop(self, seconds: float = 20) -> None:
        """End it politely; when that does not help, kill it."""
        self.send(signal.SIGTERM)
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """``kill -9``."""
        self.send(signal.SIGKILL)
        self.popen.wait(PATIENCE)


class Processes:
    """Starts processes in ``folder`` and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ipython_dir = folder / "ipython"
        self.mark = f"{os.getpid()}-{folder}"
        self.all: list[Process] = []
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("IPP_")}
        paths = [str(ROOT / "python"), inherited.get("PYTHONPATH", "")]
        self.env = {
            **inherited,
            MARK: self.mark,
            "IPYTHONDIR": str(self.ipython_dir),
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, command: Sequence[str], **env: str) -> Process:
        """Start ``command``, with ``env`` added to the environment; its output goes to a file of its own."""
        name = f"{len(self.all)}-{Path(command[0]).name}.log"
        process = Process(command, {**self.env, **env}, self.folder, self.folder / name)
        self.all.append(process)
        return process

    def end(self, patience: float = 10) -> list[str]:
        """End everything, youngest first; return a line for each process that outlived its parent."""
        for process in reversed(self.all):
            process.send(signal.SIGTERM)
        for process in reversed(self.all):
            process.stop()
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not marked(self.mark), "end of all children", patience)
        survivors = []
        for pid in marked(self.mark):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
            survivors.append(f"{pid}: {command}")
        return survivors


@contextlib.contextmanager
def whole_cluster(folder: Path, n: int) -> Iterator[ClusterUnderTest]:
    """A controller and `n` engines of ours for a `with` statement; fails if a process outlives its parent."""
    group = Processes(folder)
    started = start_cluster(group, n)
    started.client()  # all engines are there
    yield started
    started.close()
    survivors = group.end()
    assert not survivors, "still running after the tests: " + "; ".join(survivors)


@dataclass
class ClusterUnderTest:
    """A controller, its engines and its clients. Made by the fixture ``cluster``."""

    processes: Processes
    profile_dir: Path
    cluster_id: str
    controller: Process
    engine_kind: Kind
    engine_args: tuple[str, ...]
    stale: frozenset[tuple[int, int]] = frozenset()  # files of an earlier controller
    engines: list[Process] = field(default_factory=list)
    clients: list[Any] = field(default_factory=list)

    @property
    def client_file(self) -> Path:
        return self._file("client")

    @property
    def engine_file(self) -> Path:
        return self._file("engine")

    def _file(self, role: str) -> Path:
        middle = f"{self.cluster_id}-" if self.cluster_id else ""
        return self.profile_dir / "security" / f"ipcontroller-{middle}{role}.json"

    def wait_for_controller(self) -> None:
        """Wait until both connection files are whole; an early death of the controller is an error with its output."""

        def ready() -> bool:
            if not self.controller.running:
                raise RuntimeError(f"the controller ended early:\n{self.controller.output}")
            files = (self.client_file, self.engine_file)
            try:
                return all(json.loads(file.read_text()) and identity(file) not in self.stale for file in files)
            except (OSError, ValueError):
                return False

        wait_until(ready, "connection files")

    def add_engine(self, *args: str, kind: Kind | None = None) -> Process:
        """Start one more engine (of another kind, with more arguments); return its process at once."""
        command = command_of("ipengine", kind or self.engine_kind)
        engine = self.processes.start([*command, f"--file={self.engine_file}", *self.engine_args, *args])
        self.engines.append(engine)
        return engine

    def client(self, kind: Kind = "ours", *, engines: int | None = None, **kwargs: Any) -> Any:
        """Return a client that sees ``engines`` engines (default: all that were started and still run)."""
        package: Any
        if kind == "ours":
            import camshaft as package
        else:
            import ipyparallel as package
        client = package.Client(str(self.client_file), **{"timeout": 30, **kwargs})
        self.clients.append(client)
        wanted = sum(engine.running for engine in self.engines) if engines is None else engines

        def enough() -> bool:
            for engine in self.engines:
                if engines is None and engine.popen.poll() not in (None, 0):
                    raise RuntimeError(f"an engine ended early:\n{engine.output}")
            return len(client.ids) >= wanted

        wait_until(enough, f"{wanted} engines")
        return client

    def close(self) -> None:
        """Close the clients; processes are ended by their owner."""
        for client in self.clients:
            client.close()


def start_cluster(
    processes: Processes,
    n: int = 2,
    *,
    controller: Kind = "ours",
    engines: Kind = "ours",
    controller_args: Sequence[str] = (),
    engine_args: Sequence[str] = (),
    cluster_id: str = "",
    profile: str = "default",
) -> ClusterUnderTest:
    """Start a controller on the loopback interface and ``n`` engines; returns once the connection files are there."""
    profile_dir = processes.ipython_dir / f"profile_{profile}"
    args = ["--ip=127.0.0.1", f"--profile-dir={profile_dir}", *controller_args]
    if cluster_id:
        args.append(f"--cluster-id={cluster_id}")
    profile_dir.mkdir(parents=True, exist_ok=True)
    reuse = any(arg.startswith(("--reuse", "--restore")) for arg in args)
    command = [*command_of("ipcontroller", controller), *args]
    for attempt in range(ATTEMPTS):
        left = [] if reuse else (profile_dir / "security").glob("ipcontroller-*.json")
        stale = frozenset(map(identity, left))
        process = processes.start(command)
        started = ClusterUnderTest(processes, profile_dir, cluster_id, process, engines, tuple(engine_args), stale)
        started.wait_for_controller()
        if controller == "ours":
            break
        # The original draws its ports, closes them, and has other processes bind them: another program may be faster,
        # and then a part of the controller is missing for good.
        try:
            files = (started.client_file, started.engine_file)
            wait_until(lambda: all(map(takes_connections, files)), "all ports of the original controller", 20)  # noqa: B023
            break
        except TimeoutError:
            if attempt + 1 == ATTEMPTS:
                raise
            process.stop()
    for _ in range(n):
        started.add_engine()
    return started
