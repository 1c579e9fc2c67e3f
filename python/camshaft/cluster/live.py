"""The processes of a cluster as objects, with the calls of the original's launchers."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .processes import tail

if TYPE_CHECKING:
    from .notices import ProcessExit
    from .single import ClusterEngines


class _Live(ABC):
    """What controller, sets and engines have in common."""

    def __init__(self, cluster: ClusterEngines) -> None:
        self.cluster = cluster

    @property
    def cluster_id(self) -> str:
        """The id of the cluster."""
        return self.cluster.cluster_id

    @property
    def profile_dir(self) -> str:
        """The folder of the profile."""
        return self.cluster.profile_dir

    @property
    @abstractmethod
    def running(self) -> bool:
        """Whether any of it lives."""

    @property
    def state(self) -> str:
        """'running' or 'after'."""
        return "running" if self.running else "after"

    @abstractmethod
    def poll(self) -> int | None:
        """None while it runs, else its exit code (0 when that is not known)."""

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended. TimeoutError after `timeout` seconds (None: no limit)."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.running:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{self!r} still runs after {timeout:g} s")
            time.sleep(0.02)

    @property
    def connection_files(self) -> dict[str, str]:
        """{'client', 'engine'}: paths of the connection files."""
        client = self.cluster.connection_file
        return {"client": client, "engine": client.removesuffix("client.json") + "engine.json"}


class ControllerProcess(_Live):
    """The controller of a cluster."""

    @property
    def pid(self) -> int | None:
        """Its process id, None when it has ended."""
        return self.cluster.controller_pid

    @property
    def identifier(self) -> str:
        """A name for logs."""
        return f"controller-{self.cluster_id}"

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self.cluster.running

    def poll(self) -> int | None:
        """None while it runs, else its exit code (0 when that is not known)."""
        process = self.cluster._controller_process()
        return None if self.running else (process or {}).get("exit_code") or 0

    @property
    def log_file(self) -> str:
        """The path of its log, '' when it has none."""
        process = self.cluster._controller_process()
        return process["log_file"] if process is not None else ""

    def logs(self, lines: int | None = None) -> str:
        """The text of its log, or the last `lines` of it."""
        return tail(self.log_file, lines)

    def get_output(self, remove: bool = False) -> str:
        """The text of its log; with `remove`, the file goes."""
        text = self.logs()
        if remove:
            Path(self.log_file).unlink(missing_ok=True)
        return text

    def signal(self, signum: int | str) -> None:
        """Send it a signal."""
        self.cluster._signal_controller(signum)

    def stop(self) -> None:
        """Stop it, and with it the engines."""
        self.cluster.stop_cluster_sync()

    def on_stop(self, callback: Callable[[ProcessExit], Any]) -> None:
        """Call `callback` when it has ended."""
        self.cluster.on_controller_exit(callback)

    def get_connection_info(self, timeout: float | None = None) -> dict[str, dict[str, Any]]:
        """{'client', 'engine'}: what its connection files say. TimeoutError when they do not come in time."""
        deadline = time.monotonic() + (60.0 if timeout is None else timeout)
        while True:
            try:
                return {
                    role: json.loads(Path(path).read_text(encoding="utf-8"))
                    for role, path in self.connection_files.items()
                }
            except (FileNotFoundError, ValueError):  # not there, or half written
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no connection files of {self!r}") from None
            time.sleep(0.02)

    def to_dict(self) -> dict[str, Any]:
        """Its part of the cluster file."""
        return self.cluster.to_dict().get("controller", {}).get("state", {})

    def __repr__(self) -> str:
        return f"<ControllerProcess(pid={self.pid}, state={self.state!r})>"


class EngineProcess(_Live):
    """One process of a set of engines."""

    def __init__(self, cluster: ClusterEngines, engine_set: str, index: int) -> None:
        super().__init__(cluster)
        self.engine_set = engine_set
        self.index = index

    def _now(self) -> dict[str, Any]:
        return self.cluster.engine_sets.get(self.engine_set, {}).get(self.index, {})

    @property
    def pid(self) -> int | None:
        """Its process id; None when nothing is known of it any more."""
        return self._now().get("pid")

    @property
    def identifier(self) -> str:
        """A name for logs."""
        return f"{self.engine_set}-{self.index}"

    @property
    def running(self) -> bool:
        """Whether it lives."""
        now = self._now()
        return bool(now) and now["exit_code"] is None

    def poll(self) -> int | None:
        """None while it runs, else its exit code (-9: killed by signal 9; 0 when it is not known)."""
        return None if self.running else self._now().get("exit_code") or 0

    @property
    def log_file(self) -> str:
        """The path of its log, '' when nothing is known of it any more."""
        return self._now().get("log_file", "")

    def logs(self, lines: int | None = None) -> str:
        """The text of its log, or the last `lines` of it."""
        return tail(self.log_file, lines)

    def signal(self, signum: int | str) -> None:
        """Send it a signal."""
        self.cluster._signal_process(self.engine_set, self.index, signum)

    def stop(self) -> None:
        """Stop it and wait until it has ended."""
        self.cluster._stop_process(self.engine_set, self.index)

    def __repr__(self) -> str:
        return f"<EngineProcess(set={self.engine_set!r}, index={self.index}, pid={self.pid}, state={self.state!r})>"


class EngineSet(_Live, Mapping[int, EngineProcess]):
    """Engines that were started together: {index: EngineProcess}."""

    def __init__(self, cluster: ClusterEngines, name: str) -> None:
        super().__init__(cluster)
        self.name = name

    def __getitem__(self, index: int) -> EngineProcess:
        if index not in self._members():
            raise KeyError(index)
        return EngineProcess(self.cluster, self.name, index)

    def __iter__(self) -> Iterator[int]:
        return iter(self._members())

    def __len__(self) -> int:
        return len(self._members())

    __hash__ = object.__hash__

    def _members(self) -> dict[int, dict[str, Any]]:
        return self.cluster.engine_sets.get(self.name, {})

    @property
    def n(self) -> int:
        """How many of its processes live."""
        return sum(engine["exit_code"] is None for engine in self._members().values())

    @property
    def identifier(self) -> str:
        """A name for logs."""
        return f"{self.cluster_id}-{self.name}"

    @property
    def running(self) -> bool:
        """Whether any of them lives."""
        return self.n > 0

    def poll(self) -> int | None:
        """None while one of them runs, else the first exit code that is not 0."""
        codes = [engine["exit_code"] for engine in self._members().values()]
        return None if None in codes else next((code for code in codes if code), 0)

    def signal(self, signum: int | str) -> None:
        """Send all of them a signal."""
        self.cluster.signal_engines_sync(signum, self.name)

    def stop(self) -> None:
        """Stop all of them."""
        self.cluster.stop_engines_sync(self.name)

    def on_stop(self, callback: Callable[[ProcessExit], Any]) -> None:
        """Call `callback` for each of them that ends."""
        self.cluster.on_engine_exit(lambda end: callback(end) if end.engine_set == self.name else None)

    def logs(self, lines: int | None = None) -> dict[int, str]:
        """{index: the text of its log, or the last `lines` of it}."""
        return {index: engine.logs(lines) for index, engine in self.items()}

    def get_output(self, remove: bool = False) -> str:
        """The text of all their logs; with `remove`, the files go."""
        text = "".join(self.logs().values())
        if remove:
            for engine in self.values():
                Path(engine.log_file).unlink(missing_ok=True)
        return text

    def to_dict(self) -> dict[str, Any]:
        """Its part of the cluster file."""
        return self.cluster.to_dict().get("engines", {}).get("sets", {}).get(self.name, {})

    def __repr__(self) -> str:
        return f"<EngineSet(name={self.name!r}, n={self.n}, state={self.state!r})>"
