"""Engines through commands that behave as LSF documents, and submit to a real Slurm."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import camshaft
import pytest
from launchers.conftest import Batch
from launchers.life import killed_ipcluster_leaves_no_job, signals_reach
from launchers.servers import lsf_over_slurm
from launchers.servers.slurm import Slurm
from processes import at_the_prompt


@pytest.fixture(scope="module")
def environment(slurm_server: Slurm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("lsf")
    for name in ("bsub", "bjobs", "bkill"):
        (folder / name).symlink_to(Path(lsf_over_slurm.__file__))
    return {**slurm_server.environment, "PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture
def here(environment: dict[str, str], batch: Callable[[dict[str, str]], Batch]) -> Batch:
    return batch(environment)


def element() -> tuple[str, str]:
    import os

    return os.environ["LSB_JOBINDEX"], os.environ["LSB_STDOUT_DIRECT"]


def test_S2_11_an_array_of_engines_joins_and_stop_cancels(here: Batch, slurm_server: Slurm) -> None:
    process = here.ipcluster("start", "-n", "3", "--engines=lsf", options={"queue": "main"})
    here.started(process)
    with camshaft.Client() as rc:
        assert sorted(rc[:].apply_sync(at_the_prompt(element))) == [("1", "Y"), ("2", "Y"), ("3", "Y")]
    process.send(signal.SIGINT)
    assert process.wait() == 0, process.output
    assert not slurm_server.jobs()


def test_kill_9_leaves_no_job(here: Batch, slurm_server: Slurm) -> None:
    killed_ipcluster_leaves_no_job(here, slurm_server.jobs, "--engines=LSF", "--controller=lsf")


def test_signals_reach_the_engines(here: Batch) -> None:
    process = here.ipcluster("start", "-n", "2", "--engines=lsf", options={"layout": "jobs"})
    here.started(process)
    signals_reach(process)


def test_what_is_refused_is_said_with_its_command(here: Batch) -> None:
    process = here.ipcluster("start", "-n", "2", "--engines=lsf", options={"queue": "nowhere"})
    assert process.wait() != 0
    assert "LSF did not take the job" in process.output
    assert "Job not submitted" in process.output
