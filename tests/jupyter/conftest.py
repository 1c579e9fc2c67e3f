"""A Jupyter server for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from notebook_server import NotebookServer
from processes import Processes


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """What the tests of a module start; ended with them."""
    made = Processes(tmp_path_factory.mktemp("jupyter"))
    yield made
    survivors = made.end()
    assert not survivors, "still running after the tests: " + "; ".join(survivors)


@pytest.fixture(scope="module")
def server(group: Processes) -> NotebookServer:
    """A Jupyter server with our extension."""
    return NotebookServer(group)
