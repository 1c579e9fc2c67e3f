"""More engines or fewer, once or by the length of the queue."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..limits import whole_number
from .policy import Policy, choose_to_leave
from .single import ClusterEngines

if TYPE_CHECKING:
    from ..client import Client

_TOGETHER = ("mpi",)
"""Launchers whose engines live and die together."""


class ClusterScaling(ClusterEngines):
    """The part of Cluster that changes how many engines there are."""

    def scale_sync(self, n: int, *, drain: bool = True, timeout: float | None = None) -> list[int]:
        """Start or stop engines until there are `n`; returns the ids of those that are there then.

        Those that are to go are the idle ones first. With `drain`, they get no more tasks, hand back those that they
        have not started, and go when they have done the rest, so that nothing is lost; TimeoutError when that takes
        longer than `timeout` seconds (None: no limit), and then they stay. ValueError for n < 0; RuntimeError where
        engines can leave together only, as under mpiexec.
        """
        return self._scale(n, drain, timeout, idle_only=False, cancelled=lambda: False)

    def adapt(
        self,
        minimum: int = 1,
        maximum: int | None = None,
        *,
        interval: float = 1.0,
        tasks_per_engine: float = 1.0,
        patience: float = 10.0,
    ) -> Adaptation:
        """Let the number of engines follow the work: as many as there are unfinished tasks, within the limits.

        Parameters
        ----------
        minimum, maximum: limits; the default maximum is the `n` of the cluster, or the number of cores.
        interval: seconds between two looks.
        tasks_per_engine: so many unfinished tasks justify one engine.
        patience: engines leave when they were not needed for so many seconds; only idle ones do.

        It goes on, on a thread, until `stop()` of what is returned, another `adapt`, or the end of the cluster.
        ValueError for limits that exclude each other.
        """
        import os

        minimum = whole_number("adapt: minimum", minimum, 1)
        top = maximum if maximum is not None else max(minimum, self.n or len(os.sched_getaffinity(0)))
        policy = Policy(minimum, top, tasks_per_engine, patience)
        if interval <= 0:
            raise ValueError("interval must be positive")
        self._steward()  # says at once when nothing runs
        with self._lock:
            before, self._adaptation = self._adaptation, None
        if before is not None:
            before.stop()
        adaptation = Adaptation(self, policy, interval)
        with self._lock:
            self._adaptation = adaptation
        return adaptation

    def _scale(
        self, n: int, drain: bool, timeout: float | None, *, idle_only: bool, cancelled: Callable[[], bool]
    ) -> list[int]:
        n = whole_number("n, the number of engines,", n, 0)
        with self._scaling:
            steward = self._steward()
            have = len(steward)
            if n > have:
                self.start_engines_sync(n - have)
                steward.wait_for_engines(n, timeout=self.engine_timeout, interactive=False)
            elif n < have:
                self._shrink(steward, have - n, drain, timeout, idle_only, cancelled)
            return steward.ids

    def _shrink(
        self,
        steward: Client,
        count: int,
        drain: bool,
        timeout: float | None,
        idle_only: bool,
        cancelled: Callable[[], bool],
    ) -> None:
        if self._engine_launcher[0] in _TOGETHER:
            raise RuntimeError(
                f"engines under {self._engine_launcher[0]} live and die together: stop a whole set with stop_engines()"
            )
        status = steward.queue_status()
        loads = {key: load["queue"] + load["tasks"] for key, load in status.items() if isinstance(key, int)}
        if idle_only:
            loads = {engine: load for engine, load in loads.items() if load == 0}
        chosen = choose_to_leave(loads, count)
        if not drain:
            for engine in chosen:
                self.stop_engine_sync(engine)
            return
        for engine in _drained(steward, chosen, timeout, cancelled):
            self.stop_engine_sync(engine)


def _drained(steward: Client, chosen: list[int], timeout: float | None, cancelled: Callable[[], bool]) -> Iterator[int]:
    """Let engines finish what they have and get nothing new; yields each as soon as it is idle."""
    uuids = steward._engines()
    waiting = {engine: uuids[engine] for engine in chosen if engine in uuids}
    deadline = None if timeout is None else time.monotonic() + timeout
    pause = 0.005
    if waiting:
        steward.set_properties({"draining": True}, sorted(waiting))
    try:
        while waiting and not cancelled():
            here = steward._engines()
            waiting = {engine: uuid for engine, uuid in waiting.items() if here.get(engine) == uuid}
            try:
                status = steward.queue_status(sorted(waiting)) if waiting else {}
            except IndexError:  # one has left by itself meanwhile
                continue
            for engine in sorted(waiting):
                if status[engine]["queue"] + status[engine]["tasks"] == 0:
                    yield engine
                    del waiting[engine]
            if not waiting:
                return
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(
                    f"engines {', '.join(map(str, sorted(waiting)))} still have work after {timeout:g} s; they stay"
                )
            time.sleep(pause)
            pause = min(0.2, pause * 1.5)
    finally:
        left = sorted(engine for engine in waiting if engine in steward._engines())
        if left and not steward._core.closed:
            steward.set_properties({"draining": None}, left)


class Adaptation:
    """A cluster that grows and shrinks with its queue; see `Cluster.adapt`."""

    def __init__(self, cluster: ClusterScaling, policy: Policy, interval: float) -> None:
        self.policy = policy
        self.interval = interval
        self._cluster = weakref.ref(cluster)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camshaft-adapt", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it still looks at the queue."""
        return self._thread.is_alive() and not self._over.is_set()

    def stop(self) -> None:
        """Let the number of engines be what it is; returns when nothing is being changed any more."""
        self._over.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(30.0)

    def _run(self) -> None:
        while not self._over.wait(self.interval):
            cluster = self._cluster()
            if cluster is None or (cluster._core is None and not cluster.running):
                return
            try:
                self._step(cluster)
            except Exception as failure:
                if self._over.is_set():
                    return
                logging.getLogger("camshaft").warning("adapting the cluster failed, it is tried again: %s", failure)
            del cluster

    def _step(self, cluster: ClusterScaling) -> None:
        status = cluster._steward().queue_status()
        loads = [load for key, load in status.items() if isinstance(key, int)]
        unfinished = status["unassigned"] + sum(load["queue"] + load["tasks"] for load in loads)
        wanted = self.policy.decide(time.monotonic(), len(loads), unfinished)
        if wanted != len(loads):
            cluster._scale(wanted, True, None, idle_only=True, cancelled=self._over.is_set)

    def __repr__(self) -> str:
        state = "" if self.running else ", stopped"
        return f"<Adaptation({self.policy.minimum} to {self.policy.maximum} engines{state})>"
