"""Encrypted connections (CURVE): our programs with one another, and with the original's."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import camshaft as ipp
import pytest

from tests.processes import ClusterUnderTest, at_the_prompt

Start = Callable[..., ClusterUnderTest]
CURVE = ("--IPController.enable_curve=True",)


@pytest.fixture
def encrypted(cluster: Start) -> ClusterUnderTest:
    return cluster(2, controller_args=CURVE)


def test_S3_17_all_connections_are_encrypted(encrypted: ClusterUnderTest) -> None:
    rc = encrypted.client()
    info = json.loads(encrypted.client_file.read_text())
    assert info["key"] == "" and len(info["curve_serverkey"]) == 40
    assert rc[:].apply_sync(abs, -3) == [3, 3]
    assert rc.load_balanced_view().map_sync(abs, range(-5, 0)) == [5, 4, 3, 2, 1]
    assert rc.broadcast_view().apply_sync(abs, -1) == [1, 1]
    said = rc[0].execute("print('heard')", block=True)
    assert said.stdout == "heard\n"
    sent = rc[1].apply_async(at_the_prompt(lambda: None))
    sent.get(60)
    assert rc.db_query({"msg_id": sent.msg_ids[0]}, keys=["completed"])[0]["completed"] is not None
    again = rc.resubmit(sent.msg_ids)  # the controller talks to itself
    assert again.get(60) is None or again.get(60) == [None]


def test_without_the_controllers_key_nobody_is_heard(encrypted: ClusterUnderTest) -> None:
    encrypted.client()
    info = json.loads(encrypted.client_file.read_text())
    without = {**info, "curve_serverkey": None}
    with pytest.raises(TimeoutError):
        ipp.Client(without, timeout=0.5)
    with pytest.raises(TimeoutError):
        ipp.Client(info, curve_serverkey="rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", timeout=0.5)
    with pytest.raises(ValueError, match="40 characters"):
        ipp.Client(info, curve_serverkey="short")
    # What travels is not readable: even the greeting of the protocol names the mechanism.
    with socket.create_connection(("127.0.0.1", info["registration"]), timeout=10) as raw:
        raw.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00CURVE" + bytes(48))
        greeting = b""
        while len(greeting) < 64:
            greeting += raw.recv(64)
        assert greeting[12:17] == b"CURVE"


def test_B2_11_the_key_comes_from_the_environment_or_an_argument(
    encrypted: ClusterUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted.client()
    info = json.loads(encrypted.client_file.read_text())
    key = info.pop("curve_serverkey")
    with ipp.Client(info, curve_serverkey=key, timeout=30) as rc:
        assert rc[:].apply_sync(abs, -1) == [1, 1]
    monkeypatch.setenv("IPP_CURVE_SERVERKEY", key)
    with ipp.Client(info, timeout=30) as rc:
        assert rc[:].apply_sync(abs, -1) == [1, 1]
    with ipp.Client(f"{info['interface']}:{info['registration']}", timeout=30) as rc:
        assert rc[:].apply_sync(abs, -1) == [1, 1]


@pytest.mark.parametrize("engines", ["ours", "official"])
def test_the_originals_client_and_engines_take_part(cluster: Start, engines: Any) -> None:
    site = cluster(2, controller_args=CURVE, engines=engines)
    rc = site.client("official")
    assert rc[:].apply_sync(abs, -2) == [2, 2]
    assert rc.load_balanced_view().apply_sync(abs, -4) == 4
    assert site.client()[:].apply_sync(abs, -2) == [2, 2]


def test_our_client_and_engine_join_the_originals_controller(cluster: Start) -> None:
    site = cluster(1, controller="official", engines="ours", controller_args=CURVE)
    assert site.client()[:].apply_sync(abs, -2) == [2]


def test_reuse_needs_the_pair_of_the_earlier_run(cluster: Start) -> None:
    import zmq

    public, secret = (key.decode() for key in zmq.curve_keypair())
    pair = (*CURVE, f"--IPController.curve_secretkey={secret}")
    site = cluster(1, controller_args=(*pair, "--reuse"))
    assert json.loads(site.client_file.read_text())["curve_serverkey"] == public
    site.client().close()
    command = site.controller.popen.args
    site.controller.kill()
    fresh = [word for word in command if "curve_secretkey" not in word]
    refused = site.processes.start(fresh)
    assert refused.wait() == 1
    assert "another key of encryption" in refused.output
    site.controller = site.processes.start(command)
    rc = site.client()
    assert rc[:].apply_sync(abs, -1) == [1]


def test_a_bound_kernel_warns_that_front_ends_are_not_encrypted(encrypted: ClusterUnderTest) -> None:

    def bind() -> list[str]:
        import warnings

        import camshaft

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            camshaft.bind_kernel()
        return [str(one.message) for one in caught]

    said = encrypted.client()[0].apply_sync(at_the_prompt(bind))
    assert any("not: keep them on this host" in line for line in said)
