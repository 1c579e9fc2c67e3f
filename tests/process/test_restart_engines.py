"""The death of an engine: who hears of it, in which words, and that it is started again if one wishes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import camshaft
import pytest
from processes import BIN, ClusterUnderTest, Processes, command_of, wait_until
from processes import at_the_prompt as mine


@pytest.fixture(autouse=True)
def _our_programs(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSHAFT_BIN", str(BIN))
    processes.env["CAMSHAFT_BIN"] = str(BIN)


def make(processes: Processes, **options: Any) -> camshaft.Cluster:
    return camshaft.Cluster(
        **{"n": 2, "profile": "deaths", "environment": {"CAMSHAFT_TEST_MARK": processes.mark}, **options}
    )


@mine
def die(code: int, number: int) -> None:
    import os

    if number:
        os.kill(os.getpid(), number)
    os._exit(code)


@pytest.mark.parametrize(
    ("code", "number", "words"),
    [(0, 9, r"killed by signal 9 \(Killed\)"), (3, 0, "exit code 3"), (0, 11, r"killed by signal 11 \(Segm")],
)
@pytest.mark.parametrize("template", [True, False], ids=["forked", "fresh"])
def test_errors_say_how_the_engine_died(
    processes: Processes, code: int, number: int, words: str, template: bool
) -> None:
    with make(processes, template=template) as rc:
        first, second = rc.ids
        with pytest.raises(camshaft.RemoteError, match=rf"Engine {first} died while running task .*: {words}"):
            rc[first].apply_async(die, code, number).get(30)
        view = rc.load_balanced_view()
        with pytest.raises(camshaft.RemoteError, match=rf"died while running task .*: {words}"):
            view.apply_async(die, code, number).get(30)
        wait_until(lambda: rc.ids == [], "the engines' leave")
        assert second not in rc.ids


def test_an_answer_comes_before_the_news_of_the_death(processes: Processes) -> None:
    """The supervisor sees a death sooner than a large answer arrives that was sent before."""

    def late(data: bytes) -> bytes:
        import os
        import threading

        threading.Timer(0.1, os._exit, (1,)).start()
        return data

    with make(processes, n=1) as rc:
        assert rc[0].apply_async(mine(late), bytes(1_000_000)).get(30) == bytes(1_000_000)
        wait_until(lambda: rc.ids == [], "the engine's leave")


def test_engines_without_a_supervisor_die_as_before(cluster: Callable[..., ClusterUnderTest]) -> None:
    rc = cluster(1).client()
    with pytest.raises(camshaft.RemoteError, match=r"Engine 0 died while running task '[^']*'$"):
        rc[0].apply_async(die, 0, 9).get(30)


def test_an_engine_that_dies_is_started_again(processes: Processes) -> None:
    with make(processes, restart_engines=True) as rc:
        pids = rc[:].apply_sync(os.getpid)
        os.kill(pids[0], signal.SIGKILL)
        wait_until(lambda: len(rc.ids) == 2 and max(rc.ids) == 2, "the new engine")
        assert rc[rc.ids[-1]].apply_sync(os.getpid) not in pids
        rc.shutdown(rc.ids[-1:], block=True)  # on purpose: it stays away
        wait_until(lambda: len(rc.ids) == 1, "the engine's leave")


def test_it_is_given_up_after_so_many_times(processes: Processes) -> None:
    process = processes.start([*command_of("ipcluster", "ours"), "start", "-n1", "--restart-engines=2"])
    wait_until(lambda: "ipp.Client(" in process.output or not process.running, "the cluster")
    with camshaft.Client(timeout=30) as rc:
        for expected in range(3):
            wait_until(lambda: rc.ids == [expected], "an engine")  # noqa: B023
            os.kill(rc[expected].apply_sync(os.getpid), signal.SIGKILL)
    wait_until(lambda: "it died 3 times in a row" in process.output, "the last word")
    assert "is started again (1 of 2)" in process.output
    assert "is started again (2 of 2)" in process.output
    assert "killed by signal 9 (Killed)" in process.output
    assert process.wait(20) == 1


def test_mistakes_are_named(processes: Processes) -> None:
    process = processes.start([*command_of("ipcluster", "ours"), "start", "-n1", "--restart-engines=often"])
    assert process.wait(20) != 0
    assert "--restart-engines" in process.output and "a whole number" in process.output
