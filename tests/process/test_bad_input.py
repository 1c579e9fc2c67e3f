"""What bad input gets: one clear line that says what to do; never a hang, never a trace of the C++ parts."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import camshaft
import pytest
from camshaft import error
from processes import ClusterUnderTest, Process, Processes, command_of, wait_until
from processes import at_the_prompt as mine

Start = Callable[..., ClusterUnderTest]
PATIENCE = 60.0
INTERNALS = re.compile(r"terminate called|std::|\.[ch]pp|what\(\)|Segmentation|core dumped|Traceback|0x[0-9a-f]{6}")


@mine
def hang() -> None:
    import time

    print("begun", flush=True)
    time.sleep(600)


def begun(result: Any) -> None:
    """Wait until the engine runs :func:`hang` for `result`."""
    wait_until(lambda: result.ready() or "begun" in result.stdout, "the function to start")
    if result.ready():
        result.get()


def run(processes: Processes, program: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run one of our programs to its end."""
    return subprocess.run(
        [*command_of(program, "ours"), *args],
        env=processes.env,
        cwd=processes.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def the_line(text: str) -> str:
    """The one line that `text` must be."""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    assert not INTERNALS.search(lines[0]), lines[0]
    return lines[0]


def logged(process: Process, words: str) -> str:
    """The line with `words` in the log of a process, once it is there."""

    def found() -> str | None:
        return next((line for line in process.output.splitlines() if words in line), None)

    def over_or_found() -> bool:
        return found() is not None or not process.running

    wait_until(over_or_found, f"{words!r} in the log")
    line = found()
    assert line is not None, process.output
    assert not INTERNALS.search(process.output), process.output
    return line


def says(caught: pytest.ExceptionInfo[BaseException], *words: str) -> None:
    """Assert that the message is one line that holds all of `words`."""
    line = the_line(str(caught.value))
    for word in words:
        assert word in line, line


def changed(file: Path, to: Path, **fields: Any) -> Path:
    """A copy of a connection file with some fields changed."""
    to.write_text(json.dumps({**json.loads(file.read_text()), **fields}))
    return to


# ---- keys ------------------------------------------------------------------------------------------------------------


def test_a_client_with_a_wrong_key(cluster: Start, tmp_path: Path) -> None:
    site = cluster(0)
    wrong = changed(site.client_file, tmp_path / "wrong.json", key="not the key")
    with pytest.raises(error.TimeoutError) as caught:
        camshaft.Client(str(wrong), timeout=0.5)
    says(caught, "key", "127.0.0.1", "connection file")
    assert "the signature does not match" in logged(site.controller, "dropped a query")
    site.client(engines=0)  # and the controller goes on


def test_an_engine_with_a_wrong_key(cluster: Start, tmp_path: Path) -> None:
    site = cluster(0)
    wrong = changed(site.engine_file, tmp_path / "wrong.json", key="not the key")
    engine = site.processes.start([*command_of("ipengine", "ours"), f"--file={wrong}", "--timeout=0.5"])
    assert engine.wait() == 255
    line = the_line(engine.output)
    for word in ("key", str(wrong), "ipcontroller-engine.json"):
        assert word in line
    assert "the signature does not match" in logged(site.controller, "dropped a query")


def test_messages_with_bad_signatures_are_dropped_and_counted(cluster: Start) -> None:
    import zmq

    site = cluster(1)
    client = site.client()
    info = json.loads(site.client_file.read_text())
    uuid = client._engines()[client.ids[0]].encode()
    header = json.dumps({"msg_id": "x_1", "msg_type": "apply_request", "session": "x", "username": "x",
                         "date": "2020-01-01T00:00:00+00:00", "version": "5.3"}).encode()  # fmt: skip
    forged = [b"<IDS|MSG>", b"0" * 64, header, b"{}", b"{}", b"{}"]
    with zmq.Context() as context:
        sockets = {}
        for channel, address in (("registration", []), ("task", []), ("mux", [uuid]), ("control", [uuid])):
            sockets[channel] = sender = context.socket(zmq.DEALER)
            sender.linger = 5000
            sender.connect(f"{info['interface']}:{info[channel]}")
            for _ in range(2):
                sender.send_multipart([*address, *forged])
        for words in ("hub: dropped a query", "task"):
            assert "the signature does not match" in logged(site.controller, words)
        assert "2 " in logged(site.controller, "(2 ")
        assert "bad signature" in logged(site.engines[0], "dropped messages")
        for sender in sockets.values():
            sender.close(0)
    assert client[:].apply_sync(abs, -3) == [3]
    assert client.load_balanced_view().apply_sync(abs, -4) == 4


# ---- versions of Python ----------------------------------------------------------------------------------------------

ANOTHER_PYTHON = """
import sys
sys.version_info = (3, 99, 0, "final", 0)
from camshaft.engine.app import main
main()
"""


def start_another_python(site: ClusterUnderTest) -> Process:
    """An engine that takes itself for one of Python 3.99."""
    return site.processes.start([sys.executable, "-c", ANOTHER_PYTHON, f"--file={site.engine_file}"])


def test_an_engine_of_another_python(cluster: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    site = cluster(1)
    client = site.client(engines=1)
    good = client.ids[0]
    engine = start_another_python(site)
    wait_until(lambda: len(client.ids) == 2 or not engine.running, "the engine")
    other = next(number for number in client.ids if number != good)
    mine_is = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    for view in (client[other], client[:], client.load_balanced_view()):
        with pytest.raises(error.SerializationError) as caught:
            view.apply_sync(abs, -1)
        says(caught, f"engine {other} ", "Python 3.99", mine_is, "same minor version")
    assert client[good].apply_sync(abs, -1) == 1
    assert client.load_balanced_view(targets=[good]).apply_sync(abs, -1) == 1
    # A client that does not look gets the same from the engine.
    monkeypatch.setattr(client, "_codec", lambda ids: camshaft.serialize.CODEC)
    with pytest.raises(error.RemoteError, match="3.99.*same minor version") as remote:
        client[other].apply_sync(abs, -1)
    assert remote.value.ename == "SerializationError"


# ---- connection files ------------------------------------------------------------------------------------------------


def test_a_client_without_a_connection_file(processes: Processes, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError) as caught:
        camshaft.Client(timeout=0)
    says(caught, "ipcontroller-client.json", "ipcluster start")
    with pytest.raises(OSError) as caught:
        camshaft.Client(timeout=0.2)
    says(caught, "ipcontroller-client.json", "within 0.2 s", "ipcluster start")
    assert "Waiting for connection file" in capsys.readouterr().out
    with pytest.raises(OSError) as caught:
        camshaft.Client(profile="nobody")
    says(caught, "no profile 'nobody'", "ipcluster start --profile=nobody")
    with pytest.raises(OSError) as caught:
        camshaft.Client(str(processes.folder / "nowhere.json"))
    says(caught, "nowhere.json", "not found", "is the controller running")
    with pytest.raises(ValueError) as bad:
        camshaft.Client("tcp://127.0.0.1:5555")
    says(bad, "needs the key of the cluster", "key=", "ipcontroller-client.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("half-written", "delete the file and restart")),
        ('{"ssh": "", "interface": "tcp://127', ("half-written", "delete the file and restart")),
        ("[]", ("no JSON object",)),
        ("{}", ("it lacks", "registration", "key")),
        ('{"hb_ping": 1}', ("engines'", "-client.json")),
    ],
)
def test_a_client_with_a_broken_connection_file(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    file = tmp_path / "broken.json"
    file.write_text(text)
    with pytest.raises(ValueError) as caught:
        camshaft.Client(str(file), timeout=0.2)
    says(caught, "broken.json", *words)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("mux", 0, ("mux", "port")),
        ("mux", "x", ("mux", "port")),
        ("interface", "nonsense", ("interface", "tcp://")),
        ("signature_scheme", "rot13", ("rot13", "hmac-sha256")),
        ("pack", "pickle", ("pickle", "json")),
        ("curve_serverkey", "x" * 39, ("CURVE", "encryption")),
    ],
)
def test_a_client_with_a_bad_field(
    cluster: Start, tmp_path: Path, field: str, value: Any, words: tuple[str, ...]
) -> None:
    site = cluster(0)
    with pytest.raises((ValueError, NotImplementedError)) as caught:
        camshaft.Client(str(changed(site.client_file, tmp_path / "bad.json", **{field: value})), timeout=1)
    says(caught, *words)


