"""Clusters that many tests share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from interop import Sites
from processes import BIN, ClusterUnderTest, Processes, whole_cluster


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Clusters of every descent, each started when first asked for; fails if a process outlives its parent."""
    made = Sites(tmp_path_factory.mktemp)
    yield made
    survivors = made.close()
    assert not survivors, "still running after the tests: " + "; ".join(survivors)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterUnderTest]:
    """A controller and four engines of ours, for all tests of a module: each leaves them as it found them."""
    with whole_cluster(tmp_path_factory.mktemp("four"), 4) as started:
        yield started


@pytest.fixture
def rc(four: ClusterUnderTest) -> Iterator[Any]:
    """A client of `four` whose engines' namespaces are empty."""
    client = four.client()
    client.clear(block=True)
    yield client
    client.close()


@pytest.fixture
def our_programs(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """`camshaft.Cluster`, here and in processes of the test, starts the programs of this tree."""
    monkeypatch.setenv("CAMSHAFT_BIN", str(BIN))
    processes.env["CAMSHAFT_BIN"] = str(BIN)
