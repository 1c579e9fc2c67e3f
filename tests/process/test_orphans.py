"""Nobody is left behind, whoever is killed with -9, and while user code holds the interpreter as well."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import camshaft
import pytest
from processes import BIN, Process, Processes, command_of, marked, wait_until
from processes import at_the_prompt as mine

OWNER = """
import sys, camshaft
cluster = camshaft.Cluster(n=2, profile="orphans", cluster_id="o", template=sys.argv[1] == "template")
cluster.start_cluster_sync()
print("up", flush=True)
sys.stdin = open("/dev/zero")
import time
time.sleep(600)
"""


@mine
def hold_the_interpreter(path: str) -> None:
    """Never lets the interpreter go: one instruction that takes for ever."""
    open(path, "w").close()
    sum(range(10**15))


@pytest.fixture(autouse=True)
def _our_programs(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSHAFT_BIN", str(BIN))
    processes.env["CAMSHAFT_BIN"] = str(BIN)


def start(processes: Processes, owner: str, template: str) -> tuple[Process, Any]:
    """A cluster of two engines, of ipcluster or of a Python process, and a client of it."""
    if owner == "ipcluster":
        more = [] if template == "template" else ["--no-template"]
        started = processes.start(
            [*command_of("ipcluster", "ours"), "start", "-n2", "--profile=orphans", "--cluster-id=o", *more]
        )
    else:
        started = processes.start([sys.executable, "-c", OWNER, template])
    said = "ipp.Client(" if owner == "ipcluster" else "up"
    wait_until(lambda: said in started.output or not started.running, "the cluster")
    assert started.running, started.output
    client: Any = camshaft.Client(profile="orphans", cluster_id="o", ipython_dir=processes.ipython_dir, timeout=30)
    return started, client


def pid_of_controller(processes: Processes) -> int:
    for pid in marked(processes.mark):
        if b"ipcontroller" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]:
            return pid
    raise AssertionError("no controller runs")


def wait_for_nobody(processes: Processes) -> None:
    wait_until(lambda: not marked(processes.mark), "the end of everybody", 30)


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("template", ["template", "none"])
@pytest.mark.parametrize("owner", ["ipcluster", "python"])
def test_kill_9_of_the_owner(processes: Processes, owner: str, template: str, busy: bool, tmp_path: Path) -> None:
    started, rc = start(processes, owner, template)
    if busy:
        for number in rc.ids:
            rc[number].apply_async(hold_the_interpreter, str(tmp_path / f"began-{number}"))
        wait_until(lambda: len(list(tmp_path.glob("began-*"))) == 2, "the engines to be busy")
    started.kill()
    wait_for_nobody(processes)
    rc.close()


@pytest.mark.parametrize("victim", ["controller", "template"])
def test_kill_9_of_one_of_them(processes: Processes, victim: str, tmp_path: Path) -> None:
    """Without a controller all ends; without the template the engines do."""
    started, rc = start(processes, "ipcluster", "template")
    (template,) = set(rc[:].apply_sync(os.getppid))
    engines = rc[:].apply_sync(os.getpid)
    for number in rc.ids:
        rc[number].apply_async(hold_the_interpreter, str(tmp_path / f"began-{number}"))
    wait_until(lambda: len(list(tmp_path.glob("began-*"))) == 2, "the engines to be busy")
    os.kill(template if victim == "template" else pid_of_controller(processes), signal.SIGKILL)
    wait_until(lambda: not set(engines) & set(marked(processes.mark)), "the end of the engines", 30)
    rc.close()
    assert started.wait(60) == 1  # all engines are gone right after the start: it says so and stops
    wait_for_nobody(processes)


def test_kill_9_of_an_engine_leaves_the_others(processes: Processes) -> None:
    started, rc = start(processes, "ipcluster", "template")
    victim, other = rc.ids
    pid = rc[victim].apply_sync(os.getpid)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: pid not in marked(processes.mark) and rc.ids == [other], "the engine's end")
    assert rc[other].apply_sync(abs, -1) == 1
    rc.close()
    started.send(signal.SIGINT)
    started.wait(20)
    wait_for_nobody(processes)
