"""The commands that start clusters, as all seeds describe them, and what they leave on disk."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import camshaft as ipp
import pytest
from processes import Process, Processes, command_of, wait_until


@pytest.fixture
def ipcluster(processes: Processes) -> Callable[..., Process]:
    """Starts `ipcluster ...`."""
    return lambda *args: processes.start([*command_of("ipcluster", "ours"), *args])


def stopped(process: Process) -> str:
    """Everything that ipcluster has written, after Ctrl-C."""
    process.send(signal.SIGINT)
    assert process.wait(60) == 0, process.output
    return process.output


def test_S0_87_S1_2_S2_9_two_engines_in_the_shell(ipcluster) -> None:
    started = ipcluster("start", "-n", "2")
    wait_until(lambda: "IPython cluster: started" in started.output, "the closing line")
    with ipp.Client() as rc:
        assert rc.ids == [0, 1]
    printed = stopped(started)
    assert "controller and 2 engines" in printed and "'default'" in printed and "stopped" in printed


def test_S3_36_bare_command_prints_how_to_connect(ipcluster) -> None:
    started = ipcluster("-n", "1")
    wait_until(lambda: "rc = ipp.Client()" in started.output, "the lines that connect")
    assert "import camshaft as ipp" in started.output
    stopped(started)


def test_S0_11_S0_90_S4_6_fifteen_engines_in_a_profile(ipcluster, processes: Processes) -> None:
    started = ipcluster("start", "-n", "15", "--profile=mycluster")
    wait_until(lambda: "IPython cluster: started" in started.output, "15 engines")
    with ipp.Client(profile="mycluster") as rc:
        assert rc.ids == list(range(15))
        assert rc[:].map_sync(abs, range(-30, 0)) == list(range(30, 0, -1))
    folder = processes.ipython_dir / "profile_mycluster"
    assert {"log", "pid", "security"} <= {path.name for path in folder.iterdir()}
    assert [path.name for path in (folder / "security").glob("*-client.json")] == ["ipcontroller-client.json"]
    stopped(started)


def test_S2_13_as_many_engines_as_processors() -> None:
    from camshaft.cluster import Cluster

    assert Cluster(engines="local").n in (None, os.cpu_count(), len(os.sched_getaffinity(0)))


def test_S0_86_S3_37_each_command_by_itself(processes: Processes, cluster) -> None:
    early = processes.start([*command_of("ipengine", "ours"), "--wait-for-file=60"])  # before the controller
    started = cluster(0)
    later = processes.start(command_of("ipengine", "ours"))
    with started.client(engines=2) as rc:
        assert sorted(rc[:].apply_sync(os.getpid)) == sorted([early.pid, later.pid])


def test_S2_4_S2_6_S2_7_what_the_controller_says_and_writes(cluster, processes: Processes) -> None:
    started = cluster(0)
    client, engine = started.client_file, started.engine_file
    wait_until(lambda: str(client) in started.controller.output, "the paths of the connection files")
    assert str(engine) in started.controller.output and "tcp://127.0.0.1" in started.controller.output
    assert client == processes.ipython_dir / "profile_default" / "security" / "ipcontroller-client.json"
    assert engine.name == "ipcontroller-engine.json" and engine.stat().st_mode & 0o077 == 0
    for file in (client, engine):
        fields = json.loads(file.read_text())
        assert fields["key"] and fields["registration"] and fields["signature_scheme"] == "hmac-sha256"
    assert json.loads(client.read_text())["task_scheme"] == "leastload"


def test_S3_40_logs_in_the_profile(processes: Processes, cluster) -> None:
    started = cluster(0, controller_args=["--log-to-file"])
    logs = started.profile_dir / "log"
    wait_until(lambda: [file for file in logs.glob("ipcontroller*.log") if file.stat().st_size], "a log")


def test_S3_35_a_copied_file_is_the_permission(seed_cluster, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.json"
    copy.write_bytes(seed_cluster.client_file.read_bytes())
    with ipp.Client(str(copy)) as rc:
        rc.wait_for_engines(4, timeout=60)
        assert rc[:].apply_sync(abs, -1) == [1] * 4
    forged = json.loads(copy.read_text())
    forged["key"] = "guessed"
    with pytest.raises((TimeoutError, RuntimeError)):
        ipp.Client(forged, timeout=0.5)


def test_S3_94_ports_of_ones_choice(cluster) -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = cluster(1, controller_args=[f"--port={port}"])
    fields = json.loads(started.client_file.read_text())
    assert fields["registration"] == port
    with started.client() as rc:
        assert rc[:].apply_sync(abs, -1) == [1]


def test_S3_4_processes_are_watched_signalled_and_cleaned_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    cluster = ipp.Cluster(n=2, log_level=40)
    with cluster as rc:
        pids = rc[:].apply_sync(os.getpid)
        running = tmp_path / "running"
        code = f"import time\nopen({str(running)!r}, 'w').close()\nfor i in range(600): time.sleep(0.1)"
        busy = rc[0].execute(code, block=False)
        wait_until(running.exists, "the code to run")
        rc.send_signal(signal.SIGINT, targets=0, block=True)
        with pytest.raises(ipp.RemoteError, match="KeyboardInterrupt"):
            busy.get(60)
        assert rc[:].apply_sync(os.getpid) == pids
        cluster.signal_engines_sync(signal.SIGKILL)
        wait_until(lambda: not rc.ids, "the engines to be gone")
    for pid in pids:
        wait_until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), "the end of all processes")


def test_S3_15_processes_are_managed_by_a_simple_python_api(processes: Processes) -> None:
    mark = {"CAMSHAFT_TEST_MARK": processes.mark}
    cluster = ipp.Cluster(n=1, profile="scripted", environment=mark)
    cluster.start_controller_sync()
    ends: list[int] = []
    cluster.on_engine_exit(lambda end: ends.append(end.pid))
    cluster.start_engines_sync(2, "some")
    with cluster.connect_client_sync() as rc:
        cluster.signal_engines_sync(0, "some")
        new = cluster.restart_engine_sync(rc.ids[0])
        assert rc[new].apply_sync(abs, -1) == 1
        assert len(cluster.scale_sync(1)) == 1
        assert "some" in repr(cluster) and cluster.logs()["engines"]["some"]
    found = ipp.ClusterManager().load_clusters(profile="scripted")
    assert [one.controller_pid for one in found.values()] == [cluster.controller_pid]
    cluster.stop_cluster_sync()
    assert len(ends) == 3 and not cluster.running and ipp.ClusterManager().load_clusters() == {}
