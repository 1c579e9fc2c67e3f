"""The %px magics in an IPython of this process, on four real engines."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator
from typing import Any

import camshaft as ipp
import pytest
from camshaft.magics import ParallelMagics
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.io import capture_output
from processes import wait_until
from traitlets.config import Config

OUTPUT = """
import sys
from IPython.display import HTML, Math, display
print("stdout")
print("stderr", file=sys.stderr)
display(HTML("<b>HTML</b>"))
print("stdout2")
display(Math(r"x=y"))
Math("42")
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    """An IPython without colours and history."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.ipython_dir = str(tmp_path_factory.mktemp("ipython-of-shell"))
    made = InteractiveShell.instance(config=config)
    yield made
    InteractiveShell.clear_instance()


@pytest.fixture
def view(shell: InteractiveShell, rc: Any) -> Iterator[Any]:
    """The active view, blocking."""
    with shell.builtin_trap:
        rc[:].execute("%colors nocolor", block=True)
        active = rc.activate(rc.ids)
        yield active


def lines_of(text: str) -> list[str]:
    return text.splitlines()


def test_first_client_activates(four: Any, shell: InteractiveShell) -> None:
    shell.magics_manager.magics["line"].pop("px", None)
    with four.client():
        assert "px" in shell.magics_manager.magics["line"]
        assert "px" in shell.magics_manager.magics["cell"]


def test_px_runs_and_shows(shell: InteractiveShell, view: Any) -> None:
    shell.run_line_magic("px", "a = 5")
    assert view["a"] == [5, 5, 5, 5]
    view.scatter("rank", range(4), flatten=True, block=True)
    with capture_output(display=False) as io:
        assert shell.run_line_magic("px", "print(rank)") is None
    for rank in range(4):
        assert f"[stdout:{view.targets[rank]}] \n{rank}\n" in io.stdout
    assert "\n\n" not in io.stdout


def test_identical_output_is_said_once(shell: InteractiveShell, view: Any) -> None:
    with capture_output(display=False) as io:
        shell.run_cell_magic("px", "--no-stream", "print('hello')\n42")
    first, last = view.targets[0], view.targets[-1]
    assert lines_of(io.stdout)[:2] == [f"[stdout:{first}-{last}] ", "hello"]
    assert re.fullmatch(rf"Out\[{first}-{last}:\d+\]: 42", lines_of(io.stdout)[2])


def test_names_are_expanded_in_options_only(shell: InteractiveShell, view: Any) -> None:
    shell.user_ns.update(x="client", out_name="kept")
    view["x"] = "engine"
    shell.run_line_magic("px", 'y = f"{x}"')
    shell.run_cell_magic("px", "-o {out_name}", 'z = f"{x}"')
    assert view["y"] == view["z"] == ["engine"] * 4
    assert isinstance(shell.user_ns["kept"], ipp.AsyncResult)


@pytest.mark.parametrize("block", [True, False])
def test_block_flags(shell: InteractiveShell, view: Any, block: bool) -> None:
    view.block = block
    shell.run_line_magic("pxconfig", "--verbose")
    for options, waits in (("", block), ("--block", True), ("-b", True), ("--noblock", False), ("-a", False)):
        with capture_output(display=False) as io:
            result = shell.run_cell_magic("px", options, "1")
        assert io.stdout.startswith("Parallel" if waits else "Async parallel")
        assert (result is None) == waits
        assert view.block is block
    shell.run_line_magic("pxconfig", "--no-verbose")
    with capture_output(display=False) as io:
        shell.run_line_magic("px", "pass")
    assert io.stdout == ""


def test_targets_hold_for_one_cell(shell: InteractiveShell, view: Any) -> None:
    ids = view.client.ids
    with capture_output(display=False) as io:
        shell.run_cell_magic("px", "--targets ::2 --verbose", "where = 1")
        with pytest.raises(ipp.RemoteError):
            shell.run_cell_magic("px", "--targets all --verbose", "1/0")
    assert io.stdout.startswith(f"Parallel execution on engine(s): {ids[::2]}")
    assert "engine(s): all" in io.stdout
    assert view.targets == ids
    assert view["'where' in globals()"] == [True, False, True, False]


def test_pxconfig_with_a_suffix(shell: InteractiveShell, view: Any) -> None:
    rc = view.client
    other = rc.activate(-1, "_tst")
    assert other.targets == rc.ids[-1]
    for text, targets in ((":", rc.ids), ("::2", rc.ids[::2]), ("1::2", rc.ids[1::2]), ("1", 1), ("0,2", [0, 2])):
        shell.run_line_magic("pxconfig_tst", f"-t {text}")
        assert other.targets == targets
    shell.run_line_magic("pxconfig_tst", "--noblock --no-stream --progress-after 3 --signal-on-interrupt 15")
    magics = shell.magics_manager.registry["ParallelMagics"]
    assert other.block is False
    assert isinstance(magics, ParallelMagics)
    assert (magics.stream_output, magics.progress_after, magics.signal_on_interrupt) == (False, 3.0, 15)
    result = shell.run_line_magic("px_tst", "mine = 1")
    result.get()
    assert view["'mine' in globals()"] == [True, False, True, False]
    shell.run_line_magic("px", "yours = 2")
    assert view["yours"] == [2] * 4


def test_a_misspelt_option_names_the_nearest(shell: InteractiveShell, view: Any) -> None:
    with pytest.raises(UsageError, match="no option --nobock: did you mean '--noblock'"):
        shell.run_cell_magic("px", "--nobock", "1")
    with pytest.raises(UsageError, match="--targets nonsense"):
        shell.run_cell_magic("px", "--targets nonsense", "1")
    for line in ("--targets 99", "--targets [0,99]"):  # at once, not with the next %px
        with pytest.raises(UsageError, match="no engine 99"):
            shell.run_line_magic("pxconfig", line)
    with pytest.raises(UsageError, match="no signal SIGNIT: did you mean 'SIGINT'"):
        shell.run_cell_magic("px", "--signal-on-interrupt SIGNIT", "1")


def grouped(io: Any) -> list[str]:
    return [re.sub(r":\d+", ":N", line) for line in lines_of(io.stdout)]


def test_grouped_by_engine(shell: InteractiveShell, view: Any) -> None:
    with capture_output(display=False) as io:
        shell.run_cell_magic("px", "--group-outputs=engine --no-stream", OUTPUT)
    one = ["[stdout:N] ", "stdout", "stdout2", "[output:N]", "<IPython.core.display.HTML object>", "[output:N]"]
    one += ["<IPython.core.display.Math object>"]
    assert [line for line in grouped(io) if not line.startswith("Out")] == one * 4
    assert sum("Out[" in line and "Math" in line for line in lines_of(io.stdout)) == 4
    assert lines_of(io.stderr) == [text for i in view.targets for text in (f"[stderr:{i}] ", "stderr")]


@pytest.mark.parametrize("flags", ["--group-outputs=order", "-r", "--group-outputs=type"])
def test_grouped_by_order_and_type(shell: InteractiveShell, view: Any, flags: str) -> None:
    three = view.targets[:3]  # few enough to be shown one by one
    with capture_output(display=False) as io:
        shell.run_cell_magic("px", f"{flags} --no-stream --targets {','.join(map(str, three))}", OUTPUT)
    html, math = "<IPython.core.display.HTML object>", "<IPython.core.display.Math object>"
    shown = [line for line in grouped(io) if not line.startswith("Out")]
    streams = ["[stdout:N] ", "stdout", "stdout2"] * 3
    if "type" in flags:
        assert shown == streams + ["[output:N]", html, "[output:N]", math] * 3
    else:
        assert shown == streams + ["[output:N]", html] * 3 + ["[output:N]", math] * 3


def test_stream_shows_output_while_it_runs(shell: InteractiveShell, view: Any, tmp_path: Any) -> None:
    gate = tmp_path / "gate"
    view.push({"gate": str(gate)}, block=True)
    code = (
        "import os, time\nprint('early', flush=True)\nwhile not os.path.exists(gate): time.sleep(0.01)\nprint('late')"
    )
    shell.user_ns["failure"] = None
    with capture_output(display=False) as io:
        seen: list[str] = []

        def open_gate() -> None:
            try:
                wait_until(lambda: "early" in io.stdout, "the first line")
                seen.append(io.stdout)
            finally:
                gate.touch()

        opener = threading.Thread(target=open_gate)
        opener.start()
        shell.run_cell_magic("px", "--stream", code)
        opener.join()
    assert "late" not in seen[0]
    assert io.stdout.count("late") >= 1


def test_streamed_displays_and_results(shell: InteractiveShell, view: Any) -> None:
    with capture_output(display=False) as io:
        shell.run_cell_magic("px", "--stream --targets 0,1", OUTPUT)
    assert io.stdout.count("[output:0]") == io.stdout.count("[output:1]") == 2
    assert io.stdout.count("HTML object") == 2
    assert len(re.findall(r"Out\[[01]:\d+\]: <IPython.core.display.Math object>", io.stdout)) == 2
    assert io.stderr.count("[stderr:") == 2


def test_streamed_errors_are_shown_once(shell: InteractiveShell, view: Any) -> None:
    view.scatter("rank", range(4), flatten=True, block=True)
    with capture_output(display=False) as io, pytest.raises(ipp.error.AlreadyDisplayedError) as caught:
        shell.run_cell_magic("px", "--stream", "raise RuntimeError(f'oops! {rank}')")
    assert [io.stderr.count(f"RuntimeError: oops! {rank}") for rank in range(4)] == [1] * 4
    assert caught.value.render_traceback() == ["4 errors"]


def test_identical_errors_are_folded(shell: InteractiveShell, view: Any) -> None:
    first, last = view.targets[0], view.targets[-1]
    with capture_output(display=False) as io, pytest.raises(ipp.error.CompositeError) as caught:
        shell.run_cell_magic("px", "--no-stream", "1/0")
    assert io.stderr == ""
    shown = "\n".join(caught.value.render_traceback())
    assert shown.count("ZeroDivisionError: division by zero") == 1
    assert f"engines {first}-{last}" in shown
    assert str(caught.value).count("ZeroDivisionError") == 1
    assert len(caught.value.elist) == 4


def test_px_without_waiting(shell: InteractiveShell, view: Any) -> None:
    view.block = False
    with capture_output() as io:
        result = shell.run_line_magic("px", "print('quiet'); 111")
        result.get()
    assert io.stdout == ""
    with capture_output(display=False) as io:
        shell.run_line_magic("pxresult", "")
    assert "quiet" in io.stdout and ": 111" in io.stdout
    shell.run_line_magic("result", "-o saved")
    assert shell.user_ns["saved"] is result
    failing = shell.run_line_magic("px", "1/0")
    with pytest.raises(ipp.CompositeError):
        failing.get()


def test_pxresult_before_any_result(shell: InteractiveShell, view: Any) -> None:
    with pytest.raises(UsageError, match="no result yet"):
        shell.run_line_magic("pxresult", "")


def test_local_runs_the_cell_here_too(shell: InteractiveShell, view: Any) -> None:
    shell.run_cell_magic("px", "--local", "both = 7")
    assert view["both"] == [7] * 4
    assert shell.user_ns["both"] == 7


def test_autopx(shell: InteractiveShell, view: Any) -> None:
    rc = view.client
    one = rc.activate(rc.ids[-1])
    shell.user_ns.pop("b", None)
    with capture_output(display=False) as io:
        shell.run_cell("%autopx")
        shell.run_cell("a = 5\nb = 12345\nc = 0")
        shell.run_cell("b *= 2")
        shell.run_cell("print(b)")
        shell.run_cell("b")
        shell.run_cell("b / c")
        shell.run_cell("%autopx")
        shell.run_cell("here = 1")
    assert io.stdout.startswith("%autopx enabled")
    assert io.stdout.rstrip().endswith("%autopx disabled")
    assert "ZeroDivisionError" in io.stdout
    assert ": 24690" in io.stdout
    assert "b" not in shell.user_ns and shell.user_ns["here"] == 1
    assert one["b"] == 24690


async def test_autopx_in_async_cells(shell: InteractiveShell, view: Any) -> None:
    with capture_output(display=False):
        await shell.run_cell_async("%autopx", transformed_cell=shell.transform_cell("%autopx"))
        cell = "there = 3"
        await shell.run_cell_async(cell, transformed_cell=shell.transform_cell(cell))
        await shell.run_cell_async("%autopx", transformed_cell=shell.transform_cell("%autopx"))
    assert view["there"] == [3] * 4
    assert "there" not in shell.user_ns


@pytest.mark.parametrize("sent", [None, "SIGINT", "2"])
def test_ctrl_c_reaches_the_engines(shell: InteractiveShell, view: Any, sent: str | None, tmp_path: Any) -> None:
    started = tmp_path / "started"
    view.push({"started": str(started)}, block=True)
    interrupter = threading.Thread(
        target=lambda: (
            wait_until(lambda: len(list(tmp_path.glob("started*"))) == 4, "all engines"),
            os.kill(os.getpid(), signal.SIGINT),
        )
    )
    code = "import time, pathlib, os\npathlib.Path(f'{started}{os.getpid()}').touch()\ntime.sleep(100)\nprint('Exit')"
    with capture_output(display=False) as io:
        interrupter.start()
        shell.run_cell_magic("px", "" if sent is None else f"--signal-on-interrupt {sent}", code)
    interrupter.join()
    assert f"Received Keyboard Interrupt. Sending signal {sent or 'SIGINT'} to engines..." in io.stderr
    assert "Exit" not in io.stdout
    assert view["1"] == [1] * 4


def test_ctrl_c_before_output_is_shown_reaches_the_engines(
    shell: InteractiveShell, view: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = ipp.AsyncResult.stream_output
    interrupted: list[bool] = []

    def stream_output(result: Any, **options: Any) -> Any:
        if not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt  # as if it came while the module is imported
        return show(result, **options)

    monkeypatch.setattr(ipp.AsyncResult, "stream_output", stream_output)
    with capture_output(display=False) as io:
        shell.run_cell_magic("px", "", "import time\ntime.sleep(100)")
    assert "Received Keyboard Interrupt" in io.stderr
    assert view["1"] == [1] * 4


def test_figures_of_engines_are_shown(shell: InteractiveShell, view: Any) -> None:
    shell.run_cell_magic("px", "--targets 0", "%matplotlib inline\nimport matplotlib.pyplot as plt")
    with capture_output() as io:
        shell.run_cell_magic("px", "--targets 0 --no-stream", "plt.plot([1, 2, 4]);")
    assert any("image/png" in output.data for output in io.outputs)
