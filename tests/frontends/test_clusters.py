"""The list of clusters as a person sees it: in a browser, on the page and within each front end of Jupyter."""

from __future__ import annotations

import json
from pathlib import Path

from browser import Browser
from notebook_server import KERNEL_WAITS, TOKEN, NotebookServer
from processes import ROOT, Processes, wait_until


def row(key: str, state: str = "") -> str:
    """The selector of a cluster's row, in a state if one is given."""
    return f"""[data-key={json.dumps(key)}]{f'[data-state="{state}"]' if state else ""}"""


def shown(selector: str) -> str:
    """A script: whether somebody can see it."""
    return f"document.querySelector({json.dumps(selector)})?.getClientRects().length > 0"


def start(browser: Browser, key: str, n: int) -> None:
    """Type a number of engines and press Start."""
    browser.wait_for(shown(row(key)))
    browser.type(f"{row(key)} .cs-n", str(n))
    browser.click(f"{row(key)} .cs-start")
    browser.wait_for(shown(row(key, "running")))


def stop(browser: Browser, key: str) -> None:
    browser.click(f"{row(key)} .cs-stop")
    browser.wait_for(shown(row(key, "stopped")))


def test_start_log_scale_and_stop_on_the_page(server: NotebookServer, browser: Browser) -> None:
    browser.open(f"{server.url}ipyclusters")
    start(browser, "default:", 2)
    assert "running, 2 engines" in browser.text(row("default:"))
    assert server.clusters()["default:"]["engines"]["n"] == 2
    browser.click(f"{row('default:')} .cs-logs-toggle")
    browser.wait_for("document.querySelector('.cs-logs .cs-log').innerText.includes('engine 1 registered')")
    assert browser.run("[...document.querySelector('.cs-logs select').options].map((one) => one.value)") == [
        "controller",
        "engine 0",
        "engine 1",
    ]
    browser.type(f"{row('default:')} .cs-n", "3")
    browser.click(f"{row('default:')} .cs-scale")
    browser.wait_for("document.querySelector('.cs-state').innerText === 'running, 3 engines'")
    stop(browser, "default:")
    assert browser.messages == []


def test_a_number_that_is_none_is_refused(server: NotebookServer, browser: Browser) -> None:
    browser.open(f"{server.url}ipyclusters")
    browser.wait_for(shown(row("default:")))
    browser.type(f"{row('default:')} .cs-n", "0")
    browser.click(f"{row('default:')} .cs-start")
    browser.wait_for(shown(f"{row('default:')} .cs-failure"))
    assert "Invalid number of engines" in browser.text(f"{row('default:')} .cs-failure")
    assert server.clusters()["default:"]["state"] == "stopped"


def test_why_a_start_failed(server: NotebookServer, browser: Browser, tmp_path: Path) -> None:
    program = tmp_path / "engine"
    program.write_text("#!/bin/sh\necho '<b>no numpy here</b>'\nexit 3\n")
    program.chmod(0o755)
    options = {"profile": "default", "cluster_id": "bad", "n": 1, "engine_cmd": [str(program)]}
    assert server.ask("POST", "ipyparallel/clusters", options)[0] == 200
    browser.open(f"{server.url}ipyclusters")
    browser.click(f"{row('default:bad')} .cs-start")
    browser.wait_for(shown(row("default:bad", "failed")))
    browser.click(f"{row('default:bad')} .cs-failure summary")
    assert "exit code 3" in browser.text(f"{row('default:bad')} .cs-failure")
    assert "<b>no numpy here</b>" in browser.text(f"{row('default:bad')} .cs-failure pre"), "as text, not as HTML"
    browser.click(f"{row('default:bad')} .cs-remove")
    browser.wait_for(f"!document.querySelector('{row('default:bad')}')")