def test_a_client_waits_for_a_file_that_is_being_written(cluster: Start, tmp_path: Path) -> None:
    site = cluster(0)
    file = tmp_path / "late.json"
    text = site.client_file.read_text()
    file.write_text(text[:40])
    # the client has begun to wait, or will find the whole file: both are right
    threading.Timer(0.2, lambda: file.write_text(text)).start()
    with camshaft.Client(str(file), timeout=10) as client:
        assert client.ids == []


def test_an_engine_waits_for_its_connection_file(cluster: Start, tmp_path: Path) -> None:
    site = cluster(0)
    file = tmp_path / "late.json"
    whole = site.engine_file.read_text()
    engine = site.processes.start([*command_of("ipengine", "ours"), f"--file={file}"])
    line = logged(engine, "waiting for it")
    assert str(file) in line
    assert "No such file" in line
    file.write_text(whole[:40])
    client = site.client(engines=0)
    file.write_text(whole)
    wait_until(lambda: client.ids or not engine.running, "the engine")
    assert client[0].apply_sync(abs, -5) == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ("No such file",)),
        ("", ("it is empty",)),
        ('{"ssh": "", "interf', ("not a whole JSON object",)),
        ("{}", ("'interface' is missing",)),
    ],
)
def test_an_engine_gives_up_on_a_file_when_told_to(
    processes: Processes, text: str | None, words: tuple[str, ...]
) -> None:
    file = processes.folder / "broken.json"
    if text is not None:
        file.write_text(text)
    ended = run(processes, "ipengine", f"--file={file}", "--wait-for-file=0.2")
    assert ended.returncode == 1
    line = the_line(ended.stderr)
    for word in (str(file), "waited 0.2 s", *words):
        assert word in line, line


