"""`make bench`: raw ZeroMQ, the original and camshaft, side by side on this machine, as figures and ratios."""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import scheduling
import systems
from scheduling import run_json

SIZES = ["1", "64", "256"]
READY = """
import sys, time, importlib
ipp = importlib.import_module(sys.argv[1])
print("imported", flush=True)
sys.stdin.readline()
while True:
    try:
        rc = ipp.Client(sys.argv[2], timeout=5)
        break
    except Exception:
        time.sleep(0.005)
while len(rc.ids) < 4:
    time.sleep(0.002)
assert rc[:].apply_sync(lambda: 1) == [1] * 4
print("usable", flush=True)
"""


def say(text: str) -> None:
    """Progress, beside the table."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def measure_clients(system: str, binaries: Path, hwm: str, tasks: int, sizes: list[str]) -> Any:
    """Two engines, one Python client."""
    load = str(Path(__file__).with_name("client_load.py"))
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with systems.controller(system, binaries, directory, f"--hwm={hwm}") as controller:
            client_file = str(directory / "security" / "ipcontroller-client.json")
            time.sleep(1)  # for processes that a controller starts late
            idle = systems.memory(controller.pid)
            with systems.engines(system, binaries, directory, 2):
                figures = run_json(
                    [sys.executable, load, systems.PACKAGE[system], client_file, "2", str(tasks), *sizes]
                )
                figures["controller_idle"] = idle
                figures["controller_after"] = systems.memory(controller.pid)
                return figures


def measure_start(system: str, binaries: Path) -> float:
    """Seconds from the start command to an answer of each of 4 engines."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        file = str(directory / "security" / "ipcontroller-client.json")
        client = subprocess.Popen(
            [sys.executable, "-c", READY, systems.PACKAGE[system], file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert client.stdin and client.stdout
        assert client.stdout.readline() == "imported\n"
        begin = time.perf_counter()
        cluster = systems.start(
            [*systems.commands(system, binaries)["cluster"], "start", "-n", "4", f"--profile-dir={directory}"],
            directory,
        )
        try:
            client.stdin.write("\n")
            client.stdin.flush()
            assert client.stdout.readline() == "usable\n", "the cluster did not come up"
            return time.perf_counter() - begin
        finally:
            client.kill()
            client.communicate()
            systems.stop(cluster)


def measure_import(package: str) -> float:
    """Milliseconds that importing adds to the start of Python; the median of nine, taken in turn with a bare start."""

    def run(code: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return 1e3 * (time.perf_counter() - begin)

    code = f"from {package} import Client"  # the package alone is lazy in ours
    run(code)
    return statistics.median(run(code) - run("pass") for _ in range(9))


def ratio(a: float, b: float) -> str:
    """a / b for people."""
    value = a / b
    return f"{value:.0f}x" if value >= 10 else f"{value:.1f}x"


def rows(r: dict[str, Any]) -> list[tuple[str, str, str, str, str, str]]:
    """(what, raw ZeroMQ, original, camshaft, C++ core, camshaft against the original)."""
    raw, core = r["raw"], r["core"]
    table = []

    def add(what: str, official: float, ours: float, form: str, better: str, zmq: Any = None, cpp: Any = None) -> None:
        gain = ratio(official, ours) if better == "less" else ratio(ours, official)
        cells = [form.format(v) if v is not None else "" for v in (zmq, official, ours, cpp)]
        table.append((what, cells[0], cells[1], cells[2], cells[3], gain))

    a, b = r["official"]["0"], r["camshaft"]["0"]
    for p in ("p50", "p99"):
        z = raw[f"latency_us_{p}"]
        add(
            f"no-op, direct, {p} [us]",
            a["direct_us"][p],
            b["direct_us"][p],
            "{:,.0f}",
            "less",
            z,
            core[f"direct_us_{p}"],
        )
        add(
            f"no-op, balanced, {p} [us]",
            a["balanced_us"][p],
            b["balanced_us"][p],
            "{:,.0f}",
            "less",
            z,
            core[f"balanced_us_{p}"],
        )
    for hwm in ("0", "1"):
        add(
            f"no-op tasks/s, hwm={hwm}",
            r["official"][hwm]["tasks_per_s"],
            r["camshaft"][hwm]["tasks_per_s"],
            "{:,.0f}",
            "more",
            raw["messages_per_s"] if hwm == "0" else None,
            core["tasks_per_s"] if hwm == "0" else None,
        )
        add(
            f"the same, a result object each, hwm={hwm}",
            r["official"][hwm]["futures_per_s"],
            r["camshaft"][hwm]["futures_per_s"],
            "{:,.0f}",
            "more",
        )
    for direction in ("push", "pull"):
        for size in SIZES:
            key = f"{direction}_mb_s"
            add(f"{direction} {size} MB [MB/s]", a[key][size], b[key][size], "{:,.0f}", "more", raw[key][size])
    add("start to 4 usable engines [s]", r["start"]["official"], r["start"]["camshaft"], "{:.2f}", "less")
    add("controller, idle [MB]", a["controller_idle"]["megabytes"], b["controller_idle"]["megabytes"], "{:.0f}", "less")
    add(
        "controller, after the run [MB]",
        a["controller_after"]["megabytes"],
        b["controller_after"]["megabytes"],
        "{:.0f}",
        "less",
    )
    add(
        "controller [processes]", a["controller_idle"]["processes"], b["controller_idle"]["processes"], "{:.0f}", "less"
    )
    add("import of Client [ms]", r["import"]["official"], r["import"]["camshaft"], "{:.0f}", "less")
    return table


def show(r: dict[str, Any]) -> str:
    """The table as text."""
    head = ("", "raw ZeroMQ", "original", "camshaft", "C++ core", "gain")
    lines = [head, *rows(r)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def floors(r: dict[str, Any]) -> list[tuple[str, bool]]:
    """What this project promises at least, same hwm for both."""
    a, b = r["official"]["0"], r["camshaft"]["0"]
    return [
        ("throughput at least 50 times the original's", b["tasks_per_s"] >= 50 * a["tasks_per_s"]),
        ("direct latency at most a seventh", 7 * b["direct_us"]["p50"] <= a["direct_us"]["p50"]),
        ("balanced latency at most a seventh", 7 * b["balanced_us"]["p50"] <= a["balanced_us"]["p50"]),
        ("start at most a fifth", 5 * r["start"]["camshaft"] <= r["start"]["official"]),
        ("controller memory at most a fifth",
         5 * b["controller_after"]["megabytes"] <= a["controller_after"]["megabytes"]),
    ]  # fmt: skip


def limits(binaries: Path) -> list[str]:
    """The limits to compare: with auto, where the controller knows it."""
    asked = [str(binaries / "ipcontroller"), "--hwm=auto", "--version"]
    return ["0", "1"] + ["auto"] * (subprocess.run(asked, capture_output=True, check=False).returncode == 0)


SECTIONS = ("raw", "clients", "prefetching", "core", "cycles", "makespan", "others", "million", "start")


def measure(section: str, binaries: Path) -> dict[str, Any]:
    """The figures of one section."""
    results: dict[str, Any] = {}
    if section == "raw":
        say("raw ZeroMQ through a broker; the same with the frames of a task")
        results["raw"] = run_json([str(binaries / "bench_raw_zmq"), "2", "100000", *SIZES])
        results["relay"] = scheduling.relay(binaries)
    elif section == "clients":
        results.update(official={}, camshaft={})
        for system, hwms, tasks in (("official", ["0", "1"], 1000), ("camshaft", limits(binaries), 50000)):
            for hwm in hwms:
                sizes = SIZES if hwm == "0" else []
                say(f"{system}, hwm={hwm}: latency, throughput" + (", bandwidth" if sizes else ""))
                results[system][hwm] = measure_clients(system, binaries, hwm, tasks, sizes)
    elif section == "prefetching":
        say("hwm=0 and hwm=auto in turn")
        results["prefetching"] = scheduling.prefetching(binaries)
    elif section == "core":
        say("the C++ client core with engines that do nothing")
        results["core"] = scheduling.load(binaries, "0")
    elif section == "cycles":
        say("the scheduler alone: cycles, graphs, a burst")
        results["cycles"] = scheduling.cycles(binaries)
    elif section == "makespan":
        say("tasks of mixed lengths")
        results["makespan"] = {hwm: scheduling.makespan(binaries, hwm) for hwm in limits(binaries)}
    elif section == "others":
        say("Dask and Ray")
        results["others"] = scheduling.others()
    elif section == "million":
        say("1,000,000 tasks: memory of client and controller")
        kept = {"without records": ["--nodb"], "with the last 1,024 records": []}
        results["million"] = {what: scheduling.million(binaries, *options) for what, options in kept.items()}
    elif section == "start":
        results.update(start={}, **{"import": {}})
        for system, package in systems.PACKAGE.items():
            say(f"{system}: start and import")
            results["start"][system] = min(measure_start(system, binaries) for _ in range(2))
            results["import"][system] = measure_import(package)
    return results


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--binaries", type=Path, default=Path("build/dev/bin"), help="where ipcontroller is")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas; default: %(default)s")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    sections = options.only.split(",")
    if unknown := [one for one in sections if one not in SECTIONS]:
        parser.error(f"no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")

    results: dict[str, Any] = {}
    for section in sections:
        results.update(measure(section, options.binaries.resolve()))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=1))
    if {"raw", "clients", "core", "start"} <= set(sections):
        print(show(results))
        for floor, held in floors(results):
            print(f"{'held' if held else 'MISSED':>6}: {floor}")
    print(scheduling.show(scheduling.targets(results)))
    print(f"figures: {options.output}")


if __name__ == "__main__":
    main()
