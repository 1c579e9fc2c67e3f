"""The Task interface of 2008."""

from __future__ import annotations

import time
from collections.abc import Iterator

import camshaft as ipp
import pytest
from camshaft.kernel import client
from camshaft.kernel.client import MapTask, StringTask, Task
from processes import at_the_prompt


@pytest.fixture
def tc(seed_cluster) -> Iterator[client.TaskClient]:
    made = client.TaskClient(client=seed_cluster.client())
    yield made
    made.client.wait(timeout=30)
    made.client.clear(block=True)
    made.close()


@pytest.fixture
def mec(tc: client.TaskClient) -> client.MultiEngineClient:
    return client.MultiEngineClient(client=tc.client)


def names(tc: client.TaskClient) -> list[list[str]]:
    return client.MultiEngineClient(client=tc.client).keys()


@pytest.mark.usefixtures("tc")  # engines are there, and are empty afterwards
def test_S3_75_addresses(seed_cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(seed_cluster.processes.ipython_dir))
    assert client.default_task_address[1] == 10113
    made = client.TaskClient()
    assert made.run(StringTask("a = 1", pull="a"), block=True)["a"] == 1
    made.close()


def test_S3_76_S3_77_tasks_and_their_numbers(tc: client.TaskClient) -> None:
    tasks = [Task(f"y = 3*{k}", pull="y") for k in range(6)]
    ids = [tc.run(task) for task in tasks]
    assert ids == list(range(6))
    assert [tc.get_task_result(i, block=True).ns.y for i in ids] == [3 * k for k in range(6)]
    late = Task("z = t + 1")
    late.push, late.pull, late.retries, late.clear_after = {"t": 1}, ["z", "t"], 1, True
    assert tc.run(late, block=True).results == {"z": 2, "t": 1}
    with pytest.raises(TypeError, match="StringTask"):
        tc.run("y = 1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="code as str"):
        Task(abs)  # type: ignore[arg-type]


def test_S3_78_S3_79_waiting_and_asking(tc: client.TaskClient, gate) -> None:
    slow = tc.run(Task(gate.code + "a = 1", pull="a"))
    quick = tc.run(Task("1 / 0"))
    assert tc.get_task_result(slow, block=False) is None
    gate.open()
    tc.barrier([slow, quick])
    assert tc.get_task_result(slow)["a"] == 1
    tc.barrier(slow)
    with pytest.raises(IndexError, match="no task 99"):
        tc.get_task_result(99)


def test_S3_80_S3_6_task_results(tc: client.TaskClient) -> None:
    result = tc.run(Task("import time; time.sleep(0.1); a = 73; b = 'b'", pull=["a", "b"]), block=True)
    assert repr(result) == "TaskResult[ID:0]:{'a': 73, 'b': 'b'}"
    assert result.engineid in tc.client.ids and 0.1 <= result.duration < 20 and result.submitted <= result.completed
    assert result.results == {"a": 73, "b": "b"} and result.ns.a == 73 and result["b"] == "b"
    assert result.failure is None and result.keys() == ["a", "b"]
    failed = tc.run(Task("1 / 0", pull="a"), block=True)
    assert isinstance(failed.failure, ipp.RemoteError) and "ZeroDivisionError" in repr(failed)
    for look in (lambda: failed.results, lambda: failed.ns.a, lambda: failed["a"], failed.raise_exception):
        with pytest.raises(ZeroDivisionError):
            look()


def test_S3_81_a_thousand_trivial_tasks(tc: client.TaskClient) -> None:
    ids = [tc.run(Task(f"a = {n}", pull="a")) for n in range(1000)]
    tc.barrier(ids)
    assert tc.get_task_result(73).ns.a == 73
    assert [tc.get_task_result(i)["a"] for i in ids] == list(range(1000))
    assert tc.queue_status() == {"scheduled": 0, "pending": 0, "succeeded": 1000, "failed": 0}


def test_S3_82_engines_are_prepared_directly(tc: client.TaskClient, mec: client.MultiEngineClient) -> None:
    mec.execute("import math")
    assert tc.run(Task("a = math.sqrt(9)", pull="a"), block=True).ns.a == 3
    tc.client.clear(block=True)
    assert "NameError" in repr(tc.run(Task("a = math.sqrt(9)", pull="a"), block=True))


def test_S3_84_S3_85_S0_80_push_and_pull(tc: client.TaskClient, mec: client.MultiEngineClient) -> None:
    import numpy as np

    mec.push({"A": np.arange(4.0)})
    tid = tc.run(StringTask("C = (A * B).sum()", push={"B": np.arange(4.0)}, pull="C"))
    assert tc.get_task_result(tid, block=True)["C"] == 14
    now = time.time()
    got = tc.run(Task("u = t", push={"t": now}, pull=["u", "t"]), block=True)
    assert got.results == {"u": now, "t": now}


def test_S3_86_namespaces_before_and_after(tc: client.TaskClient, mec: client.MultiEngineClient) -> None:
    mec.push({"left": 1})
    tc.run(Task("a = 1"), block=True)
    assert sum("a" in found for found in names(tc)) == 1  # tasks leave names behind ...
    engine = tc.run(Task("b = 'left' in globals()", pull="b", clear_before=True), block=True)
    assert engine.ns.b is False
    assert "left" not in names(tc)[engine.engineid]
    after = tc.run(Task("c = 1", pull="c", clear_after=True), block=True)
    assert after.ns.c == 1 and "c" not in names(tc)[after.engineid]  # ... unless they clear up
    both = MapTask(at_the_prompt(lambda: len(globals()) > 0), clear_before=True, clear_after=True)
    assert tc.run(both, block=True) is True


def test_S0_79_map_tasks(tc: client.TaskClient) -> None:
    assert tc.run(MapTask(pow, (2, 5)), block=True) == 32
    assert tc.map(at_the_prompt(lambda x, y: x - y), range(10), range(10, 20)) == [-10] * 10
    assert tc.parallel(retries=1)(abs)([-1, -2]) == [1, 2]
    with pytest.raises(ZeroDivisionError):
        tc.run(MapTask(divmod, (1, 0)), block=True)


def test_S3_87_S3_5_queue_status_by_outcome(tc: client.TaskClient, gate) -> None:
    good, bad = tc.run(Task("1")), tc.run(Task("1 / 0"))
    tc.barrier([good, bad])
    slow = [tc.run(Task(gate.code)) for _ in range(4)]
    status = tc.queue_status(verbose=True)
    assert status["succeeded"] == [good] and status["failed"] == [bad]
    assert sorted(status["scheduled"] + status["pending"]) == slow
    gate.open()
    tc.barrier(slow)
    assert tc.queue_status() == {"scheduled": 0, "pending": 0, "succeeded": 5, "failed": 1}
    tc.clear()
    assert tc.queue_status()["succeeded"] == 0


def test_S3_88_abort(tc: client.TaskClient, gate) -> None:
    done = tc.run(Task("1"))
    tc.barrier(done)
    with pytest.raises(IndexError, match="Already Completed"):
        tc.abort(done)
    busy = [tc.run(Task(gate.code)) for _ in range(4)]
    waiting = tc.run(Task("a = 1", pull="a", retries=3, recovery_task=Task("a = 2", pull="a")))
    tc.abort(waiting)
    gate.open()
    tc.barrier([*busy, waiting])
    assert isinstance(tc.get_task_result(waiting).failure, ipp.TaskAborted)
    with pytest.raises(ipp.TaskAborted):
        tc.get_task_result(waiting).ns  # noqa: B018


def test_S3_89_spin_is_not_needed(tc: client.TaskClient) -> None:
    task = tc.run(Task("a = 1", pull="a"))
    tc.spin()
    assert tc.get_task_result(task, block=True).ns.a == 1


def test_S3_91_recovery_tasks(tc: client.TaskClient, mec: client.MultiEngineClient) -> None:
    mec.push({"log": []})
    cleanup = Task("log.append('cleanup'); r = 'recovered'", pull="r")
    assert tc.run(Task("1 / 0", pull="r", retries=1, recovery_task=cleanup), block=True).ns.r == "recovered"
    assert sum(map(len, mec["log"])) == 1
    chain = Task("1 / 0", recovery_task=Task("[][1]", recovery_task=Task("r = 'third'", pull="r")))
    assert tc.run(chain, block=True).ns.r == "third"
    fine = tc.run(Task("r = 'fine'", pull="r", recovery_task=cleanup), block=True)
    assert fine.ns.r == "fine" and sum(map(len, mec["log"])) == 1  # not needed, so not run
    hopeless = tc.run(Task("1 / 0", recovery_task=Task("[][1]")), block=True)
    assert hopeless.failure.ename == "IndexError"
    assert tc.run(MapTask(divmod, (1, 0), recovery_task=MapTask(pow, (2, 2))), block=True) == 4
    one, two = Task("1"), Task("2")
    one.recovery_task, two.recovery_task = two, one
    with pytest.raises(ValueError, match="circle"):
        tc.run(one)


def test_S3_90_retries(tc: client.TaskClient, mec: client.MultiEngineClient) -> None:
    mec.scatter("rank", range(4), flatten=True)
    task = Task("if rank != 2: raise OSError('not here')\nwhere = rank", pull="where", retries=3)
    assert [tc.run(task, block=True).ns.where for _ in range(4)] == [2] * 4
    task.retries = 0
    tc.client.load_balanced_view()
    assert tc.queue_status()["failed"] == 0
