"""Widgets of engines in the notebook of the client: a real kernel is the client, this test its front end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jupyter_client import BlockingKernelClient, KernelManager
from processes import ClusterUnderTest, wait_until

PATIENCE = 60


class FrontEnd:
    """A notebook without a window."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client
        self.published: list[dict[str, Any]] = []

    def run(self, code: str) -> list[dict[str, Any]]:
        """Run a cell; returns what it published. AssertionError with its traceback when it fails."""
        first = len(self.published)
        reply = self.client.execute_interactive(
            code, timeout=PATIENCE, output_hook=self.published.append, allow_stdin=False
        )["content"]
        assert reply["status"] == "ok", "\n".join(reply.get("traceback", [reply["status"]]))
        return self.published[first:]

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """The first message published so far, or from now on, that is `wanted`."""

        def found() -> Any:
            for message in self.published:
                if wanted(message):
                    return message
            while True:
                try:
                    self.published.append(self.client.get_iopub_msg(timeout=0.05))
                except Exception:
                    return None

        return wait_until(found, what)

    def send(self, comm_id: str, data: dict[str, Any]) -> None:
        """What moving a slider sends."""
        message = self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        self.client.shell_channel.send(message)


@pytest.fixture
def notebook(four: ClusterUnderTest) -> Iterator[FrontEnd]:
    manager = KernelManager()
    manager.start_kernel(env={**four.processes.env})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        front_end = FrontEnd(client)
        front_end.run(f"import camshaft as ipp\nrc = ipp.Client({str(four.client_file)!r}, timeout=30)")
        front_end.run("rc.wait_for_engines(4, timeout=60)")
        yield front_end
        front_end.run("rc.close()")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("flag", ["--stream", "--no-stream"])
def test_a_slider_of_an_engine(notebook: FrontEnd, flag: str) -> None:
    notebook.run(f"%%px --targets 0 {flag}\nimport ipywidgets\nslider = ipywidgets.IntSlider(value=3)\nslider")
    shown = notebook.wait_for(
        lambda m: "application/vnd.jupyter.widget-view+json" in m["content"].get("data", {}), "the slider's view"
    )
    model = shown["content"]["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
    opened = notebook.wait_for(
        lambda m: m["msg_type"] == "comm_open" and m["content"]["comm_id"] == model, "the slider's comm"
    )
    assert opened["content"]["target_name"] == "jupyter.widget"
    assert opened["content"]["data"]["state"]["value"] == 3
    notebook.send(model, {"method": "update", "state": {"value": 7}, "buffer_paths": []})
    wait_until(lambda: value_of(notebook) == 7, "the slider on the engine to move")
    notebook.run("rc[0].execute('slider.value = 9', block=True)\nNone")
    notebook.run("rc[0].get('slider.value')")


def test_an_engine_moves_its_slider(notebook: FrontEnd) -> None:
    notebook.run("%%px --targets 1\nimport ipywidgets\nslider = ipywidgets.IntSlider(value=1)\nslider")
    notebook.run("%%px --targets 1\nslider.value = 42")
    notebook.wait_for(
        lambda m: m["msg_type"] == "comm_msg" and m["content"]["data"].get("state", {}).get("value") == 42,
        "the slider in the notebook to move",
    )


def test_what_an_engine_answers_to_a_click(notebook: FrontEnd) -> None:
    notebook.run(
        "%%px --targets 2\nimport ipywidgets\nbutton, label = ipywidgets.Button(), ipywidgets.Label('before')\n"
        "button.on_click(lambda _: setattr(label, 'value', 'clicked'))\nbutton"
    )
    shown = notebook.wait_for(
        lambda m: "application/vnd.jupyter.widget-view+json" in m["content"].get("data", {}), "the button"
    )
    model = shown["content"]["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
    notebook.send(model, {"method": "custom", "content": {"event": "click"}})
    notebook.wait_for(
        lambda m: m["msg_type"] == "comm_msg" and m["content"]["data"].get("state", {}).get("value") == "clicked",
        "the label's new text",
    )


def test_output_of_px_is_updated_in_place(notebook: FrontEnd) -> None:
    notebook.run("%px import time")
    published = notebook.run(
        "%%px --progress-after -1\nfor i in range(3):\n    print('line', i, flush=True)\n    time.sleep(0.3)"
    )
    texts = [m["content"] for m in published if m["msg_type"] in ("display_data", "update_display_data")]
    assert len({content["transient"]["display_id"] for content in texts}) == 1
    assert texts[-1]["data"]["text/plain"] == "[stdout:0-3] \nline 0\nline 1\nline 2"


def test_figures_of_engines_in_the_notebook(notebook: FrontEnd) -> None:
    published = notebook.run(
        "%%px --targets 0\n%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2, 4]);"
    )
    figures = [m["content"] for m in published if "image/png" in m["content"].get("data", {})]
    assert len(figures) == 1
    assert figures[0]["metadata"]["engine"] == 0


def value_of(notebook: FrontEnd) -> int:
    published = notebook.run("import json; print(json.dumps(rc[0].get('slider.value')))")
    return json.loads("".join(m["content"]["text"] for m in published if m["msg_type"] == "stream"))
