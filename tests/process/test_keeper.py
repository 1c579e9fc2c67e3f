"""The keeper of an engine that was started elsewhere: what it tells, what it starts again, that it leaves nobody."""

from __future__ import annotations

import os
import signal
from typing import Any

import camshaft
import psutil
import pytest
from processes import ClusterUnderTest, Process, command_of, wait_until
from processes import at_the_prompt as mine


@mine
def die(code: int, number: int) -> None:
    import os

    if number:
        os.kill(os.getpid(), number)
    os._exit(code)


def kept(started: ClusterUnderTest, asked: str, *arguments: str) -> Process:
    """Start an engine as a launcher would."""
    command = [*command_of("ipengine", "ours"), f"--file={started.engine_file}", *arguments]
    engine = started.processes.start(command, CAMSHAFT_KEEPER=asked)
    started.engines.append(engine)
    return engine


def test_the_keeper_ends_as_its_engine_does(cluster: Any) -> None:
    started = cluster(0)
    engine = kept(started, "ssh:0:mine")
    client = started.client()
    assert client.engine_properties(0)["engine_set"] == "mine"
    with pytest.raises(camshaft.RemoteError, match=r"Engine 0 died while running task .*: killed by signal 9 \(Killed"):
        client[0].apply_async(die, 0, 9).get(30)
    assert engine.wait() == -signal.SIGKILL
    assert "ended: killed by signal 9 (Killed" in engine.output


def test_an_engine_is_started_again_as_often_as_it_may(cluster: Any) -> None:
    started = cluster(0)
    engine = kept(started, "ssh:1:mine")
    client = started.client()
    before = client.engine_properties(0)["pid"]
    with pytest.raises(camshaft.RemoteError, match="exit code 3"):
        client[0].apply_async(die, 3, 0).get(30)
    wait_until(lambda: len(client.ids) == 1 and client.ids != [0], "the engine in its place")
    assert client.engine_properties(client.ids[0])["pid"] != before
    client[client.ids[0]].apply_async(die, 3, 0)
    assert engine.wait() == 3


def test_a_killed_keeper_takes_its_engine_along(cluster: Any) -> None:
    started = cluster(0)
    engine = kept(started, "slurm:5:mine")
    client = started.client()
    pid = client.engine_properties(0)["pid"]
    assert psutil.Process(pid).ppid() == engine.pid
    engine.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}/exe"), "the end of the engine")
    wait_until(lambda: client.ids == [], "its leave")


def test_sigterm_ends_both_and_nothing_is_started_again(cluster: Any) -> None:
    started = cluster(0)
    engine = kept(started, "ssh:5:mine")
    client = started.client()
    engine.send(signal.SIGTERM)
    assert engine.wait() == 0
    wait_until(lambda: client.ids == [], "the engine's leave")
    assert "it is started again" not in engine.output


def test_who_cannot_join_is_not_started_again(cluster: Any) -> None:
    started = cluster(0)
    engine = kept(started, "ssh:5:mine", "--Session.key=wrong", "--timeout=1")
    assert engine.wait() not in (0, None)
    assert "it is started again" not in engine.output


@pytest.mark.official
def test_an_original_controller_hears_nothing_that_it_does_not_know(cluster: Any) -> None:
    started = cluster(0, controller="official")
    kept(started, "ssh:1:mine")
    client = started.client()
    first = client.ids
    client[first[0]].apply_async(die, 0, 9)
    wait_until(lambda: set(client.ids) - set(first), "the engine in its place")  # it notices a death late
    assert "camshaft" not in started.controller.output.replace("camshaft-py", "")
