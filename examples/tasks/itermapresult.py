"""Shows when the items of a map can be had: in order, as they come, and in larger parts.

ipcluster start -n 4 &
python itermapresult.py
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable

import camshaft as ipp


def work(task: tuple[int, float]) -> int:
    """Sleep for the seconds of a task; return its number."""
    import time  # on the engine, where the names of this file are not known

    number, seconds = task
    time.sleep(seconds)
    return number


def show(title: str, numbers: Iterable[int]) -> list[int]:
    """Print numbers as they come, each with the time of its arrival; return them."""
    print(title)
    start = time.perf_counter()
    seen = []
    for number in numbers:
        seen.append(number)
        print(f"  {number:2d} after {time.perf_counter() - start:.2f} s")
    return seen


def main() -> None:
    """Map the same tasks in three ways."""
    rng = random.Random(1)
    tasks = [(number, rng.uniform(0.01, 0.1)) for number in range(12)]
    with ipp.Client() as rc:
        rc.wait_for_engines(1, timeout=30)
        view = rc.load_balanced_view()
        show("in the order of the input, each as soon as it can be:", view.map_async(work, tasks))
        show("in the order of their arrival:", view.map_async(work, tasks, ordered=False))
        show("three items to a message: they come in threes:", view.map_async(work, tasks, chunksize=3))


if __name__ == "__main__":
    main()
