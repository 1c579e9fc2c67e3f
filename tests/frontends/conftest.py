"""A Jupyter server with every front end, and a browser, for the tests of a module.

They want Chromium and the packages that `make test-jupyter` installs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import Browser
from notebook_server import TOKEN, NotebookServer, notebook_of
from processes import Processes, wait_until


@pytest.fixture(scope="module")
def browser(group: Processes) -> Iterator[Browser]:
    """A browser, in which one test after the other looks at pages."""
    made = Browser(group)
    yield made
    made.close()


@pytest.fixture(scope="module")
def running(group: Processes, browser: Browser) -> NotebookServer:
    """A Jupyter server to which the browser has logged in, with a notebook of one empty cell."""
    server = NotebookServer(group)
    (server.work / "one.ipynb").write_text(notebook_of(""))
    browser.open(f"{server.url}ipyclusters?token={TOKEN}")
    return server


@pytest.fixture
def server(running: NotebookServer, browser: Browser) -> Iterator[NotebookServer]:
    """The server, on which no cluster runs before and after the test."""
    browser.messages.clear()
    yield running
    for key, model in running.clusters().items():
        if model["state"] != "stopped" or model["cluster"]["cluster_id"]:
            assert running.cluster("DELETE", key)[0] == 204
    wait_until(lambda: {one["state"] for one in running.clusters().values()} == {"stopped"}, "the end of all clusters")
