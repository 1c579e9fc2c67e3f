"""Engines and controllers as jobs of a real Slurm."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable

import camshaft
import pytest
from launchers.conftest import Batch
from launchers.life import deaths_are_told, engines_come_back, killed_ipcluster_leaves_no_job, signals_reach, uuids
from launchers.servers.slurm import Slurm
from processes import at_the_prompt, wait_until


@pytest.fixture
def here(slurm_server: Slurm, batch: Callable[[dict[str, str]], Batch]) -> Batch:
    return batch(slurm_server.environment)


def job_of() -> tuple[str, str]:
    import os

    return os.environ["SLURM_JOB_ID"], os.environ["SLURMD_NODENAME"]


def where(rc: camshaft.Client) -> list[tuple[str, str]]:
    return rc[:].apply_sync(at_the_prompt(job_of))


@pytest.mark.parametrize(("layout", "jobs"), [("allocation", 1), ("array", 3), ("jobs", 3)])
def test_S2_11_engines_join_and_stop_cancels(here: Batch, slurm_server: Slurm, layout: str, jobs: int) -> None:
    process = here.ipcluster("start", "-n", "3", "--engines=slurm", options={"layout": layout, "queue": "main"})
    here.started(process)
    with camshaft.Client() as rc:
        assert len({job for job, _ in where(rc)}) == jobs
    [file] = here.jobs_files()
    assert len(json.loads(file.read_text())["ids"]) == (jobs if layout == "jobs" else 1)
    process.send(signal.SIGINT)
    assert process.wait() == 0, process.output
    assert not slurm_server.jobs()
    assert not here.jobs_files()
    assert not list(here.profile.glob("*.sbatch"))


def test_an_allocation_spans_nodes(here: Batch, slurm_server: Slurm) -> None:
    process = here.ipcluster("start", "-n", "6", "--engines=Slurm")
    here.started(process)
    with camshaft.Client() as rc:
        assert len({node for _, node in where(rc)}) == 2
    stop = here.ipcluster("stop")
    assert stop.wait() == 0, stop.output
    assert process.wait() == 0
    assert not slurm_server.jobs()


def test_the_controller_is_a_job_too(here: Batch, slurm_server: Slurm) -> None:
    process = here.ipcluster("start", "-n", "2", "--engines=slurm", "--controller=slurm")
    here.started(process)
    assert len(slurm_server.jobs()) == 2
    with camshaft.Client() as rc:
        assert len(where(rc)) == 2
    process.send(signal.SIGTERM)
    assert process.wait() == 0, process.output
    assert not slurm_server.jobs()


def test_kill_9_leaves_no_job(here: Batch, slurm_server: Slurm) -> None:
    killed_ipcluster_leaves_no_job(here, slurm_server.jobs, "--engines=slurm")


def test_kill_9_of_everybody_is_cleared_up_by_stop(here: Batch, slurm_server: Slurm) -> None:
    process = here.ipcluster("start", "-n", "2", "--engines=slurm")
    here.started(process)
    [file] = here.jobs_files()
    os.kill(process.pid, signal.SIGSTOP)  # so that it does not see what comes
    os.kill(json.loads(file.read_text())["watcher"]["pid"], signal.SIGKILL)
    process.kill()

    def orphaned() -> bool:
        listed = here.ipcluster("list")
        return listed.wait() == 0 and "nobody watches jobs" in listed.output

    wait_until(orphaned, "a list that sees the end of the killed")  # a kill takes its moment
    stop = here.ipcluster("stop")
    stop.wait()
    assert "cancelled jobs" in stop.output
    wait_until(lambda: not slurm_server.jobs(), "end of the jobs")


def test_a_killed_watcher_leaves_no_job(here: Batch, slurm_server: Slurm) -> None:
    process = here.ipcluster("start", "-n", "2", "--engines=slurm")
    here.started(process)
    [file] = here.jobs_files()
    assert slurm_server.jobs()
    os.kill(json.loads(file.read_text())["watcher"]["pid"], signal.SIGKILL)
    wait_until(lambda: not slurm_server.jobs(), "end of the jobs")


@pytest.mark.parametrize("layout", ["allocation", "array"])
def test_signals_reach_the_engines(here: Batch, layout: str) -> None:
    process = here.ipcluster("start", "-n", "2", "--engines=slurm", options={"layout": layout})
    here.started(process)
    signals_reach(process)


@pytest.mark.parametrize("layout", ["allocation", "array"])
def test_an_engine_that_dies_is_told_and_comes_back_in_its_job(here: Batch, slurm_server: Slurm, layout: str) -> None:
    options = {"n": 2, "engines": "slurm", "engine_options": {"layout": layout}, "progress": False}
    with camshaft.Cluster(restart_engines=True, **options) as rc:
        jobs = set(where(rc))
        before = uuids(rc)
        deaths_are_told(rc)
        engines_come_back(rc, 2, before, left=1)
        assert set(where(rc)) == jobs
        before = uuids(rc)
        rc.cluster.restart_engine_sync(rc.ids[0])
        engines_come_back(rc, 2, before, left=1)
        before = uuids(rc)
        rc.shutdown(restart=True, block=True)
        engines_come_back(rc, 2, before)
        assert set(where(rc)) == jobs
    assert not slurm_server.jobs()


def test_the_doctor_waits_in_the_queue_and_then_looks(here: Batch, slurm_server: Slurm) -> None:
    slurm_server.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        process = here.ipcluster("doctor", "--engines=slurm")
        wait_until(lambda: "s (Slurm: 1 waiting" in process.output or not process.running, "a line about the wait")
        assert "waiting for a trial engine of slurm, at most 300 s" in process.output
    finally:
        slurm_server.run("scontrol", "update", "PartitionName=main", "State=UP")
    assert process.wait() == 0, process.output
    assert "ok     engine, trial: a controller here and engines of slurm work together" in process.output
    assert not slurm_server.jobs()
    assert not here.profile.exists()


@pytest.mark.parametrize("end", ["interrupt", "time"])
def test_the_doctors_job_is_cancelled(here: Batch, slurm_server: Slurm, end: str) -> None:
    slurm_server.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        limit = ["--Cluster.engine_timeout=3"] if end == "time" else []
        process = here.ipcluster("doctor", "--engines=slurm", *limit)
        wait_until(lambda: slurm_server.jobs() or not process.running, "the job")
        if end == "interrupt":
            process.send(signal.SIGINT)
            assert process.wait() == 130, process.output
        else:
            assert process.wait() == 0, process.output
            assert "note   engine, trial: the queue has not started the trial job within 3 s" in process.output
        assert not slurm_server.jobs()
    finally:
        slurm_server.run("scontrol", "update", "PartitionName=main", "State=UP")


def test_what_slurm_refuses_is_said_with_its_command(here: Batch) -> None:
    process = here.ipcluster("start", "-n", "2", "--engines=slurm", options={"queue": "nowhere"})
    assert process.wait() != 0
    assert "Slurm did not take the job" in process.output
    assert "invalid partition" in process.output
    assert "the command was: sbatch " in process.output


def test_engines_that_fail_show_their_output(here: Batch) -> None:
    process = here.ipcluster("start", "-n", "2", "--engines=slurm", "--engine-args=--no-such-option")
    assert process.wait() != 0
    assert "all jobs have ended" in process.output
    assert "no-such-option" in process.output


def test_a_queue_may_take_its_time(here: Batch, slurm_server: Slurm) -> None:
    slurm_server.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        process = here.ipcluster("start", "-n", "2", "--engines=slurm")
        wait_until(lambda: "waiting" in here.logs(), "a job that waits")
        assert process.running
    finally:
        slurm_server.run("scontrol", "update", "PartitionName=main", "State=UP")
    here.started(process)


def test_from_python_with_a_template_of_ones_own(here: Batch, slurm_server: Slurm) -> None:
    assert "#SBATCH --ntasks=2\n" in camshaft.Cluster(n=2, engines="slurm").dry_run()
    template = "#!/bin/sh\n#SBATCH --export=ALL --ntasks={n} --job-name={name}{n:03d}\nexec srun {program_and_args}\n"
    options = {"batch_template": template, "namespace": {"name": "mine"}}
    with camshaft.Cluster(n=2, engines="slurm", engine_options=options, progress=False) as rc:
        assert len(where(rc)) == 2
        assert slurm_server.run("squeue", "-h", "-o", "%j").split() == ["mine002"]
    assert not slurm_server.jobs()


def test_jobs_need_no_shared_profile(here: Batch) -> None:
    """Engines get the connection through their environment: the profile's folder may be missing where they run."""
    template = "#!/bin/sh\n#SBATCH --export=ALL --ntasks=1\nIPP_PROFILE_DIR=/nowhere/at/all exec {program_and_args}\n"
    process = here.ipcluster("start", "-n", "1", "--engines=slurm", options={"batch_template": template})
    here.started(process)
    with camshaft.Client() as rc:
        assert rc[:].apply_sync(abs, -1) == [1]


