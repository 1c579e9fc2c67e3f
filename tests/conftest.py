"""Fixtures for tests with real processes: see tests/processes.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import ClusterUnderTest, Processes, start_cluster


@pytest.fixture(autouse=True)
def _own_ipython_dir(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the profiles, or obeys the cluster variables, of whoever runs it."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
    for name in ("IPP_CLUSTER_ID", "IPP_PROFILE_DIR", "IPP_SESSION_KEY", "IPP_CONNECTION_INFO", "IPP_ENABLE_CURVE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def processes(tmp_path: Path, _own_ipython_dir: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    """Starts programs in ``tmp_path``; afterwards ends each by its pid and fails if a descendant of one survives."""
    group = Processes(tmp_path)
    monkeypatch.setenv("IPYTHONDIR", str(group.ipython_dir))
    yield group
    survivors = group.end()
    assert not survivors, "still running after the test: " + "; ".join(survivors)


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Like ``processes``, for what all tests of a module use."""
    made = Processes(tmp_path_factory.mktemp("module"))
    yield made
    survivors = made.end()
    assert not survivors, "still running after the tests: " + "; ".join(survivors)


@pytest.fixture
def cluster(processes: Processes) -> Iterator[Callable[..., ClusterUnderTest]]:
    """``cluster(n, controller="ours"|"official", engines=..., ...)``: see :func:`processes.start_cluster`."""
    started: list[ClusterUnderTest] = []

    def start(*args: Any, **kwargs: Any) -> ClusterUnderTest:
        started.append(start_cluster(processes, *args, **kwargs))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def official_cluster(cluster: Callable[..., ClusterUnderTest]) -> Callable[..., ClusterUnderTest]:
    """Like ``cluster``, but controller and engines are the original's."""
    return lambda *args, **kwargs: cluster(*args, **{"controller": "official", "engines": "official", **kwargs})
