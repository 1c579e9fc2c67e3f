"""ipcluster as a user meets it: start, connect lines, stop, Ctrl-C, kill -9, and what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clusters import ipcluster as run
from processes import Process, Processes, command_of, wait_until

IPCLUSTER = [*command_of("ipcluster", "ours")]
STARTED = "IPython cluster: started"


def start(processes: Processes, *args: str, wait_for: str = STARTED) -> Process:
    """Start a cluster in the foreground; return once it says that it is up."""
    process = processes.start([*IPCLUSTER, "start", *args])

    def up() -> bool:
        assert process.running, process.output
        return wait_for in process.output

    wait_until(up, "the cluster")
    return process


def security(processes: Processes, profile: str = "default") -> Path:
    return processes.ipython_dir / f"profile_{profile}" / "security"


def record_of(processes: Processes, cluster_id: str = "", profile: str = "default") -> dict:
    return json.loads((security(processes, profile) / f"cluster-{cluster_id}.json").read_text())


def pids_of(record: dict) -> list[int]:
    """Controller first, then engines."""
    engines = [one["pid"] for group in record["engines"]["sets"].values() for one in group["engines"].values()]
    return [record["controller"]["state"]["pid"], *engines]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_gone(pids: list[int]) -> None:
    wait_until(lambda: not any(map(alive, pids)), f"end of {pids}", 20)


def files(processes: Processes, profile: str = "default") -> list[str]:
    return sorted(path.name for path in security(processes, profile).glob("*.json"))


def test_as_a_module_of_python(processes: Processes) -> None:
    command = [sys.executable, "-m", "camshaft.cluster", "list"]
    listed = subprocess.run(command, env=processes.env, capture_output=True, text=True, timeout=60)
    assert (listed.returncode, listed.stderr) == (0, "") and listed.stdout.startswith("PROFILE")


def test_a_cluster_starts_computes_and_ends_with_ctrl_c(processes: Processes) -> None:
    process = start(processes, "-n", "2", "--profile=ada")
    wait_until(lambda: "ipp.Client(" in process.output and "Ctrl-C" in process.output, "the lines to connect")
    assert 'rc = ipp.Client(profile="ada")' in process.output
    assert "ipcluster stop --profile=ada" in process.output
    assert "2 engines" in process.output
    assert files(processes, "ada") == ["cluster-.json", "ipcontroller-client.json", "ipcontroller-engine.json"]
    import camshaft

    with camshaft.Client(profile="ada", ipython_dir=processes.ipython_dir) as rc:
        assert len(rc.ids) == 2
        assert rc[:].apply_sync(abs, -42) == [42, 42]
    pids = pids_of(record_of(processes, profile="ada"))
    process.send(signal.SIGINT)
    assert process.wait(20) == 0
    assert process.output.rstrip().endswith("IPython cluster: stopped")
    assert not any(map(alive, pids))
    assert files(processes, "ada") == []
    assert not list((processes.ipython_dir / "profile_ada" / "log").glob("ip*.log"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_polite_signals_stop_it_too(processes: Processes, number: signal.Signals) -> None:
    process = start(processes, "-n1")
    pids = pids_of(record_of(processes))
    process.send(number)
    assert process.wait(20) == 0
    assert not any(map(alive, pids))


def test_kill_9_leaves_nobody(processes: Processes) -> None:
    process = start(processes, "-n", "2")
    pids = pids_of(record_of(processes))
    process.kill()
    wait_gone(pids)
    # What it left on disk is in nobody's way.
    again = start(processes, "-n", "1")
    again.send(signal.SIGINT)
    assert again.wait(20) == 0


def test_options_alone_mean_start(processes: Processes) -> None:
    process = processes.start([*IPCLUSTER, "-n", "1", "--cluster-id=night"])
    wait_until(lambda: STARTED in process.output, "the cluster")
    assert record_of(processes, "night")["cluster"]["cluster_id"] == "night"
    assert "ipcontroller-night-client.json" in files(processes)


def test_stop_ends_a_cluster_started_elsewhere(processes: Processes) -> None:
    process = start(processes, "-n", "2", "--cluster-id=a")
    pids = pids_of(record_of(processes, "a"))
    stopped = run(processes, "stop", "--cluster-id=a")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert "stopped cluster a of profile 'default'" in stopped.stdout
    assert not any(map(alive, pids))
    assert process.wait(20) == 0
    assert files(processes) == []
    nothing = run(processes, "stop", "a")
    assert nothing.returncode == 11
    assert "no cluster to stop" in nothing.stderr
    assert nothing.stderr.count("\n") == 1
    assert run(processes, "stop", "--all").returncode == 0


def test_a_second_start_gets_one_clear_line(processes: Processes) -> None:
    start(processes, "-n", "1")
    second = run(processes, "start", "-n", "1")
    assert second.returncode == 10
    assert second.stdout == ""
    assert second.stderr.count("\n") == 1
    assert "a cluster runs already on profile 'default'" in second.stderr
    assert "ipcluster stop" in second.stderr
    # The other one is untouched, and another id is another cluster.
    assert all(map(alive, pids_of(record_of(processes))))
    start(processes, "-n", "1", "--cluster-id=other")


def test_a_recycled_pid_is_left_alone(processes: Processes) -> None:
    process = start(processes, "-n", "1")
    record = record_of(processes)
    process.kill()
    wait_gone(pids_of(record))
    bystander = processes.start(["sleep", "600"])
    # As if the system had given the numbers of the dead to somebody else.
    record["controller"]["state"]["pid"] = record["supervisor"]["pid"] = bystander.pid
    for group in record["engines"]["sets"].values():
        for engine in group["engines"].values():
            engine["pid"] = bystander.pid
    path = security(processes) / "cluster-.json"
    path.write_text(json.dumps(record))
    stopped = run(processes, "stop")
    assert stopped.returncode == 11
    assert "is not running any more" in stopped.stderr
    assert bystander.running
    assert not path.exists()


def test_daemonize_leaves_it_running(processes: Processes) -> None:
    begun = time.monotonic()
    started = run(processes, "start", "-n", "2", "--daemonize", "--cluster-id=bg")
    assert started.returncode == 0, started.stderr
    assert time.monotonic() - begun < 60
    assert STARTED in started.stdout
    assert f"Leaving cluster running: {security(processes) / 'cluster-bg.json'}" in started.stdout
    pids = pids_of(record_of(processes, "bg"))
    assert all(map(alive, pids))
    listed = run(processes, "list")
    row = next(line.split() for line in listed.stdout.splitlines() if "bg" in line)
    assert row == ["default", "bg", "True", "2", "local"]
    assert json.loads(run(processes, "list", "-o", "json").stdout)[0]["cluster"]["cluster_id"] == "bg"
    assert run(processes, "clean").returncode == 1
    assert run(processes, "stop", "bg").returncode == 0
    assert not any(map(alive, pids))
    assert run(processes, "list").stdout.count("\n") == 1


def test_engines_join_a_running_controller(processes: Processes) -> None:
    start(processes, "-n", "1")
    more = processes.start([*IPCLUSTER, "engines", "-n", "2"])
    wait_until(lambda: STARTED in more.output, "more engines")
    import camshaft

    with camshaft.Client(profile="default", ipython_dir=processes.ipython_dir) as rc:
        assert len(rc.ids) == 3
        more.send(signal.SIGINT)
        assert more.wait(20) == 0
        wait_until(lambda: len(rc.ids) == 1, "the engines' leave")


def test_engines_that_joined_are_listed_and_stopped_with_the_cluster(processes: Processes) -> None:
    first = start(processes, "-n", "1", "--cluster-id=a")
    more = processes.start([*IPCLUSTER, "engines", "-n", "2", "--cluster-id=a"])
    wait_until(lambda: STARTED in more.output, "more engines")
    row = next(line.split() for line in run(processes, "list").stdout.splitlines() if " a " in line)
    assert row[2:4] == ["True", "3"]
    file = security(processes) / f"engines-a-{more.pid}.json"
    joined = [one["pid"] for group in json.loads(file.read_text())["engines"]["sets"].values()
              for one in group["engines"].values()]  # fmt: skip
    assert len(joined) == 2
    stopped = run(processes, "stop", "a")
    assert stopped.returncode == 0, stopped.stderr
    assert not any(map(alive, joined))
    assert more.wait(20) == 0
    assert first.wait(20) == 0
    assert files(processes) == []


def test_engines_of_a_controller_of_ones_own(cluster, processes: Processes) -> None:
    started = cluster(0)
    more = processes.start([*IPCLUSTER, "engines", "-n", "1"])
    wait_until(lambda: STARTED in more.output, "engines")
    row = next(line.split() for line in run(processes, "list").stdout.splitlines() if "''" in line)
    assert row[2:4] == ["False", "1"]
    assert run(processes, "stop").returncode == 0
    assert more.wait(20) == 0
    assert started.controller.running
    assert started.client_file.exists()


def test_engines_without_a_controller(processes: Processes) -> None:
    failed = run(processes, "engines", "-n", "1")
    assert failed.returncode == 1
    assert "no controller to join" in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_an_engine_that_does_not_come_up(processes: Processes) -> None:
    failed = run(processes, "start", "-n", "2", "--engine-cmd=/bin/sh -c 'echo no such luck; exit 7'")
    assert failed.returncode == 1
    first, *rest = failed.stderr.splitlines()
    assert "ended before it was ready (exit code 7)" in first
    assert "no such luck" in rest
    assert files(processes) == []


def test_programs_that_are_not_there(processes: Processes) -> None:
    failed = run(processes, "start", "-n", "1", "--engine-cmd=/no/such/engine")
    assert failed.returncode == 1
    assert failed.stderr.startswith("ipcluster: cannot start /no/such/engine")
    failed = run(processes, "start", "-n", "1", "--controller-cmd=/no/such/controller")
    assert failed.returncode == 1
    assert failed.stderr.startswith("ipcluster: cannot start /no/such/controller")


def test_a_controller_that_refuses_its_options(processes: Processes) -> None:
    failed = run(processes, "start", "-n", "1", "--", "--pign=3")
    assert failed.returncode == 1
    assert "the controller ended before it was ready" in failed.stderr
    assert "did you mean '--ping'" in failed.stderr


def test_a_killed_engine_is_reported_and_the_rest_goes_on(processes: Processes) -> None:
    process = start(processes, "-n", "2")
    controller, first, second = pids_of(record_of(processes))
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: "killed by signal 9" in process.output, "the report")
    assert "1 left" in process.output
    assert alive(controller)
    assert alive(second)
    assert pids_of(record_of(processes)) == [controller, second]


def test_the_end_of_the_controller_ends_everything(processes: Processes) -> None:
    process = start(processes, "-n", "2")
    pids = pids_of(record_of(processes))
    os.kill(pids[0], signal.SIGKILL)
    assert process.wait(20) == 1
    assert "the controller ended unexpectedly (killed by signal 9" in process.output
    assert not any(map(alive, pids))


def test_clean_removes_what_is_left(processes: Processes) -> None:
    process = start(processes, "-n", "1", "--controller-args=--restore --sqlitedb")
    pids = pids_of(record_of(processes))
    process.kill()
    wait_gone(pids)
    folder = security(processes).parent
    assert list(folder.glob("tasks-*.db"))
    assert list((folder / "log").glob("dispatched-*"))
    cleaned = run(processes, "clean")
    assert cleaned.returncode == 0, cleaned.stderr
    assert files(processes) == []
    assert not list((folder / "log").iterdir())
    assert not list(folder.glob("tasks-*"))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["start", "--pofile=x"], "unknown option '--pofile'; did you mean '--profile'?"),
        (["start", "-n", "many"], "option '-n' expects a whole number, at least 1, but got 'many'"),
        (["start", "-n", "0"], "option '-n' expects a whole number"),
        (["strat"], "did you mean 'ipcluster start'?"),
        (["start", "--engines=lokal"], "local"),
        (["start", "--cluster-id=../x"], "cannot be part of a file name"),
        ([], "start, engines, stop, list or clean"),
    ],
)
def test_mistakes_get_one_line(processes: Processes, args: list[str], expected: str) -> None:
    failed = run(processes, *args)
    assert failed.returncode == 1
    assert expected in failed.stderr
    assert failed.stderr.count("\n") == 1


@pytest.mark.official
def test_the_original_finds_and_stops_our_cluster(processes: Processes) -> None:
    """The cluster file is the original's: its Cluster.from_file attaches to what we started."""
    start(processes, "-n", "1", "--cluster-id=shared")
    pids = pids_of(record_of(processes, "shared"))
    listed = subprocess.run(
        [*command_of("ipcluster", "official"), "list"],
        env=processes.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "shared" in listed.stdout
    stopped = subprocess.run(
        [*command_of("ipcluster", "official"), "stop", "--cluster-id=shared"],
        env=processes.env,
        timeout=60,
        check=False,
    )
    assert stopped.returncode == 0
    wait_gone(pids)


@pytest.mark.official
def test_programs_of_the_original_can_be_started(processes: Processes) -> None:
    programs = [
        f"--{role}-cmd={json.dumps(command_of(program, 'official'))}"
        for role, program in (("controller", "ipcontroller"), ("engine", "ipengine"))
    ]
    process = start(processes, "-n", "1", *programs)
    process.send(signal.SIGINT)
    assert process.wait(30) == 0
