"""Engines and controllers as jobs of a real Grid Engine."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import camshaft
import pytest
from launchers.conftest import Batch
from launchers.life import (
    deaths_are_told,
    engines_come_back,
    interrupts_reach,
    killed_ipcluster_leaves_no_job,
    signals_reach,
    uuids,
)
from launchers.servers.grid_engine import GridEngine, grid_engine
from processes import at_the_prompt, wait_until


@pytest.fixture(scope="module")
def server(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GridEngine]:
    with grid_engine(tmp_path_factory.mktemp("sge") / "g") as one:
        yield one


@pytest.fixture
def here(server: GridEngine, batch: Callable[[dict[str, str]], Batch]) -> Batch:
    return batch(server.environment)


def task_of() -> tuple[str, str]:
    import os

    return os.environ["JOB_ID"], os.environ["SGE_TASK_ID"]


@pytest.mark.parametrize(("layout", "jobs"), [("array", 1), ("jobs", 3)])
def test_S2_11_S4_7_engines_join_and_stop_cancels(here: Batch, server: GridEngine, layout: str, jobs: int) -> None:
    process = here.ipcluster("start", "-n", "3", "--engines=sge", options={"layout": layout, "queue": "all.q"})
    here.started(process)
    with camshaft.Client() as rc:
        tasks = rc[:].apply_sync(at_the_prompt(task_of))
    assert len({job for job, _ in tasks}) == jobs
    if layout == "array":
        assert sorted(element for _, element in tasks) == ["1", "2", "3"]
    assert list((here.profile / "log").glob("*-job.*.log"))  # its own directives were read
    process.send(signal.SIGINT)
    assert process.wait() == 0, process.output
    wait_until(lambda: not server.jobs(), "end of the jobs")
    assert not here.jobs_files()


def test_the_controller_is_a_job_too_and_kill_9_leaves_none(here: Batch, server: GridEngine) -> None:
    killed_ipcluster_leaves_no_job(here, server.jobs, "--engines=sge", "--controller=SGE", each=False)


def test_signals_reach_the_engines_by_way_of_the_controller(here: Batch) -> None:
    """Grid Engine has no command for them."""
    process = here.ipcluster("start", "-n", "2", "--engines=sge")
    here.started(process)
    signals_reach(process)
    with camshaft.Cluster(n=1, engines="sge", progress=False) as rc:
        interrupts_reach(rc)


def test_an_engine_that_dies_is_told_and_comes_back_in_its_job(here: Batch) -> None:
    with camshaft.Cluster(n=2, engines="sge", progress=False, restart_engines=True) as rc:
        before = uuids(rc)
        deaths_are_told(rc)
        engines_come_back(rc, 2, before, left=1)


def test_an_unknown_queue_is_said_with_the_command(here: Batch) -> None:
    process = here.ipcluster("start", "-n", "1", "--engines=sge", options={"queue": "nowhere"})
    assert process.wait() != 0
    assert "Grid Engine did not take the job" in process.output
    assert "unknown queue" in process.output
