"""Details of 2011: AsyncResult and what the client and the hub keep."""

from __future__ import annotations

from datetime import datetime, timezone

import camshaft as ipp
import pytest
from processes import at_the_prompt

nap = at_the_prompt(lambda seconds: __import__("time").sleep(seconds))
print_and_return = at_the_prompt(lambda text, value: (print(text), value)[1])


def test_S0_44_S0_46_S0_78_results_come_later_and_are_no_output(rc: ipp.Client) -> None:
    result = rc[:].apply_async(print_and_return, "printed", 1)
    result.wait()
    assert result.ready() and result.successful() and result.get() == [1] * 4
    assert result.stdout == ["printed\n"] * 4
    for call in (rc[:].push({"a": 1}, block=False), rc[:].pull("1", block=False), rc[:].execute("1", block=False)):
        assert isinstance(call, ipp.AsyncResult) and call.wait(30)


def test_S0_45_wait_raises_nothing(rc: ipp.Client, gate) -> None:
    result = rc[0].execute(gate.code + "1 / 0", block=False)
    assert not result.wait(0.01)
    gate.open()
    result.wait()
    assert result.ready() and not result.successful()


def test_S0_47_successful_before_the_end(rc: ipp.Client, gate) -> None:
    result = rc[0].apply_async(gate.hold, gate.path)
    with pytest.raises(AssertionError):
        result.successful()
    with pytest.raises(RuntimeError):
        result.successful()
    gate.open()
    result.wait()
    assert result.successful()


def test_S0_48_get(rc: ipp.Client, gate) -> None:
    slow = rc[0].apply_async(gate.hold, gate.path)
    with pytest.raises(ipp.TimeoutError):
        slow.get(0.01)
    gate.open()
    assert slow.get(30) is None
    with pytest.raises(ipp.RemoteError) as one:
        rc[0].apply_sync(at_the_prompt(lambda: 1 / 0))
    assert one.value.ename == "ZeroDivisionError" and "Traceback" in one.value.traceback
    with pytest.raises(ipp.CompositeError) as several:
        rc[:].apply_sync(divmod, 1, 0)
    assert isinstance(several.value, ipp.RemoteError) and len(several.value.elist) == 4


def test_S0_49_result_and_r(rc: ipp.Client) -> None:
    result = rc[:].apply_async(abs, -3)
    assert result.r == [3] * 4 == result.result()
    old = rc[:].apply_async(abs, -4)
    rc.result_is_value = True  # as clients of camshaft.compat have it
    assert old.result == [4] * 4


def test_S0_50_get_dict(rc: ipp.Client) -> None:
    assert rc[1:].apply_async(abs, -3).get_dict() == {1: 3, 2: 3, 3: 3}


def test_S0_51_abort_of_a_result(rc: ipp.Client, gate) -> None:
    busy, late = rc[2].apply_async(gate.hold, gate.path), rc[2].apply_async(abs, 1)
    late.abort()
    with pytest.raises(ipp.TaskAborted):
        late.get(30)
    gate.open()
    busy.wait()
    with pytest.raises(RuntimeError, match="already done"):
        busy.abort()


def test_S0_52_metadata(rc: ipp.Client) -> None:
    first = rc.load_balanced_view().apply_async(abs, 1)
    lv = rc.load_balanced_view()
    with lv.temp_flags(after=first, follow=[first]):
        result = lv.apply_async(print_and_return, "text", 2)
    result.get(30)
    found = result.metadata
    assert found.submitted <= found.started <= found.completed and found["started"] is found.started
    assert found.engine_id in rc.ids and found.engine_uuid == rc._engines()[found.engine_id]
    assert (found.status, found.msg_id, found.stdout, found.stderr) == ("ok", result.msg_ids[0], "text\n", "")
    assert found.after == found.follow == first.msg_ids
    assert found.pyerr is None and found.pyout is None and result.pyerr is None
    shown = rc[0].execute("6 * 7", silent=False, block=True)
    assert shown.metadata["pyout"]["data"]["text/plain"] == "42" and shown.pyin == "6 * 7"
    failed = rc[0].execute("1 / 0", silent=False, block=False)
    failed.wait()
    failed.wait_for_output()
    assert failed.metadata.pyerr.ename == "ZeroDivisionError" and failed.status == "error"
    with pytest.raises(KeyError):
        found["pydoc"]


