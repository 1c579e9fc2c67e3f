"""A Jupyter server for all tests of a module."""

from __future__ import annotations

import pytest
from notebook_server import NotebookServer
from processes import Processes


@pytest.fixture(scope="module")
def server(group: Processes) -> NotebookServer:
    """A Jupyter server with our extension."""
    return NotebookServer(group)