def test_daemonize_does_not_wait_for_the_queue(here: Batch, slurm_server: Slurm) -> None:
    slurm_server.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        start = here.ipcluster("start", "-n", "2", "--engines=slurm", "--daemonize")
        assert start.wait() == 0, start.output
        assert "2 engines wait in the queue of slurm" in start.output
        assert slurm_server.jobs()
    finally:
        slurm_server.run("scontrol", "update", "PartitionName=main", "State=UP")
    with camshaft.Client() as rc:
        rc.wait_for_engines(2, timeout=60)
    stop = here.ipcluster("stop")
    assert stop.wait() == 0, stop.output
    assert not slurm_server.jobs()


def test_a_dry_run_shows_what_configuration_says(here: Batch, slurm_server: Slurm) -> None:
    here.profile.mkdir(parents=True)
    (here.profile / "ipcluster_config.py").write_text(
        "c.Cluster.engine_launcher_class = 'slurm'\nc.SlurmEngineSetLauncher.queue = 'short'\n"
    )
    shown = here.ipcluster("start", "-n", "4", "--SlurmLauncher.account=physics", "--dry-run")
    assert shown.wait() == 0, shown.output
    for line in ("#SBATCH --ntasks=4", "#SBATCH --partition=short", "#SBATCH --account=physics"):
        assert f"\n{line}\n" in shown.output
    assert not slurm_server.jobs()


