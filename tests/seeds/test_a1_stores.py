"""What the controller keeps, and where: records, databases, resubmission."""

from __future__ import annotations

import camshaft as ipp
import pytest
from processes import at_the_prompt, wait_until

count_up = at_the_prompt(lambda: globals().__setitem__("n", globals().get("n", 0) + 1))


def test_S1_30_resubmit(rc: ipp.Client, gate) -> None:
    lv = rc.load_balanced_view([0])
    good = lv.apply_async(count_up)
    bad = lv.apply_async(at_the_prompt(lambda: 1 / 0))
    rc.wait([good, bad])
    again = rc.resubmit(good.msg_ids)
    assert isinstance(again, ipp.AsyncHubResult)
    again.get(30)
    assert rc[0]["n"] == 2
    with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
        rc.resubmit(bad.msg_ids[0]).get(30)
    slow = lv.apply_async(gate.hold, gate.path)
    with pytest.raises(ValueError, match="pending"):
        rc.resubmit(slow.msg_ids)
    gate.open()
    slow.wait()


@pytest.mark.parametrize("backend", ["--dictdb", "--sqlitedb", "--nodb"])
def test_S2_5_S3_18_where_records_are_kept(cluster, backend: str) -> None:
    rc = cluster(1, controller_args=[backend]).client()
    results = rc.load_balanced_view().map_async(abs, range(-20, 0))
    assert results.get(60) == list(range(20, 0, -1))
    if backend == "--nodb":
        with pytest.raises(ipp.RemoteError, match="no task records"):
            rc.hub_history()
        return
    wait_until(lambda: len(rc.db_query({"completed": {"$ne": None}}, keys=["msg_id"])) == 20, "20 records")
    assert set(rc.hub_history()) >= set(results.msg_ids)
