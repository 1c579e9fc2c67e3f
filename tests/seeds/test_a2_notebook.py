"""Clusters in the notebook: what the server says, and where the tab is. The tab in a browser: tests/jupyter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from notebook_server import TOKEN, NotebookServer
from processes import Processes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NotebookServer]:
    group = Processes(tmp_path_factory.mktemp("notebook"))
    yield NotebookServer(group)
    survivors = group.end()
    assert not survivors, "still running after the tests: " + "; ".join(survivors)


def test_S2_14_the_server_announces_the_extension(server: NotebookServer) -> None:
    [line] = [line for line in server.log.splitlines() if "Loading IPython parallel extension" in line]
    assert "camshaft" in line and "/ipyclusters" in line


def test_S2_15_a_cluster_of_the_default_profile_is_started_from_the_page(server: NotebookServer) -> None:
    # The tab of the classic notebook is this page's script; what its buttons ask for is this.
    status, _, page = server.request("GET", "ipyclusters", headers={"Authorization": f"token {TOKEN}"})
    assert status == 200 and b"clusters.js" in page
    assert server.clusters()["default:"]["state"] == "stopped"
    status, model = server.cluster("POST", "default:", {"n": 1})
    assert (status, model["state"], model["engines"]["n"]) == (200, "running", 1)
    assert server.cluster("DELETE", "default:")[0] == 204