@pytest.mark.parametrize(("text", "words"), [("{bad", "not a whole JSON object"), ("{}", "'interface' is missing")])
def test_an_engine_given_a_bad_connection_does_not_wait(processes: Processes, text: str, words: str) -> None:
    processes.env["IPP_CONNECTION_INFO"] = text  # unlike a file, it cannot become better
    ended = run(processes, "ipengine")
    assert ended.returncode == 1
    line = the_line(ended.stderr)
    assert "IPP_CONNECTION_INFO" in line and words in line


def test_a_controller_that_cannot_even_complain(processes: Processes) -> None:
    with open("/dev/full", "w") as full:
        command = [*command_of("ipcontroller", "ours"), "--keyfile=/nowhere"]
        assert subprocess.run(command, env=processes.env, stderr=full, timeout=PATIENCE).returncode == 2


def test_an_engine_given_the_clients_file(cluster: Start) -> None:
    site = cluster(0)
    ended = run(site.processes, "ipengine", f"--file={site.client_file}", "--wait-for-file=0.2")
    assert ended.returncode == 1
    assert "-engine.json" in the_line(ended.stderr)


# ---- nobody there ----------------------------------------------------------------------------------------------------


def test_a_client_without_a_controller(cluster: Start, tmp_path: Path) -> None:
    site = cluster(0)
    left_over = changed(site.client_file, tmp_path / "left-over.json")
    site.controller.kill()
    with pytest.raises(error.TimeoutError) as caught:
        camshaft.Client(str(left_over), timeout=0.5)
    says(caught, "No controller answers at tcp://127.0.0.1:", "waited 0.5 s", "ipcontroller")


def test_an_engine_waits_for_a_controller_that_is_not_there(cluster: Start) -> None:
    site = cluster(0)
    site.controller.kill()
    engine = site.add_engine()
    line = logged(engine, "no controller answers")
    assert "tcp://127.0.0.1:" in line
    assert str(site.engine_file) in line
    assert engine.running


def test_a_client_whose_controller_dies(cluster: Start) -> None:
    site = cluster(1)
    client = site.client(reconnect_timeout=2)
    result = client[0].apply_async(hang)
    begun(result)
    balanced = client.load_balanced_view().apply_async(abs, -1)
    site.controller.kill()
    for lost in (result, balanced):
        with pytest.raises(error.RemoteError, match="controller at tcp://127.0.0.1:.* broke") as caught:
            lost.get(PATIENCE)
        assert caught.value.ename == "EngineError"


def test_no_engines(cluster: Start) -> None:
    client = cluster(0).client()
    balanced = client.load_balanced_view()
    for attempt in (
        lambda: client[:].apply_sync(abs, 1),
        lambda: client[0],
        lambda: client[:].push({"a": 1}),
        lambda: client[:].map_sync(abs, [1]),
        lambda: client[:].execute("1"),
        lambda: balanced.apply_async(abs, 1),
        lambda: balanced.map(abs, [1, 2]),
        lambda: client.clear(),
        lambda: client.abort(["x"]),
    ):
        with pytest.raises(error.NoEnginesRegistered) as caught:
            attempt()
        says(caught, "no engines", "ipcluster", "wait_for_engines")
    with pytest.raises(error.TimeoutError) as late:
        client.wait_for_engines(1, timeout=0.1)
    says(late, "1 engines not ready in 0.1 s", "0 are")


def test_an_engine_number_that_does_not_exist(cluster: Start) -> None:
    client = cluster(1).client()
    with pytest.raises(IndexError) as caught:
        client[7]
    says(caught, "no engine 7", "registered are 0")


