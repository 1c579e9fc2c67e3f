"""The life of a controller: its files, its end, its return, and what goes on around it meanwhile."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from camshaft import error
from processes import ClusterUnderTest, Process, Processes, command_of, start_cluster, wait_until
from processes import at_the_prompt as mine

Start = Callable[..., ClusterUnderTest]
PATIENCE = 60.0


@mine
def hold_interpreter() -> None:
    """Never lets go of the interpreter: matching checks for signals, but gives nobody else a turn."""
    import re

    print("holding", flush=True)
    re.match("(a+)+$", "a" * 64 + "b")


@mine
def hold_deaf(n: int) -> int:
    """Holds the interpreter in one C call that looks at nothing, not even at signals; ends by itself."""
    print("holding", flush=True)
    return sum(range(n))


def holding(result: Any) -> None:
    """Wait until the engine is in the middle of ``result``."""
    wait_until(lambda: result.ready() or "holding" in result.stdout, "the function to start")
    assert not result.ready(), result.get()


def logged(process: Process, words: str, times: int = 1) -> None:
    """Wait until a log has ``words`` so many times."""
    wait_until(lambda: process.output.count(words) >= times or not process.running, f"{words!r} in the log")
    assert process.output.count(words) >= times, process.output


def ports(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())


# ---- files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("cluster_id", ["", "night"])
def test_connection_files_come_private_and_go(cluster: Start, number: signal.Signals, cluster_id: str) -> None:
    site = cluster(0, cluster_id=cluster_id)
    security = site.client_file.parent
    assert stat.S_IMODE(security.stat().st_mode) == 0o700
    for file in (site.client_file, site.engine_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(ports(file)["key"]) >= 32
    assert ports(site.client_file)["key"] == ports(site.engine_file)["key"]
    site.controller.send(number)
    assert site.controller.wait() == 0
    assert not list(security.iterdir())
    assert f"stopping: {number.name}" in site.controller.output


def test_connection_files_are_whole_when_they_appear(processes: Processes) -> None:
    """Whoever looks all the time never sees half a file: it comes under its name by a rename."""
    folder = processes.ipython_dir / "profile_default" / "security"
    folder.mkdir(parents=True)
    seen: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for file in folder.glob("ipcontroller-*.json"):
                try:
                    seen.append(file.read_text())
                except FileNotFoundError:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for _ in range(5):
            site = start_cluster(processes, 0)
            site.controller.stop()
    finally:
        over.set()
        watcher.join()
    assert seen
    for text in set(seen):
        assert {"key", "registration", "mux"} <= json.loads(text).keys()


def test_files_and_ports_are_used_again_with_reuse(cluster: Start) -> None:
    site = cluster(1, controller_args=["--reuse"])
    before = site.client_file.read_bytes(), site.engine_file.read_bytes()
    site.client()
    site.controller.send(signal.SIGTERM)
    assert site.controller.wait() == 0
    assert (site.client_file.read_bytes(), site.engine_file.read_bytes()) == before
    logged(site.engines[0], "lost the controller")
    again = cluster(0, controller_args=["--reuse"])
    assert (site.client_file.read_bytes(), site.engine_file.read_bytes()) == before
    client = again.client(engines=1)
    assert client[:].apply_sync(abs, -1) == [1]
    assert site.engines[0].running


def test_taken_ports_with_reuse_are_told(cluster: Start) -> None:
    site = cluster(0, controller_args=["--reuse"])
    elsewhere = site.profile_dir.parent / "profile_other"
    (elsewhere / "security").mkdir(parents=True)
    for file in (site.client_file, site.engine_file):
        (elsewhere / "security" / file.name).write_bytes(file.read_bytes())
    second = site.processes.start([*command_of("ipcontroller", "ours"), f"--profile-dir={elsewhere}", "--reuse"])
    assert second.wait() == 1
    assert len(second.output.splitlines()) == 1, second.output
    for word in ("in use", "earlier run", "--reuse"):
        assert word in second.output


def test_a_second_controller_in_the_same_place(cluster: Start) -> None:
    site = cluster(0)
    before = site.client_file.read_bytes()
    command = [*command_of("ipcontroller", "ours"), f"--profile-dir={site.profile_dir}"]
    second = site.processes.start(command)
    assert second.wait() == 2
    assert len(second.output.splitlines()) == 1, second.output
    for word in (f"pid {site.controller.pid}", str(site.client_file), "stop it", "--cluster-id"):
        assert word in second.output
    assert site.client_file.read_bytes() == before
    site.client(engines=0)
    # another id is another cluster; and a controller that was killed is in nobody's way
    beside = cluster(0, cluster_id="beside")
    assert beside.controller.running
    site.controller.kill()
    after = cluster(0)
    assert after.client_file.read_bytes() != before
    after.client(engines=0)


def test_the_files_of_a_successor_are_left_alone(cluster: Start) -> None:
    site = cluster(0)
    other = json.dumps({**ports(site.client_file), "key": "somebody else's"})
    site.client_file.write_text(other)
    site.controller.send(signal.SIGTERM)
    assert site.controller.wait() == 0
    assert site.client_file.read_text() == other
    assert not site.engine_file.exists()


def test_one_small_process(cluster: Start) -> None:
    site = cluster(2)
    site.client()
    assert not Path(f"/proc/{site.controller.pid}/task/{site.controller.pid}/children").read_text().strip()
    status = Path(f"/proc/{site.controller.pid}/status").read_text()
    kilobytes = int(status.partition("VmRSS:")[2].split()[0])
    assert kilobytes < 30 * 1024


# ---- engines and their controller -----------------------------------------------------------------------------------


def test_engines_may_start_before_the_controller(cluster: Start, processes: Processes) -> None:
    folder = processes.ipython_dir / "profile_default"
    engines = [processes.start([*command_of("ipengine", "ours"), f"--profile-dir={folder}"]) for _ in range(2)]
    for engine in engines:
        logged(engine, "waiting for it")
    client = cluster(0).client(engines=2)
    assert sorted(client[:].apply_sync(os.getpid)) == sorted(engine.pid for engine in engines)


@pytest.mark.parametrize("reuse", [False, True], ids=["new key and ports", "reuse"])
def test_engines_come_back_to_a_killed_controller(cluster: Start, reuse: bool) -> None:
    args = ["--reuse"] if reuse else []
    site = cluster(2, controller_args=args)
    client = site.client(reconnect_timeout=PATIENCE if reuse else 1.0)
    before = ports(site.client_file)
    client[:].push({"kept": 11}, block=True)
    running = client[0].apply_async(hold_deaf, 40_000_000)
    holding(running)
    site.controller.kill()
    if not reuse:
        with pytest.raises(error.RemoteError, match="broke"):
            running.get(PATIENCE)
    again = cluster(0, controller_args=args)
    if reuse:
        assert running.get(PATIENCE) == sum(range(40_000_000))
    after = ports(site.client_file)
    assert (after["key"] == before["key"]) is reuse
    client = again.client(engines=2)
    assert client[:].pull("kept", block=True) == [11, 11]
    assert client.load_balanced_view().map_sync(abs, range(-10, 0)) == list(range(10, 0, -1))
    for engine in site.engines:
        assert engine.running
        assert engine.output.count("lost the controller") == 1


def test_a_client_goes_on_after_a_restart_with_reuse(cluster: Start) -> None:
    site = cluster(1, controller_args=["--reuse"])
    client = site.client()
    assert client[0].apply_sync(abs, -1) == 1
    site.controller.kill()
    cluster(0, controller_args=["--reuse"])
    logged(site.engines[0], "Completed registration", 2)

    def answers() -> bool:
        try:
            return client[:].apply_sync(abs, -2) == [2]
        except (error.NoEnginesRegistered, error.RemoteError, error.CompositeError):
            return False  # what was under way when the connection broke is lost, and said to be

    wait_until(answers, "an answer")


def test_shutdown_of_the_hub_ends_everything(cluster: Start) -> None:
    site = cluster(2)
    client = site.client()
    other = site.client()
    client.shutdown(hub=True, block=True)
    for process in (site.controller, *site.engines):
        assert process.wait() == 0
    assert not site.client_file.exists()
    wait_until(lambda: other._core.closed, "the other client to hear of it")
    with pytest.raises(OSError, match="make a new Client"):
        other[:].apply_async(abs, 1)


# ---- clients ----------------------------------------------------------------------------------------------------

BLOCKING_CLIENT = """
import sys, time, camshaft
client = camshaft.Client(sys.argv[1], timeout=30)
kind = sys.argv[2]
result = client[0].apply_async(time.sleep, 600) if kind != "engines" else None
blocking = {
    "get": lambda: result.get(),
    "wait": lambda: result.wait(),
    "client.wait": lambda: client.wait(),
    "engines": lambda: client.wait_for_engines(99),
    "sync": lambda: client[1].apply_sync(time.sleep, 600),
    "map": lambda: client.load_balanced_view(targets=[1]).map_sync(time.sleep, [600]),
}[kind]
try:
    print("blocking", flush=True)
    if isinstance(blocking(), camshaft.AsyncResult):  # as the original: what was waited for is not lost
        raise KeyboardInterrupt
