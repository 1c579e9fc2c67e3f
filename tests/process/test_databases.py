"""The hub's memory with real processes: every store, asked by our client and by the original's."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import ClusterUnderTest, Processes, at_the_prompt, start_cluster, wait_until

pytestmark = pytest.mark.official

STORES = {"memory": ["--dictdb"], "sqlite": ["--sqlitedb"]}


@pytest.fixture(scope="module", params=list(STORES))
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterUnderTest]:
    """Two of our engines and a controller that keeps its records in each of the stores in turn."""
    processes = Processes(tmp_path_factory.mktemp(request.param))
    started = start_cluster(processes, 2, controller_args=STORES[request.param])
    yield started
    started.close()
    survivors = processes.end()
    assert not survivors, "still running after the tests: " + "; ".join(survivors)


def test_results_are_there_for_every_client(stored: ClusterUnderTest) -> None:
    rc = stored.client()
    lview = rc.load_balanced_view()
    small = lview.apply_async(at_the_prompt(lambda: {"a": (1, 2)}))
    large = lview.apply_async(at_the_prompt(lambda: __import__("numpy").arange(100_000)))
    failed = lview.apply_async(at_the_prompt(lambda: 1 / 0))
    rc.wait([small, large, failed])
    ids = [ar.msg_ids[0] for ar in (small, large, failed)]
    for kind in ("ours", "official"):
        other = stored.client(kind)
        assert other.get_result(ids[0]).get(timeout=10) == {"a": (1, 2)}
        array = other.get_result(ids[1]).get(timeout=10)
        np.testing.assert_array_equal(array, np.arange(100_000))
        with pytest.raises(Exception, match="division by zero"):
            other.get_result(ids[2]).get(timeout=10)
        status = other.result_status(ids)
        assert sorted(status["completed"]) == sorted(ids)
        assert status["pending"] == []
        with pytest.raises(Exception, match="o such message"):
            other.get_result("nobody").get(timeout=10)


def test_calls_are_run_again(stored: ClusterUnderTest) -> None:
    rc = stored.client()
    lview = rc.load_balanced_view()
    array = np.arange(50_000)
    first = lview.apply_async(at_the_prompt(lambda a: (__import__("time").time(), a.sum())), array)
    direct = rc[0].apply_async(at_the_prompt(lambda x: x * 2), 21)
    rc.wait([first, direct])
    for kind in ("ours", "official"):
        other = stored.client(kind)
        again = other.resubmit(first.msg_ids + direct.msg_ids)
        assert set(again.msg_ids).isdisjoint(first.msg_ids + direct.msg_ids)
        (when, total), double = again.get(timeout=20)
        assert (when > first.get()[0], total, double) == (True, array.sum(), 42)
        record = other.db_query({"msg_id": first.msg_ids[0]}, keys=["resubmitted"])[0]
        assert record["resubmitted"] == again.msg_ids[0]
        with pytest.raises(Exception, match="No such msg"):
            other.resubmit(["nobody"])


def test_pending_calls_are_not_run_again(stored: ClusterUnderTest, tmp_path: Path) -> None:
    rc = stored.client()
    gate = tmp_path / "gate"

    @at_the_prompt
    def wait_for(path: str) -> int:
        import os
        import time

        while not os.path.exists(path):
            time.sleep(0.01)
        return 5

    ar = rc.load_balanced_view().apply_async(wait_for, str(gate))
    try:
        for kind in ("ours", "official"):
            other = stored.client(kind)
            wait_until(lambda other=other: ar.msg_ids[0] in other.hub_history(), "the task's record")
            with pytest.raises(Exception, match="cannot resubmit what is still pending"):
                other.resubmit(ar.msg_ids)
            with pytest.raises(Exception, match="msg pending"):
                other.purge_hub_results(ar.msg_ids)
            assert other.result_status(ar.msg_ids)["pending"] == ar.msg_ids
    finally:
        gate.touch()
    assert ar.get(timeout=20) == 5


def test_queries(stored: ClusterUnderTest) -> None:
    rc = stored.client()
    lview = rc.load_balanced_view()
    before = datetime.now(UTC)
    with lview.temp_flags(label="run a"):
        a = [lview.apply_async(abs, -i) for i in range(5)]
    with lview.temp_flags(label="run b"):
        b = [lview.apply_async(abs, -i) for i in range(3)]
    rc.wait(a + b)
    after = datetime.now(UTC)
    for kind in ("ours", "official"):
        other = stored.client(kind)

        def ids(query: dict[str, Any], other: Any = other) -> set[str]:
            return {record["msg_id"] for record in other.db_query(query, keys=["msg_id"])}

        of_a, of_b = {ar.msg_ids[0] for ar in a}, {ar.msg_ids[0] for ar in b}
        recent = {"submitted": {"$gte": before, "$lt": after}}
        assert ids(recent) == of_a | of_b
        assert ids({"submitted": {"$gt": after + timedelta(hours=1)}}) == set()
        assert ids({"label": "run a", "completed": {"$ne": None}}) == of_a
        assert ids({"label": {"$glob": "run ?"}, **recent}) == of_a | of_b
        assert ids({"label": {"$in": ["run b", "run c"]}}) == of_b
        assert ids({"label": {"$nin": ["run b", None]}}) == of_a
        record = other.db_query({"msg_id": a[3].msg_ids[0]}, keys=["engine_uuid", "completed", "result_buffers"])[0]
        assert record["engine_uuid"] in other._engines.values() if kind == "official" else True
        assert before <= record["completed"] <= after
        assert len(record["result_buffers"]) == 1
        history = other.hub_history()
        assert [i for i in history if i in of_a | of_b] == [ar.msg_ids[0] for ar in a + b]
        with pytest.raises(Exception, match="no such field"):
            other.db_query({"nothing": 1})
        with pytest.raises(Exception, match="no such operator"):
            other.db_query({"msg_id": {"$like": "x"}})


@pytest.mark.parametrize("kind", ["ours", "official"])
def test_purging(stored: ClusterUnderTest, kind: Any) -> None:
    rc = stored.client(kind)
    ids = {e: rc[e].apply_async(abs, -e).msg_ids[0] for e in rc.ids}
    rc.wait(timeout=20)
    one, two = rc.ids[:2]
    extra = rc[one].apply_async(abs, -9)
    extra.wait(20)
    rc.purge_hub_results(extra.msg_ids)
    assert extra.msg_ids[0] not in rc.hub_history()
    assert ids[one] in rc.hub_history()
    rc.purge_hub_results(targets=[one])
    assert ids[one] not in rc.hub_history()
    assert ids[two] in rc.hub_history()
    with pytest.raises(Exception, match="No such engine: 77|77"):
        rc.purge_hub_results(targets=[77])
    status = rc.queue_status()
    assert status[one]["queue"] == 0
    rc.purge_everything()
    assert rc.hub_history() == []
    assert rc.db_query({}, keys=["msg_id"]) == []


def test_a_session_has_a_file_of_its_own(cluster: Callable[..., ClusterUnderTest]) -> None:
    started = cluster(1, controller_args=["--sqlitedb"], cluster_id="night")
    rc = started.client()
    ar = rc[0].apply_async(at_the_prompt(lambda: 6 * 7))
    assert ar.get() == 42
    (file,) = started.profile_dir.glob("tasks-night-*.db")
    rc.hub_history()  # what was seen is written
    with contextlib.closing(sqlite3.connect(file)) as db:
        rows = db.execute('SELECT msg_id, queue, completed IS NOT NULL FROM "ipython-tasks"').fetchall()
    assert rows == [(ar.msg_ids[0], "mux", 1)]
    rc.close()
    started.controller.stop()
    assert file.exists()
    assert not file.with_name(file.name + "-wal").exists()


def test_our_database_is_that_of_the_original(cluster: Callable[..., ClusterUnderTest], processes: Processes) -> None:
    from ipyparallel.controller.sqlitedb import SQLiteDB

    profile = processes.ipython_dir / "profile_default"
    profile.mkdir(parents=True)
    theirs = SQLiteDB(location=str(profile))
    now = datetime.now(UTC)
    old = {"header": {"date": now}, "submitted": now, "completed": now, "buffers": [b"x" * 300], "label": "old"}
    theirs.add_record("theirs", old | {"metadata": {"label": "old"}, "result_content": {"status": "ok"}})
    theirs._db.commit()
    theirs._db.close()

    started = cluster(1, controller_args=["--SQLiteDB.filename=tasks.db", "--sqlitedb"])
    rc = started.client()
    assert rc.hub_history() == ["theirs"]
    (record,) = rc.db_query({"label": "old", "completed": {"$gte": now}}, keys=["result_content", "buffers"])
    assert record["result_content"] == {"status": "ok"}
    assert [bytes(b) for b in record["buffers"]] == [b"x" * 300]

    view = rc[0]
    with view.temp_flags(label="both"):
        ar = view.apply_async(at_the_prompt(lambda: print("hello") or [1, 2]))
    assert ar.get() == [1, 2]
    ar.wait_for_output()
    rc.hub_history()  # what was seen is written
    theirs = SQLiteDB(location=str(profile))
    theirs.table = "ipython-tasks"  # with a recent SQLite it takes its own table for a stranger's
    record = theirs.find_records({"msg_id": ar.msg_ids[0]})[0]
    assert record["label"] == "both"
    assert record["result_content"]["status"] == "ok"
    assert record["stdout"] == "hello\n"
    assert isinstance(record["completed"], datetime)
    ours = rc.db_query({"label": "both"}, keys=["result_buffers", "buffers"])[0]
    assert [bytes(b) for b in record["result_buffers"]] == [bytes(b) for b in ours["result_buffers"]]
    assert [bytes(b) for b in record["buffers"]] == [bytes(b) for b in ours["buffers"]]
    theirs._db.close()


def test_nothing_is_kept_with_nodb(cluster: Callable[..., ClusterUnderTest]) -> None:
    started = cluster(1, controller_args=["--nodb"])
    rc = started.client()
    ar = rc[0].apply_async(abs, -3)
    assert ar.get() == 3
    for kind in ("ours", "official"):
        other = started.client(kind)
        assert other.result_status(ar.msg_ids)["completed"] == ar.msg_ids
        with pytest.raises(Exception, match="keeps no task records"):
            other.db_query({})
        with pytest.raises(Exception, match="keeps no task records"):
            other.resubmit(ar.msg_ids)
        other.purge_hub_results("all")


def test_a_file_that_is_too_large_lets_old_records_go(cluster: Callable[..., ClusterUnderTest]) -> None:
    limit = 2_000_000
    started = cluster(1, controller_args=["--sqlitedb", f"--SQLiteDB.size_limit={limit}"])
    view = started.client().load_balanced_view()
    (file,) = started.profile_dir.glob("tasks-*.db")
    sent = 0

    def some_have_left() -> bool:
        nonlocal sent
        sent += 1
        view.apply_sync(len, bytes(100_000))
        with contextlib.closing(sqlite3.connect(file)) as db:
            ((found,),) = db.execute('SELECT count(*) FROM "ipython-tasks"')
            ((first,),) = db.execute('SELECT min(rowid) FROM "ipython-tasks"')
        return sent * 100_000 > 2 * limit and first > 1 and found < sent

    wait_until(some_have_left, "old records to leave")


def test_old_records_leave(cluster: Callable[..., ClusterUnderTest]) -> None:
    started = cluster(1, controller_args=["--sqlitedb", "--SQLiteDB.age_limit=1"])
    rc = started.client()
    view = rc.load_balanced_view()
    first = view.apply_async(abs, -1)
    assert first.get(30) == 1

    def has_left() -> bool:
        view.apply_sync(abs, -2)
        return rc.db_query({"msg_id": first.msg_ids[0]}, keys=["msg_id"]) == []

    wait_until(has_left, "the first record to leave")
