"""AsyncResult among the standard library's futures, and awaited."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading

import camshaft as ipp
import pytest


def add(a, b=10):
    return a + b


@pytest.fixture
def held(core):
    core.hold = True
    return core


def soon(function):
    timer = threading.Timer(0.02, function)
    timer.start()
    return timer


def test_is_a_future_without_the_cost_of_one(rc, held):
    result = rc[0].apply_async(add, 1)
    assert isinstance(result, concurrent.futures.Future)
    assert "_condition" not in vars(result)
    assert result.running() and not result.done() and not result.cancelled()
    assert rc._notifier._thread is None
    held.release()
    assert result.result() == 11
    assert "_condition" not in vars(result)


def test_wait_and_as_completed(rc, held):
    results = [rc.load_balanced_view().apply_async(add, i) for i in range(5)]
    done, pending = concurrent.futures.wait(results, timeout=0)
    assert not done and len(pending) == 5
    held.run(held.requests[3])
    done, pending = concurrent.futures.wait(results, 10, concurrent.futures.FIRST_COMPLETED)
    assert done == {results[3]}
    soon(held.release)
    assert sorted(f.result() for f in concurrent.futures.as_completed(results, 10)) == [10, 11, 12, 13, 14]
    assert concurrent.futures.wait(results, 10).not_done == set()


def test_wait_with_return_when(rc, held):
    result = rc[:].apply_async(add, 1)
    held.run(held.requests[1])
    done, pending = result.wait(10, return_when=ipp.FIRST_COMPLETED)
    assert [part.get() for part in done] == [11]
    assert len(pending) == 1


def test_first_exception_is_raised_before_the_rest_is_done(rc, held):
    result = rc[:].apply_async(lambda: 1 / 0)
    held.run(held.requests[0])
    with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
        result.get(10, return_when=ipp.FIRST_EXCEPTION)
    assert not result.done()


def test_callbacks(rc, held):
    called = threading.Event()
    seen = []
    result = rc[0].apply_async(add, 1)
    result.add_done_callback(lambda f: (seen.append(f.result()), called.set()))
    held.release()
    assert called.wait(10)
    assert seen == [11]
    result.add_done_callback(lambda f: seen.append("at once"))
    assert seen[-1] == "at once"


def test_callbacks_of_a_finished_result_run_at_once(rc):
    seen = []
    rc[0].apply_async(add, 1).add_done_callback(seen.append)
    assert len(seen) == 1


def test_await(rc, held):
    async def main():
        soon(held.release)
        single, several = rc[0].apply_async(add, 1), rc[:].apply_async(add, 2)
        assert await single == 11
        assert await several == [12, 12]
        assert await asyncio.wrap_future(rc[0].apply_async(add, 3)) == 13 if not held.hold else True
        failing = rc[0].apply_async(lambda: 1 / 0)
        held.release()
        with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
            await failing

    asyncio.run(asyncio.wait_for(main(), 10))


def test_exception(rc, held):
    result = rc[0].apply_async(lambda: 1 / 0)
    with pytest.raises(TimeoutError):
        result.exception(timeout=0.01)
    held.release()
    assert isinstance(result.exception(), ipp.RemoteError)
    assert rc[0].apply_async(add, 1) is not None


def test_indexing_splitting_and_joining(rc):
    result = rc[:].apply_async(add, 1)
    assert result[0] == 11
    assert result[:2] == [11, 11]
    assert len(result) == 2
    parts = result.split()
    assert [part.get() for part in parts] == [11, 11]
    joined = ipp.AsyncResult.join(rc[0].apply_async(add, 5), result)
    assert joined.get() == [15, 11, 11]
    assert [m.engine_id for m in joined.metadata] == [0, 0, 1]
    with pytest.raises(TypeError):
        iter(rc[0].apply_async(add, 1))
    with pytest.raises(TypeError):
        result[1.5]
    with pytest.raises(ValueError):
        ipp.AsyncResult.join()


def test_progress_bar_ends(rc, held, capsys):
    result = rc.load_balanced_view().map_async(add, range(4))
    soon(held.release)
    result.wait_interactive(interval=0.01, timeout=10)
    assert result.done()
    with pytest.raises(ValueError):
        result.wait_interactive(return_when="NEVER")


def test_display_outputs(rc, capsys):
    rc[:].execute("print('hello')", block=True).display_outputs()
    assert capsys.readouterr().out == "[stdout:0] \nhello\n[stdout:1] \nhello\n"
    rc[0].execute("6 * 7", silent=False, block=True).display_outputs("order")
    assert capsys.readouterr().out == "Out[0:1]: 42\n"
    with pytest.raises(ValueError):
        rc[:].execute("1", block=True).display_outputs("colour")


def test_finished_results_are_not_kept_for_ever(rc, core, monkeypatch):
    from camshaft import records

    monkeypatch.setattr(records, "_KEPT", 100)
    rc._kept = 100
    for i in range(500):
        rc[0].apply_async(add, i)
    assert len(rc._by_id) <= 200
    assert len(rc.history) == 500
    rc.load_balanced_view().map_async(add, range(300)).get()
    assert len(rc._by_id) <= 200


def test_pending_results_are_kept(rc, held):
    rc._kept = 10
    results = [rc[0].apply_async(add, i) for i in range(50)]
    assert len(rc.outstanding) == 50
    held.release()
    assert rc.wait(results, timeout=10)
    assert rc.outstanding == set()


def test_the_notifier_comes_back_after_idling(rc, held):
    for i in range(2):
        called = threading.Event()
        rc[0].apply_async(add, i).add_done_callback(lambda _, called=called: called.set())
        held.release()
        assert called.wait(10)
        thread = rc._notifier._thread
        if thread is not None:
            thread.join(10)


def test_what_the_client_holds(rc, core):
    core.hold = True
    result = rc[:].apply_async(abs, -1)
    first = result.msg_ids[0]
    assert list(rc.results) == [] and set(rc.metadata) == set(result.msg_ids)
    with pytest.raises(KeyError):
        rc.results[first]
    core.release()
    assert dict(rc.results) == dict.fromkeys(result.msg_ids, 1) == dict(rc[:].results)
    assert rc.metadata[first].engine_id == 0 and first in rc.metadata
    assert result.get() == [1, 1]
    assert len(rc.results) == len(rc.metadata) == 0
    assert rc.metadata["nobody"].status is None
    core.hold = False
    failed = rc[0].apply_async(divmod, 1, 0)
    assert isinstance(rc.results[failed.msg_ids[0]], ZeroDivisionError)


def test_a_history_does_not_grow_for_ever(rc, monkeypatch):
    monkeypatch.setattr("camshaft.records._REMEMBERED", 4)
    ids = [rc[0].apply_async(abs, i).msg_ids[0] for i in range(5)]
    assert rc.history == ids[-2:]
    view = rc[0]
    for i in range(5):
        view.apply_async(abs, i)
    assert len(view.history) == 2


async def test_asynchronous_iteration(rc):
    result = rc[:].apply_async(abs, -1)
    assert [value async for value in result] == [1, 1]
    mapped = rc.load_balanced_view().map_async(abs, range(-5, 0), ordered=False)
    assert sorted([value async for value in mapped]) == [1, 2, 3, 4, 5]
    with pytest.raises(TypeError):
        async for _ in rc[0].apply_async(abs, 1):
            raise AssertionError


def test_parts_as_they_complete(rc, core):
    core.hold = True
    result = rc[:].apply_async(abs, -1)
    with pytest.raises(TimeoutError):
        list(result.as_completed(timeout=0.01))
    core.release()
    assert {part.msg_ids[0] for part in result.as_completed(10)} == set(result.msg_ids)


def test_a_result_that_was_taken_is_forgotten_and_one_that_was_not_is_kept(rc, held):
    taken, left = (rc.load_balanced_view().apply_async(add, i) for i in range(2))
    assert rc.outstanding == {*taken.msg_ids, left._requests[0].msg_id}
    held.release()
    taken.get()
    assert list(rc._by_id) == left.msg_ids
    assert rc.get_result(left.msg_ids[0]).get() == left.get()
    assert rc.history == taken.msg_ids + left.msg_ids