# ---- arguments and functions -----------------------------------------------------------------------------------------


class Holder:
    """An object with a member deep down that does not pickle."""

    def __init__(self, member: Any) -> None:
        self.inner = {"list": [1, 2, member]}


def test_unpicklable_arguments_name_the_member(cluster: Start) -> None:
    client = cluster(1).client()
    lock = threading.Lock()
    calls: list[tuple[Callable[[Any], Any], str]] = [
        (lambda view: view.apply_async(max, 1, Holder(lock)), "args[1].inner['list'][2]"),
        (lambda view: view.apply_async(max, 1, key=Holder(lock)), "key.inner['list'][2]"),
        (lambda view: view.apply_async(mine(lambda x: x), [0, {"deep": lock}]), "x[1]['deep']"),
        (lambda view: view.apply_async(mine(lambda: lock)), "variable 'lock' of <lambda>"),
        (lambda view: view.map_async(mine(lambda x: x), [1, lock]), "lock"),
    ]
    for view in (client[0], client[:], client.load_balanced_view()):
        for call, path in calls:
            with pytest.raises(error.SerializationError) as caught:
                call(view)
            says(caught, "cannot send", path)
            assert "lock" in str(caught.value)
        assert view.apply_sync(abs, -1) in (1, [1])
    with pytest.raises(error.SerializationError) as caught:
        client[0].push({"fine": 1, "bad": Holder(lock)})
    says(caught, "bad", "inner['list'][2]")
    with pytest.raises(TypeError, match="call"):
        client[0].apply(3)


def test_unpicklable_results_name_the_member(cluster: Start) -> None:
    client = cluster(1).client()

    @mine
    def make() -> Any:
        import threading

        return {"lock": [threading.Lock()]}

    with pytest.raises(error.RemoteError, match=r"result\['lock'\]\[0\]") as caught:
        client[0].apply_sync(make)
    assert caught.value.ename == "SerializationError"


def test_names_that_do_not_exist_on_the_engine(cluster: Start) -> None:
    client = cluster(1).client()
    for view in (client[0], client.load_balanced_view()):
        with pytest.raises(error.RemoteError, match="name 'no_such_function' is not defined") as caught:
            view.apply_sync(mine(lambda: no_such_function(1)))  # noqa: F821
        assert caught.value.ename == "NameError"
        assert "<lambda>" in caught.value.traceback
        assert str(Path(camshaft.__file__).parent) not in caught.value.traceback  # our frames are not the user's
        with pytest.raises(error.RemoteError, match="no_such_name") as caught:
            view.apply_sync(abs, camshaft.Reference("no_such_name"))
        assert caught.value.ename == "NameError"
    with pytest.raises(error.RemoteError, match="NameError.*no_such_name"):
        client[0].pull("no_such_name", block=True)
    with pytest.raises(error.RemoteError, match="NameError.*no_such_name"):
        client[0].execute("no_such_name", block=True)
    with pytest.raises(error.CompositeError, match="no_such_name"):
        client[:].apply_sync(abs, camshaft.Reference("no_such_name"))


