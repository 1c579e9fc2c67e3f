"""`python bench/stores.py`: what each store of task records costs: tasks/s, memory, and how fast records are found.

The load generator and the engines are C++ without Python, so that the controller is what is measured. Stores take
turns, and the best of the rounds counts: a ratio to --nodb in the same run is what to look at.
"""

import argparse
import contextlib
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import systems

SINGLE_TASKS = 2 * 2200  # that bench_load runs one by one before the many, to measure how long one takes
STORES = {"none": ["--nodb"], "memory": ["--dictdb"], "sqlite": ["--sqlitedb"]}


def resident(pid: int) -> dict[str, float]:
    """Resident megabytes now and at their highest."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {key: int(lines[field].split()[0]) / 1024 for key, field in (("now", "VmRSS"), ("peak", "VmHWM"))}


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def await_records(file: Path, expected: int, patience: float = 300) -> float:
    """Waits until so many finished tasks are in the database, or no more come; returns how many seconds that took."""
    begin = moved = time.monotonic()
    last = -1
    with contextlib.closing(sqlite3.connect(file)) as db:
        while last < expected and time.monotonic() - moved < 15 and time.monotonic() - begin < patience:
            # Each by an index, which is no work for a file of gigabytes.
            ((rows,),) = db.execute('SELECT coalesce(max(rowid), 0) FROM "ipython-tasks"')
            ((unfinished,),) = db.execute('SELECT count(*) FROM "ipython-tasks" WHERE completed IS NULL')
            count = rows - unfinished
            if count > last:
                last, moved = count, time.monotonic()
            time.sleep(0.2)
    return moved - begin


def queries(file: Path, expected: int) -> dict[str, float]:
    """Milliseconds of typical look-ups in a database of many records; all of `expected` must be there."""
    took = {}
    with contextlib.closing(sqlite3.connect(file)) as db:

        def timed(name: str, sql: str, *arguments: Any) -> list[Any]:
            begin = time.perf_counter()
            rows = db.execute(sql, arguments).fetchall()
            took[name] = 1e3 * (time.perf_counter() - begin)
            return rows

        ((count,),) = timed("count finished", 'SELECT count(*) FROM "ipython-tasks" WHERE completed IS NOT NULL')
        assert count >= expected, f"{count} records of {expected} tasks"
        ((some, when),) = timed("middle", f'SELECT msg_id, submitted FROM "ipython-tasks" LIMIT 1 OFFSET {count // 2}')
        assert timed("by id", 'SELECT * FROM "ipython-tasks" WHERE msg_id = ?', some)
        later = 'SELECT * FROM "ipython-tasks" WHERE submitted >= ? ORDER BY submitted LIMIT 100'
        assert timed("100 by date", later, when)
        timed("unfinished", 'SELECT * FROM "ipython-tasks" WHERE completed IS NULL')
    return took


def measure(store: str, binaries: Path, load: Path, tasks: int, folder: Path | None) -> dict[str, Any]:
    """One controller, two engines, `tasks` no-op tasks."""
    total = tasks + SINGLE_TASKS
    with tempfile.TemporaryDirectory(dir=folder) as name:
        directory = Path(name)
        with systems.controller("camshaft", binaries, directory, *STORES[store], "--hwm=0") as controller:
            idle = resident(controller.pid)["now"]
            with systems.null_engines(load, directory, 2):
                client_file = str(directory / "security" / "ipcontroller-client.json")
                begin = cpu_seconds(controller.pid)
                command = [str(load / "bench_load"), client_file, "2", str(tasks), "1024"]
                done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
                figures = json.loads(done.stdout)
                written = 0.0
                for file in directory.glob("tasks-*.db"):
                    written = await_records(file, total)
                spent = cpu_seconds(controller.pid) - begin
                time.sleep(2)  # for memory to be given back
                memory = resident(controller.pid)
        result = {
            "tasks_per_s": figures["tasks_per_s"],
            "us_per_task": 1e6 * spent / total,
            "idle_mb": idle,
            "after_mb": memory["now"],
            "peak_mb": memory["peak"],
            "bytes_per_task": max(memory["now"] - idle, 0) * 2**20 / total,
            "written_s_later": written,
        }
        for file in directory.glob("tasks-*.db"):
            result["file_mb"] = file.stat().st_size / 2**20
            result["queries_ms"] = queries(file, total)
        return result


def main() -> None:
    """Measure, print a line for each store, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stores", nargs="*", default=list(STORES), choices=list(STORES))
    parser.add_argument("--folder", type=Path, help="where databases are put")
    parser.add_argument("--binaries", type=Path, default=Path("build/dev/bin"), help="where ipcontroller is")
    parser.add_argument("--load", type=Path, help="where bench_load and bench_null_engine are, if elsewhere")
    parser.add_argument("--output", type=Path, default=Path("build/bench-stores.json"))
    options = parser.parse_args()
    binaries = options.binaries.resolve()
    load = (options.load or binaries).resolve()
    runs: dict[str, list[dict[str, Any]]] = {store: [] for store in options.stores}
    for number in range(options.rounds):
        for store in options.stores:
            runs[store].append(measure(store, binaries, load, options.tasks, options.folder))
            print(f"bench: round {number + 1}, {store}: {runs[store][-1]}", file=sys.stderr, flush=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(runs, indent=1))
    best = {store: max(rounds, key=lambda run: run["tasks_per_s"]) for store, rounds in runs.items()}
    baseline = best.get("none", {}).get("tasks_per_s")
    titles = ("tasks/s", "to none", "us cpu", "idle MB", "after MB", "peak MB", "B/task")
    print(f"{'store':8}" + "".join(f"{title:>10}" for title in titles))
    for store, run in best.items():
        share = f"{run['tasks_per_s'] / baseline:.0%}" if baseline else ""
        keys = ("us_per_task", "idle_mb", "after_mb", "peak_mb", "bytes_per_task")
        cells = [f"{run['tasks_per_s']:,.0f}", share, *(f"{run[key]:.1f}" for key in keys)]
        print(f"{store:8}" + "".join(f"{cell:>10}" for cell in cells))
        for query, took in run.get("queries_ms", {}).items():
            print(f"{'':8} query {query}: {took:.1f} ms")
    print(f"figures: {options.output}")


if __name__ == "__main__":
    main()