def test_a_start_waits_for_as_many_engines_as_one_says(here: Batch, slurm_server: Slurm) -> None:
    options = {"engines": "slurm", "engine_options": {"layout": "jobs"}, "progress": False}
    slurm_server.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        with camshaft.Cluster(n=2, wait_for=False, **options) as rc:
            assert rc.ids == []
            assert len(slurm_server.jobs()) >= 1
            slurm_server.run("scontrol", "update", "PartitionName=main", "State=UP")
            rc.wait_for_engines(2, timeout=60, interactive=False)
            assert len(rc.ids) == 2
        slurm_server.run("scontrol", "update", "PartitionName=main", "State=DOWN")
        with pytest.raises(RuntimeError, match="only 0 of 1 engines registered within 2 s"):
            camshaft.Cluster(n=2, wait_for=1, engine_timeout=2, **options).start_cluster_sync()
        assert not slurm_server.jobs()
    finally:
        slurm_server.run("scontrol", "update", "PartitionName=main", "State=UP")
    with camshaft.Cluster(n=20, wait_for=1, **options) as rc:  # more than there are places
        assert rc[rc.ids[0]].apply_sync(abs, -1) == 1


def test_who_waits_for_an_engine_in_a_cancelled_job_is_told(here: Batch, slurm_server: Slurm) -> None:
    with camshaft.Cluster(n=1, engines="slurm", progress=False) as rc:
        running = rc[0].apply_async(time.sleep, 60)
        waiting = rc[0].apply_async(abs, -1)
        [job] = slurm_server.jobs()
        slurm_server.run("scancel", job)
        with pytest.raises(camshaft.RemoteError, match=rf"its job {job} was ended \(SIGTERM\)"):
            waiting.get(60)
        assert running.wait(60)
