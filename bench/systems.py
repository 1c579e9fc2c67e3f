"""Starts and stops the systems that `make bench` compares. Everything started is ended by its own pid."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PACKAGE = {"official": "ipyparallel", "camshaft": "camshaft"}


def commands(system: str, binaries: Path) -> dict[str, list[str]]:
    """The commands of one system: controller, engine, cluster."""
    if system == "camshaft":
        return {
            "controller": [str(binaries / "ipcontroller")],
            "engine": [sys.executable, "-m", "camshaft.engine"],
            "cluster": [str(binaries / "ipcluster")],
        }
    return {role: [sys.executable, "-m", f"ipyparallel.{role}"] for role in ("controller", "engine", "cluster")}


def start(command: list[str], directory: Path) -> subprocess.Popen[bytes]:
    """A process in a group of its own, its output in `directory`."""
    with open(directory / "output.log", "ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL for the group of one process that start() made."""
    for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def await_file(path: Path, patience: float = 60.0) -> None:
    """Wait until a connection file is there and whole."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            json.loads(path.read_text())
            return
        time.sleep(0.002)
    raise TimeoutError(f"{path} did not appear within {patience} s; see output.log beside it")


@contextlib.contextmanager
def controller(system: str, binaries: Path, directory: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A controller of `system` with its files in `directory`."""
    process = start([*commands(system, binaries)["controller"], f"--profile-dir={directory}", *options], directory)
    try:
        await_file(directory / "security" / "ipcontroller-client.json")
        await_file(directory / "security" / "ipcontroller-engine.json")
        yield process
    finally:
        stop(process)


@contextlib.contextmanager
def engines(system: str, binaries: Path, directory: Path, n: int) -> Iterator[None]:
    """`n` engines of `system` for the controller of the same directory."""
    command = [*commands(system, binaries)["engine"], f"--profile-dir={directory}"]
    processes = [start(command, directory) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            stop(process)


@contextlib.contextmanager
def null_engines(binaries: Path, directory: Path, n: int) -> Iterator[None]:
    """`n` engines without Python."""
    file = str(directory / "security" / "ipcontroller-engine.json")
    processes = [start([str(binaries / "bench_null_engine"), file, str(i)], directory) for i in range(n)]
    try:
        yield
    finally:
        for process in processes:
            stop(process)


def descendants(pid: int) -> list[int]:
    """`pid` and every process below it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found.extend(int(child) for child in task.read_text().split())
    return found


def memory(pid: int) -> dict[str, float]:
    """Processes at and below `pid`, and what they have resident: proportional (shared pages shared out) MB."""
    pids = descendants(pid)
    kilobytes = 0
    for one in pids:
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kilobytes += int(line.split()[1])
    return {"processes": len(pids), "megabytes": kilobytes / 1024}
