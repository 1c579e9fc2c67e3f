"""Engines and controllers over ssh, with a real sshd."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import camshaft
import psutil
import pytest
from clusters import doctor
from launchers.life import deaths_are_told, engines_come_back, interrupts_reach, uuids
from launchers.servers.sshd import Sshd, sshd
from processes import BIN, Processes, command_of, marked, wait_until


@pytest.fixture
def server(processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    for name, value in {"CAMSHAFT_BIN": str(BIN), "CAMSHAFT_TEST_MARK": processes.mark}.items():
        monkeypatch.setenv(name, value)
        processes.env[name] = value
    with sshd(tmp_path / "ssh") as running:
        yield running


def options_for(server: Sshd, processes: Processes, **options) -> dict:
    there = {name: processes.env[name] for name in ("PYTHONPATH", "CAMSHAFT_BIN", "CAMSHAFT_TEST_MARK")}
    return {"ssh_args": ["-F", server.config], "remote_python": sys.executable, "environment": there, **options}


def make(server: Sshd, processes: Processes, cluster: dict | None = None, **options) -> camshaft.Cluster:
    engine_options = options_for(server, processes, **options)
    return camshaft.Cluster(
        **{"engines": "ssh", "engine_options": engine_options, "profile": "ssh", "progress": False, **(cluster or {})}
    )


def nobody_there(server: Sshd, processes: Processes) -> bool:
    return not marked(processes.mark) and not server.sessions()


def test_engines_on_several_machines(server: Sshd, processes: Processes) -> None:
    hosts = {
        "node1": 2,
        f"root@node2:{server.port}": {"n": 1, "engine_args": ["-c", "where = 'second'"]},
        "node3": (1, ["-c", "where = 'third'"]),
    }
    with make(server, processes, engines=hosts) as rc:
        assert len(rc.ids) == 4  # as many as the hosts say
        assert len(set(rc[:].apply_sync(os.getpid))) == 4
        rc[:].execute("place = globals().get('where', 'first')", block=True)
        assert sorted(rc[:]["place"]) == ["first", "first", "second", "third"]
        engines = {psutil.Process(pid) for pid in rc[:].apply_sync(os.getpid)}
        assert engines <= set(server.sessions())
        log = Path(next(iter(rc.cluster.engine_sets.values()))[0]["log_file"])
        rc[:].apply_sync(os.system, "echo said by an engine")
        wait_until(lambda: log.read_text().count("said by an engine") == 4, "output here")
    wait_until(lambda: nobody_there(server, processes), "end of all")


def test_n_is_an_upper_limit(server: Sshd, processes: Processes) -> None:
    with make(server, processes, {"n": 2}, engines={"node1": 1, "node2": 5}) as rc:
        assert len(rc.ids) == 2


def test_an_interrupt_reaches_the_engines(server: Sshd, processes: Processes) -> None:
    with make(server, processes, engines={"node1": 2}) as rc:
        interrupts_reach(rc)


@pytest.mark.parametrize(("code", "number"), [(0, 9), (3, 0), (0, 11)])
def test_errors_say_how_an_engine_died(server: Sshd, processes: Processes, code: int, number: int) -> None:
    with make(server, processes, engines={"node1": 2}) as rc:
        deaths_are_told(rc, code, number)
        wait_until(lambda: len(rc.ids) == 1, "the engine's leave")
        assert rc[:].apply_sync(eval, "1 + 1") == [2]


def test_an_engine_that_dies_is_started_again_where_it_was(server: Sshd, processes: Processes) -> None:
    with make(server, processes, {"restart_engines": True}, engines={"node1": 2}) as rc:
        before = uuids(rc)
        for number in (9, 11):
            deaths_are_told(rc, 0, number)
            engines_come_back(rc, 2, before, left=1)
            before = uuids(rc)
        log = Path(next(iter(rc.cluster.engine_sets.values()))[0]["log_file"]).read_text()
        assert "killed by signal 9 (Killed); it is started again" in log
    wait_until(lambda: nobody_there(server, processes), "end of all")


def test_one_engine_and_all_are_restarted(server: Sshd, processes: Processes) -> None:
    with make(server, processes, engines={"node1": 2}) as rc:
        before = uuids(rc)
        rc.cluster.restart_engine_sync(rc.ids[0])
        engines_come_back(rc, 2, before, left=1)
        before = uuids(rc)
        rc.shutdown(restart=True, block=True)
        engines_come_back(rc, 2, before)
        before = uuids(rc)
        rc.cluster.restart_engines_sync()
        engines_come_back(rc, 2, before)
    wait_until(lambda: nobody_there(server, processes), "end of all")


def test_the_doctor_looks_at_every_machine(server: Sshd, processes: Processes) -> None:
    options = options_for(server, processes, engines={"node1": 2, "node2": {"n": 3}})
    _, found = doctor(processes, "--engines=ssh", f"--engine-options={json.dumps(options)}")
    assert [one["text"] for one in found if one["state"] == "wrong"] == []
    assert {one["side"].split(" on ")[0] for one in found} == {"controller", "engine 0", "engine 1", "engine"}
    assert found[-1]["text"] == "a controller here and engines of ssh work together"
    wait_until(lambda: nobody_there(server, processes), "end of all")


def test_the_doctor_says_why_ssh_does_not_get_in(server: Sshd, processes: Processes) -> None:
    options = options_for(server, processes, engines={"node1": 1}, ssh_args=["-F", server.config + "-stranger"])
    _, found = doctor(processes, "--engines=ssh", f"--engine-options={json.dumps(options)}")
    assert found[-1]["state"] == "wrong"
    assert "through ssh for a trial, do not work together: no engines on node1: " in found[-1]["text"]
    assert "ssh-copy-id node1" in found[-1]["text"]


@pytest.mark.parametrize("victim", ["ipcluster", "tether", "ssh", "guard"])
def test_whoever_is_killed_nobody_is_left_there(server: Sshd, processes: Processes, victim: str) -> None:
    options = options_for(server, processes, engines={"node1": 2})
    start = processes.start(
        [*command_of("ipcluster", "ours"), "start", "--engines=SSH", f"--engine-options={json.dumps(options)}"]
    )
    wait_until(lambda: "Stop with Ctrl-C" in start.output or not start.running, "two engines")
    assert start.running, start.output
    here = psutil.Process(start.pid)
    tether = next(one for one in here.children() if "tether" in one.cmdline())
    guard = next(one for one in server.sessions() if any("camshaft-guard" in word for word in one.cmdline()))
    target = {"ipcluster": here, "tether": tether, "ssh": tether.children()[0], "guard": guard}[victim]
    target.kill()
    wait_until(lambda: not server.sessions(), "end of the engines")
    if victim == "ipcluster":
        start.popen.wait()
    else:
        start.stop()
    wait_until(lambda: nobody_there(server, processes), "end of all")


def test_the_controller_may_be_elsewhere(server: Sshd, processes: Processes, tmp_path: Path) -> None:
    options = options_for(server, processes, hostname="node1", remote_profile_dir=str(tmp_path / "there"))
    with make(
        server,
        processes,
        {"controller": "ssh", "controller_options": options, "controller_ip": "127.0.0.1"},
        engines={"node2": 1},
    ) as rc:
        assert rc[:].apply_sync(eval, "6 * 7") == [42]
        assert list((tmp_path / "there" / "security").glob("ipcontroller-*-client.json"))
        assert Path(rc.cluster.connection_file).exists()
    wait_until(lambda: nobody_there(server, processes), "end of all")


def test_ipcluster_there_starts_the_engines(server: Sshd, processes: Processes, tmp_path: Path) -> None:
    options = options_for(server, processes, hostname="node1", remote_profile_dir=str(tmp_path / "there"))
    with make(server, processes, {"engines": "sshproxy", "n": 2, "engine_options": options}) as rc:
        assert rc[:].apply_sync(eval, "6 * 7") == [42, 42]
    wait_until(lambda: nobody_there(server, processes), "end of all")


def test_files_go_there_before_the_start_and_come_back(server: Sshd, processes: Processes, tmp_path: Path) -> None:
    sent, there, back = tmp_path / "sent.txt", tmp_path / "there" / "deep", tmp_path / "back.txt"
    sent.write_text("from here")
    code = f"told = open({str(there / 'sent.txt')!r}).read(); open({str(there / 'made.txt')!r}, 'w').write('soon')"
    options = {
        "engines": {"node1": {"n": 2, "engine_args": ["-c", code]}},
        "to_send": [[str(sent), str(there / "sent.txt")]],
        "to_fetch": [[str(there / "made.txt"), str(back)]],
    }
    with make(server, processes, **options) as rc:
        assert rc[:]["told"] == ["from here"] * 2
        wait_until(lambda: back.exists() and back.read_text() == "soon", "the file, soon after it was made")
        rc[0].execute(f"open({str(there / 'made.txt')!r}, 'w').write('at the end')", block=True)
    wait_until(lambda: nobody_there(server, processes), "end of all")
    assert back.read_text() == "at the end"


def test_files_that_cannot_be_copied_are_told(server: Sshd, processes: Processes, tmp_path: Path) -> None:
    cluster = make(server, processes, {"n": 1}, engines={"node1": 1}, to_send=[[str(tmp_path / "none"), "x"]])
    assert re.search(
        "no engines on node1: the files of to_send cannot be copied there: .*No such file", failure(cluster)
    )
    wait_until(lambda: nobody_there(server, processes), "end of all")


def failure(cluster: camshaft.Cluster) -> str:
    with pytest.raises(RuntimeError) as caught:
        cluster.start_cluster_sync()
    return str(caught.value).partition("\n")[0]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"ssh_cmd": ["no-such-ssh"]}, "cannot start no-such-ssh.*openssh-client"),
        ({"ssh_args": ["-F", "CONFIG-stranger"]}, "ssh-copy-id node1"),
        ({"ssh_args": ["-F", "CONFIG", "-o", "UserKnownHostsFile=/dev/null"]}, "connect once by hand: ssh node1"),
        ({"ssh_args": ["-F", "CONFIG", "-p", "1"]}, "does sshd run there"),
        ({"remote_python": "/no/such/python"}, "with the option remote_python"),
        ({"environment": {}, "remote_python": "/usr/bin/python3"}, "the Python there has no camshaft; install it"),
        ({"engine_cmd": ["/no/such/engine"]}, "cannot start /no/such/engine.*with the option engine_cmd"),
        ({"engines": {"node1": -1}}, "engines on node1: a number from 1"),
        ({"engines": {}}, "the option engines"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(server: Sshd, processes: Processes, change: dict, line: str) -> None:
    if "ssh_args" in change:
        change = {"ssh_args": [word.replace("CONFIG", server.config) for word in change["ssh_args"]]}
    cluster = make(server, processes, {"n": 1}, **{"engines": {"node1": 1}, **change})
    assert re.search(line, failure(cluster))
    wait_until(lambda: nobody_there(server, processes), "end of all")
