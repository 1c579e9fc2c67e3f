"""Client('tcp://host:port', key=...): connecting without a file."""

from __future__ import annotations

import json
from typing import Any

import camshaft as ipp
import pytest


def address_of(info: dict[str, Any]) -> str:
    return f"{info['interface']}:{info['registration']}"


def test_an_address_and_a_key_are_enough(four: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    four.client()  # which waits for the engines
    info = json.loads(four.client_file.read_text())
    with ipp.Client(address_of(info), key=info["key"], timeout=30) as rc:
        assert rc[:].apply_sync(abs, -1) == [1] * 4
        assert rc.load_balanced_view().map_sync(abs, [-1, -2]) == [1, 2]
        assert rc.broadcast_view().apply_sync(abs, -1) == [1] * 4
        result = rc[0].execute("print('heard')", block=True)
        assert result.stdout == "heard\n"
    monkeypatch.setenv("IPP_SESSION_KEY", info["key"])
    with ipp.Client(address_of(info), timeout=30) as rc:
        assert len(rc) == 4


def test_what_is_wrong_is_said(four: Any) -> None:
    info = json.loads(four.client_file.read_text())
    with pytest.raises(TimeoutError, match="key"):
        ipp.Client(address_of(info), key="another", timeout=0.3)
    with pytest.raises(TimeoutError, match="ipcontroller running"):
        ipp.Client("tcp://127.0.0.1:9", key="k", timeout=0.3)
    with pytest.raises(ValueError, match="needs the key"):
        ipp.Client(address_of(info))
    for address in ("tcp://127.0.0.1", "ipc:///tmp/socket", "tcp://127.0.0.1:port"):
        with pytest.raises(ValueError, match="tcp://host:port"):
            ipp.Client(address, key="k")


def test_the_originals_controller_keeps_its_ports_to_itself(official_cluster: Any) -> None:
    cluster = official_cluster(0)
    info = json.loads(cluster.client_file.read_text())
    with pytest.raises(ValueError, match="does not tell its other ports"):
        ipp.Client(address_of(info), key=info["key"], timeout=30)
