"""Clients that know an address and a key instead of a file."""

from __future__ import annotations

import json

import camshaft as ipp
from camshaft.kernel.client import StringTask, TaskClient


def test_S1_4_S3_75_client_by_address(seed_cluster) -> None:
    info = json.loads(seed_cluster.client_file.read_text())
    host, port = info["interface"].removeprefix("tcp://"), info["registration"]
    with ipp.Client(f"tcp://{host}:{port}", key=info["key"]) as rc:
        rc.wait_for_engines(4, timeout=60)
        assert rc[:].apply_sync(abs, -1) == [1] * 4
    tc = TaskClient((host, port), key=info["key"])
    assert tc.run(StringTask("a = 1", pull="a"), block=True).ns.a == 1
    tc.close()
