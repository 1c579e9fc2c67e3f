"""Jupyter front ends attached to engines."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import camshaft as ipp
import pytest
from jupyter_client import BlockingKernelClient
from processes import wait_until

PATIENCE = 60


@pytest.fixture
def kernel(rc: Any) -> Iterator[BlockingKernelClient]:
    """A front end attached to the first engine."""
    path = rc[0].apply_sync(ipp.bind_kernel)
    client = BlockingKernelClient(connection_file=path)
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=PATIENCE)
    yield client
    client.stop_channels()


def run(kernel: BlockingKernelClient, code: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The reply to `code`, and what was published meanwhile."""
    published: list[dict[str, Any]] = []
    reply = kernel.execute_interactive(code, timeout=PATIENCE, output_hook=published.append, allow_stdin=False)
    return reply["content"], published


def text_of(published: list[dict[str, Any]], name: str) -> str:
    streams = [m["content"] for m in published if m["msg_type"] == "stream"]
    return "".join(content["text"] for content in streams if content["name"] == name)


def values_of(published: list[dict[str, Any]]) -> list[str]:
    return [m["content"]["data"]["text/plain"] for m in published if m["msg_type"] == "execute_result"]


def test_a_front_end_shares_the_engine(rc: Any, kernel: BlockingKernelClient) -> None:
    rc[0]["x"] = 20
    rc.wait(timeout=PATIENCE)
    reply, published = run(kernel, "print('hello'); y = x + 1; y * 2")
    assert reply["status"] == "ok"
    assert text_of(published, "stdout") == "hello\n"
    assert values_of(published) == ["42"]
    assert rc[0].get("y") == 21
    assert rc[0].apply_sync(os.getpid) == int(values_of(run(kernel, "import os; os.getpid()")[1])[0])


def test_errors_displays_and_warnings(rc: Any, kernel: BlockingKernelClient) -> None:
    reply, published = run(kernel, "1/0")
    assert (reply["status"], reply["ename"]) == ("error", "ZeroDivisionError")
    assert any(m["msg_type"] == "error" for m in published)
    _, published = run(
        kernel, "import sys; print('bad', file=sys.stderr); from IPython.display import HTML; HTML('<b>x</b>')"
    )
    assert text_of(published, "stderr") == "bad\n"
    assert any("text/html" in m["content"].get("data", {}) for m in published)


def test_completion_inspection_and_more(kernel: BlockingKernelClient) -> None:
    run(kernel, "some_long_name = 'text'")
    assert "some_long_name" in kernel.complete("some_lo", reply=True, timeout=PATIENCE)["content"]["matches"]
    inspected = kernel.inspect("some_long_name", reply=True, timeout=PATIENCE)["content"]
    assert inspected["found"] and "str" in inspected["data"]["text/plain"]
    kernel.is_complete("for i in x:")
    assert kernel.get_shell_msg(timeout=PATIENCE)["content"]["status"] == "incomplete"
    assert kernel.history(reply=True, timeout=PATIENCE)["content"]["status"] == "ok"
    info = kernel.kernel_info(reply=True, timeout=PATIENCE)["content"]
    assert info["language_info"]["name"] == "python"
    assert kernel.is_alive()


def test_interrupting(rc: Any, kernel: BlockingKernelClient, tmp_path: Path) -> None:
    started = tmp_path / "started"

    def interrupt() -> None:
        wait_until(started.exists, "the cell")
        kernel.control_channel.send(kernel.session.msg("interrupt_request"))

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    reply, _ = run(kernel, f"import time, pathlib; pathlib.Path({str(started)!r}).touch(); time.sleep(1000)")
    interrupter.join()
    assert reply["ename"] == "KeyboardInterrupt"
    assert run(kernel, "1")[0]["status"] == "ok"


def test_cluster_and_front_end_take_turns(rc: Any, kernel: BlockingKernelClient) -> None:
    result = rc[0].map_async(abs, range(-100, 0))
    for i in range(10):
        assert run(kernel, f"{i}")[0]["status"] == "ok"
    assert result.get(PATIENCE) == list(range(100, 0, -1))
    assert rc[0].execute("1 + 1", silent=False, block=True).get().data["text/plain"] == "2"


def test_a_leaving_front_end_leaves_the_engine(rc: Any, kernel: BlockingKernelClient) -> None:
    assert kernel.shutdown(reply=True, timeout=PATIENCE)["content"]["status"] == "ok"
    assert rc[0].apply_sync(abs, -1) == 1


def test_binding_again_changes_nothing(rc: Any, kernel: BlockingKernelClient) -> None:
    path = rc[0].apply_sync(ipp.bind_kernel)
    assert path == kernel.connection_file
    assert Path(path).stat().st_mode & 0o77 == 0
    assert json.loads(Path(path).read_text())["ip"] == "127.0.0.1"
    shown = rc[0].execute("%connect_info", block=True)
    assert path in shown.stdout


def test_the_originals_name_for_it(rc: Any, kernel: BlockingKernelClient) -> None:
    rc[0].execute("from ipyparallel import bind_kernel", block=True)
    assert rc[0].get("bind_kernel()") == kernel.connection_file


def test_qtconsole_is_told_where_the_engine_is(rc: Any, kernel: BlockingKernelClient, tmp_path: Path) -> None:
    (tmp_path / "qtconsole.py").write_text("import sys, pathlib; pathlib.Path(sys.argv[-1]).write_text(str(sys.argv))")
    told = tmp_path / "told"
    rc[0].execute(f"import os; os.environ['PYTHONPATH'] += os.pathsep + {str(tmp_path)!r}", block=True)
    rc[0].execute(f"%qtconsole {told}", block=True)
    wait_until(lambda: told.exists() and told.read_text(), "the console")
    assert str(["--existing", kernel.connection_file, str(told)])[1:] in told.read_text()
    (tmp_path / "qtconsole.py").write_text("raise SystemExit('no display')")
    with pytest.raises(ipp.RemoteError, match="qtconsole did not start: no display"):
        rc[0].execute("%qtconsole", block=True).get()


def test_elsewhere_it_is_refused() -> None:
    with pytest.raises(RuntimeError, match="works on an engine only"):
        ipp.bind_kernel()


@pytest.mark.parametrize("code", ["input('name? ')", "import getpass; getpass.getpass('name? ')"])
def test_input_is_refused_in_one_line(rc: Any, kernel: BlockingKernelClient, code: str) -> None:
    reply, _ = run(kernel, code)
    assert reply["ename"] == "StdinNotImplementedError"
    assert reply["evalue"].startswith("nobody can answer input('name? ') on an engine")
    with pytest.raises(ipp.RemoteError, match="nobody can answer input"):
        rc[0].apply_sync(eval, "input('x')")