def test_S0_53_received_is_when_the_client_saw_the_reply(rc: ipp.Client) -> None:
    result = rc[0].apply_async(abs, 1)
    result.get(30)
    assert result.completed <= result.received <= datetime.now(timezone.utc)


def test_S0_54_S0_56_results_of_another_client(rc: ipp.Client, seed_cluster) -> None:
    result = rc[0].apply_async(pow, 2, 10)
    with seed_cluster.client() as other:
        theirs = other.get_result(result.msg_ids[0])
        assert isinstance(theirs, ipp.AsyncHubResult) and theirs.get(30) == 1024
        with pytest.raises(KeyError):
            other.get_result("no-such-message").get(5)
    mine = rc.get_result(result.msg_ids[0])
    assert isinstance(mine, ipp.AsyncResult) and mine.get(30) == 1024


def test_S0_55_S0_62_what_the_client_remembers(rc: ipp.Client, gate) -> None:
    slow = rc[0].apply_async(gate.hold, gate.path)
    assert rc.history[-1] == slow.msg_ids[0] and rc.outstanding == set(slow.msg_ids)
    rc.spin()
    assert not slow.ready()
    gate.open()
    slow.wait()
    assert not rc.outstanding
    rc.spin()


def test_S0_57_S0_72_questions_to_the_hub(rc: ipp.Client) -> None:
    result = rc[:].apply_async(abs, 1)
    result.wait()
    status = rc.queue_status()
    assert set(status) == {0, 1, 2, 3, "unassigned"} and status[0]["completed"] >= 1
    assert rc.queue_status(targets=[0], verbose=True)[0]["queue"] == []
    assert set(rc.result_status(result.msg_ids)["completed"]) == set(result.msg_ids)
    rc.purge_results(result)
    assert rc.db_query({"msg_id": {"$in": result.msg_ids}}) == []


def test_S0_63_S0_74_wait_for_jobs(rc: ipp.Client, gate) -> None:
    slow, quick = rc[0].apply_async(gate.hold, gate.path), rc[1].apply_async(abs, 1)
    assert not rc.wait([slow, quick.msg_ids[0]], 0.01)
    gate.open()
    assert rc.wait([slow, quick], timeout=30) and slow.ready()
    rc[0].apply_async(nap, 0.1)
    assert rc.wait() and not rc.outstanding


def test_S0_67_S0_70_one_client_many_views(rc: ipp.Client) -> None:
    dv, lv = rc[:], rc.load_balanced_view()
    assert dv.client is lv.client is rc
    part = rc[1:3]
    part.execute("a = 1", block=True)
    part.push({"b": 2}, block=True)
    part.scatter("c", [1, 2], block=True)
    assert part.pull(("a", "b"), block=True) == [[1, 2], [1, 2]] and list(part.gather("c", block=True)) == [1, 2]


def test_S0_73_ids_follow_the_engines(rc: ipp.Client) -> None:
    assert rc.ids == [0, 1, 2, 3] and len(rc) == 4 and [view.targets for view in rc] == rc.ids


def test_S0_76_names_on_the_engines(rc: ipp.Client) -> None:
    rc[:].push({"a": 1}, block=True)
    assert all("a" in names for names in rc[:].apply_sync(at_the_prompt(lambda: list(globals()))))


def test_S0_77_push_takes_functions(rc: ipp.Client) -> None:
    rc[:].push({"f": at_the_prompt(lambda x: x + 1)}, block=True)
    rc[:].execute("y = f(1)", block=True)
    assert rc[:]["y"] == [2] * 4


def test_S0_79_S0_81_S0_82_a_task_is_a_call(rc: ipp.Client) -> None:
    before = rc[:].apply_sync(at_the_prompt(lambda: sorted(globals())))
    lv = rc.load_balanced_view([1, 2, 3])
    results = [lv.apply_async(at_the_prompt(lambda x: x + 1), i) for i in range(12)]
    assert [result.get(30) for result in results] == list(range(1, 13))
    assert {result.engine_id for result in results} <= {1, 2, 3}
    assert rc[:].apply_sync(at_the_prompt(lambda: sorted(globals()))) == before  # tasks leave no names behind


def test_S0_83_non_blocking_pull(rc: ipp.Client) -> None:
    rc[:].push({"a": 3}, block=True)
    assert rc[:].pull("a", targets=[0, 1], block=False).r == [3, 3]
    assert rc[:].pull("a", targets=0, block=False).r == 3
