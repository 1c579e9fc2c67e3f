"""What the original's client runs on engines for become_dask and stop_dask, in the way of an engine of ours.

The original's functions start the worker on the event loop of the original's engine, which runs between requests. Here
it runs on a loop of its own, as after our client's become_dask, and has the same names in the engine's namespace.
"""

from __future__ import annotations

import types
from typing import Any


def become_dask_worker(address: str, nanny: bool = False, **arguments: Any) -> None:
    """Make this engine a worker of the scheduler at `address`; `arguments` are distributed.Worker's."""
    from ..dask import _start_worker

    _here(_start_worker)(address, nanny, {"dashboard_address": ":0", **arguments})


def stop_distributed_worker() -> None:
    """Stop the worker, if there is one."""
    from ..dask import _stop

    _here(_stop)(["dask_worker"])


def _here(function: Any) -> Any:
    """The function with the engine's namespace as its globals, as if it had been sent."""
    import __main__

    return types.FunctionType(function.__code__, vars(__main__))
