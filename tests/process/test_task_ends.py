"""How tasks end before they are done: cancelled, over their time limit, or with their engine."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import camshaft as ipp
import pytest
from camshaft import error
from processes import PATIENCE, ClusterUnderTest, Kind, wait_until
from processes import at_the_prompt as mine

Start = Callable[..., ClusterUnderTest]


@mine
def pid() -> int:
    import os

    return os.getpid()


@mine
def wait_for(file: str) -> int:
    """Runs until `file` is there."""
    import os
    import pathlib
    import time

    pathlib.Path(f"{file}.started").touch()
    while not pathlib.Path(file).exists():
        time.sleep(0.005)
    return os.getpid()


@mine
def hold(file: str) -> int:
    """Holds the interpreter in one C call that looks at nothing, not even at signals."""
    import pathlib

    pathlib.Path(f"{file}.started").touch()
    return sum(range(10**13))


@mine
def hold_first(file: str) -> int:
    """As `hold` the first time, quick the second time."""
    import os
    import pathlib

    if pathlib.Path(file).exists():
        return os.getpid()
    pathlib.Path(file).touch()
    return sum(range(10**13))


def started(file: Path) -> None:
    wait_until(Path(f"{file}.started").exists, "the task to start")


# -- given up ---------------------------------------------------------------------------------------------------------


def test_a_direct_call_is_interrupted_or_killed(cluster: Start, tmp_path: Path) -> None:
    site = cluster(1)
    rc = site.client()
    file = tmp_path / "never"
    running = rc[0].apply_async(wait_for, str(file))
    started(file)
    waiting = rc[0].apply_async(pid)
    assert waiting.cancel() and waiting.cancelled()
    assert not running.cancel() and not running.cancelled()  # it has started, and runs on
    running.cancel("interrupt")
    with pytest.raises(ipp.RemoteError, match="KeyboardInterrupt"):
        running.get(PATIENCE)
    assert rc[0].apply_async(pid).get(PATIENCE) == site.engines[0].pid

    deaf = rc[0].apply_async(hold, str(tmp_path / "deaf"))
    started(tmp_path / "deaf")
    deaf.cancel("kill")
    with pytest.raises(error.EngineError):
        deaf.get(PATIENCE)
    assert site.engines[0].wait() == -9


def test_what_waits_in_the_controller_is_given_up_at_once(cluster: Start, tmp_path: Path) -> None:
    site = cluster(1, controller_args=["--hwm=1"])
    rc = site.client()
    view = rc.load_balanced_view()
    file = tmp_path / "release"
    running = view.apply_async(wait_for, str(file))
    started(file)
    waiting = [view.apply_async(pid) for _ in range(100)]
    first = waiting[0]
    assert first.cancel() and first.cancelled()
    with pytest.raises(CancelledError):
        first.result()
    assert rc.cancel(waiting[1:50]) == {msg_id: True for result in waiting[1:50] for msg_id in result.msg_ids}
    assert not running.cancel()
    view.abort(waiting[50:99])
    for result in waiting[50:99]:
        with pytest.raises(ipp.TaskAborted):
            result.get(PATIENCE)
    file.touch()
    assert running.get(PATIENCE) == waiting[99].get(PATIENCE) == site.engines[0].pid
    assert not running.cancel() and not running.cancelled()


@pytest.mark.parametrize("running", ["interrupt", "kill"])
def test_a_running_task_is_stopped(cluster: Start, tmp_path: Path, running: Any) -> None:
    site = cluster(1)
    rc = site.client()
    file = tmp_path / "never"
    result = rc.load_balanced_view(retries=5).apply_async(wait_for, str(file))
    started(file)
    result.cancel(running)
    with pytest.raises((ipp.TaskAborted, ipp.RemoteError)) as caught:
        result.get(PATIENCE)
    assert "\n" not in str(caught.value)
    if running == "kill":
        assert site.engines[0].wait() == -9
    else:
        assert rc.load_balanced_view().apply_async(pid).get(PATIENCE) == site.engines[0].pid


def test_a_chain_is_given_up_as_a_whole(cluster: Start, tmp_path: Path) -> None:
    """The recovery task does not step in for a task that its user has given up."""
    site = cluster(1, controller_args=["--hwm=1"])
    rc = site.client()
    view = rc.load_balanced_view()
    file = tmp_path / "release"
    running = view.apply_async(wait_for, str(file))
    started(file)
    recovered = tmp_path / "recovered"
    result = view.using(recovery_task=ipp.RecoveryTask(wait_for, str(recovered))).apply_async(pid)
    assert result.cancel() and result.cancelled()
    file.touch()
    assert running.get(PATIENCE) == view.apply_sync(pid) == site.engines[0].pid
    assert not Path(f"{recovered}.started").exists()


def test_S3_91_a_recovery_task_steps_in(cluster: Start) -> None:
    site = cluster(1)
    view = site.client().load_balanced_view()
    chain = ipp.RecoveryTask(divmod, 1, 0, recovery_task=ipp.RecoveryTask(abs, -3))
    result = view.using(recovery_task=chain).apply_async(divmod, 2, 0)
    assert result.get(PATIENCE) == 3 and result.recovered
    result = view.using(recovery_task=chain).apply_async(pid)
    assert result.get(PATIENCE) == site.engines[0].pid and not result.recovered
    with pytest.raises(ipp.RemoteError, match="ValueError"):
        view.using(recovery_task=int).apply_sync(float, "x")


# -- over the limit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ours", "official"])
def test_a_task_over_its_limit_is_interrupted(cluster: Start, tmp_path: Path, kind: Kind) -> None:
    site = cluster(1, engines=kind)
    rc = site.client()
    view = rc.load_balanced_view()
    result = view.using(time_limit=0.3).apply_async(wait_for, str(tmp_path / "never"))
    with pytest.raises(error.TaskTimeout, match="longer than its time limit") as caught:
        result.get(PATIENCE)
    assert "0.3 s" in str(caught.value)
    assert (
        view.using(time_limit=60).apply_async(pid).get(PATIENCE) > 0
    )  # the engine is there, and a limit is not a delay


@pytest.mark.parametrize("kind", ["ours", "official"])
def test_a_task_that_is_deaf_is_killed(cluster: Start, tmp_path: Path, kind: Kind) -> None:
    site = cluster(2, engines=kind)
    rc = site.client()
    view = rc.load_balanced_view(time_limit=0.3, kill_after=0.3)
    with pytest.raises(error.TaskTimeout, match="time limit of 0.3 s, and Engine .* was killed"):
        view.apply_async(hold, str(tmp_path / "deaf")).get(PATIENCE)
    wait_until(lambda: len(rc.ids) == 1, "the death of the engine")
    site.add_engine()
    wait_until(lambda: len(rc.ids) == 2, "another engine")
    # with retries it runs again, on another engine, which must not be too slow for the limit
    assert view.using(retries=1, time_limit=3).apply_async(hold_first, str(tmp_path / "once")).get(PATIENCE) > 0


# -- moved ------------------------------------------------------------------------------------------------------------


@mine
def nothing(_: int) -> int:
    import os

    return os.getpid()


def test_prefetched_tasks_are_taken_back_and_moved(cluster: Start, tmp_path: Path) -> None:
    """One engine is busy with a long task while it holds short ones: the other engine runs them meanwhile."""
    site = cluster(2)
    rc = site.client()
    pids = dict(zip(rc.ids, rc[:].apply_sync(pid), strict=True))
    view = rc.load_balanced_view(label="short")
    view.map_sync(nothing, range(200))  # the scheduler learns that these are short, and prefetches
    file = tmp_path / "release"
    long = view.apply_async(wait_for, str(file))
    started(file)
    short = [view.apply_async(nothing, i) for i in range(200)]
    ran_on = {result.get(PATIENCE) for result in short}
    assert not long.done()
    file.touch()
    busy = long.get(PATIENCE)
    assert ran_on == set(pids.values()) - {busy}


def test_tasks_of_an_engine_that_is_busy_with_direct_work_go_elsewhere(cluster: Start, tmp_path: Path) -> None:
    """The scheduler does not see direct work; when another engine is dry, it asks for what has not started."""
    site = cluster(2)
    rc = site.client()
    pids = rc[:].apply_sync(pid)
    gates = [tmp_path / "first", tmp_path / "second"]
    direct = [rc[number].apply_async(wait_for, str(gate)) for number, gate in zip(rc.ids, gates, strict=True)]
    for gate in gates:
        started(gate)
    view = rc.load_balanced_view()
    tasks = [view.apply_async(pid) for _ in range(2)]
    wait_until(lambda: all("Engine" in str(task.why()) for task in tasks), "both tasks to be at an engine")
    gates[1].touch()
    assert direct[1].get(PATIENCE) == pids[1]
    assert {task.get(PATIENCE) for task in tasks} == {pids[1]}
    assert {view.apply_async(pid).get(PATIENCE) for _ in range(4)} == {pids[1]}
    assert not direct[0].done()
    gates[0].touch()
    assert direct[0].get(PATIENCE) == pids[0]


def test_a_task_comes_back_to_an_engine_that_handed_it_back(cluster: Start, tmp_path: Path) -> None:
    site = cluster(2)
    rc = site.client()
    pids = rc[:].apply_sync(pid)
    gate = tmp_path / "gate"
    direct = rc[:].apply_async(wait_for, str(gate))
    started(gate)
    task = rc.load_balanced_view().apply_async(pid)
    seen: list[str] = []

    def has_returned() -> bool:
        """It goes from one busy engine to the other, less and less often."""
        at = re.search(r"Engine \d", str(task.why()))
        if at and (not seen or seen[-1] != at[0]):
            seen.append(at[0])
        return len(seen) >= 4

    wait_until(has_returned, "the task to have been at each engine twice")
    gate.touch()
    assert task.get(PATIENCE) in pids
    assert direct.get(PATIENCE) == pids


def test_a_task_that_an_engine_holds_and_has_not_begun_can_be_cancelled(cluster: Start, tmp_path: Path) -> None:
    site = cluster(1)
    rc = site.client()
    gate, trace = tmp_path / "gate", tmp_path / "trace"
    trace.touch()
    direct = rc[:].apply_async(wait_for, str(gate))
    started(gate)
    held = rc.load_balanced_view().apply_async(wait_for, str(trace))
    wait_until(lambda: "Engine 0" in str(held.why()), "the task to be at the engine")
    assert held.cancel()
    with pytest.raises((CancelledError, error.TaskAborted)):
        held.get(PATIENCE)
    assert not direct.done()
    gate.touch()
    direct.get(PATIENCE)
    assert rc.load_balanced_view().apply_async(pid).get(PATIENCE) > 0
    assert not Path(f"{trace}.started").exists()


# -- death ------------------------------------------------------------------------------------------------------------


@mine
def die(file: str) -> None:
    import os
    import time

    with open(file, "a") as deaths:
        deaths.write("x")
    time.sleep(0.05)
    os.kill(os.getpid(), 9)


def test_S1_29_an_engine_that_dies_is_named_at_once(cluster: Start, tmp_path: Path) -> None:
    site = cluster(1, controller_args=["--ping=60000"])  # by missed heartbeats it would be many minutes
    rc = site.client()
    result = rc.load_balanced_view().apply_async(wait_for, str(tmp_path / "never"))
    started(tmp_path / "never")
    site.engines[0].kill()
    with pytest.raises(error.EngineError, match=r"Engine 0 \(.*\) died"):
        result.get(PATIENCE)


def test_S3_93_a_task_that_takes_engines_down_is_stopped(cluster: Start, tmp_path: Path) -> None:
    site = cluster(4)
    rc = site.client()
    result = rc.load_balanced_view(retries=99).apply_async(die, str(tmp_path / "deaths"))
    with pytest.raises(error.EngineError, match="not run again"):
        result.get(PATIENCE)
    assert (tmp_path / "deaths").read_text() == "xxx"
    wait_until(lambda: len(rc.ids) == 1, "the deaths to be noticed")
    assert rc.load_balanced_view().apply_async(pid).get(PATIENCE) > 0


# -- why --------------------------------------------------------------------------------------------------------------


def test_why_says_what_a_task_waits_for(cluster: Start, tmp_path: Path) -> None:
    site = cluster(1, controller_args=["--hwm=1"])
    rc = site.client()
    view = rc.load_balanced_view()
    file = tmp_path / "release"
    running = view.apply_async(wait_for, str(file))
    started(file)
    queued, second = view.apply_async(pid), view.apply_async(pid)
    after = view.using(after=running).apply_async(pid)
    nowhere = view.using(where={"gpu": (">=", 1)}).apply_async(pid)
    direct = rc[0].apply_async(pid)
    assert re.fullmatch(r"running on Engine 0 \(.*\) since [\d.]+ s", running.why())
    assert queued.why() == "waiting for 1 busy engine"
    assert second.why() == "waiting for 1 busy engine, queued behind 1 task"
    assert after.why() == "waiting for 1 task in 'after' to succeed"
    assert nowhere.why() == "waiting for an engine that has gpu >= 1: none of 1 engine does"
    assert direct.why() == "sent to engine 0, which runs its requests in order"
    third = rc[0].apply_async(pid)
    assert third.why() == "sent to engine 0, which runs its requests in order: behind 1 of this client"
    broadcast = rc.broadcast_view(is_coalescing=True).apply_async(pid)
    assert broadcast.why() == "sent to engine 0 in one message, whose one reply comes when all have answered"
    both = ipp.AsyncResult.join(running, queued)
    assert both.why()[1] == queued.why()
    file.touch()
    for result in (running, queued, second, after, direct):
        assert result.get(PATIENCE) == site.engines[0].pid
        assert result.why() == "finished: ok"
    assert broadcast.get(PATIENCE) == [third.get(PATIENCE)] and broadcast.why() == "finished: ok"
    assert nowhere.cancel()
    assert nowhere.why() == "finished: error"
