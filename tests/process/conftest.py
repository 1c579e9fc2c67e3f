"""Clusters that many tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from interop import Sites


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Clusters of every descent, each started when first asked for; fails if a process outlives its parent."""
    made = Sites(tmp_path_factory.mktemp)
    yield made
    survivors = made.close()
    assert not survivors, "still running after the tests: " + "; ".join(survivors)
