"""The parallel magics, as the tutorials of 2008 and 2012 use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import camshaft as ipp
import pytest
from camshaft.kernel import client
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.io import capture_output
from traitlets.config import Config


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.ipython_dir = str(tmp_path_factory.mktemp("ipython-of-shell"))
    yield InteractiveShell.instance(config=config)
    InteractiveShell.clear_instance()


@pytest.fixture
def view(shell: InteractiveShell, rc: ipp.Client) -> Iterator[Any]:
    """All engines; the view that the magics use."""
    with shell.builtin_trap:
        made = rc[:]
        made.block = True
        made.activate()
        yield made


def printed(shell: InteractiveShell, line: str, cell: str | None = None) -> str:
    with capture_output(display=False) as io:
        if cell is None:
            shell.run_cell(line)
        else:
            shell.run_cell_magic("px", line, cell)
    return io.stdout


def test_S4_19_magics_come_with_the_first_client(shell: InteractiveShell, seed_cluster) -> None:
    shell.magics_manager.magics["line"].pop("px", None)
    with seed_cluster.client():
        assert {"px", "autopx", "pxresult", "pxconfig"} <= set(shell.magics_manager.magics["line"])


def test_S4_21_px(shell: InteractiveShell, view: Any) -> None:
    view.scatter("rank", range(4), flatten=True, block=True)
    shown = printed(shell, "%px print(rank)")
    assert all(f"[stdout:{i}] \n{i}\n" in shown for i in range(4))


def test_S4_22_targets_by_slice_for_one_cell(shell: InteractiveShell, view: Any) -> None:
    printed(shell, "--targets ::2", "even = 1")
    assert view["'even' in globals()"] == [True, False, True, False] and view.targets == [0, 1, 2, 3]


def test_S4_23_one_target(shell: InteractiveShell, view: Any) -> None:
    shown = printed(shell, "--targets 1", "print('alone')")
    assert "alone\n" in shown and "[stdout:0]" not in shown
    assert printed(shell, "--targets 1 --no-stream", "print('alone')") == "alone\n"  # without a head, as in 2012


def test_S4_24_S4_30_without_waiting(shell: InteractiveShell, view: Any) -> None:
    view.block = False
    with capture_output(display=False) as io:
        result = shell.run_line_magic("px", "print('quiet')")
        result.get()
    assert io.stdout == "" and isinstance(result, ipp.AsyncResult)
    assert "quiet" in printed(shell, "%pxresult")


def test_S4_25_S3_58_autopx(shell: InteractiveShell, view: Any) -> None:
    shown = printed(shell, "%autopx")
    assert "enabled" in shown
    printed(shell, "for i in range(3):\n    there = i\n")
    assert "disabled" in printed(shell, "%autopx")
    assert view["there"] == [2] * 4 and "there" not in shell.user_ns


def test_S4_26_pxconfig(shell: InteractiveShell, view: Any) -> None:
    shell.run_cell("%pxconfig --targets 0 --noblock")
    assert view.targets == 0 and view.block is False
    shell.run_cell("%pxconfig --targets : --block")
    assert view.targets == [0, 1, 2, 3] and view.block is True


def test_S4_27_another_view(shell: InteractiveShell, view: Any) -> None:
    odd = view.client[1::2]
    odd.block = True
    odd.activate()
    shell.run_cell("%px odd = 1")
    assert view["'odd' in globals()"] == [False, True, False, True]
    view.activate("_all")
    shell.run_cell("%px_all both = 1")
    assert view["both"] == [1] * 4


def test_S3_55_S3_56_activate(shell: InteractiveShell, rc: ipp.Client) -> None:
    mec = client.MultiEngineClient(client=rc)
    mec.activate()
    shell.run_cell("%px import math; root = math.sqrt(16)")
    assert mec["root"] == [4.0] * 4
    mec.targets = [2]
    mec.activate()
    shell.run_cell("%px mine = 1")
    assert mec["mine"] == [1]


def test_S3_57_result(shell: InteractiveShell, view: Any) -> None:
    printed(shell, "%px print('said'); 6 * 7")
    shown = printed(shell, "%result")
    assert "said" in shown and "42" in shown


def test_S3_59_with_block_in_a_cell(shell: InteractiveShell, rc: ipp.Client) -> None:
    mec = client.MultiEngineClient(client=rc)
    with shell.builtin_trap:
        shell.user_ns.update(mec=mec, client=client)
        cell = "with mec:\n    client.remote()\n    # only there\n    inside = [n for n in range(3)]\nafter = 1\n"
        assert shell.run_cell(cell).success
    assert mec["inside"] == [[0, 1, 2]] * 4
    assert "inside" not in shell.user_ns and shell.user_ns["after"] == 1
