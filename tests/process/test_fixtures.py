"""The fixtures of real clusters: nothing they start outlives its test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from processes import Processes, marked, wait_until


def test_an_orphan_is_found_and_ended(tmp_path: Path) -> None:
    group = Processes(tmp_path)
    nap = "import time; time.sleep(600)"
    spawner = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {nap!r}])"
    parent = group.start([sys.executable, "-c", spawner])
    assert parent.wait() == 0
    assert len(marked(group.mark)) == 1
    survivors = group.end(patience=0)
    assert len(survivors) == 1
    assert "time.sleep(600)" in survivors[0]
    wait_until(lambda: not marked(group.mark), "end of the orphan")


def test_output_and_exit_status_are_kept(processes: Processes) -> None:
    process = processes.start([sys.executable, "-c", "print('hello'); raise SystemExit(3)"])
    assert process.wait() == 3
    assert process.output == "hello\n"


def test_waiting_names_what_did_not_happen() -> None:
    with pytest.raises(TimeoutError, match="the impossible"):
        wait_until(lambda: False, "the impossible", 0.05)


@pytest.mark.official
def test_the_original_alone(official_cluster) -> None:
    """The judge itself works here: without this, a failure of the mixed tests would say nothing."""
    client = official_cluster(1).client("official")
    assert client[:].apply_sync(abs, -42) == [42]
