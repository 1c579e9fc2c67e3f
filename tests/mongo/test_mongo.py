"""Task records in MongoDB: the store, and a controller with it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest
from processes import ROOT, ClusterUnderTest, at_the_prompt, wait_until

Cluster = Callable[..., ClusterUnderTest]


def test_the_store_does_what_every_store_must(mongo) -> None:
    mongo.start()
    program = ROOT / "build" / "dev" / "bin" / "mongo_store_test"
    env = {**os.environ, "CAMSHAFT_MONGO": mongo.address}
    ran = subprocess.run([str(program), "--gtest_brief=1"], env=env, capture_output=True, text=True, timeout=110)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "PASSED" in ran.stdout


def finished(rc) -> int:
    return len(rc.db_query({"completed": {"$ne": None}}, keys=["msg_id"]))


@pytest.mark.official
def test_records_outlive_the_controller(cluster: Cluster, mongo) -> None:
    mongo.start()
    args = ["--mongodb", f"--MongoDB.connection_args={mongo.address}", "--reuse"]
    started = cluster(1, controller_args=args)
    rc = started.client()
    view = rc[0]
    with view.temp_flags(label="night"):
        ar = view.apply_async(at_the_prompt(lambda: print("hello") or [1, 2]))
    assert ar.get(timeout=20) == [1, 2]
    ar.wait_for_output()
    results = rc.load_balanced_view().map_async(abs, range(-20, 0), chunksize=1)
    assert results.get(timeout=60) == list(range(20, 0, -1))
    for kind in ("ours", "official"):
        other = started.client(kind)
        (record,) = other.db_query({"label": "night"}, keys=["stdout", "completed", "queue"])
        assert (record["stdout"], record["queue"]) == ("hello\n", "mux")
        assert record["completed"] is not None
        assert finished(other) == 21
        assert other.get_result(ar.msg_ids[0]).get(timeout=20) == [1, 2]
    again = rc.resubmit(ar.msg_ids[0])
    assert again.get(timeout=20) == [1, 2]
    rc.purge_hub_results(results)
    assert set(rc.hub_history()) == {ar.msg_ids[0], again.msg_ids[0]}
    started.close()
    started.controller.stop()
    later = cluster(0, controller_args=args).client(engines=0)
    assert set(later.hub_history()) == {ar.msg_ids[0], again.msg_ids[0]}


def test_a_server_that_is_not_there_stops_no_task(cluster: Cluster, mongo) -> None:
    started = cluster(1, controller_args=["--mongodb", f"--MongoDB.connection_args={mongo.address}"])
    rc = started.client()
    view = rc.load_balanced_view()
    assert view.map_async(abs, range(-50, 0)).get(timeout=60) == list(range(50, 0, -1))
    wait_until(lambda: "the task database does not work" in started.controller.output, "a line about it")
    with pytest.raises(Exception, match="does not work"):
        rc.db_query({})
    assert view.apply_async(abs, -1).get(timeout=20) == 1
    assert started.controller.output.count("does not work") == 1
    # What waited is written when it comes.
    mongo.start()
    wait_until(lambda: "the task database works again" in started.controller.output, "the server's return")
    wait_until(lambda: finished(rc) > 2, "the records")
    mongo.stop()
    assert view.apply_async(abs, -2).get(timeout=20) == 2
    wait_until(lambda: started.controller.output.count("does not work") == 2, "a line about the next failure")


def test_an_address_that_is_none_is_refused(processes) -> None:
    command = [str(ROOT / ".venv" / "bin" / "ipcontroller"), "--mongodb", "--MongoDB.connection_args=mongodb://"]
    controller = processes.start(command)
    assert controller.wait(20) != 0
    assert "--MongoDB.connection_args" in controller.output
