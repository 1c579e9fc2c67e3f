"""The C++ client core (camshaft._core.ClientCore) against the official controller and an official engine."""

from __future__ import annotations

import contextlib
import gc
import json
import operator
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from camshaft._core import ClientCore, Request
from processes import Processes, start_cluster

LONG = 30.0  # seconds; never reached by a test that passes


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def running(module: str, folder: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program of the official package, ended by its own pid."""
    log = (folder / f"{module}.out").open("ab")
    command = [sys.executable, "-m", module, f"--profile-dir={folder}", *flags]
    environment = os.environ | {"IPYTHONDIR": str(folder), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def connection_text(folder: Path) -> str:
    """The client connection file."""
    return (folder / "security" / "ipcontroller-client.json").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A profile folder with the official controller running in it."""
    made = tmp_path_factory.mktemp("official")
    group = Processes(made)
    try:
        yield start_cluster(group, 0, controller="official", controller_args=["--ping=200"]).profile_dir
    finally:
        assert not group.end()


@pytest.fixture
def core(folder: Path) -> Iterator[ClientCore]:
    """A connected client core."""
    made = ClientCore(connection_text(folder), timeout=LONG)
    yield made
    made.close()


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[None]:
    """An official engine that lives as long as the module's tests."""
    with running("ipyparallel.engine", folder):
        yield


def wait_engine(core: ClientCore, known: set[str] = frozenset()) -> tuple[int, str]:
    """The number and uuid of an engine that is not among the known ones."""
    seen = core.generation
    deadline = time.monotonic() + LONG
    while True:
        for number, uuid in core.engines().items():
            if uuid not in known:
                return number, uuid
        assert time.monotonic() < deadline, "no engine"
        seen = core.wait_generation(seen, 1.0)


def execute(core: ClientCore, uuid: str, code: str) -> Request:
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    return core.submit("mux", "execute_request", json.dumps(content), engine=uuid)


def apply(core: ClientCore, function: Callable[..., object], *args: object) -> Request:
    """An apply_request on the task channel, in the official layout."""
    info = {"nargs": len(args), "narg_bufs": len(args), "kw_keys": []}
    frames = [pickle.dumps(each) for each in (function, info, *args)]
    return core.submit("task", "apply_request", buffers=frames)


def test_execute_brings_output_and_displays(core: ClientCore, engine: None) -> None:
    _, uuid = wait_engine(core)
    code = "print('to out'); import sys; print('to err', file=sys.stderr); print('10%\\r20%'); 6 * 7"
    request = execute(core, uuid, code)
    assert core.wait([request], LONG, outputs=True)
    assert request.done and request.outputs_done and request.status == "ok"
    assert request.stdout == "to out\n20%\n"
    assert request.stderr == "to err\n"
    results = [json.loads(content) for kind, content, _, _ in request.outputs if kind == "execute_result"]
    assert [result["data"]["text/plain"] for result in results] == ["42"]
    assert request.engine_uuid == uuid
    assert json.loads(request.metadata)["engine"] == uuid
    assert request.submitted.endswith("Z") and request.completed is not None
    assert request.received is not None and abs(request.received - time.time()) < LONG


def test_apply_through_the_scheduler(core: ClientCore, engine: None) -> None:
    wait_engine(core)
    requests = [apply(core, operator.add, i, 1) for i in range(50)]
    assert core.wait(requests, LONG)
    assert [pickle.loads(request.buffers[0]) for request in requests] == list(range(1, 51))
    assert len({request.msg_id for request in requests}) == 50
    view = requests[0].buffers[0]
    assert view.readonly
    del requests
    gc.collect()
    assert pickle.loads(view) == 1  # a view keeps its bytes alive


def test_large_buffers_travel_without_a_copy_and_are_given_back(core: ClientCore, engine: None) -> None:
    wait_engine(core)
    array = bytearray(pickle.dumps(bytes(4_000_000)))
    frames = [pickle.dumps(len), pickle.dumps({"nargs": 1, "narg_bufs": 1, "kw_keys": []}), array]
    request = core.submit("task", "apply_request", buffers=frames, track=True)
    assert core.wait([request], LONG)
    assert pickle.loads(request.buffers[0]) == 4_000_000
    until(lambda: request.sent, "the buffer to be sent")
    array.clear()  # refused (BufferError) while anybody still holds the buffer


def test_an_error_of_the_task_is_its_reply(core: ClientCore, engine: None) -> None:
    wait_engine(core)
    request = apply(core, operator.truediv, 1, 0)
    assert core.wait([request], LONG)
    content = json.loads(request.content)
    assert request.status == content["status"] == "error"
    assert content["ename"] == "ZeroDivisionError"


def test_queries_and_waiting_for_any(core: ClientCore, engine: None) -> None:
    number, uuid = wait_engine(core)
    slow = execute(core, uuid, "import time; time.sleep(1)")
    query = core.submit("query", "queue_request", '{"targets": null, "verbose": false}')
    assert core.wait([slow, query], LONG, any=True)
    assert query.done and str(number) in json.loads(query.content)
    assert not core.wait([slow], 0.01)
    assert slow.status == "pending" and slow.content == "{}" and slow.buffers == [] and slow.completed is None
    assert core.wait([slow], LONG)


def test_watched_requests_show_up_when_done(core: ClientCore, engine: None) -> None:
    wait_engine(core)
    requests = [apply(core, operator.neg, i) for i in range(10)]
    for request in requests:
        core.watch(request)
    seen: set[str] = set()
    while len(seen) < len(requests):
        done = core.next_watched(LONG)
        assert done
        seen.update(request.msg_id for request in done)
    assert seen == {request.msg_id for request in requests}


def test_ctrl_c_ends_a_wait_and_leaves_the_client_usable(core: ClientCore, engine: None) -> None:
    _, uuid = wait_engine(core)
    request = execute(core, uuid, "import time; time.sleep(2)")
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        core.wait([request], LONG)
    timer.join()
    assert core.wait([request], LONG) and request.status == "ok"


def test_death_of_an_engine_fails_what_was_sent_to_it(core: ClientCore, folder: Path, engine: None) -> None:
    _, first = wait_engine(core)
    with running("ipyparallel.engine", folder):
        number, uuid = wait_engine(core, {first})
        request = execute(core, uuid, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        assert core.wait([request], LONG, outputs=True)
    content = json.loads(request.content)
    assert content["ename"] == "EngineError"
    assert content["evalue"].startswith(f"Engine {number} died")
    assert content["engine_info"] == {}
    assert number not in core.engines()
    refused = execute(core, uuid, "1")
    assert core.wait([refused], LONG)
    assert uuid in json.loads(refused.content)["evalue"]


def test_close_fails_what_is_outstanding(folder: Path, engine: None) -> None:
    core = ClientCore(connection_text(folder), timeout=LONG)
    _, uuid = wait_engine(core)
    request = execute(core, uuid, "import time; time.sleep(0.5)")
    core.close()
    core.close()
    assert core.closed
    assert core.wait([request], LONG, outputs=True)
    assert request.status == "error"
    later = core.submit("query", "queue_request")
    assert later.done and "closed" in json.loads(later.content)["evalue"]


def test_bad_use_is_refused(core: ClientCore) -> None:
    with pytest.raises(ValueError, match="channel"):
        core.submit("tusk", "apply_request")
    with pytest.raises(ValueError, match="uuid"):
        core.submit("mux", "apply_request")
    with pytest.raises(TypeError):
        core.submit("task", "apply_request", buffers=["text is no buffer"])
    with pytest.raises(ValueError):
        ClientCore("{")


def test_a_wrong_key_and_a_missing_controller_say_what_to_check(folder: Path) -> None:
    connection = json.loads(connection_text(folder))
    with pytest.raises(TimeoutError, match=rf"{connection['registration']}.*key"):
        ClientCore(json.dumps(connection | {"key": "wrong"}), timeout=0.5)
    with pytest.raises(TimeoutError, match="Is ipcontroller running"):
        ClientCore(json.dumps(connection | {"registration": 1}), timeout=0.5)