def test_a_module_that_the_engine_does_not_have(cluster: Start, tmp_path: Path, monkeypatch: Any) -> None:
    client = cluster(1).client()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "only_here.py").write_text("def f():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path / "here")
    import only_here  # type: ignore[import-not-found]

    with pytest.raises(error.RemoteError, match="only_here") as caught:
        client[0].apply_sync(only_here.f)
    assert caught.value.ename == "ModuleNotFoundError"


# ---- engines that die ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["direct", "balanced"])
def test_an_engine_killed_during_a_task(cluster: Start, kind: str) -> None:
    site = cluster(1)
    client = site.client()
    uuid = client._engines()[0]
    view = client[0] if kind == "direct" else client.load_balanced_view()
    result = view.apply_async(hang)
    begun(result)
    site.engines[0].kill()
    with pytest.raises(error.RemoteError) as caught:
        result.get(PATIENCE)
    assert caught.value.ename == "EngineError"
    assert (uuid if kind == "balanced" else "Engine 0 died") in caught.value.evalue, caught.value.evalue
    the_line(caught.value.evalue)
    wait_until(lambda: not client.ids, "the news of the death")
    assert f"engine 0 is gone: connection lost ({uuid})" in logged(site.controller, "is gone")
    with pytest.raises(error.NoEnginesRegistered):
        view.apply_async(abs, 1)


def test_a_task_that_ends_its_engine(cluster: Start) -> None:
    """os._exit, as a crash of user code would."""
    site = cluster(2)
    client = site.client()
    with pytest.raises(error.RemoteError) as caught:
        client.load_balanced_view().apply_async(os._exit, 3).get(PATIENCE)
    assert caught.value.ename == "EngineError"
    wait_until(lambda: len(client.ids) == 1, "the news of the death")
    assert client.load_balanced_view().apply_sync(abs, -2) == 2


def test_what_a_killed_engine_leaves_is_done_by_the_others(cluster: Start, tmp_path: Path) -> None:
    site = cluster(2)
    client = site.client()

    @mine
    def hang_once(note: str) -> int:
        import os
        import time

        try:
            descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            return os.getpid()
        os.write(descriptor, f"{os.getpid()} ".encode())
        time.sleep(600)
        return 0

    view = client.load_balanced_view()
    note = tmp_path / "note"
    with view.temp_flags(retries=1):
        first = view.apply_async(hang_once, str(note))
    wait_until(lambda: first.ready() or (note.exists() and note.read_text().endswith(" ")), "the function to start")
    more = view.map_async(abs, range(-20, 0))
    victim = int(note.read_text())
    next(engine for engine in site.engines if engine.pid == victim).kill()
    assert more.get(PATIENCE) == list(range(20, 0, -1))
    survivor = next(engine for engine in site.engines if engine.pid != victim)
    assert first.get(PATIENCE) == survivor.pid


# ---- command lines ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "args", "words"),
    [
        ("ipcontroller", ["--pinq=50"], ["unknown option '--pinq'", "--ping"]),
        ("ipcontroller", ["--HubFactory.registration_timeot=3"], ["registration_timeot", "did you mean"]),
        ("ipcontroller", ["--zzzzzzzz"], ["--zzzzzzzz", "--help"]),
        ("ipcontroller", ["--ping=often"], ["--ping", "often", "whole number"]),
        ("ipcontroller", ["--ping"], ["--ping", "value"]),
        ("ipcontroller", ["--port=99999"], ["--port", "99999", "65535"]),
        ("ipcontroller", ["--scheme=best"], ["--scheme", "best", "leastload"]),
        ("ipcontroller", ["--log-level=LOUD"], ["--log-level", "LOUD", "DEBUG"]),
        ("ipcontroller", ["--cluster-id=a/b"], ["a/b", "cluster"]),
        ("ipcontroller", ["--ip=no.such.host.invalid"], ["no.such.host.invalid"]),
        ("ipcontroller", ["stray"], ["stray"]),
        ("ipcontroller", ["--profile-dir=file/below"], ["file/below", "Not a directory"]),
        ("ipcontroller", ["--work-dir=nowhere"], ["nowhere", "No such file", "--work-dir"]),
        ("ipengine", ["--fil=x"], ["unknown option --fil", "--file"]),
        ("ipengine", ["--IPEngine.timeot=3"], ["timeot", "IPEngine.timeout"]),
        ("ipengine", ["--zzzzzzzz"], ["--zzzzzzzz", "--help"]),
        ("ipengine", ["--timeout=soon"], ["--timeout=soon", "number"]),
        ("ipengine", ["--timeout"], ["--timeout", "needs a value"]),
        ("ipengine", ["--id=two"], ["--id=two", "whole number"]),
        ("ipengine", ["--log-level=LOUD"], ["LOUD", "DEBUG"]),
        ("ipengine", ["--work-dir=nowhere"], ["nowhere", "No such file", "--work-dir"]),
        ("ipengine", ["stray"], ["stray", "ipengine --help"]),
        ("ipcluster", ["start", "--daemonise"], ["--daemonise", "--daemonize"]),
        ("ipcluster", ["start", "-n", "many"], ["-n", "many", "whole number"]),
        ("ipcluster", ["begin"], ["begin"]),
        ("ipcluster", ["start", "--profile-dir=file/below"], ["file/below", "Not a directory"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_mistakes_on_the_command_line(processes: Processes, program: str, args: list[str], words: list[str]) -> None:
    (processes.folder / "file").touch()
    ended = run(processes, program, *args)
    assert ended.returncode in (1, 2)
    assert ended.stdout == ""
    line = the_line(ended.stderr)
    assert line.startswith(f"{program}: "), line
    for word in words:
        assert word in line, line


def test_an_occupied_port(processes: Processes) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run(processes, "ipcontroller", "--ip=127.0.0.1", f"--port={port}")
        assert ended.returncode == 1
        line = the_line(ended.stderr)
        assert f"127.0.0.1:{port}" in line
        assert "in use" in line
        assert "--port" in line
        assert not list(processes.ipython_dir.rglob("ipcontroller*.json"))
