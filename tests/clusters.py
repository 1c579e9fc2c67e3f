"""What tests of camshaft.Cluster have in common."""

from __future__ import annotations

from pathlib import Path

import camshaft
from processes import Processes


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
