"""Tasks that travel together behave as if each had come alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from camshaft import error
from processes import ClusterUnderTest, at_the_prompt, wait_until


@pytest.fixture
def ready(cluster: Callable[..., ClusterUnderTest]) -> tuple[ClusterUnderTest, Any]:
    """Two engines that prefetch: their queues fill, so that messages are put together everywhere."""
    made = cluster(2, controller_args=["--hwm=0"])
    client = made.client()
    client.load_balanced_view().apply_sync(at_the_prompt(lambda: None))
    return made, client


def test_some_of_a_batch_fail(ready: tuple[ClusterUnderTest, Any]) -> None:
    def picky(n: int) -> int:
        if n % 7 == 0:
            raise ValueError(f"not {n}")
        return n + 1

    view = ready[1].load_balanced_view()
    outcomes = view.map_async(at_the_prompt(picky), range(2000), return_exceptions=True).get(60)
    for n, outcome in enumerate(outcomes):
        if n % 7:
            assert outcome == n + 1
        else:
            assert isinstance(outcome, error.RemoteError)
            assert outcome.evalue == f"not {n}"


def test_large_messages_keep_their_place_between_small_ones(ready: tuple[ClusterUnderTest, Any]) -> None:
    view = ready[1].load_balanced_view()
    sizes = [10, 200_000, 20, 30, 5_000, 40] * 50
    back = view.map_async(at_the_prompt(lambda data: data[::-1]), [os.urandom(n) for n in sizes]).get(60)
    assert [len(one) for one in back] == sizes


def test_output_belongs_to_its_task(ready: tuple[ClusterUnderTest, Any]) -> None:
    view = ready[1].load_balanced_view()
    results = [view.apply_async(at_the_prompt(lambda n: print("task", n)), n) for n in range(300)]
    for n, result in enumerate(results):
        result.get(60)
        assert result.stdout == f"task {n}\n"


def test_an_engine_dies_in_the_middle(ready: tuple[ClusterUnderTest, Any]) -> None:
    def fatal(n: int) -> int:
        if n == 150:
            import os

            os._exit(1)
        return n

    view = ready[1].load_balanced_view()
    result = view.map_async(at_the_prompt(fatal), range(400), return_exceptions=True)
    outcomes = result.get(60)
    lost = [outcome for outcome in outcomes if isinstance(outcome, error.RemoteError)]
    assert lost
    assert {outcome.ename for outcome in lost} == {"EngineError"}
    assert all(outcome == n for n, outcome in enumerate(outcomes) if not isinstance(outcome, error.RemoteError))
    assert len(lost) < len(outcomes)


def test_with_retries_nothing_is_lost_with_an_engine(ready: tuple[ClusterUnderTest, Any], tmp_path: Any) -> None:
    def fatal_once(n: int, mark: str) -> int:
        import os

        if n == 150:
            try:
                os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return n
            os._exit(1)
        return n

    view = ready[1].load_balanced_view(retries=2)
    result = view.map_async(at_the_prompt(fatal_once), range(400), [str(tmp_path / "mark")] * 400)
    assert result.get(60) == list(range(400))


def test_abort_takes_what_has_not_started(ready: tuple[ClusterUnderTest, Any]) -> None:
    view = ready[1].load_balanced_view()
    blockers = [view.apply_async(at_the_prompt(lambda: __import__("time").sleep(1))) for _ in range(2)]
    rest = view.map_async(at_the_prompt(lambda n: n), range(300))
    wanted = rest.msg_ids[100:200]
    ready[1].abort(wanted, block=True)
    assert rest.wait(60)
    outcomes = rest.get(return_exceptions=True)
    for outcome in outcomes[100:200]:
        assert "TaskAborted" in (type(outcome).__name__, getattr(outcome, "ename", ""))
    assert outcomes[:100] == list(range(100))
    assert outcomes[200:] == list(range(200, 300))
    assert all(blocker.get(60) is None for blocker in blockers)


def test_a_reply_does_not_wait_for_a_long_task_behind_it(cluster: Callable[..., ClusterUnderTest]) -> None:
    """A short task's reply is kept for a moment when another task is there; not until that one is done."""
    client = cluster(1, controller_args=["--hwm=0"]).client()
    view = client.load_balanced_view()
    view.apply_sync(at_the_prompt(lambda: None))
    short = [view.apply_async(at_the_prompt(lambda: 1)) for _ in range(20)]
    long = view.apply_async(at_the_prompt(lambda: __import__("time").sleep(60)))
    assert [one.get(30) for one in short] == [1] * 20
    assert not long.done()
    client.send_signal(2, block=True)
    with pytest.raises(error.RemoteError, match="KeyboardInterrupt"):
        long.get(30)


