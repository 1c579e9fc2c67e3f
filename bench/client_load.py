"""Measures a running cluster through one Python package: camshaft or ipyparallel, which have the same interface.

usage: client_load.py PACKAGE CLIENT_FILE ENGINES TASKS MEGABYTES...     prints one JSON object
       client_load.py PACKAGE CLIENT_FILE ENGINES TASKS futures          the same of futures() alone, all its rounds
"""

import importlib
import json
import sys
import time
from typing import Any


def noop(x: object = None) -> None:
    """Do nothing: what is measured is everything around it."""


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Microseconds at 50 and 99 % of the samples."""
    ordered = sorted(seconds)
    return {"p50": 1e6 * ordered[len(ordered) // 2], "p99": 1e6 * ordered[len(ordered) * 99 // 100]}


def latency(view: Any, calls: int) -> dict[str, float]:
    """Time of a synchronous call of a function that does nothing."""
    for _ in range(20):
        view.apply_sync(noop)
    samples = []
    for _ in range(calls):
        start = time.perf_counter()
        view.apply_sync(noop)
        samples.append(time.perf_counter() - start)
    return percentiles(samples)


def throughput(view: Any, tasks: int) -> float:
    """Load-balanced tasks per second, one message each, from the first submission to the last result."""
    view.map_sync(noop, range(tasks // 10))
    start = time.perf_counter()
    result = view.map_async(noop, range(tasks), chunksize=1)
    result.get()
    return tasks / (time.perf_counter() - start)


def futures(view: Any, tasks: int) -> float:
    """Load-balanced tasks per second, each submitted on its own with a result object of its own."""
    start = time.perf_counter()
    results = [view.apply_async(noop) for _ in range(tasks)]
    for result in results:
        result.get()
    return tasks / (time.perf_counter() - start)


def bandwidth(view: Any, megabytes: int) -> tuple[float, float]:
    """MB/s of pushing an array to one engine and of pulling it back; the best of three, first touch excluded."""
    import numpy

    array = numpy.ones(megabytes << 17)  # float64
    push, pull = 0.0, 0.0
    for _ in range(3):
        start = time.perf_counter()
        view.push({"array": array}, block=True)
        push = max(push, array.nbytes / 1e6 / (time.perf_counter() - start))
        start = time.perf_counter()
        back = view.pull("array", block=True)
        pull = max(pull, array.nbytes / 1e6 / (time.perf_counter() - start))
        assert back.nbytes == array.nbytes
        del back
    view.execute("del array", block=True)
    return push, pull


def main() -> None:
    """Run everything and print the figures."""
    package, client_file, engines, tasks, *megabytes = sys.argv[1:]
    ipp = importlib.import_module(package)
    rc = ipp.Client(client_file)
    while len(rc.ids) < int(engines):
        time.sleep(0.01)
    if megabytes == ["futures"]:
        view = rc.load_balanced_view()
        throughput(view, int(tasks))
        print(json.dumps([futures(view, int(tasks)) for _ in range(4)]))
        return rc.close()
    calls = 200 if package == "ipyparallel" else 2000
    direct, balanced = rc[rc.ids[0]], rc.load_balanced_view()
    figures: dict[str, Any] = {
        "direct_us": latency(direct, calls),
        "balanced_us": latency(balanced, calls),
        "tasks_per_s": max(throughput(balanced, int(tasks)) for _ in range(2)),
        "futures_per_s": max(futures(balanced, int(tasks)) for _ in range(2)),
        "push_mb_s": {},
        "pull_mb_s": {},
    }
    for size in megabytes:
        figures["push_mb_s"][size], figures["pull_mb_s"][size] = bandwidth(direct, int(size))
    print(json.dumps(figures))
    return rc.close()


if __name__ == "__main__":
    main()