def test_a_new_cluster_of_another_profile(server: NotebookServer, browser: Browser) -> None:
    browser.open(f"{server.url}ipyclusters")
    browser.wait_for(shown(row("default:")))
    browser.click("button.cs-new")
    browser.type("form [name=profile]", "made")
    browser.type("form [name=n]", "1")
    browser.click("form .cs-start")
    browser.wait_for(shown(row("made:", "running")))
    assert [*server.clusters()] == ["made:", "default:"]
    stop(browser, "made:")


def test_it_says_when_the_server_is_gone(processes: Processes, browser: Browser) -> None:
    server = NotebookServer(processes)
    browser.open(f"{server.url}ipyclusters?token={TOKEN}")
    browser.wait_for(shown(row("default:")))
    server.process.stop()
    browser.click(".cs-refresh")
    browser.wait_for(shown(".cs-toolbar ~ .cs-failure"))
    assert browser.text(".cs-toolbar ~ .cs-failure") == "The Jupyter server does not answer."


def test_S2_15_the_tab_of_the_classic_notebook(server: NotebookServer, browser: Browser) -> None:
    browser.open(f"{server.url}nbclassic/tree#ipyclusters")
    start(browser, "default:", 1)
    assert browser.text("#tabs .active") == "IPython Clusters"
    stop(browser, "default:")


def test_S2_15_the_tab_of_notebook_7(server: NotebookServer, browser: Browser) -> None:
    browser.open("about:blank")
    browser.open(f"{server.url}tree#ipyclusters")
    start(browser, "default:", 1)
    assert browser.text(".jp-TreePanel .lm-mod-current, .lm-TabBar-tab.lm-mod-current").strip() == "Clusters"
    stop(browser, "default:")


def test_the_panel_of_jupyterlab_starts_a_cluster_and_a_notebook_uses_it(
    server: NotebookServer, browser: Browser
) -> None:
    browser.open(f"{server.url}lab/tree/one.ipynb")
    browser.wait_for(shown(".jp-Notebook .jp-CodeCell"))
    browser.click("[data-id='camshaft-clusters']")
    start(browser, "default:", 2)
    browser.click(f"{row('default:')} .cs-code")
    browser.wait_for("document.querySelector('.jp-Notebook').innerText.includes('Cluster.from_file')")
    browser.click(".jp-Notebook .jp-CodeCell .jp-InputPrompt")
    browser.wait_for(KERNEL_WAITS)
    browser.click(".jp-NotebookPanel-toolbar [data-jp-item-name=run] jp-button, [data-command='runmenu:run'] jp-button")
    browser.wait_for("document.querySelector('.jp-OutputArea')?.innerText.includes('2 engines')")
    stop(browser, "default:")


def test_S2_15_the_tab_of_notebook_6_with_its_own_server(processes: Processes, browser: Browser) -> None:
    server = NotebookServer(processes, classic=ROOT / "build" / "notebook6-venv" / "bin" / "python")
    assert "Loading IPython parallel extension: camshaft" in server.log
    browser.open("about:blank")
    browser.open(f"{server.url}tree?token={TOKEN}#ipyclusters")
    start(browser, "default:", 1)
    assert server.clusters()["default:"]["engines"]["n"] == 1
    stop(browser, "default:")
    assert server.request("POST", "ipyparallel/clusters/default%3A", {"n": 1})[0] == 403


def test_the_panel_of_the_original_works_with_our_server(processes: Processes, browser: Browser) -> None:
    server = NotebookServer(processes, disabled=())
    browser.open(f"{server.url}lab?token={TOKEN}")
    browser.click("[data-id*='ipp-'], [data-id*='ipyparallel']")
    browser.click(".ipp-ClusterListingItem button[title*='Start' i], .ipp-ClusterListingItem-start")
    wait_until(lambda: server.clusters()["default:"]["state"] == "running", "the cluster")
    browser.wait_for("document.querySelector('.ipp-ClusterListingItem').innerText.includes('running')")
    browser.click(".ipp-ClusterListingItem button[title*='Stop' i], .ipp-ClusterListingItem-stop")
    wait_until(lambda: server.clusters()["default:"]["state"] == "stopped", "the end of the cluster")