@pytest.mark.official
def test_official_clients_get_plain_replies_beside_ours(ready: tuple[ClusterUnderTest, Any]) -> None:
    """Between controller and engine their tasks may share envelopes with ours; they see none of it."""
    official = ready[0].client("official")
    theirs = official.load_balanced_view().map_async(at_the_prompt(lambda n: n * 2), range(300))
    ours = ready[1].load_balanced_view().map_async(at_the_prompt(lambda n: n * 3), range(3000))
    assert ours.get(60) == [n * 3 for n in range(3000)]
    assert theirs.get(60) == [n * 2 for n in range(300)]


def test_a_slow_iterator_does_not_hold_back_what_it_gave(ready: tuple[ClusterUnderTest, Any], tmp_path: Any) -> None:
    marks = [tmp_path / str(n) for n in range(5)]

    def items() -> Any:
        for mark in marks:
            yield str(mark)
            wait_until(mark.exists, f"the task that makes {mark.name}")

    view = ready[1].load_balanced_view()
    result = view.map_async(at_the_prompt(lambda path: open(path, "w").close()), items())
    assert result.get(60) == [None] * 5


def test_an_iterator_that_fails_leaves_nothing_hanging(ready: tuple[ClusterUnderTest, Any]) -> None:
    def items() -> Any:
        yield from range(100)
        raise LookupError("no more")

    client = ready[1]
    with pytest.raises(LookupError, match="no more"):
        client.load_balanced_view().map_async(at_the_prompt(lambda n: n), items())
    assert client.load_balanced_view().map_sync(at_the_prompt(lambda n: n), range(3)) == [0, 1, 2]


def test_requests_of_a_map_are_a_sequence(ready: tuple[ClusterUnderTest, Any]) -> None:
    result = ready[1].load_balanced_view().map_async(at_the_prompt(lambda n: 1 // n), range(-2, 3))
    assert result.wait(60)
    requests = result._requests
    assert len(requests) == 5
    assert [request.status for request in requests] == ["ok", "ok", "error", "ok", "ok"]
    assert [request.msg_id for request in requests[1:4]] == result.msg_ids[1:4]
    assert requests[-1].msg_id == requests[4].msg_id
    assert requests.all_done()
    assert not requests.all_ok()
    assert requests.done_count() == result.progress == 5
    assert [small is None for small in requests.small_results()] == [False, False, True, False, False]
    with pytest.raises(IndexError):
        requests[5]
    with pytest.raises(error.RemoteError, match="ZeroDivisionError"):
        result.get()
    assert list(result.get(return_exceptions=True))[3:] == [1, 0]


def test_records_of_tasks_in_batches_are_complete(ready: tuple[ClusterUnderTest, Any]) -> None:
    view = ready[1].load_balanced_view()
    result = view.map_async(at_the_prompt(lambda n: n), range(200))
    result.get(60)
    found = ready[1].db_query({"msg_id": {"$in": result.msg_ids}}, keys=["msg_id", "completed", "engine_uuid"])
    assert len(found) == 200
    assert all(record["completed"] is not None and record["engine_uuid"] for record in found)
