"""How long a cluster takes to start, what its engines weigh, and how many register at once.

python bench/start.py --engines 4 100 --official 4 --storm 1000
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import camshaft
import systems


def shared_memory(pids: list[int]) -> float:
    """The mean of what each process holds in MB, where what several share counts in parts."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024 / len(pids)


def measure(package: Any, engines: int, **options: Any) -> dict[str, float]:
    """Seconds from the call to an answer of each engine, and to the end of a first cell; MB for each engine."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        cluster = package.Cluster(n=engines, profile_dir=folder, **options)
        client = cluster.start_and_connect_sync()
        try:
            client.wait_for_engines(engines, timeout=300)
            pids = client[:].apply_sync(os.getpid)
            usable = time.perf_counter() - began
            client[:].execute("a = 1", block=True)
            cell = time.perf_counter() - began
            return {"usable": usable, "cell": cell, "memory": shared_memory(pids)}
        finally:
            client.close()
            cluster.stop_cluster_sync()


def storm(binaries: Path, engines: int, per_process: int = 250) -> float:
    """Seconds until a client sees so many engines without an interpreter that start at the same time."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with systems.controller("camshaft", binaries, directory):
            file = directory / "security" / "ipcontroller-engine.json"
            with camshaft.Client(str(directory / "security" / "ipcontroller-client.json")) as client:
                began = time.perf_counter()
                processes = [
                    subprocess.Popen(
                        [binaries / "light_engines", file, str(min(per_process, engines - begin))],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.DEVNULL,
                    )
                    for begin in range(0, engines, per_process)
                ]
                try:
                    while len(client.ids) < engines:
                        time.sleep(0.01)
                    return time.perf_counter() - began
                finally:
                    for process in processes:
                        assert process.stdin is not None
                        process.stdin.close()
                    for process in processes:
                        process.wait()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--binaries", type=Path, default=Path(__file__).resolve().parent.parent / "build" / "dev" / "bin"
    )
    parser.add_argument("--engines", type=int, nargs="*", default=[4, 100])
    parser.add_argument("--official", type=int, nargs="*", default=[])
    parser.add_argument("--storm", type=int, nargs="*", default=[1000])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()

    def row(name: str, found: list[dict[str, float]]) -> None:
        usable, cell, memory = (statistics.median(one[key] for one in found) for key in ("usable", "cell", "memory"))
        print(f"{name:28s} usable {usable:6.2f} s   first cell {cell:6.2f} s   {memory:5.1f} MB each", flush=True)

    for engines in given.engines:
        for name, template in (("forked", True), ("afresh", False)):
            rounds = [measure(camshaft, engines, template=template, progress=False) for _ in range(given.rounds)]
            row(f"{engines} engines, {name}", rounds)
    for engines in given.official:
        import ipyparallel

        row(f"{engines} engines, the original", [measure(ipyparallel, engines, log_level=40)])
    for engines in given.storm:
        seconds = statistics.median(storm(given.binaries, engines) for _ in range(given.rounds))
        print(f"{engines} light engines registered in {seconds:.2f} s")


if __name__ == "__main__":
    main()
