"""Calls back when a process of a cluster has ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._core import LocalCluster


@dataclass(frozen=True)
class ProcessExit:
    """The end of a process."""

    engine_set: str | None
    """The set of an engine; None for the controller."""
    index: int | None
    """Which process of its set."""
    pid: int
    exit_code: int
    """-9: killed by signal 9."""
    log_file: str
    expected: bool
    """Somebody asked for it."""


ExitCallback = tuple[str, Callable[[ProcessExit], Any]]
"""'engine' or 'controller', and what is called."""


class Watch:
    """A thread that tells callbacks about processes that have ended, each once, in order. It ends with the cluster."""

    def __init__(self, core: LocalCluster, callbacks: list[ExitCallback]) -> None:
        self._core = core
        self._callbacks = callbacks
        self._told = core.snapshot()["ended"]
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name="camshaft-cluster-watch", daemon=True).start()

    def _run(self) -> None:
        try:
            while True:
                now = self._core.snapshot()
                self.deliver(now)
                if now["stopped"]:
                    return
                self._core.wait(now["generation"], 1.0)
        except RuntimeError:  # the cluster was closed
            return

    def deliver(self, now: dict[str, Any]) -> None:
        """Tell what has ended since the last time. A callback that fails is logged and does not stop the others."""
        with self._lock:
            count = now["ended"] - self._told
            self._told = max(self._told, now["ended"])
            ends = now["ends"][-count:] if count > 0 else []
            for end in ends:
                told = ProcessExit(
                    end["set"], end["index"], end["pid"], end["exit_code"], end["log_file"], end["expected"]
                )
                kind = "controller" if told.engine_set is None else "engine"
                for wanted, callback in list(self._callbacks):
                    if wanted != kind:
                        continue
                    try:
                        callback(told)
                    except Exception:
                        logging.getLogger("camshaft").exception("a callback for the end of a process has failed")
