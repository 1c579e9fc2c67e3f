"""How well tasks of mixed lengths are spread over the engines of a running cluster.

usage: makespan.py PACKAGE CLIENT_FILE ENGINES TASKS LONGEST_SECONDS SEEDS...     prints one JSON object
Each task sleeps between 0 and LONGEST_SECONDS; the makespan is compared with what no scheduler can beat: all engines
busy to the end, or the longest task alone.
"""

import importlib
import json
import random
import sys
import time
from typing import Any


def work(seconds: float) -> None:
    """A task that takes so long."""
    import time

    time.sleep(seconds)


def makespan(view: Any, durations: list[float], engines: int) -> float:
    """Time from the first submission to the last result, as a multiple of the bound."""
    bound = max(sum(durations) / engines, max(durations))
    start = time.perf_counter()
    view.map_async(work, durations, chunksize=1).get()
    return (time.perf_counter() - start) / bound


def main() -> None:
    """Run every seed and print the multiples."""
    package, client_file, engines, tasks, longest, *seeds = sys.argv[1:]
    rc = importlib.import_module(package).Client(client_file)
    while len(rc.ids) < int(engines):
        time.sleep(0.01)
    view = rc.load_balanced_view()
    view.map_sync(work, [0.0] * 10 * int(engines))
    found = []
    for seed in seeds:
        chance = random.Random(int(seed))
        durations = [chance.uniform(0, float(longest)) for _ in range(int(tasks))]
        found.append(makespan(view, durations, int(engines)))
    print(json.dumps({"times_bound": sum(found) / len(found), "each": found}))
    rc.close()


if __name__ == "__main__":
    main()
