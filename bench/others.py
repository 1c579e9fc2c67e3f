"""No-op tasks on Dask or Ray: two workers, one future each. Runs in the environment of bench/requirements.txt.

usage: others.py dask|ray TASKS     prints one JSON object
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any


def noop(x: object = None) -> None:
    """Do nothing: what is measured is everything around it."""


def measure(submit: Callable[[int], Any], collect: Callable[[list[Any]], Any], tasks: int) -> dict[str, float]:
    """Tasks per second from the first submission to the last result, and the time of one call."""
    collect([submit(i) for i in range(tasks // 10)])
    best = 0.0
    for _ in range(2):
        start = time.perf_counter()
        collect([submit(i) for i in range(tasks)])
        best = max(best, tasks / (time.perf_counter() - start))
    calls = []
    for i in range(300):
        start = time.perf_counter()
        collect([submit(i)])
        calls.append(time.perf_counter() - start)
    return {"tasks_per_s": best, "call_us": 1e6 * sorted(calls)[len(calls) // 2]}


def dask(tasks: int) -> dict[str, float]:
    """Dask: LocalCluster with two processes of one thread."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        return measure(lambda i: client.submit(noop, i, pure=False), client.gather, tasks)


def ray(tasks: int) -> dict[str, float]:
    """Ray: a local instance with two CPUs."""
    import ray as ray_

    ray_.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        return measure(ray_.remote(noop).remote, ray_.get, tasks)
    finally:
        ray_.shutdown()


if __name__ == "__main__":
    print(json.dumps({"dask": dask, "ray": ray}[sys.argv[1]](int(sys.argv[2]))))
