"""Cluster: starts a controller and engines on this machine, watches them, and stops them.

    with camshaft.Cluster(n=4) as rc:
        rc[:].apply_sync(os.getpid)

The processes are watched by a C++ thread, and end with this process however it ends, unless `shutdown_atexit` is False.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .twins import ClusterTwins

if TYPE_CHECKING:
    from ..client import Client

__all__ = ["Cluster"]


class Cluster(ClusterTwins):
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
    wait_for: how many engines a start waits for: True is all, a number is as many of each set, and False none (in a
        batch system: until the jobs are submitted). The others join as they come; `rc.wait_for_engines(n)` waits.
    controller_ip, controller_location: address to listen on, and the one to publish.
    controller_args, engine_args: further command-line arguments.
    scheme: how tasks are placed: a name, 'LIBRARY:FUNCTION', 'module:function', or a function of yours
        (see `camshaft.controller`); default: leastload.
    controller_cmd, engine_cmd: other programs; default: our ipcontroller, and `python` -m camshaft.engine.
    python: the interpreter of the engines; default: this one.
    restart_engines: start engines again that die, with growing pauses: each so many times in a row (True: 5).
    template: fork engines from one process that has imported what they need; a list of names such as ["numpy"] is
        imported there too. False, or another program or interpreter: each engine is a process started afresh.
    environment: variables for controller and engines, in addition to this process's.
    work_dir: folder in which they start.
    send_engines_connection_env: give engines the connection file through their environment.
    shutdown_atexit: stop the cluster when this process ends. If False, it goes on and `from_file` finds it again.
    progress: show engines coming up; default: when somebody watches (a terminal or a notebook).
    load_profile: read the ipcluster_config files of the profile (c.Cluster.n, c.SlurmLauncher.queue, ...).
    config: a traitlets Config, or {'Cluster': {'n': 4}}, which goes before those; arguments go before both.
    delay, log_level, log, parent: accepted for compatibility; they have no effect.
    """

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

    def _undo(self, started: asyncio.Future[Client]) -> None:
        if not started.cancelled() and started.exception() is None:
            started.result().close()
            self._abandon()

    def _repr_html_(self) -> str:
        from ..jupyter.tables import cluster_html

        return cluster_html(self)
