"""Controllers whose ports somebody else has, and controllers without ports: unix sockets."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from processes import ClusterUnderTest, Kind, Processes, command_of, wait_until


def listener() -> socket.socket:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    return taken


def test_a_port_that_stays_taken_is_told_with_who_has_it(processes: Processes) -> None:
    with closing(listener()) as taken:
        port = taken.getsockname()[1]
        controller = processes.start([*command_of("ipcontroller", "ours"), f"--port={port}"])
        assert controller.wait() != 0
        who = f"(pid {os.getpid()})"
        [refused] = controller.output.splitlines()
        assert refused.startswith(
            f"ipcontroller: cannot bind tcp://127.0.0.1:{port}: Address already in use; port {port}"
        )
        assert who in refused
        assert "choose other ports with --port or --ports" in refused


def test_a_port_that_is_given_back_soon_is_waited_for(
    processes: Processes, cluster: Callable[..., ClusterUnderTest]
) -> None:
    first = cluster(0, controller_args=["--reuse"])
    ports = json.loads(first.client_file.read_text())
    first.controller.stop()
    taken = socket.create_server(("127.0.0.1", ports["task"]))
    second = processes.start(
        [*command_of("ipcontroller", "ours"), "--reuse", "--debug", f"--profile-dir={first.profile_dir}"]
    )
    wait_until(lambda: f"port {ports['task']} is held by" in second.output, "the warning")
    taken.close()
    wait_until(lambda: "listening on" in second.output, "the controller")
    assert json.loads(first.client_file.read_text())["task"] == ports["task"]


def test_a_signal_ends_the_wait(processes: Processes) -> None:
    with closing(listener()) as taken:
        controller = processes.start(
            [*command_of("ipcontroller", "ours"), f"--port={taken.getsockname()[1]}", "--debug"]
        )
        wait_until(lambda: "is held by" in controller.output, "the warning")
        controller.stop()
        assert controller.wait() == 0
        assert "stopping: SIGTERM" in controller.output


@pytest.mark.parametrize("client_kind", ["ours", "official"])
def test_unix_sockets_for_everybody(cluster: Callable[..., ClusterUnderTest], client_kind: Kind) -> None:
    c = cluster(1, controller_args=["--transport=ipc"])
    c.add_engine(kind="official")
    about: dict[str, Any] = json.loads(c.client_file.read_text())
    assert about["interface"].startswith("ipc:///")
    assert json.loads(c.engine_file.read_text())["interface"] == about["interface"]
    rc = c.client(client_kind, engines=2)
    assert sorted(rc[:].apply_sync(eval, "6 * 7")) == [42, 42]
    view = rc.load_balanced_view()
    assert view.map_sync(abs, range(-20, 0)) == list(range(20, 0, -1))
    assert rc.broadcast_view().apply_sync(eval, "1 + 1") == [2, 2]
    # An engine that is killed is missed, as over any connection.
    c.engines[0].kill()
    wait_until(lambda: len(rc.ids) == 1, "the end of one engine")
    c.controller.stop()
    path = about["interface"].removeprefix("ipc://")
    assert not os.path.exists(f"{path}:{about['registration']}")


def test_unix_sockets_are_taken_up_again(cluster: Callable[..., ClusterUnderTest]) -> None:
    c = cluster(1, controller_args=["--transport=ipc", "--reuse"])
    assert c.client()[0].apply_sync(eval, "1 + 1") == 2
    c.controller.kill()
    again = cluster(0, controller_args=["--reuse"])
    wait_until(lambda: len(again.client(engines=1).ids) == 1, "the engine's return")
    assert again.clients[-1][:].apply_sync(eval, "2 + 2") == [4]


def test_transports_that_do_not_fit(processes: Processes) -> None:
    controller = processes.start(
        [*command_of("ipcontroller", "ours"), "--IPController.engine_transport=ipc", "--transport=tcp"]
    )
    assert controller.wait() != 0
    [line] = controller.output.splitlines()
    assert line == "ipcontroller: engines and clients must use one transport: give --transport=ipc, or none for tcp"
    far = processes.start([*command_of("ipcontroller", "ours"), "--transport=ipc", f"--ip=/{'far/' * 40}x"])
    assert far.wait() != 0
    assert "is too long for unix sockets" in far.output
