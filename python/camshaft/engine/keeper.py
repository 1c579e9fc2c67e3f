"""The process that an engine elsewhere runs under: it tells the controller how the engine died, and starts it again.

Whoever starts engines through ssh, mpiexec or a batch system cannot see how one of them ends, or sees it late. So such
an engine forks at its very beginning: the parent keeps, the child is the engine. The environment asks for it:
``CAMSHAFT_KEEPER=<launcher>:<restarts>:<set of engines>``.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from .options import Options

_STOPS = (signal.SIGTERM, signal.SIGHUP)
_OTHERS = (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
_WITHOUT_JOBS = ("ssh", "mpi", "")
_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
"""Where batch systems say which job this is."""
_RESTART = 75
"""An engine that ends with this exit code asks to be started again."""
_FORGET = 5.0
"""Seconds for which a kill for want of memory may explain an end."""
_GRACE = 5.0
"""Seconds to end for an engine whose starter is gone."""


def keep(core: Any, options: Options) -> None:
    """Return in the engine, with `options.uuid` and `options.engine_set` set; elsewhere end as the engine ended.

    Does nothing where nobody asked for it. There must be one thread.
    """
    asked = os.environ.pop("CAMSHAFT_KEEPER", "")
    launcher, _, rest = asked.partition(":")
    restarts, _, options.engine_set = rest.partition(":")
    job = next((os.environ[name] for name in _JOBS if os.environ.get(name)), "")
    if job and launcher not in _WITHOUT_JOBS:
        options.termination = f"its job {job} was ended (SIGTERM): cancelled, or out of time"
    if restarts.isdecimal() and hasattr(os, "pidfd_open"):
        _Keeper(core, options, launcher, int(restarts)).run()


class _Keeper:
    def __init__(self, core: Any, options: Options, launcher: str, restarts: int) -> None:
        self._core = core
        self._options = options
        # A rank that is alone again is of no use to the others: their launcher ends all, and starts all again.
        self._group = launcher == "mpi"
        # Batch systems send signals to every process of a job.
        self._relays = launcher in _WITHOUT_JOBS
        self._notes = core.EngineKeeper(restarts)
        self._lifeline = self._find_lifeline()
        self._wake, self._wakes = os.pipe()
        for side in (self._wake, self._wakes):
            os.set_blocking(side, False)
        self._before: dict[int, Any] = {}
        self._stopping = False
        self._kill_at: float | None = None

    def _find_lifeline(self) -> int | None:
        inherited = os.environ.pop("CAMSHAFT_LIFELINE_FD", None)
        if inherited:
            os.set_inheritable(int(inherited), False)
            return int(inherited)
        if not self._group:
            return None
        from . import mpi

        return mpi.lifeline()

    def run(self) -> None:
        """Return in each engine; ends the process in the keeper."""
        for number in (signal.SIGCHLD, *_STOPS, *_OTHERS):
            before = signal.getsignal(number)
            if number == signal.SIGCHLD or before is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, lambda number, frame: None)
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        while True:
            self._options.uuid = f"camshaft-py{sys.version_info[0]}{sys.version_info[1]}-{os.urandom(8).hex()}"
            signal.pthread_sigmask(signal.SIG_BLOCK, self._before)
            keeper = os.getpid()
            engine = os.fork()
            if engine == 0:
                self._become_engine(keeper)
                return
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._before)
            self._notes.started()
            status = self._watch(engine)
            pause = self._next(engine, status)
            if pause is None:
                self._end(status)
            self._rest(pause)
            if self._stopping:
                self._end(status)

    def _become_engine(self, keeper: int) -> None:
        self._core.end_with_parent(keeper)
        if self._group:
            os.setpgid(0, 0)  # mpiexec sends signals to the group of a rank: they are to come once, from the keeper
        signal.set_wakeup_fd(-1)
        for number, before in self._before.items():
            signal.signal(number, before)
        for descriptor in (self._wake, self._wakes, self._lifeline):
            if descriptor is not None:
                os.close(descriptor)
        os.environ["CAMSHAFT_RESTART_CODE"] = str(_RESTART)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._before)

    # ---- while it runs ----------------------------------------------------------------------------------------------

    def _watch(self, engine: int) -> int:
        """Wait for the end of the engine, pass on what comes; return its status."""
        while True:
            self._wait(_FORGET, engine)
            pid, status = os.waitpid(engine, os.WNOHANG)
            if pid:
                return status
            if self._kill_at is not None and time.monotonic() > self._kill_at:
                os.kill(engine, signal.SIGKILL)

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and (left := until - time.monotonic()) > 0:
            self._wait(left, None)

    def _wait(self, seconds: float, engine: int | None) -> None:
        """Wait until something happens."""
        watched = [self._wake] if self._lifeline is None else [self._wake, self._lifeline]
        ready = select.select(watched, [], [], seconds)[0]
        if not ready:
            self._notes.forget()
        if self._lifeline in ready:  # whoever started us is gone
            self._lifeline = None
            self._kill_at = time.monotonic() + _GRACE
            self._stop(engine)
        if self._wake in ready:
            for number in os.read(self._wake, 4096):
                if number in _STOPS:
                    self._stop(engine)
                elif number in _OTHERS and self._relays and engine is not None:
                    os.kill(engine, number)

    def _stop(self, engine: int | None) -> None:
        self._stopping = True
        if engine is not None:
            os.kill(engine, signal.SIGTERM)

    # ---- afterwards -------------------------------------------------------------------------------------------------

    def _next(self, engine: int, status: int) -> float | None:
        """Tell of an end; return how many seconds later the next engine is to be started, None for never."""
        code = os.waitstatus_to_exitcode(status)
        if code == 0 or self._stopping:
            return None
        if code == _RESTART:
            return None if self._group else 0.0
        how = self._notes.how(max(code, 0), max(-code, 0))
        listed = self._tell(engine, how)
        # One that ends by itself before it has joined would do so again.
        again = None if self._group or (code > 0 and not listed) else self._notes.again()
        last = "" if again is None else "; it is started again"
        sys.stderr.write(f"ipengine: the engine with pid {engine} ended: {how}{last}\n")
        return again

    def _tell(self, engine: int, how: str) -> bool | None:
        from .app import connection_text

        options = self._options
        try:
            connection = connection_text(options)
        except OSError:
            return None
        told: bool | None = self._core.tell_engine_end(
            connection=connection,
            uuid=options.uuid,
            pid=engine,
            how=how,
            location=options.location,
            key=options.key,
            curve_serverkey=options.curve_serverkey,
        )
        return told

    def _end(self, status: int) -> NoReturn:
        """End as the engine ended, so that launchers see what they would see without us."""
        code = os.waitstatus_to_exitcode(status)
        sys.stderr.flush()
        if code < 0:
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the engine has left its core, ours explains nothing
            if -code != signal.SIGKILL:
                signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        os._exit(code & 0xFF)
