"""HTCondor and Windows HPC, which cannot be had here, and systems of the user's: by the contract of their commands."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import camshaft
import pytest
from launchers.conftest import Batch
from launchers.servers import recorder
from processes import BIN, Processes, wait_until

LOOPBACK = "--ip=127.0.0.1"  # what is submitted runs here
COMMANDS = ("condor_submit", "condor_q", "condor_rm", "job")


@pytest.fixture
def here(tmp_path: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> Batch:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in COMMANDS:
        (folder / name).symlink_to(Path(recorder.__file__))
    monkeypatch.setenv("CAMSHAFT_BIN", str(BIN))
    return Batch(processes, {"RECORDER": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"})


def calls(here: Batch, name: str) -> list[list[str]]:
    lines = (Path(here.environment["RECORDER"]) / "calls").read_text().splitlines()
    return [call[1:] for call in map(json.loads, lines) if call[0] == name]


def test_S2_11_htcondor(here: Batch) -> None:
    process = here.ipcluster("start", "-n", "3", LOOPBACK, "--engines=htcondor", "--controller=HTCondor")
    here.started(process)
    with camshaft.Client() as rc:
        assert rc[:].apply_sync(len, "four") == [4, 4, 4]
    engines = next(here.profile.glob("htcondor_engines-*"))
    assert engines.stat().st_mode & 0o077 == 0  # it holds the key
    assert engines.read_text().splitlines()[-1] == "queue 3"
    process.send(signal.SIGINT)
    assert process.wait() == 0, process.output
    assert [len(words) for words in calls(here, "condor_submit")] == [1, 1]
    assert all(words[1:] == ["-af", "ClusterId", "JobStatus", "HoldReason"] for words in calls(here, "condor_q"))
    assert sorted(calls(here, "condor_rm")) == [["100"], ["101"]]


def test_S0_93_S0_95_S0_96_windows_hpc_starts_stops_and_leaves_its_job_files(here: Batch) -> None:
    options: dict[str, Any] = {"scheduler": "HEADNODE"}
    process = here.ipcluster(
        "start",
        "-n",
        "2",
        LOOPBACK,
        "--engines=ipyparallel.cluster.launcher.WindowsHPCEngineSetLauncher",
        "--controller=WindowsHPCControllerLauncher",
        f"--controller-options={json.dumps(options)}",
        options=options,
    )
    here.started(process)
    with camshaft.Client() as rc:
        assert rc[:].apply_sync(len, "four") == [4, 4]
    process.send(signal.SIGINT)  # Control-C stops everything
    assert process.wait() == 0, process.output
    assert "<Task" in (here.profile / "ipengineset_job.xml").read_text()
    assert "IPController" in (here.profile / "ipcontroller_job.xml").read_text()
    assert [words[0] for words in calls(here, "job") if words[0] != "view"] == ["submit", "submit", "cancel", "cancel"]


def test_a_system_of_ones_own(here: Batch) -> None:
    script = "{program_and_args} > {output_file} 2>&1 & echo $! > {profile_dir}/own; echo job $!\n"
    options = {
        "submit_command": ["sh"],
        "delete_command": ["kill"],
        "job_id_regexp": "job (\\d+)",
        "job_id_regexp_group": 1,
        "batch_template": script,
    }
    process = here.ipcluster("start", "-n", "1", LOOPBACK, "--engines=batch", options=options)
    here.started(process)
    [file] = here.jobs_files()
    assert json.loads(file.read_text())["ids"] == [(here.profile / "own").read_text().strip()]
    process.send(signal.SIGINT)
    assert process.wait() == 0, process.output
    wait_until(lambda: not here.jobs_files(), "end of the file of jobs")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--engines=batch"], "needs submit_command and delete_command"),
        (["--engines=htcondor", '--engine-options={"layout": "allocation"}'], "HTCondor knows array, jobs"),
        (["--engines=slurm", '--engine-options={"batch_template": "{m}"}'], "there is no variable 'm'"),
        (
            ["--engines=slurm", '--engine-options={"submit_command": ["no-such-sbatch"]}'],
            "is this a machine from which",
        ),
    ],
)
def test_mistakes_are_one_line(here: Batch, arguments: list[str], line: str) -> None:
    process = here.ipcluster("start", "-n", "2", LOOPBACK, *arguments)
    assert process.wait() != 0
    assert line in process.output
