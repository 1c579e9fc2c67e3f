"""Profiles and their configuration files, as the programs see them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import Process, Processes, command_of, wait_until

STARTED = "IPython cluster: started"
TRIO = ["ipcluster_config.py", "ipcontroller_config.py", "ipengine_config.py"]


def run(processes: Processes, program: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [*command_of(program, "ours"), *args],
        env={**processes.env, **env},
        cwd=processes.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def start(processes: Processes, *args: str) -> Process:
    process = processes.start([*command_of("ipcluster", "ours"), *args])

    def up() -> bool:
        assert process.running, process.output
        return STARTED in process.output

    wait_until(up, "the cluster")
    return process


def stop(process: Process) -> None:
    process.send(signal.SIGINT)
    assert process.wait(30) == 0, process.output


def profile(processes: Processes, name: str = "default") -> Path:
    folder = processes.ipython_dir / f"profile_{name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_S0_88_S0_89_S3_29_create_makes_a_profile(processes: Processes) -> None:
    made = run(processes, "ipcluster", "create", "-p", "mycluster")
    folder = processes.ipython_dir / "profile_mycluster"
    assert (made.returncode, made.stderr) == (0, "")
    assert f"profile 'mycluster' is in {folder}\n" in made.stdout
    assert sorted(path.name for path in folder.glob("*.py")) == TRIO
    assert (folder / "security").stat().st_mode & 0o777 == 0o700
    for name in TRIO:
        assert (folder / name).read_text().count("\n# c.") > 10
    # What a user has changed stays, until --reset.
    (folder / TRIO[0]).write_text("c.Cluster.n = 3\n")
    assert "kept" in run(processes, "ipcluster", "create", "-p", "mycluster").stdout
    assert (folder / TRIO[0]).read_text() == "c.Cluster.n = 3\n"
    assert run(processes, "ipcluster", "create", "--profile=mycluster", "--reset").returncode == 0
    assert "# c.Cluster.n = " in (folder / TRIO[0]).read_text()


def test_S0_91_S4_6_the_three_files_configure_the_three_programs(processes: Processes) -> None:
    folder = profile(processes, "ada")
    (folder / "ipcluster_config.py").write_text("c = get_config()\nc.Cluster.n = 1\n")
    (folder / "ipcontroller_config.py").write_text("c.TaskScheduler.scheme_name = 'lru'\n")
    (folder / "ipengine_config.py").write_text("c.IPEngine.startup_command = 'told = 42'\n")
    process = start(processes, "start", "-p", "ada")
    import camshaft

    with camshaft.Client(profile="ada", ipython_dir=processes.ipython_dir) as rc:
        assert rc.ids == [0]
        assert rc[0]["told"] == 42
    connection = json.loads((folder / "security" / "ipcontroller-client.json").read_text())
    assert connection["task_scheme"] == "lru"
    stop(process)


@pytest.mark.official
def test_profiles_of_ipython_work_as_they_are(processes: Processes) -> None:
    create = [sys.executable, "-m", "IPython", "profile", "create", "--parallel", "--profile=theirs"]
    subprocess.run(create, env=processes.env, check=True, timeout=60, capture_output=True)
    folder = processes.ipython_dir / "profile_theirs"
    assert set(TRIO) <= {path.name for path in folder.iterdir()}
    own = (folder / "ipcluster_config.py").read_text()
    assert "# c.Cluster.n = " in own
    (folder / "ipcluster_config.py").write_text(own + "\nc.Cluster.n = 2\nc.IPClusterStart.delay = 0\n")
    process = start(processes, "start", "--profile=theirs")
    assert "2 engines" in process.output
    assert "c.IPClusterStart.delay is an old name: write c.Cluster.delay" in process.output
    stop(process)
    # And what we create, IPython and the original read.
    run(processes, "ipcluster", "create", "-p", "ours")
    with (processes.ipython_dir / "profile_ours" / "ipcontroller_config.py").open("a") as file:
        file.write("c.IPController.location = 'from-our-file'\n")
    shown = subprocess.run(
        [sys.executable, "-m", "ipyparallel.controller", "--profile=ours", "--show-config-json"],
        env=processes.env,
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert "from-our-file" in shown.stdout


def test_S2_12_launchers_by_their_old_names(processes: Processes) -> None:
    (profile(processes) / "ipcluster_config.py").write_text("c.IPClusterEngines.engine_launcher_class = 'Local'\n")
    shown = run(processes, "ipcluster", "config", "ipcluster", "-o", "json")
    assert "c.IPClusterEngines.engine_launcher_class is an old name" in shown.stderr
    [value] = [v for v in json.loads(shown.stdout)["ipcluster"] if v["name"] == "Cluster.engine_launcher_class"]
    assert value["value"] == "Local"
    assert value["origin"].endswith("profile_default/ipcluster_config.py")


@pytest.mark.parametrize("more", [(), ("--no-template",)], ids=["forked", "afresh"])
def test_local_engines_get_what_their_classes_say(processes: Processes, more: tuple[str, ...]) -> None:
    (profile(processes) / "ipcluster_config.py").write_text(
        "c.BaseLauncher.environment = {'TOLD': 'general'}\n"
        "c.LocalEngineSetLauncher.environment = {'TOLD': 'special'}\n"
        "c.LocalEngineLauncher.engine_args = ['-c', 'also = 42']\n"
        f"c.EngineLauncher.work_dir = {str(processes.folder)!r}\n"
    )
    process = start(processes, "-n", "1", *more)
    import camshaft

    with camshaft.Client(profile="default", ipython_dir=processes.ipython_dir) as rc:
        assert rc[0].apply_sync(os.getenv, "TOLD") == "special"
        assert rc[0].apply_sync(os.getcwd) == str(processes.folder)
        assert rc[0]["also"] == 42
    stop(process)


def test_config_says_what_is_in_force_and_why(processes: Processes) -> None:
    folder = profile(processes)
    (folder / "ipcontroller_config.py").write_text("c.TaskScheduler.hwm = 3\nc.Session.key = 'very secret'\n")
    (folder / "ipengine_config.json").write_text('{"IPEngine": {"timeout": 9}}')
    shown = run(processes, "ipcluster", "config", "-n", "5", "-o", "json", IPP_CLUSTER_ID="night")
    assert (shown.returncode, shown.stderr) == (0, "")
    found = {
        (p, v["name"]): (v["value"], v["origin"]) for p, values in json.loads(shown.stdout).items() for v in values
    }
    assert found["ipcluster", "Cluster.n"] == (5, "command line")
    assert found["ipcontroller", "TaskScheduler.hwm"] == (3, str(folder / "ipcontroller_config.py"))
    assert found["ipcontroller", "HeartMonitor.period"] == (3000, "default")
    assert found["ipcontroller", "BaseParallelApplication.cluster_id"] == ("night", "environment IPP_CLUSTER_ID")
    assert found["ipengine", "IPEngine.timeout"] == (9, str(folder / "ipengine_config.json"))
    assert "very secret" not in shown.stdout
    text = run(processes, "ipcluster", "config", "ipcontroller")
    assert f"TaskScheduler.hwm = 3  # {folder / 'ipcontroller_config.py'}\n" in text.stdout
    assert "'ipclustre' is none of" in run(processes, "ipcluster", "config", "ipclustre").stderr


@pytest.mark.parametrize("program", ["ipcluster", "ipcontroller", "ipengine", "iplogger"])
def test_every_program_writes_and_shows_its_configuration(processes: Processes, program: str) -> None:
    folder = profile(processes)
    path = folder / f"{program}_config.py"
    extra = processes.folder / "extra.py"
    extra.write_text("c.BaseParallelApplication.work_dir = '/tmp'\n")
    assert run(processes, program, "--generate-config").stdout == f"wrote {path}\n"
    again = run(processes, program, "--generate-config")
    assert again.returncode != 0
    assert "is there already" in again.stderr
    shown = run(processes, program, "--show-config", f"--config={extra}")
    assert shown.returncode == 0, shown.stderr
    assert f"# {extra}" in shown.stdout
    absent = run(processes, program, "--show-config", "--config=/no/such.py")
    assert absent.returncode != 0
    assert absent.stderr == f"{program}: --config: there is no file /no/such.py\n"


def test_mistakes_in_files_are_told(processes: Processes) -> None:
    path = profile(processes) / "ipcluster_config.py"
    path.write_text("c.Cluster.enginess = 'local'\nc.Cluster.controller_ipp = 'x'\n")
    warned = run(processes, "ipcluster", "list")
    assert warned.returncode == 0
    assert f"{path}: ipcluster knows no c.Cluster.controller_ipp, so it has no effect" in warned.stderr
    assert "did you mean c.Cluster.controller_ip?" in warned.stderr
    path.write_text("c.Cluster.n = 'many'\n")
    failed = run(processes, "ipcluster", "start")
    assert failed.returncode == 1
    assert failed.stderr == f'ipcluster: c.Cluster.n expects a whole number, at least 1, but is "many" in {path}\n'


def test_S2_10_pid_files_last_as_long_as_their_processes(processes: Processes) -> None:
    process = start(processes, "-n", "1", "--cluster-id=x")
    folder = processes.ipython_dir / "profile_default" / "pid"
    assert int((folder / "ipcluster-x.pid").read_text()) == process.pid
    controller = int((folder / "ipcontroller-x.pid").read_text())
    os.kill(controller, 0)
    stop(process)
    assert not list(folder.glob("*.pid"))


def test_logs_go_to_files_and_old_ones_leave(processes: Processes) -> None:
    logs = profile(processes) / "log"
    logs.mkdir()
    old = logs / "ipcontroller-4194399.log"  # of no process: above the greatest pid
    kept = logs / "ipcontroller-x-4194399.log"
    for path in (old, kept):
        path.write_text("old")
    process = processes.start([*command_of("ipcontroller", "ours"), "--log-to-file", "--clean-logs"])
    wait_until(lambda: (logs / f"ipcontroller-{process.pid}.log").exists(), "the log")
    wait_until(lambda: f"Sending logs to {logs}/ipcontroller-{process.pid}.log" in process.output, "its path")
    assert not old.exists()
    assert kept.exists()
    cluster = processes.start([*command_of("ipcluster", "ours"), "-n1", "--cluster-id=f", "--log-to-file"])
    own = logs / f"ipcluster-f-{cluster.pid}.log"
    wait_until(lambda: own.exists() and STARTED in own.read_text(), "the log of ipcluster")
    stop(cluster)


def test_nbextension_says_what_became_of_it(processes: Processes) -> None:
    told = run(processes, "ipcluster", "nbextension", "enable", "--user")
    assert told.returncode == 0
    assert "retired" in told.stdout
