"""Memory of a client and its controller while very many tasks wait, and afterwards.

usage: million.py CLIENT_FILE CONTROLLER_PID ENGINES TASKS     prints one JSON object
The engines are held up until every task is submitted, so that all of them wait at once; each has its own AsyncResult.
"""

import gc
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import camshaft


def noop(x: object = None) -> None:
    """Do nothing."""


def hold(path: str) -> None:
    """Keep an engine until the file is there."""
    import os
    import time

    while not os.path.exists(path):
        time.sleep(0.02)


def status(pid: int, key: str) -> float:
    """A line of /proc/PID/status in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


def settled(pid: int, patience: float) -> float:
    """Resident MB of a process once it has stopped shrinking, or after `patience` seconds."""
    lowest, since = status(pid, "VmRSS"), time.monotonic()
    deadline = since + patience
    while time.monotonic() < min(deadline, since + 5):
        time.sleep(0.2)
        now = status(pid, "VmRSS")
        if now < lowest - 0.1:
            lowest, since = now, time.monotonic()
    return status(pid, "VmRSS")


def main() -> None:
    """Submit, let run, and print what each stage holds."""
    file, controller, engines, tasks = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    rc = camshaft.Client(file)
    while len(rc.ids) < engines:
        time.sleep(0.01)
    figures = {"tasks": tasks, "controller_start_mb": status(controller, "VmRSS")}
    view = rc.load_balanced_view()
    view.map_sync(noop, range(2000))
    figures["controller_warm_mb"] = settled(controller, 20)
    with tempfile.TemporaryDirectory() as folder:
        gate = os.path.join(folder, "open")
        holds = [rc[number].apply_async(hold, gate) for number in rc.ids]
        client = status(os.getpid(), "VmRSS")
        start = time.perf_counter()
        results = [view.apply_async(noop) for _ in range(tasks)]
        figures["submitted_per_s"] = tasks / (time.perf_counter() - start)
        time.sleep(2)  # for what is still on its way
        figures["client_bytes_per_pending_task"] = (status(os.getpid(), "VmRSS") - client) * 2**20 / tasks
        figures["controller_pending_mb"] = status(controller, "VmRSS")
        start = time.perf_counter()
        Path(gate).touch()
        for result in results:
            result.get()
        figures["finished_per_s"] = tasks / (time.perf_counter() - start)
        for one in holds:
            one.get()
    del results, result
    gc.collect()
    figures["controller_after_mb"] = settled(controller, 60)
    figures["controller_peak_mb"] = status(controller, "VmHWM")
    print(json.dumps(figures))
    rc.close()


if __name__ == "__main__":
    main()
