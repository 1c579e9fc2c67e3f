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

import systems

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


def run_json(command: list[str]) -> Any:
    """Run a program that prints one JSON object."""
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=600)
    return json.loads(done.stdout)


def measure_clients(system: str, binaries: Path, hwm: int, tasks: int, sizes: list[str]) -> Any:
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


def measure_core(binaries: Path, hwm: int) -> Any:
    """The C++ client core against engines without Python."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with (
            systems.controller("camshaft", binaries, directory, f"--hwm={hwm}"),
            systems.null_engines(binaries, directory, 2),
        ):
            client_file = str(directory / "security" / "ipcontroller-client.json")
            return run_json([str(binaries / "bench_load"), client_file, "2", "100000", "1024"])


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


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--binaries", type=Path, default=Path("build/dev/bin"), help="where ipcontroller is")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    binaries = options.binaries.resolve()

    results: dict[str, Any] = {"official": {}, "camshaft": {}, "start": {}, "import": {}}
    say("raw ZeroMQ through a broker")
    results["raw"] = run_json([str(binaries / "bench_raw_zmq"), "2", "100000", *SIZES])
    for hwm in ("0", "1"):
        sizes = SIZES if hwm == "0" else []
        for system, tasks in (("official", 1000), ("camshaft", 50000)):
            say(f"{system}, hwm={hwm}: latency, throughput" + (", bandwidth" if sizes else ""))
            results[system][hwm] = measure_clients(system, binaries, int(hwm), tasks, sizes)
    say("the C++ client core with engines that do nothing")
    results["core"] = measure_core(binaries, 0)
    for system, package in systems.PACKAGE.items():
        say(f"{system}: start and import")
        results["start"][system] = min(measure_start(system, binaries) for _ in range(2))
        results["import"][system] = measure_import(package)

    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=1))
    print(show(results))
    for floor, held in floors(results):
        print(f"{'held' if held else 'MISSED':>6}: {floor}")
    print(f"figures: {options.output}")


if __name__ == "__main__":
    main()
