"""Engines through the commands of PBS, which here submit to a real Slurm."""

from __future__ import annotations

import signal
from collections.abc import Callable

import camshaft
import pytest
from launchers.conftest import Batch
from launchers.life import killed_ipcluster_leaves_no_job
from launchers.servers.pbs import pbs_commands
from launchers.servers.slurm import Slurm
from processes import at_the_prompt


@pytest.fixture(scope="module")
def environment(slurm_server: Slurm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return pbs_commands(tmp_path_factory.mktemp("pbs") / "bin", slurm_server)


@pytest.fixture
def here(environment: dict[str, str], batch: Callable[[dict[str, str]], Batch]) -> Batch:
    return batch(environment)


def element() -> str:
    import os

    return os.environ["PBS_ARRAYID"]


def test_S2_11_S4_7_an_array_of_engines_joins_and_stop_cancels(here: Batch, slurm_server: Slurm) -> None:
    process = here.ipcluster("start", "-n", "3", "--engines=pbs", options={"queue": "main"})
    here.started(process)
    with camshaft.Client() as rc:
        assert sorted(rc[:].apply_sync(at_the_prompt(element))) == ["1", "2", "3"]
    process.send(signal.SIGINT)
    assert process.wait() == 0, process.output
    assert not slurm_server.jobs()


def test_each_engine_a_job_and_kill_9_leaves_none(here: Batch, slurm_server: Slurm) -> None:
    killed_ipcluster_leaves_no_job(here, slurm_server.jobs, "--engines=PBS", "--controller=pbs")


def test_what_is_refused_is_said_with_its_command(here: Batch) -> None:
    process = here.ipcluster("start", "-n", "2", "--engines=pbs", options={"queue": "nowhere"})
    assert process.wait() != 0
    assert "PBS did not take the job" in process.output
    assert "the command was: qsub " in process.output
