"""Batch systems for the tests of launchers: real ones, started here, in a network that nobody else reaches.

They want root and the packages that `make test-launchers` installs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from launchers.servers.private_network import private_network
from launchers.servers.slurm import Slurm, slurm
from processes import BIN, Process, Processes


@pytest.fixture(scope="module")
def network() -> Iterator[None]:
    """A network of this module's own."""
    with private_network():
        yield


@pytest.fixture(scope="module")
def slurm_server(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """Slurm with three nodes."""
    with slurm(tmp_path_factory.mktemp("slurm") / "s") as server:
        yield server


class Batch:
    """ipcluster in one profile, with the variables by which its commands find a batch system."""

    def __init__(self, processes: Processes, environment: dict[str, str]) -> None:
        self.processes = processes
        self.environment = environment
        self.profile = processes.ipython_dir / "profile_default"

    def ipcluster(self, *arguments: str, options: dict[str, Any] | None = None) -> Process:
        """Start `ipcluster ARGUMENTS`; `options` are the launcher's."""
        given = [f"--engine-options={json.dumps(options)}"] if options else []
        return self.processes.start([str(BIN / "ipcluster"), *arguments, *given], **self.environment)

    def started(self, process: Process) -> None:
        """Wait until all engines of this start are there."""
        from processes import wait_until

        def up() -> bool:
            assert process.running, process.output + self.logs()
            return "IPython cluster: started" in process.output

        wait_until(up, "engines")

    def logs(self) -> str:
        """Everything in the profile's log folder."""
        found = sorted((self.profile / "log").glob("*.log"))
        return "".join(f"\n--- {file.name}\n{file.read_text(errors='replace')}" for file in found)

    def jobs_files(self) -> list[Path]:
        """Files with the ids of jobs."""
        return sorted((self.profile / "security").glob("jobs-*.json"))


@pytest.fixture
def batch(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], Batch]:
    """``batch(environment)``: an ipcluster that finds its batch system by these variables."""

    def make(environment: dict[str, str]) -> Batch:
        for name, value in {**environment, "CAMSHAFT_TEST_MARK": processes.mark, "CAMSHAFT_BIN": str(BIN)}.items():
            monkeypatch.setenv(name, value)
        return Batch(processes, {**environment, "PATH": environment.get("PATH", os.environ["PATH"])})

    return make


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch systems write a job's output where it was submitted: not into the source tree."""
    monkeypatch.chdir(tmp_path)
