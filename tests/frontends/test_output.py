"""Output of engines in a notebook, in a browser: figures, and widgets that are moved with the keyboard."""

from __future__ import annotations

from browser import Browser
from notebook_server import KERNEL_WAITS, NotebookServer, notebook_of

CONNECT = "import camshaft as ipp\nrc = ipp.Client(profile='default')\nrc.wait_for_engines(2)\nrc"
FIGURE = "%%px\n%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()"
SLIDER = """%%px --targets 0
import ipywidgets
slider = ipywidgets.IntSlider(value=3)
label = ipywidgets.Label()
slider.observe(lambda change: setattr(label, "value", f"the engine saw {change['new']}"), "value")
ipywidgets.VBox([slider, label])"""


def test_figures_are_shown_and_a_slider_moves_that_of_its_engine(server: NotebookServer, browser: Browser) -> None:
    (server.work / "widgets.ipynb").write_text(notebook_of(CONNECT, FIGURE, SLIDER))
    status, model = server.cluster("POST", "default:", {"n": 2})
    assert status == 200, model
    browser.open(f"{server.url}lab/tree/widgets.ipynb")
    browser.wait_for("document.querySelectorAll('.jp-Notebook .jp-CodeCell').length === 3")
    browser.click(".jp-Notebook .jp-CodeCell .jp-InputPrompt")
    browser.wait_for(KERNEL_WAITS)
    browser.click(".lm-MenuBar-item:nth-child(4)")
    browser.click("[data-command='runmenu:run-all']")
    browser.wait_for("document.querySelectorAll('.jp-OutputArea img').length === 2")
    browser.wait_for("document.querySelector('.noUi-handle')")
    browser.run("document.querySelector('.noUi-handle').focus()")
    browser.press("ArrowRight", 39)
    browser.wait_for("document.querySelector('.jp-Notebook').innerText.includes('the engine saw 4')")
