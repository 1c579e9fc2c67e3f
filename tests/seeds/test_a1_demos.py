"""The demo files of the task interface, as scripts against four engines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TASKS = Path(__file__).resolve().parents[2] / "examples" / "tasks"


@pytest.fixture
def run(seed_cluster):
    """Runs one of the demos; returns what it has printed."""

    def start(name: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, str(TASKS / name)],
            env=seed_cluster.processes.env, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    seed_cluster.client().close()  # all engines are there
    return start


def test_S1_11_itermapresult(run) -> None:
    lines = run("itermapresult.py")
    ways: list[list[int]] = []
    for line in lines:
        if line.startswith("  "):
            ways[-1].append(int(line.split()[0]))
        else:
            ways.append([])
    assert ways[0] == ways[2] == sorted(ways[1]) == list(range(12))


def test_S1_12_customresults(run) -> None:
    lines = run("customresults.py")
    found = sorted(int(line.split(":")[1].split(",")[0]) for line in lines)
    assert found == [n * n for n in range(10)]
    assert all(line.startswith("engine ") and "was here" in line for line in lines)


def test_S1_27_dagdeps(run) -> None:
    lines = run("dagdeps.py")
    assert lines[0].startswith("32 tasks, ") and lines[0].endswith("in order")
    assert lines[1].startswith("0.64 s of work in ")