except KeyboardInterrupt:
    print("interrupted", flush=True)
while True:  # a signal may arrive before the task that it is meant for: their ways differ
    client.send_signal("SIGINT", block=True)
    if client.wait(timeout=0.1):
        break
print(client.queue_status().keys() >= {0, 1})
print("afterwards:", client[:].apply_sync(abs, -7), flush=True)
"""


@pytest.mark.parametrize("kind", ["get", "wait", "client.wait", "engines", "sync", "map"])
def test_ctrl_c_leaves_a_client_usable(cluster: Start, kind: str) -> None:
    site = cluster(2)
    site.client()
    user = site.processes.start([sys.executable, "-c", BLOCKING_CLIENT, str(site.client_file), kind])
    wait_until(lambda: "blocking\n" in user.output or not user.running, "the client to block")
    # At whatever instruction the first one arrives, it must end the wait.
    user.send(signal.SIGINT)
    assert user.wait() == 0, user.output
    assert user.output.splitlines() == ["blocking", "interrupted", "True", "afterwards: [7, 7]"]


TALKING_CLIENT = """
import sys, camshaft
client = camshaft.Client(sys.argv[1], timeout=30)
me = sys.argv[2]

def talk(me, n):
    import sys
    print(me, n)
    print(me, n, "!", file=sys.stderr)
    return n

