"""What concerns the scheduler: its core alone, through sockets, with tasks of mixed lengths, beside Dask and Ray."""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import systems

HERE = Path(__file__).parent
OTHERS = Path("build/bench-venv/bin/python")
# (what, measured, at least or at most, bound)
Target = tuple[str, float, str, float]


def run_json(command: list[str], patience: float = 600) -> Any:
    """Run a program that prints one JSON object."""
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=patience)
    return json.loads(done.stdout)


def cycles(binaries: Path) -> dict[str, dict[str, float]]:
    """The pure core: {benchmark: {nanoseconds of CPU a task, counters}}.

    Each is the least disturbed of five runs that are spread over all the time.
    """
    program = [str(binaries / "sched_bench"), "--benchmark_format=json", "--benchmark_filter=^(cycle|graph|burst)"]
    program += ["--benchmark_repetitions=5", "--benchmark_enable_random_interleaving=true"]
    found: dict[str, dict[str, float]] = {}
    for one in run_json(program)["benchmarks"]:
        cost = 1e9 / one["items_per_second"] if one["run_type"] == "iteration" else float("inf")
        if cost < found.get(one["run_name"], {}).get("ns_per_task", float("inf")):
            counters = {key: value for key, value in one.items() if key.startswith("bytes_")}
            found[one["run_name"]] = {"ns_per_task": cost, **counters}
    return found


def task_buffers() -> list[str]:
    """Bytes of each buffer of a no-op call from Python, as our client packs it."""
    import client_load
    from camshaft.serialize.p5 import pack_call

    return [str(len(bytes(one))) for one in pack_call(client_load.noop, (), {})]


def relay(binaries: Path) -> dict[str, Any]:
    """Plain ZeroMQ with the frames of our tasks: those of the C++ load, and those of a call from Python."""
    program = [str(binaries / "bench_raw_relay"), "2", "100000", "1024"]
    return {"load": run_json([*program, "1", "4"]), "call": run_json([*program, *task_buffers()])}


def load(binaries: Path, hwm: str) -> Any:
    """The C++ client core against engines without Python."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with (
            systems.controller("camshaft", binaries, directory, f"--hwm={hwm}"),
            systems.null_engines(binaries, directory, 2),
        ):
            client_file = str(directory / "security" / "ipcontroller-client.json")
            return run_json([str(binaries / "bench_load"), client_file, "2", "100000", "1024"])


def makespan(binaries: Path, hwm: str, engines: int = 4, tasks: int = 120, longest: float = 0.5) -> Any:
    """Tasks of 0 to `longest` seconds, with three seeds."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with (
            systems.controller("camshaft", binaries, directory, f"--hwm={hwm}"),
            systems.engines("camshaft", binaries, directory, engines),
        ):
            client_file = str(directory / "security" / "ipcontroller-client.json")
            numbers = [str(engines), str(tasks), str(longest), "1", "2", "3"]
            return run_json([sys.executable, str(HERE / "makespan.py"), "camshaft", client_file, *numbers])


def prefetching(binaries: Path, rounds: int = 5, tasks: int = 50_000) -> dict[str, float]:
    """No-op tasks/s with two Python engines at hwm 0 and auto: medians over clusters of each in turn, for noise."""
    rates: dict[str, list[float]] = {"0": [], "auto": []}
    for _ in range(rounds):
        for hwm, found in rates.items():
            with tempfile.TemporaryDirectory() as folder:
                directory = Path(folder)
                with (
                    systems.controller("camshaft", binaries, directory, f"--hwm={hwm}"),
                    systems.engines("camshaft", binaries, directory, 2),
                ):
                    client_file = str(directory / "security" / "ipcontroller-client.json")
                    program = [sys.executable, str(HERE / "client_load.py"), "camshaft", client_file, "2", str(tasks)]
                    found += run_json([*program, "futures"])
    return {hwm: statistics.median(found) for hwm, found in rates.items()}


