"""Clients and engines that reach their controller through ssh only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import camshaft
import pytest
from launchers.servers.sshd import Sshd, sshd
from processes import ClusterUnderTest, Processes, command_of, wait_until


@pytest.fixture(autouse=True)
def server(processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    with sshd(tmp_path / "ssh") as running:
        (tmp_path / "bin").mkdir()
        program = tmp_path / "bin" / "ssh"
        program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {running.config} "$@"\n')
        program.chmod(0o755)
        path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
        monkeypatch.setenv("PATH", path)
        processes.env["PATH"] = path
        yield running


def test_a_client_through_ssh(cluster: Callable[..., ClusterUnderTest], server: Sshd) -> None:
    running = cluster(1)
    with camshaft.Client(str(running.client_file), sshserver=f"root@node1:{server.port}") as rc:
        assert rc[:].apply_sync(eval, "6 * 7") == [42]
        assert server.sessions()
    wait_until(lambda: not server.sessions(), "end of the tunnel")


def test_the_connection_file_may_ask_for_it(cluster: Callable[..., ClusterUnderTest], server: Sshd) -> None:
    running = cluster(1)
    info = {**json.loads(running.client_file.read_text()), "ssh": "node1", "location": "elsewhere.invalid"}
    with camshaft.Client(info) as rc:
        assert rc[:].apply_sync(eval, "6 * 7") == [42]
        assert server.sessions()
    wait_until(lambda: not server.sessions(), "end of the tunnel")


def test_the_tunnel_of_a_client_that_is_killed_ends(
    cluster: Callable[..., ClusterUnderTest], processes: Processes, server: Sshd
) -> None:
    running = cluster(1)
    code = (
        "import camshaft, time\n"
        f"rc = camshaft.Client({str(running.client_file)!r}, sshserver='node1')\n"
        "print('here', rc.ids, flush=True)\ntime.sleep(600)\n"
    )
    client = processes.start([sys.executable, "-c", code])
    wait_until(lambda: "here [0]" in client.output or not client.running, "the client")
    assert client.running, client.output
    client.kill()
    wait_until(lambda: not server.sessions(), "end of the tunnel")


def test_an_engine_through_ssh(cluster: Callable[..., ClusterUnderTest], processes: Processes, server: Sshd) -> None:
    running = cluster(0)
    engine = processes.start([*command_of("ipengine", "ours"), f"--file={running.engine_file}", "--ssh=node1"])
    rc = running.client(engines=1)
    assert rc[:].apply_sync(eval, "6 * 7") == [42]
    assert server.sessions()
    engine.kill()
    wait_until(lambda: not server.sessions(), "end of the tunnel")


def test_a_tunnel_that_does_not_come_up_says_why(cluster: Callable[..., ClusterUnderTest], server: Sshd) -> None:
    running = cluster(0)
    subprocess.run(["truncate", "-s", "0", server.folder / "authorized"], check=True)
    with pytest.raises(RuntimeError, match="no tunnel through node1: .*Permission denied.*by hand: ssh node1"):
        camshaft.Client(str(running.client_file), sshserver="node1")
    with pytest.raises(NotImplementedError, match="key or an agent"):
        camshaft.Client(str(running.client_file), sshserver="node1", password="secret")
