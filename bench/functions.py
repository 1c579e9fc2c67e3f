"""What it costs to send a large function with many tasks: tasks a second, and bytes on the loopback device.

usage: functions.py [TASKS [BYTES]]      default: 2,000 tasks of a function that holds 1,000,000 bytes

The bytes are those of the whole machine's loopback device. For exact ones, run it where nobody else is:
    unshare --net sh -c 'ip link set lo up; python bench/functions.py'
`map` sends one function object many times; `apply_async` pickles it for each call, since it may have changed.
"""

import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import camshaft

ENGINES = 2


def first(data: bytes, n: int) -> int:
    """Use a little of much."""
    return data[n]


def on_the_wire() -> int:
    """Bytes that have gone through the loopback device."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, counts = line.partition(":")
        if name.strip() == "lo":
            return int(counts.split()[0])
    raise RuntimeError("no loopback device in /proc/net/dev")


def measured(what: str, tasks: int, run: Callable[[], Any]) -> None:
    """Print the figures of `run`, which does so many tasks."""
    before, start = on_the_wire(), time.perf_counter()
    assert run() == [120] * tasks
    seconds = time.perf_counter() - start
    print(f"{what:14}{tasks / seconds:12,.0f} tasks/s{(on_the_wire() - before) / tasks:16,.0f} bytes/task", flush=True)


def main() -> None:
    """Measure both ways."""
    tasks, size = (int(word.replace(",", "")) for word in (sys.argv[1:] + ["2000", "1000000"][len(sys.argv) - 1 :]))
    call = functools.partial(first, b"x" * size)
    with camshaft.Cluster(n=ENGINES, environment={"PYTHONPATH": str(Path(__file__).parent)}) as rc:
        view = rc.load_balanced_view()
        view.map_sync(abs, range(100))
        measured("map", tasks, lambda: view.map_sync(call, [0] * tasks))
        few = max(1, tasks // 10)
        measured("apply_async", few, lambda: [r.get() for r in [view.apply_async(call, 0) for _ in range(few)]])


if __name__ == "__main__":
    main()
