"""Several controllers acting as one."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import camshaft as ipp
import pytest
from processes import ClusterUnderTest, Processes, at_the_prompt, start_cluster, wait_until

Pair = tuple[ClusterUnderTest, ClusterUnderTest]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two controllers, with two engines and with three."""
    group = Processes(tmp_path_factory.mktemp("federation"))
    clusters = start_cluster(group, 2, cluster_id="a"), start_cluster(group, 3, cluster_id="b")
    yield clusters
    for cluster in clusters:
        cluster.close()
    survivors = group.end()
    assert not survivors, "still running after the tests: " + "; ".join(survivors)


@pytest.fixture
def fc(pair: Pair) -> Iterator[ipp.FederatedClient]:
    """A client of both."""
    client = ipp.FederatedClient([cluster.client_file for cluster in pair], timeout=30)
    client.wait_for_engines(5, timeout=60)
    yield client
    client.wait(timeout=30)
    client.clear(block=True)
    client.close()


@at_the_prompt
def double(n: int) -> int:
    """A plain function."""
    return 2 * n


def test_S3_22_engines_of_all_members_have_stable_numbers(fc: ipp.FederatedClient, pair: Pair) -> None:
    assert fc.ids == [0, 1, 2, 3, 5]  # member 0: 0 and 2; member 1: 1, 3 and 5
    assert repr(fc) == "<FederatedClient: 5 engines of 2 controllers>"
    pids = fc[:].apply_sync(os.getpid)
    assert pids[0::2][:2] + pids[1::2] + pids[4:] == [
        *fc.members[0][:].apply_sync(os.getpid),
        *fc.members[1][:].apply_sync(os.getpid),
    ]
    again = ipp.Client([str(cluster.client_file) for cluster in pair])
    assert isinstance(again, ipp.FederatedClient)
    assert again._engines() == fc._engines()
    assert "5 engines" in again._repr_html_()
    again.close()
    with pytest.raises(OSError, match="closed"):
        again[:]
    assert fc.members[0].ids == [0, 1]


def test_S3_22_direct_views_span_members(fc: ipp.FederatedClient) -> None:
    view = fc[1:4]
    assert view.targets == [1, 2, 3]
    assert view.push({"a": 7}, block=True) == [None] * 3
    assert view["a"] == [7, 7, 7]
    fc[:].scatter("x", range(12), block=True)
    assert fc[:].gather("x", block=True) == list(range(12))
    assert fc[:].map_sync(at_the_prompt(lambda n: n * n), range(11)) == [n * n for n in range(11)]
    fc[2, 3].execute("b = 3", block=True)
    assert fc[2, 3].pull("b", block=True) == [3, 3]
    with pytest.raises(ipp.RemoteError, match="NameError"):
        fc[0].pull("b", block=True)
    result = fc[:].apply_async(os.getpid)
    assert list(result.get_dict()) == fc.ids
    assert result.engine_id == fc.ids
    with fc[:].sync_imports(quiet=True):
        import colorsys  # noqa: F401
    assert fc[5].apply_sync(at_the_prompt(lambda: colorsys.__name__)) == "colorsys"  # noqa: F821


def test_S3_22_errors_name_the_numbers_of_the_federation(fc: ipp.FederatedClient) -> None:
    result = fc[[0, 3, 5]].apply_async(at_the_prompt(lambda: 1 / 0))
    with pytest.raises(ipp.CompositeError, match=r"\[5:apply\]") as caught:
        result.get()
    assert [info["engine_id"] for *_, info in caught.value.elist] == [0, 3, 5]


def test_S3_22_tasks_go_where_engines_are_idle(fc: ipp.FederatedClient, gate: Any) -> None:
    held = fc[[0, 2]].apply_async(gate.hold, gate.path)  # all engines of member 0
    view = fc.load_balanced_view()
    results = [view.apply_async(gate.hold, gate.path, n) for n in range(3)]
    gate.open()
    assert [result.get() for result in results] == [0, 1, 2]
    assert {result.engine_id % 2 for result in results} == {1}
    held.get()
    spread = view.map_async(abs, range(50))
    assert spread.get() == list(range(50))
    assert {number % 2 for number in spread.engine_id} == {0, 1}


