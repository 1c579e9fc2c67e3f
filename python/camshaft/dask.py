"""Engines as workers of Dask: a scheduler on the first of them, a worker on each.

What runs on engines travels by value and keeps its objects in the engine's namespace: engines need `distributed` and
nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .onengine import interactive
from .serialize import PrePickled

if TYPE_CHECKING:
    from .client import Client

__all__ = ["become_dask", "stop_dask"]


def become_dask(
    client: Client, targets: Any, port: int, nanny: bool, scheduler_args: dict[str, Any], worker_args: dict[str, Any]
) -> Any:
    """See Client.become_dask."""
    import distributed

    view = client.direct_view(targets)
    ids, _ = view._ids(None)
    arguments = {"port": port, "dashboard_address": ":0", **scheduler_args}
    address = client[ids[0]].apply_sync(_START_SCHEDULER, arguments)
    client[ids].apply_sync(_START_WORKER, address, nanny, {"nthreads": 1, "dashboard_address": ":0", **worker_args})
    return distributed.Client(address)


def stop_dask(client: Client, targets: Any) -> None:
    """See Client.stop_dask."""
    view = client.direct_view(targets)
    ids, _ = view._ids(None)
    client[ids].apply_sync(_STOP, ["dask_worker"])
    client[ids].apply_sync(_STOP, ["dask_scheduler"])


def _start_scheduler(arguments: Any) -> Any:
    from distributed import Scheduler
    from distributed.utils import LoopRunner

    async def start() -> Any:
        return await Scheduler(**arguments)

    space = globals()
    if "dask_scheduler" not in space:
        runner = LoopRunner(asynchronous=False)
        runner.start()
        space["dask_scheduler"] = runner.run_sync(start)
        space["dask_scheduler"]._loop_runner_of_engine = runner
    return space["dask_scheduler"].address


def _start_worker(address: Any, nanny: Any, arguments: Any) -> None:
    from distributed import Nanny, Worker
    from distributed.utils import LoopRunner

    async def start() -> Any:
        return await (Nanny if nanny else Worker)(address, **arguments)

    space = globals()
    if "dask_worker" not in space:
        runner = LoopRunner(asynchronous=False)
        runner.start()
        worker = runner.run_sync(start)
        worker._loop_runner_of_engine = runner
        space["dask_worker"] = space["distributed_worker"] = worker


def _stop(names: Any) -> None:
    space = globals()
    for name in names:
        server = space.pop(name, None)
        if server is not None:
            runner = server._loop_runner_of_engine
            runner.run_sync(server.close)
            runner.stop()
    if "dask_worker" in names:
        space.pop("distributed_worker", None)


_START_SCHEDULER = PrePickled(interactive(_start_scheduler), own=True)
_START_WORKER = PrePickled(interactive(_start_worker), own=True)
_STOP = PrePickled(interactive(_stop), own=True)
