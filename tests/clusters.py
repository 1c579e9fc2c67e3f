"""What tests of clusters have in common: of camshaft.Cluster, and of what ipcluster says about one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import camshaft
from processes import Processes, command_of


def make(processes: Processes, **options) -> camshaft.Cluster:
    """A cluster of 2 engines, not started; what it starts is marked as the test's."""
    environment = {"CAMSHAFT_TEST_MARK": processes.mark}
    return camshaft.Cluster(**{"n": 2, "profile": "api", "environment": environment, **options})


def pids_of(cluster: camshaft.Cluster) -> list[int]:
    """The process ids of the controller and the engines."""
    engines = [engine["pid"] for group in cluster.engine_sets.values() for engine in group.values()]
    assert cluster.controller_pid is not None
    return [cluster.controller_pid, *engines]


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ipcluster(processes: Processes, *args: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run one ipcluster command to its end."""
    return subprocess.run(
        [*command_of("ipcluster", "ours"), *args],
        env=processes.env,
        cwd=processes.folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def doctor(processes: Processes, *args: str) -> tuple[int, list[dict[str, str]]]:
    """Return the exit code of `ipcluster doctor ARGS` and its findings."""
    done = ipcluster(processes, "doctor", "-o", "json", *args, timeout=120)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)
