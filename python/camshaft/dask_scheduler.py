"""The scheduler of Dask as a process of the controller: ``python -m camshaft.dask_scheduler ARGUMENTS``.

ARGUMENTS is a JSON object for distributed.Scheduler. One line of JSON goes to the descriptor in $CAMSHAFT_DASK_FD:
where it listens, or the error. It runs until the other end of that descriptor is closed, so it never outlives its
controller.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any


async def serve(channel: int, arguments: dict[str, Any]) -> None:
    """Run a scheduler until the channel ends."""
    from distributed import Scheduler

    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(channel, over.set)  # nothing is ever sent: readable means the end
    async with Scheduler(**{"dashboard_address": ":0", **arguments}) as scheduler:
        tell(channel, {"status": "ok", "ip": scheduler.ip, "address": scheduler.address, "port": scheduler.port})
        await over.wait()


def tell(channel: int, content: dict[str, Any]) -> None:
    """Send the one line."""
    os.write(channel, json.dumps(content).encode() + b"\n")


def main() -> None:
    """Run as a program."""
    channel = int(os.environ.pop("CAMSHAFT_DASK_FD"))
    os.set_inheritable(channel, False)
    try:
        asyncio.run(serve(channel, json.loads(sys.argv[1])))
    except BrokenPipeError:
        return  # the controller is gone
    except Exception as error:
        tell(channel, {"status": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": []})


if __name__ == "__main__":
    main()