def test_S3_22_a_map_keeps_its_order(fc: ipp.FederatedClient) -> None:
    view = fc.load_balanced_view()
    result = view.map_async(at_the_prompt(lambda n: -n), range(3000))
    assert result.get() == [-n for n in range(3000)]
    assert len(result) == result.progress == 3000
    assert result[2999] == -2999
    assert result[5:8] == [-5, -6, -7]
    assert len(set(result.msg_ids)) == 3000
    assert list(view.map_async(abs, range(40), chunksize=7)) == list(range(40))
    assert sorted(view.map_async(abs, range(40), ordered=False)) == list(range(40))
    assert sorted(view.imap(abs, range(40), ordered=False, max_outstanding=6)) == list(range(40))
    with view.executor as executor:
        assert list(executor.map(abs, range(-9, 0))) == list(range(9, 0, -1))
    failing = view.map_async(at_the_prompt(lambda n: 1 // n), range(3), return_exceptions=True).get()
    assert isinstance(failing[0], ipp.RemoteError)
    assert failing[1:] == [1, 0]


def test_S3_22_calls_that_repeat_are_spread_too(fc: ipp.FederatedClient) -> None:
    view = fc.load_balanced_view()
    results = [view.apply_async(abs, -n) for n in range(100)]
    results += [view.apply_async(double, n) for n in range(100)]
    assert [result.get() for result in results] == [*range(100), *range(0, 200, 2)]
    assert {result.engine_id % 2 for result in results[100:]} == {0, 1}


def test_S3_22_results_of_members_merge(fc: ipp.FederatedClient) -> None:
    parts = [fc[n].apply_async(os.getpid) for n in fc.ids]
    joined = ipp.AsyncResult.join(*parts)
    assert joined.get() == [part.get() for part in parts]
    assert {part.get() for part in fc[:].apply_async(os.getpid).as_completed(30)} == set(joined.get())
    called: list[Any] = []
    result = fc[:].apply_async(abs, -1)
    result.add_done_callback(called.append)
    assert fc.wait(result, 30)
    wait_until(lambda: called == [result], "the callback")


def test_S3_22_targets_and_dependencies_choose_the_member(fc: ipp.FederatedClient) -> None:
    only = fc.load_balanced_view([1, 5, 2])
    result = only.map_async(abs, range(30))
    assert result.get() == list(range(30))
    assert set(result.engine_id) <= {1, 2, 5}
    view = fc.load_balanced_view()
    first, other = fc.load_balanced_view([0]).apply_async(abs, -1), fc.load_balanced_view([1]).apply_async(abs, -1)
    with view.temp_flags(follow=[first]):
        follower = view.apply_async(abs, -2)
    assert follower.get() == 2
    assert follower.engine_id == first.engine_id == 0
    with view.temp_flags(after=[first, other]), pytest.raises(ValueError, match="view of one member"):
        view.apply_async(abs, -2)
    with pytest.raises(ValueError, match="another"):
        fc.load_balanced_view([0]).using(after=[other]).apply_async(abs, -2)
    for number in (0, 3, 2):
        pid = fc.engine_properties(number)["pid"]
        for where in ({"pid": pid}, lambda properties, pid=pid: properties["pid"] == pid):
            chosen = view.using(where=where).apply_async(abs, -3)
            assert chosen.get(30) == 3
            assert chosen.engine_id == number
    fc.set_properties({"gpu": 2}, 5)
    on_gpu = view.using(resources={"gpu": 1}).map_async(abs, range(6))
    assert on_gpu.get(30) == list(range(6))
    assert set(on_gpu.engine_id) == {5}


@at_the_prompt
def say_and_hold(folder: str, gate: str) -> None:
    import os
    import time

    open(f"{folder}/held-{os.getpid()}", "w").close()
    while not os.path.exists(gate):
        time.sleep(0.01)


def test_S3_22_questions_are_put_to_all(fc: ipp.FederatedClient, pair: Pair, gate: Any, tmp_path: Path) -> None:
    view = fc.load_balanced_view()
    results = [view.apply_async(abs, -n) for n in range(8)]
    assert [result.get() for result in results] == list(range(8))
    ids = [result.msg_ids[0] for result in results]
    assert set(ids) <= set(fc.hub_history())
    assert set(fc.queue_status()) == {*fc.ids, "unassigned"}
    assert fc.queue_status(3)["queue"] == 0
    assert {number: found["pid"] for number, found in fc.engine_properties().items()} == dict(
        zip(fc.ids, fc[:].apply_sync(os.getpid), strict=True)
    )
    fc.set_properties({"colour": "red"}, [0, 5])
    assert [fc.engine_properties(n).get("colour") for n in fc.ids] == ["red", None, None, None, "red"]

    other = ipp.FederatedClient([pair[0].client_file, pair[1].client_file])
    assert other.get_result(ids).get() == list(range(8))
    assert sorted(fc.resubmit(ids).get()) == list(range(8))
    assert len(other.attach(session=fc.session)) >= 8
    assert {record["msg_id"] for record in fc.db_query({"msg_id": {"$in": ids}}, keys=["msg_id"])} == set(ids)
    assert set(other.result_status(ids)["completed"]) == set(ids)
    with pytest.raises(KeyError):
        other.get_result("no such message").get()
    fc.purge_results("all")
    assert not set(ids) & set(fc.hub_history())
    other.close()

    held = fc[:].apply_async(say_and_hold, str(tmp_path), gate.path)
    wait_until(lambda: len([*tmp_path.glob("held-*")]) == len(fc), "all engines to be held")
    waiting = [view.apply_async(abs, n) for n in range(20)]
    texts = fc.why(waiting)
    assert len(texts) == 20
    assert all(fc.cancel(waiting).values())
    assert all(result.cancelled() for result in waiting)
    gate.open()
    held.get()


def test_S3_22_broadcasts_reach_all(fc: ipp.FederatedClient) -> None:
    assert fc.broadcast_view().apply_sync(abs, -4) == [4] * 5
    assert fc.broadcast_view(is_coalescing=True).apply_sync(abs, -4) == [4] * 5
    of_one = fc.broadcast_view([2, 0], is_coalescing=True).apply_async(os.getpid)
    assert of_one.get_dict() == fc[[2, 0]].apply_async(os.getpid).get_dict()
    assert of_one.engine_id == [2, 0]


def test_S3_22_members_are_named_by_ids_and_clients(
    fc: ipp.FederatedClient, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(pair[0].processes.ipython_dir))
    with ipp.Client(["a", "b"]) as by_id:
        assert by_id._engines() == fc._engines()
    with ipp.FederatedClient(fc.members) as borrowed:
        assert len(borrowed) == 5
    assert fc[:].apply_sync(abs, -1) == [1] * 5  # they are still open
    with pytest.raises(ValueError, match="at least one"):
        ipp.Client([])
    with pytest.raises(ValueError, match="members 0 and 1 are the same controller"):
        ipp.Client(["a", "a"])
    with pytest.raises(ValueError, match="members of the other federation"):
        ipp.FederatedClient([fc])
    with pytest.raises(ValueError, match="names its clusters as its members"):
        ipp.FederatedClient(["a"], cluster_id="b")


def test_S3_22_a_member_that_dies_fails_only_its_own_tasks(cluster: Callable[..., ClusterUnderTest], gate: Any) -> None:
    one, other = cluster(1, cluster_id="one"), cluster(1, cluster_id="other")
    rc = ipp.FederatedClient([one.client_file, other.client_file], timeout=30, reconnect_timeout=0.5)
    rc.wait_for_engines(2, timeout=60)
    view = rc.load_balanced_view()
    results = [view.apply_async(gate.hold, gate.path, n) for n in range(6)]
    direct = rc[:].apply_async(abs, -1)
    wait_until(lambda: sum(rc.queue_status()[n]["tasks"] for n in rc.ids) >= 2, "a task on each engine")
    one.controller.kill()
    gate.open()
    values = [result.get(60, return_exceptions=True) for result in results]
    dead = rc.members[0].session
    for n, (result, value) in enumerate(zip(results, values, strict=True)):
        assert isinstance(value, ipp.EngineError) if result.msg_ids[0].startswith(dead) else value == n
    assert 0 < sum(isinstance(value, ipp.EngineError) for value in values) < 6
    assert direct.get(60, return_exceptions=True)[1] == 1
    wait_until(lambda: rc.ids == [1], "the end of the dead member's engines")
    assert view.map_sync(abs, range(20)) == list(range(20))
    assert rc[:].apply_sync(abs, -1) == [1]
    assert set(rc.queue_status()) == {1, "unassigned"}
    rc.close()


def test_S3_22_a_member_may_be_the_originals(
    cluster: Callable[..., ClusterUnderTest], official_cluster: Callable[..., ClusterUnderTest]
) -> None:
    ours, original = cluster(1, cluster_id="ours"), official_cluster(1, cluster_id="original")
    with ipp.FederatedClient([ours.client_file, original.client_file], timeout=30) as rc:
        rc.wait_for_engines(2, timeout=60)
        assert rc[:].apply_sync(at_the_prompt(lambda n: n + 1), 2) == [3, 3]
        assert rc.load_balanced_view().map_sync(at_the_prompt(lambda n: n + 1), range(20)) == list(range(1, 21))
        assert set(rc.queue_status()) == {0, 1, "unassigned"}


def test_known_functions_go_to_the_engine_of_the_view(fc: ipp.FederatedClient) -> None:
    code = (lambda: __import__("os").getpid()).__code__
    f = types.FunctionType(code, vars(sys.modules["__main__"]), "f")
    f.__module__ = "__main__"
    for number, pid in zip(fc.ids, fc[:].apply_sync(os.getpid), strict=True):
        view = fc[number]
        assert [view.apply_sync(f) for _ in range(3)] == [pid] * 3
        assert view._calls is not None
        known = view._calls.submit(f, ())
        assert known is not None
        assert fc._core.wait([known], 30)
        assert known.status == "ok"