talk.__module__ = "__main__"
direct = [client[number].apply_async(talk, me, n) for n in range(20) for number in (0, 1)]
balanced = client.load_balanced_view().map_async(talk, [me] * 20, range(20))
for n, result in zip([n for n in range(20) for _ in (0, 1)], direct):
    assert result.get(60) == n
    assert result.wait_for_output(60)
    assert result.stdout == f"{me} {n}\\n", result.stdout
    assert result.stderr == f"{me} {n} !\\n", result.stderr
assert balanced.get(60) == list(range(20))
assert balanced.wait_for_output(60)
assert balanced.stdout == [f"{me} {n}\\n" for n in range(20)], balanced.stdout
assert balanced.stderr == [f"{me} {n} !\\n" for n in range(20)], balanced.stderr
"""


def test_output_is_whose_it_is_with_two_clients(cluster: Start) -> None:
    site = cluster(2)
    site.client()
    users = [
        site.processes.start([sys.executable, "-c", TALKING_CLIENT, str(site.client_file), name])
        for name in ("ann", "bob")
    ]
    for user in users:
        assert user.wait() == 0, user.output
        assert user.output == ""


# ---- while user code holds the interpreter --------------------------------------------------------------------------


def test_abort_while_code_holds_the_interpreter(cluster: Start) -> None:
    client = cluster(1).client()
    running = client[0].apply_async(hold_interpreter)
    behind = [client[0].apply_async(abs, -n) for n in range(3)]
    holding(running)
    client.abort(behind[:2], block=True)
    for aborted in behind[:2]:
        with pytest.raises(error.TaskAborted):
            aborted.get(PATIENCE)
    assert not running.ready()
    client.send_signal("SIGINT", block=True)
    with pytest.raises(error.RemoteError, match="KeyboardInterrupt"):
        running.get(PATIENCE)
    assert behind[2].get(PATIENCE) == 2


@pytest.mark.parametrize("how", ["shutdown", "SIGKILL", "SIGTERM"])
def test_an_engine_ends_while_code_holds_the_interpreter(cluster: Start, how: str) -> None:
    site = cluster(1)
    client = site.client()
    running = client[0].apply_async(hold_deaf, 10**12)
    holding(running)
    if how == "shutdown":
        client.shutdown(0, block=True)
    else:
        client.send_signal(how, block=True)
    assert site.engines[0].wait() == (-signal.SIGKILL if how == "SIGKILL" else 0)
    with pytest.raises(error.RemoteError) as caught:
        running.get(PATIENCE)
    assert caught.value.ename == "EngineError"
    wait_until(lambda: not client.ids, "the engine to leave")


def test_the_heart_beats_while_code_holds_the_interpreter(cluster: Start) -> None:
    site = cluster(2, controller_args=["--ping=50", "--HeartMonitor.max_heartmonitor_misses=8"])
    client = site.client()
    first, second = (client._engines()[number] for number in (0, 1))
    running = client[0].apply_async(hold_interpreter)
    holding(running)
    # The controller's own account of time: an engine that is stopped is missed, and that takes longer than the bound.
    # Whoever had been silent since before it would have gone first.
    stopped = client[1].apply_async(os.getpid).get(PATIENCE)
    os.kill(stopped, signal.SIGSTOP)
    try:
        wait_until(lambda: client.ids == [0] or 0 not in client.ids, "the silent engine to be missed")
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert f"engine 1 is gone: no heartbeat ({second})" in site.controller.output
    assert "engine 0 is gone" not in site.controller.output
    assert client._engines()[0] == first
    client.send_signal("SIGINT", targets=0, block=True)
    with pytest.raises(error.RemoteError, match="KeyboardInterrupt"):
        running.get(PATIENCE)
