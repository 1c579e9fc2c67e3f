"""How a Cluster starts and stops its controller and its sets of engines."""

from __future__ import annotations

import atexit
import functools
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _binaries
from .base import GRACE, STOP_PATIENCE, ClusterBase
from .processes import lives, send_signal, signal_number

if TYPE_CHECKING:
    from typing import Self

    from ..client import Client


class ClusterLife(ClusterBase):
    """The part of Cluster that starts and stops; each call waits until it is done."""

    def dry_run(self, n: int | None = None) -> str:
        """The commands and job scripts that a start with `n` engines would run; nothing is started.

        ValueError, in one line, when a template or an option of the launcher is wrong.
        """
        core = self._make_core(self._controller_cmd or [_binaries.find("ipcontroller")])
        try:
            return core.dry_run(n or self.n or len(os.sched_getaffinity(0)))
        finally:
            core.close()

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

    def start_cluster_sync(self, n: int | None = None) -> Self:
        """Start the controller and `n` engines, and wait until all are ready; returns this Cluster.

        RuntimeError, with the end of the log that explains it, when something does not come up; nothing is left then.
        """
        self._check_not_running()
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
        from ..client import Client

        return Client(self.connection_file, cluster=self, **options)

    # -- stop ---------------------------------------------------------------------------------------------------------

    def stop_engines_sync(self, engine_set_id: str | None = None) -> None:
        """Stop one set of engines, or all. KeyError for a name that is none."""
        if self._core is None and not self._attached:
            return
        names = self._chosen_sets(engine_set_id)
        ours = self._own_sets()
        for name in names:
            if name in ours:
                assert self._core is not None
                self._core.stop_engines(name)
        self._end_recorded([name for name in names if name not in ours])
        self._until_gone(lambda: self._alive(names), f"engines of {', '.join(names)} do not stop")

    def _end_recorded(self, names: list[str]) -> None:
        """Stop sets that somebody else started: SIGTERM, some seconds, SIGKILL."""
        members = [state for name in names for state in self._recorded()[1].get(name, {}).values()]
        for state in members:
            send_signal(state["pid"], state.get("birth", ""), signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while any(map(lives, members)) and time.monotonic() < deadline:
            time.sleep(0.02)
        for state in members:
            send_signal(state["pid"], state.get("birth", ""), signal.SIGKILL)

    def _until_gone(self, left: Callable[[], list[int]], failure: str) -> None:
        deadline = time.monotonic() + STOP_PATIENCE
        while left():
            if time.monotonic() > deadline:
                raise RuntimeError(failure)
            if self._core is not None:
                self._core.wait(self._core.snapshot()["generation"], 0.05)
            else:
                time.sleep(0.02)

    def restart_engines_sync(self, engine_set_id: str | None = None) -> None:
        """Stop one set of engines, or all, and start as many again; they get new ids."""
        if self._core is None:
            raise RuntimeError("this Cluster has started no engines: it can restart those that it starts itself")
        ours = self._own_sets()
        if engine_set_id is not None and engine_set_id not in ours:
            self._chosen_sets(engine_set_id)
            raise RuntimeError(f"engine set {engine_set_id!r} was started elsewhere: restart its engines one by one")
        wanted = {name: ours[name]["wanted"] for name in (ours if engine_set_id is None else [engine_set_id])}
        for name, n in wanted.items():
            self.stop_engines_sync(name)
            self.start_engines_sync(n, name)

    def signal_engines_sync(self, signum: int | str, engine_set_id: str | None = None) -> None:
        """Send a signal (a number, or a name such as 'SIGINT') to the engine processes of one set, or of all.

        ValueError for a signal that does not exist.
        """
        number = signal_number(signum)
        if self._core is None and not self._attached:
            raise RuntimeError("this cluster is not running: start it first")
        ours = self._own_sets()
        for name in self._chosen_sets(engine_set_id):
            if name in ours:
                assert self._core is not None
                self._core.signal_engines(number, name)
                continue
            for state in self._recorded()[1].get(name, {}).values():
                send_signal(state["pid"], state.get("birth", ""), number)

    def stop_cluster_sync(self) -> None:
        """Stop engines and controller; does nothing when nothing runs."""
        self._let_go()
        core, self._core = self._core, None
        if core is not None:
            atexit.unregister(self._exit_hook)
            try:
                core.stop()
                deadline = time.monotonic() + STOP_PATIENCE
                while not (now := core.snapshot())["stopped"] and time.monotonic() < deadline:
                    core.wait(now["generation"], 0.5)
                if self._watch is not None:
                    self._watch.deliver(core.snapshot())
            finally:
                core.close()  # kills what did not stop
        if self._attached:
            self._stop_attached()

    stop_controller_sync = stop_cluster_sync

    def _stop_attached(self) -> None:
        if not os.path.exists(self.cluster_file):
            return
        which = [f"--profile-dir={self.profile_dir}", f"--cluster-id={self.cluster_id}"]
        command = [_binaries.find("ipcluster"), "stop", *which]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 11):
            raise RuntimeError(done.stderr.strip() or f"ipcluster stop failed with exit code {done.returncode}")

    # -- inside -------------------------------------------------------------------------------------------------------

    def _launch(self, found: str | None) -> None:
        self._check_not_running()
        self._forget_core()
        self._core = self._make_core([found] if found is not None else self._controller_cmd or [])
        try:
            self._core.start_controller()
        except BaseException:
            self._forget_core()
            raise
        self._stop_at_exit()

    def _check_not_running(self) -> None:
        if self._attached or self.running:
            raise RuntimeError(f"{self!r} runs already: stop it first, or start_engines() for more engines")

    def _abandon(self) -> None:
        """Stop what was started, whatever comes; used when a start fails or is interrupted."""
        try:
            self.stop_cluster_sync()
        finally:
            self._forget_core()

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
