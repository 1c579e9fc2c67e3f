"""Our engines under the original's controller, driven by the original's client, all unmodified."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ipyparallel as ipp
import numpy as np
import pytest
from processes import takes_connections

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 60.0  # seconds for anything that must happen; generous, because test machines are busy


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of `condition`."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f"waited {DEADLINE:g} s for {what}")


class Site:
    """A profile folder, and the processes that were started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("IPP_")}
        self.env.update(IPYTHONDIR=str(folder), PYTHONPATH=str(ROOT / "python"), PYTHONDONTWRITEBYTECODE="1")

    def start(self, module: str, *args: str, log: str, **more: Any) -> subprocess.Popen[bytes]:
        with open(self.folder / log, "ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, f"--profile-dir={self.folder}", *args],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self.env, cwd=self.folder, **more,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def engine(self, *args: str, log: str = "engine.log", **more: Any) -> subprocess.Popen[bytes]:
        return self.start("camshaft.engine", *args, log=log, **more)

    def controller(self, *args: str) -> subprocess.Popen[bytes]:
        process = self.start("ipyparallel.controller", "--ping=250", *args, log="controller.log")
        eventually(lambda: all(map(takes_connections, self.files())), "the controller's files and ports")
        return process

    def files(self) -> list[Path]:
        return [self.folder / "security" / f"ipcontroller-{side}.json" for side in ("client", "engine")]

    def client(self) -> Any:
        return ipp.Client(connection_info=str(self.files()[0]), timeout=DEADLINE)

    def log(self, name: str = "engine.log") -> str:
        return (self.folder / name).read_text()

    def stop(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            if process.poll() is None:
                process.kill()
                process.wait()


@contextlib.contextmanager
def site_in(folder: Path) -> Iterator[Site]:
    site = Site(folder)
    try:
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_in(tmp_path_factory.mktemp("profile")) as made:
        # the engines come first, and wait
        made.engine()
        made.engine()
        made.controller()
        yield made


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[Any]:
    rc = site.client()
    rc.wait_for_engines(2, timeout=DEADLINE, interactive=False)
    yield rc
    rc.close()


@pytest.fixture
def view(client: Any) -> Any:
    return client[client.ids[:2]]


def get(result: Any) -> Any:
    return result.get(DEADLINE)


def mine(f: Any) -> Any:
    """`f` as if typed at the prompt: engines cannot import this file."""
    f.__module__ = "__main__"
    return f


def test_engines_are_ours(client: Any) -> None:
    assert all(uuid.startswith("camshaft-py") for uuid in client._engines.values())


def test_apply(view: Any) -> None:
    factor = 3
    assert get(view.apply_async(mine(lambda x, y=1: x * factor + y), 4, y=2)) == [14, 14]
    assert len(set(get(view.apply_async(os.getpid)))) == 2


def test_apply_metadata(view: Any) -> None:
    result = view.apply_async(mine(lambda: 1))
    get(result)
    for data in result.metadata:
        assert data["status"] == "ok"
        assert data["engine_id"] in view.targets
        assert data["submitted"] <= data["started"] <= data["completed"]


def test_push_and_pull(view: Any) -> None:
    get(view.push({"a": 5, "text": "x"}, block=False))
    assert get(view.pull("a", block=False)) == [5, 5]
    assert get(view.pull(("a", "text"), block=False)) == [[5, "x"]] * 2
    assert get(view.apply_async(ipp.Reference("a.__add__"), 1)) == [6, 6]


def test_arrays_both_ways(view: Any) -> None:
    array = np.arange(50_000, dtype=float).reshape(100, 500)
    get(view.push({"array": array}, block=False))
    for back in get(view.pull("array", block=False)):
        assert np.array_equal(back, array)
    doubled = get(view.apply_async(mine(lambda x: x * 2), array))
    assert all(np.array_equal(one, array * 2) for one in doubled)


def test_scatter_and_gather(view: Any) -> None:
    get(view.scatter("part", list(range(10)), block=False))
    assert get(view.gather("part", block=False)) == list(range(10))
    get(view.scatter("rows", np.arange(16.0), block=False))
    assert np.array_equal(get(view.gather("rows", block=False)), np.arange(16.0))


def test_map(view: Any, client: Any) -> None:
    squares = [x * x for x in range(40)]
    assert list(get(view.map(mine(lambda x: x * x), range(40), block=False))) == squares
    assert list(get(client.load_balanced_view().map_async(mine(lambda x: x * x), range(40)))) == squares


def test_broadcast(client: Any) -> None:
    view = client.broadcast_view()
    view.targets = client.ids[:2]
    assert get(view.apply_async(mine(lambda x: x + 1), 1)) == [2, 2]


def test_interactive_names_resolve_on_the_engine(view: Any) -> None:
    get(view.execute("base = 100"))

    @mine
    def add(x: int) -> int:
        return base + x  # type: ignore[name-defined]  # noqa: F821

    assert get(view.apply_async(add, 1)) == [101, 101]


def test_execute_with_output_and_value(view: Any) -> None:
    result = view.execute("print('to stdout'); import sys; print('to stderr', file=sys.stderr); 6 * 7", silent=False)
    get(result)
    result.wait_for_output(DEADLINE)
    assert result.stdout == ["to stdout\n"] * 2
    assert result.stderr == ["to stderr\n"] * 2
    assert [data["execute_result"]["data"]["text/plain"] for data in result.metadata] == ["42", "42"]
    assert all(data["execute_input"].startswith("print(") for data in result.metadata)


def test_execute_magic_and_display(view: Any) -> None:
    code = "%env CAMSHAFT_TEST=1\nfrom IPython.display import display\ndisplay({'shown': 1})"
    result = view.execute(code, silent=False)
    get(result)
    result.wait_for_output(DEADLINE)
    for outputs in result.outputs:
        assert [one["data"]["text/plain"] for one in outputs] == ["{'shown': 1}"]
    assert get(view.apply_async(mine(lambda: __import__("os").environ["CAMSHAFT_TEST"]))) == ["1", "1"]


def test_output_of_apply(view: Any) -> None:
    @mine
    def speak() -> int:
        import threading

        print("from main")
        thread = threading.Thread(target=print, args=("from a thread",))
        thread.start()
        thread.join()
        return 1

    result = view.apply_async(speak)
    get(result)
    result.wait_for_output(DEADLINE)
    assert result.stdout == ["from main\nfrom a thread\n"] * 2


def test_errors(view: Any) -> None:
    @mine
    def fail() -> None:
        raise ValueError("told you")

    with pytest.raises(ipp.CompositeError) as caught:
        get(view.apply_async(fail))
    assert [(ename, evalue) for ename, evalue, _, _ in caught.value.elist] == [("ValueError", "told you")] * 2
    assert all("fail" in traceback for _, _, traceback, _ in caught.value.elist)
    assert [info["engine_id"] for *_, info in caught.value.elist] == list(view.targets)
    with pytest.raises(ipp.CompositeError, match="ZeroDivisionError"):
        get(view.execute("1 / 0"))
    with pytest.raises(ipp.CompositeError, match="SystemExit"):
        get(view.apply_async(sys.exit, 3))
    assert get(view.apply_async(mine(lambda: "still here"))) == ["still here"] * 2


def test_a_result_that_cannot_be_pickled_is_an_error(view: Any) -> None:
    with pytest.raises(ipp.CompositeError):
        get(view.apply_async(mine(lambda: (_ for _ in ()))))


def test_dependencies(client: Any) -> None:
    here = client.ids[0]

    @ipp.depend(mine(lambda wanted: wanted), True)
    @mine
    def runs() -> str:
        return "ran"

    @ipp.require("json")
    @mine
    def uses_json() -> str:
        return json.dumps([1])  # type: ignore[name-defined]  # noqa: F821

    assert get(client.load_balanced_view().apply_async(runs)) == "ran"
    assert get(client[here].apply_async(uses_json)) == "[1]"


def test_abort(client: Any) -> None:
    engine = client[client.ids[0]]
    running = engine.apply_async(time.sleep, 1)
    waiting = engine.apply_async(mine(lambda: "ran"))
    engine.abort(waiting, block=True)
    with pytest.raises(ipp.TaskAborted):
        get(waiting)
    assert get(running) is None


def test_a_failing_execute_stops_those_behind_it(client: Any) -> None:
    engine = client[client.ids[0]]
    blocker = engine.apply_async(time.sleep, 0.5)
    failing = engine.execute("1 / 0", silent=False)
    behind = engine.execute("never = 1", silent=False)
    apply = engine.apply_async(mine(lambda: "ran"))
    get(blocker)
    with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
        get(failing)
    with pytest.raises(ipp.TaskAborted):
        get(behind)
    assert get(apply) == "ran"


def test_signal_interrupts_user_code_only(client: Any) -> None:
    engine = client[client.ids[0]]
    client.send_signal("SIGINT", targets=client.ids[0], block=True)  # idle: nothing to interrupt
    assert get(engine.apply_async(mine(lambda: 1))) == 1

    @mine
    def sleep() -> None:
        import time

        print("sleeping", flush=True)
        time.sleep(600)

    running = engine.apply_async(sleep)
    eventually(lambda: "sleeping" in running.stdout, "the function to start")
    client.send_signal(signal.SIGINT, targets=client.ids[0], block=True)
    with pytest.raises(ipp.RemoteError, match="KeyboardInterrupt"):
        get(running)
    running = engine.execute("print('sleeping', flush=True); import time; time.sleep(600)")
    eventually(lambda: "sleeping" in running.stdout, "the cell to start")
    client.send_signal("SIGINT", targets=client.ids[0], block=True)
    with pytest.raises(ipp.RemoteError, match="KeyboardInterrupt"):
        get(running)


def test_clear(view: Any, client: Any) -> None:
    get(view.push({"gone": 1}, block=False))
    client.clear(targets=view.targets, block=True)
    with pytest.raises(ipp.CompositeError, match="NameError"):
        get(view.pull("gone", block=False))


def test_queue_status_counts(client: Any) -> None:
    before = client.queue_status()[client.ids[0]]["completed"]
    get(client[client.ids[0]].apply_async(mine(lambda: 1)))
    eventually(lambda: client.queue_status()[client.ids[0]]["completed"] == before + 1, "the hub to count")


def test_join_shutdown_and_leave(site: Site, client: Any) -> None:
    known = set(client.ids)
    process = site.engine("--id=40", log="joined.log")
    eventually(lambda: set(client.ids) - known, "the engine to join")
    assert set(client.ids) - known == {40}
    assert get(client[40].apply_async(mine(lambda: 7))) == 7
    client.shutdown(targets=40, block=True)
    assert process.wait(DEADLINE) == 0
    eventually(lambda: 40 not in client.ids, "the engine to leave")


def test_sigterm_leaves_at_once_even_while_code_holds_the_interpreter(site: Site, client: Any) -> None:
    process = site.engine("--id=50", log="terminated.log")
    eventually(lambda: 50 in client.ids, "the engine to join")

    @mine
    def hold() -> None:
        import re

        print("holding", flush=True)
        re.match("(a+)+$", "a" * 64 + "b")  # never lets go of the interpreter

    running = client[50].apply_async(hold)
    eventually(lambda: "holding" in running.stdout, "the function to start")
    process.terminate()
    assert process.wait(DEADLINE) == 0
    eventually(lambda: 50 not in client.ids, "the engine to leave")
    with pytest.raises(ipp.RemoteError, match="EngineError"):
        get(running)


def test_the_lifeline_ends_an_engine(site: Site, client: Any) -> None:
    read_end, write_end = os.pipe()
    site.env["CAMSHAFT_LIFELINE_FD"] = str(read_end)
    process = site.engine("--id=60", log="lifeline.log", pass_fds=[read_end])
    del site.env["CAMSHAFT_LIFELINE_FD"]
    os.close(read_end)
    eventually(lambda: 60 in client.ids, "the engine to join")
    os.close(write_end)
    assert process.wait(DEADLINE) == 0
    eventually(lambda: 60 not in client.ids, "the engine to leave")


def test_a_wrong_key_is_one_clear_line(site: Site, client: Any, tmp_path: Path) -> None:
    wrong = tmp_path / "engine.json"
    wrong.write_text(site.files()[1].read_text().replace('"key": "', '"key": "x'))
    process = site.engine(f"--file={wrong}", "--timeout=1", log="wrong.log")
    assert process.wait(DEADLINE) == 255
    lines = site.log("wrong.log").splitlines()
    assert len(lines) == 1, lines
    assert "key" in lines[0]
    assert str(wrong) in lines[0]


def test_an_engine_comes_back_to_a_new_controller(tmp_path: Path) -> None:
    with site_in(tmp_path) as site:
        engine = site.engine()
        controller = site.controller()
        rc = site.client()
        rc.wait_for_engines(1, timeout=DEADLINE, interactive=False)
        get(rc[0].push({"kept": 11}, block=False))
        rc.close()
        controller.terminate()
        controller.wait(DEADLINE)
        eventually(lambda: "lost the controller" in site.log(), "the engine to notice")
        eventually(lambda: not any(file.exists() for file in site.files()), "the old files to go")
        site.controller()
        rc = site.client()
        rc.wait_for_engines(1, timeout=DEADLINE, interactive=False)
        assert get(rc[rc.ids[0]].pull("kept", block=False)) == 11
        rc.close()
        assert engine.poll() is None


def test_the_official_launcher_starts_our_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from traitlets.config import Config

    monkeypatch.setenv("PYTHONPATH", str(ROOT / "python"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config()
    config.LocalEngineSetLauncher.engine_cmd = [sys.executable, "-m", "camshaft.engine"]
    config.LocalEngineSetLauncher.engine_args = ["--log-level=INFO"]
    cluster = ipp.Cluster(n=2, profile_dir=str(tmp_path / "profile_x"), cluster_id="launched", config=config)
    rc = cluster.start_and_connect_sync(activate=False)
    try:
        assert all(uuid.startswith("camshaft-py") for uuid in rc._engines.values())
        assert get(rc[:].apply_async(mine(lambda: 5))) == [5, 5]
    finally:
        rc.close()
        cluster.stop_cluster_sync()
