"""Properties of engines, and tasks that ask for them, as in 2008; priorities."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import camshaft as ipp
import pytest
from camshaft.kernel import client
from camshaft.kernel.client import MapTask, StringTask
from processes import at_the_prompt, wait_until


@pytest.fixture
def mec(rc: ipp.Client) -> Iterator[client.MultiEngineClient]:
    made = client.MultiEngineClient(client=rc)
    yield made
    made.del_properties(["cores", "name", "os"])


def test_S3_73_properties(mec: client.MultiEngineClient) -> None:
    assert mec.set_properties({"cores": 16, "name": "big"}, targets=[1, 3]) == [None, None]
    assert mec.get_properties(["cores", "name"], targets=[1]) == [{"cores": 16, "name": "big"}]
    assert mec.get_properties()[1]["cores"] == 16 and mec.get_properties(block=False).r[3]["name"] == "big"
    assert mec.has_properties(("name", "pid")) == [[False, True], [True, True]] * 2
    assert mec.del_properties("name", targets=3) == [None]
    assert mec.has_properties("name") == [[False], [True], [False], [False]]
    assert mec.client.engine_properties(1)["name"] == "big"  # the same as those of today's interface


@at_the_prompt
def set_on_the_engine():
    from camshaft.engine import properties

    properties["os"] = "linux"


def test_S3_73_properties_set_by_the_engine(mec: client.MultiEngineClient, rc: ipp.Client) -> None:
    rc[2].apply_sync(set_on_the_engine)
    wait_until(lambda: mec.has_properties("os") == [[False], [False], [True], [False]], "the property")


def test_S3_92_depend_on_properties(mec: client.MultiEngineClient, rc: ipp.Client) -> None:
    tc = client.TaskClient(client=rc)
    mec.set_properties({"cores": 8}, targets=[0, 2])
    mec.set_properties({"cores": 2}, targets=[1])
    rc[:].scatter("rank", range(4), flatten=True, block=True)
    big = StringTask("where = rank", pull="where", depend=lambda p: p["cores"] >= 8)  # engine 3 has none: False
    assert {tc.run(big, block=True).ns.where for _ in range(6)} <= {0, 2}
    mapped = MapTask(at_the_prompt(lambda: rank), depend=lambda p: p["cores"] == 2)  # noqa: F821
    assert tc.run(mapped, block=True) == 1


def test_S3_89_S3_92_assigned_when_properties_change(mec: client.MultiEngineClient, rc: ipp.Client) -> None:
    tc = client.TaskClient(client=rc)
    waiting = tc.run(StringTask("a = 1", pull="a", depend=lambda p: p["name"] == "chosen"))
    wait_until(lambda: tc.queue_status(verbose=True)["scheduled"] == [waiting], "the task to wait")
    assert tc.get_task_result(waiting) is None
    mec.set_properties({"name": "chosen"}, targets=3)
    tc.spin()
    assert tc.get_task_result(waiting, block=True).engineid == 3


def test_S3_83_first_come_first_served_unless_priorities_say_otherwise(rc: ipp.Client, gate) -> None:
    lv = rc.load_balanced_view([0])
    first = lv.apply_async(gate.hold, gate.path)
    usual = [lv.apply_async(abs, i) for i in range(6)]
    urgent = lv.using(priority=10).apply_async(abs, -1)
    gate.open()
    assert [one.get(60) for one in (first, *usual, urgent)] == [None, *range(6), 1]
    started = [one.started for one in usual]
    assert started == sorted(started) and urgent.started < started[-1]


def test_S3_16_tasks_from_several_threads(rc: ipp.Client) -> None:
    tc = client.TaskClient(client=rc)
    totals: list[int] = []
    threads = [threading.Thread(target=lambda: totals.append(sum(tc.map(abs, range(-5, 0))))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert totals == [15] * 4