def million(binaries: Path, *options: str, tasks: int = 1_000_000) -> Any:
    """Memory of client and of a controller with `options` around so many waiting tasks."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with (
            systems.controller("camshaft", binaries, directory, *options) as controller,
            systems.engines("camshaft", binaries, directory, 2),
        ):
            client_file = str(directory / "security" / "ipcontroller-client.json")
            program = [sys.executable, str(HERE / "million.py"), client_file, str(controller.pid), "2", str(tasks)]
            return run_json(program, 1800)


def others(tasks: int = 5000) -> dict[str, Any]:
    """Dask and Ray, two workers each. Empty without their environment."""
    if not OTHERS.exists():
        return {}
    return {name: run_json([str(OTHERS), str(HERE / "others.py"), name, str(tasks)]) for name in ("dask", "ray")}


def targets(r: dict[str, Any]) -> list[Target]:
    """What was measured against what it should be, as far as it was measured."""
    found: list[Target] = []
    if core := r.get("cycles"):
        cost = {name: one["ns_per_task"] for name, one in core.items()}
        empty, full = cost["cycle/leastload/1024/0"], cost["cycle/leastload/1024/100000"]
        big = core["graph/1000000"]
        found += [
            ("core: cycles/s with 16 engines", 1e9 / cost["cycle/leastload/16/0"], ">=", 1e6),
            ("core: cost with 100,000 waiting, as a multiple of none", full / empty, "<=", 3),
            ("graph: cost of a task of 1,000,000 as a multiple of one of 10,000",
             cost["graph/1000000"] / cost["graph/10000"], "<=", 2),
            ("graph: bytes for each waiting task", big["bytes_per_waiting_task"], "<=", 1024),
            ("burst: bytes left for each of 1,000,000", core["burst/1000000"]["bytes_left_per_task"], "<=", 8),
        ]  # fmt: skip
    clients = r.get("camshaft", {})
    if "relay" in r and "core" in r:
        share = r["core"]["tasks_per_s"] / r["relay"]["load"]["messages_per_s"]
        found.append(("C++ load, as a share of zmq_proxy with the same frames", share, ">=", 0.6))
    if "relay" in r and "0" in clients:
        call = clients["0"]["direct_us"]["p50"] / r["relay"]["call"]["latency_us_p50"]
        found.append(("a synchronous call, as a multiple of a round trip of its frames", call, "<=", 1.2))
    for hwm, least in (("0", 100), ("1", 30)):
        if hwm in clients and hwm in r["official"]:
            gain = clients[hwm]["futures_per_s"] / r["official"][hwm]["futures_per_s"]
            found.append((f"tasks/s, one result object each, hwm={hwm}, times the original's", gain, ">=", least))
    for name, least in (("dask", 80), ("ray", 10)):
        if name in r.get("others", {}) and "0" in clients:
            gain = clients["0"]["futures_per_s"] / r["others"][name]["tasks_per_s"]
            found.append((f"tasks/s, one result object each, hwm=0, times {name.capitalize()}'s", gain, ">=", least))
    if rates := r.get("prefetching"):
        found.append(("no-op tasks/s of hwm=auto, as a share of hwm=0", rates["auto"] / rates["0"], ">=", 0.9))
    if "auto" in (spans := r.get("makespan", {})):
        best = min(spans["0"]["times_bound"], spans["1"]["times_bound"])
        found.append(("makespan of mixed tasks, hwm=auto, as a multiple of the better of 0 and 1",
                      spans["auto"]["times_bound"] / best, "<=", 1.05))  # fmt: skip
    if many := r.get("million"):
        waiting = max(one["client_bytes_per_pending_task"] for one in many.values())
        found.append(("1,000,000 tasks: client bytes for each that waits", waiting, "<=", 1024))
        for records, one in many.items():
            after = one["controller_after_mb"] / one["controller_start_mb"]
            found.append(
                (f"1,000,000 tasks: controller afterwards, as a multiple of idle, {records}", after, "<=", 1.2)
            )
    return found


def show(found: list[Target]) -> str:
    """One line for each target."""
    lines = []
    for what, value, sign, bound in found:
        held = value >= bound if sign == ">=" else value <= bound
        text = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
        lines.append(f"{'held' if held else 'MISSED':>6}: {what}: {text} (wanted {sign} {bound:,g})")
    return "\n".join(lines)
