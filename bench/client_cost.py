"""What a task costs the client that submits it, and what its result costs in memory.

usage: client_cost.py [TASKS [ITEMS]]      default: 10,000 and 1,000,000; prints a table
       client_cost.py --one WHO FILE TASKS ITEMS      one row as JSON; WHO is camshaft, ipyparallel or pool

Each row is a process of its own. Our client and the official one use the same controller and engines of ours, so that
they differ by the client only; `pool` is concurrent.futures.ProcessPoolExecutor with as many workers.
"""

import gc
import importlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

WORKERS = 2
ITEMS_OF_OTHERS = 20_000
"""A map of the official client or the pool is so short at most: a million items would take minutes."""


def noop(x: object = None) -> object:
    """Do nothing: what is measured is everything around it."""
    return x


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cost(submit: Any, tasks: int) -> dict[str, float]:
    """`tasks` calls of `submit`, each with a result of its own, which are all kept."""
    results: list[Any] = [None] * tasks
    gc.collect()
    before = resident()
    start, busy = time.perf_counter(), time.process_time()
    for number in range(tasks):
        results[number] = submit(noop, number)
    submitted = time.perf_counter()
    values = [result.result() for result in results]
    end, busy = time.perf_counter(), time.process_time() - busy
    assert values == list(range(tasks))
    del values
    gc.collect()
    return {
        "submit_us": 1e6 * (submitted - start) / tasks,
        "cpu_us": 1e6 * busy / tasks,
        "tasks_per_s": tasks / (end - start),
        "bytes_per_result": max(0, resident() - before) / tasks,
    }


def mapped(run: Any, items: int) -> dict[str, float]:
    """A map of so many items, one task each."""
    start, busy = time.perf_counter(), time.process_time()
    count = sum(1 for _ in run(items))
    assert count == items
    return {
        "map_items": items,
        "map_items_per_s": items / (time.perf_counter() - start),
        "map_cpu_us": 1e6 * (time.process_time() - busy) / items,
    }


def one(who: str, file: str, tasks: int, items: int) -> dict[str, float]:
    """The figures of one client."""
    if who == "pool":
        with ProcessPoolExecutor(WORKERS) as pool:
            list(pool.map(noop, range(100)))
            return cost(pool.submit, tasks) | mapped(lambda n: pool.map(noop, range(n), chunksize=1), items)
    rc = importlib.import_module(who).Client(file)
    while len(rc.ids) < WORKERS:
        time.sleep(0.01)
    view = rc.load_balanced_view()
    view.map_sync(noop, range(100))
    return cost(view.apply_async, tasks) | mapped(lambda n: view.map_sync(noop, range(n), chunksize=1), items)


def main() -> None:
    """Measure all three and print how many times dearer the others are."""
    import camshaft

    tasks, items = (int(word.replace(",", "")) for word in (sys.argv[1:] + ["10000", "1000000"][len(sys.argv) - 1 :]))
    rows = {}
    with camshaft.Cluster(n=WORKERS, environment={"PYTHONPATH": str(Path(__file__).parent)}) as rc:
        for who in ("camshaft", "ipyparallel", "pool"):
            count = items if who == "camshaft" else min(items, ITEMS_OF_OTHERS)
            command = [sys.executable, __file__, "--one", who, rc.cluster.connection_file, str(tasks), str(count)]
            rows[who] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    ours = rows["camshaft"]
    print(f"{'':18}" + "".join(f"{who:>14}" for who in rows) + "   official/ours   pool/ours")
    for name in ours:
        figures = [row[name] for row in rows.values()]
        ratios = [figure / ours[name] if ours[name] else float("nan") for figure in figures[1:]]
        print(f"{name:18}" + "".join(f"{figure:14,.1f}" for figure in figures), *(f"{ratio:14.2f}" for ratio in ratios))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))))
    else:
        main()
