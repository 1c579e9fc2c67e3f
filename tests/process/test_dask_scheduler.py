"""The scheduler of Dask that a controller starts at a client's wish: it ends with the controller, however that ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import camshaft
import pytest
from clusters import alive
from processes import wait_until


def children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_its_controller(cluster, how: int) -> None:
    started = cluster(0)
    client = started.client()
    told, _ = client._ask("become_dask_request", {"scheduler_args": {"host": "127.0.0.1"}})
    assert told["status"] == "ok" and told["address"] == f"tcp://{told['ip']}:{told['port']}"
    again, _ = client._ask("become_dask_request", {})
    assert again["address"] == told["address"]
    (scheduler,) = children(started.controller.pid)
    client.close()
    os.kill(started.controller.pid, how)
    wait_until(lambda: not alive(scheduler), "the end of the scheduler")


def test_it_is_stopped_and_its_errors_are_told(cluster) -> None:
    started = cluster(0)
    with started.client() as client:
        with pytest.raises(camshaft.RemoteError, match="no_such_argument"):
            client._ask("become_dask_request", {"scheduler_args": {"no_such_argument": 1}})
        client._ask("become_dask_request", {"scheduler_args": {"host": "127.0.0.1"}})
        (scheduler,) = children(started.controller.pid)
        client._ask("stop_distributed_request", {})
        assert not alive(scheduler) and children(started.controller.pid) == []
        client._ask("stop_distributed_request", {})
