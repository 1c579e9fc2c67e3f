"""Tasks that ask for engines with certain properties, with real processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import camshaft as ipp
import pytest
from processes import PATIENCE, ClusterUnderTest, wait_until
from processes import at_the_prompt as mine

Start = Callable[..., ClusterUnderTest]


@mine
def pid() -> int:
    import os

    return os.getpid()


def test_S3_92_tasks_run_where_their_conditions_hold(cluster: Start) -> None:
    site = cluster(2)
    rc = site.client()
    pids = dict(zip(rc.ids, rc[:].apply_sync(pid), strict=True))
    first, second = rc.ids
    rc.set_properties({"rack": 1}, first)
    rc.set_properties({"rack": 2}, second)
    view = rc.load_balanced_view()
    conditions: list[Any] = [{"rack": 2}, {"rack": (">", 1)}, ipp.Property("rack") >= 2, lambda p: p["rack"] == 2]
    for where in conditions:
        assert set(view.map_sync(pid_of, range(10), where=where)) == {pids[second]}
    assert {view.using(resources={"rack": 2}).apply_sync(pid) for _ in range(5)} == {pids[second]}


@mine
def pid_of(_: Any) -> int:
    import os

    return os.getpid()


def test_S3_92_a_task_waits_for_an_engine_that_suits_it(cluster: Start) -> None:
    site = cluster(1)
    rc = site.client()
    view = rc.load_balanced_view()
    fixed = view.using(where={"gpu": (">=", 2)}).apply_async(pid)
    asked = view.using(where=lambda p: p.get("gpu", 0) >= 2).apply_async(pid)
    assert not fixed.wait(0.3) and not asked.done()
    assert "gpu" in fixed.why()
    engine = site.add_engine('--properties={"gpu": 2}')
    assert fixed.get(PATIENCE) == asked.get(PATIENCE) == engine.pid
    assert fixed.why() == "finished: ok"


def test_official_engines_can_be_given_properties(cluster: Start) -> None:
    site = cluster(1, engines="official")
    site.add_engine(kind="ours")
    rc = site.client()
    official = next(i for i in rc.ids if "cores" not in rc[i].properties)
    assert rc[official].properties == {}
    rc.set_properties({"kind": "official"}, official)
    view = rc.load_balanced_view(where={"kind": "official"})
    wanted = rc[official].apply_sync(pid)
    assert {view.apply_async(pid).get(PATIENCE) for _ in range(3)} == {wanted}


@pytest.mark.official
def test_a_controller_of_the_original_is_not_asked_for_what_it_does_not_know(official_cluster: Start) -> None:
    """It would ignore the flags in silence."""
    site = official_cluster(1)
    rc = site.client()
    view = rc.load_balanced_view()
    for flags in ({"priority": 1}, {"where": {"a": 1}}, {"where": bool}, {"resources": {"a": 1}}, {"time_limit": 1}):
        with pytest.raises(RuntimeError, match="needs a controller of camshaft, but this one is the original's"):
            view.using(**flags).apply_async(pid)
    with pytest.raises(RuntimeError, match="asking for engine properties needs a controller of camshaft"):
        rc.engine_properties()
    result = view.using(retries=1).apply_async(pid)
    assert result.get(PATIENCE) > 0
    assert not result.cancel() and result.why() == "finished: ok"
    recovered = view.using(recovery_task=abs).apply_async(divmod, 1, 0)
    with pytest.raises(ipp.RemoteError, match="TypeError"):
        recovered.get(PATIENCE)


def test_S3_83_prefetched_tasks_keep_to_their_priorities(cluster: Start, tmp_path: Any) -> None:
    @mine
    def hold(path: str) -> None:
        import os
        import time

        while not os.path.exists(path):
            time.sleep(0.01)

    rc = cluster(1, controller_args=["--hwm=0"]).client()
    view = rc.load_balanced_view()
    gate = tmp_path / "gate"
    first = view.apply_async(hold, str(gate))
    usual = [view.apply_async(abs, n) for n in range(6)]
    last = view.using(priority=-1).apply_async(abs, 6)
    urgent = [view.using(priority=n).apply_async(abs, n) for n in (1, 2, 2)]
    unwanted = view.apply_async(abs, 7)
    wait_until(unwanted.cancel, "the engine to have it, and so all before it, and to hand it back")
    gate.touch()
    first.get(PATIENCE)
    order = [urgent[1], urgent[2], urgent[0], *usual, last]
    for one in order:
        one.get(PATIENCE)
    started = [one.started for one in order]
    assert started == sorted(started)
