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


def test_the_hub_says_when_its_news_reach_a_client(four: Any) -> None:
    import zmq

    info = json.loads(four.client_file.read_text())
    with zmq.Context() as context, context.socket(zmq.DEALER) as query, context.socket(zmq.SUB) as news:
        query.identity = b"a-session"
        query.connect(address_of(info))
        query.send(b"not signed: no answer, but now the hub knows where a-session is")
        news.connect(f"{info['interface']}:{info['notification']}")
        for topic in (b"camshaft.news.a-session", b""):
            news.subscribe(topic)
        while True:  # the subscription may arrive before the query did: then it is told to nobody, as it need not
            if query.poll(200):
                break
            news.unsubscribe(b"camshaft.news.a-session")
            news.subscribe(b"camshaft.news.a-session")
        header = json.loads(query.recv_multipart()[2])
        assert header["msg_type"] == "news_reach_you"


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
