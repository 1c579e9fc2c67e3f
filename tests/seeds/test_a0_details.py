"""Details of 2011: how calls and data travel, what a direct view does."""

from __future__ import annotations

from pathlib import Path

import camshaft as ipp
import numpy as np
import pytest
from processes import at_the_prompt

BIG = 200_000  # items of an array that is not copied on the way


@at_the_prompt
def first_to_five(array):
    array[0] = 5
    return array


@at_the_prompt
def safe_first_to_five(array):
    writeable = array.flags.writeable
    if not writeable:
        array = array.copy()
    array[0] = 5
    return writeable, array


def test_S0_20_arrays_are_sent_from_where_they_are(rc: ipp.Client) -> None:
    array = np.arange(BIG, dtype=float)
    results = [rc[0].apply_async(np.sum, array) for _ in range(3)]
    assert [result.get(30) for result in results] == [array.sum()] * 3


def test_S0_21_arrays_arrive_read_only(rc: ipp.Client) -> None:
    with pytest.raises(ipp.RemoteError, match="ValueError.*read-only") as caught:
        rc[0].apply_sync(first_to_five, np.zeros(BIG))
    assert "array[0] = 5" in caught.value.traceback or "first_to_five" in caught.value.traceback
    assert rc[0].apply_sync(np.zeros, BIG).flags.writeable is False


def test_S0_22_a_copy_can_be_written(rc: ipp.Client) -> None:
    writeable, array = rc[0].apply_sync(safe_first_to_five, np.zeros(BIG))
    assert (writeable, array[0], array.flags.writeable) == (False, 5, False)


def test_S0_23_S0_24_S0_25_S0_69_tracked_sends(rc: ipp.Client) -> None:
    view = rc[0]
    with view.temp_flags(track=True):
        result = view.apply_async(len, np.zeros(BIG))
    assert view.track is False
    assert result.wait_on_send() and result.sent is True
    assert result.wait_for_send(timeout=10) and result.get(30) == BIG
    view.track = True
    assert view.apply_async(len, "abc").wait_on_send(10)


def test_S0_26_whatever_can_be_pickled_and_buffers(rc: ipp.Client) -> None:
    raw = bytes(range(256)) * 1000
    rc[0].push({"raw": memoryview(raw), "text": "text", "pickled": {1: [None, {2}]}, "plain": raw}, block=True)
    assert rc[0].pull(["bytes(raw)", "text", "pickled", "plain"], block=True) == [raw, "text", {1: [None, {2}]}, raw]
    with pytest.raises(ipp.SerializationError):
        rc[0].apply(open, (i for i in range(3)))


def test_S0_27_functions_of_a_factory(rc: ipp.Client, typed) -> None:
    space = typed("def factory(a):\n    def f(b):\n        return a * b + c\n    return f\ntriple = factory(3)")
    rc[:].push({"c": 1}, block=True)
    assert rc[:].apply_sync(space["triple"], 4) == [13] * 4


def test_S0_28_S0_29_globals_are_the_engines(rc: ipp.Client, typed) -> None:
    view = rc[0]
    get_a = typed("get_a = lambda: a")["get_a"]
    with pytest.raises(ipp.RemoteError, match="NameError"):
        view.apply_sync(get_a)
    view["a"] = 5
    assert view.apply_sync(get_a) == 5 == view.pull("a", block=True)


def test_S0_30_S0_32_apply_gives_values_in_target_order(rc: ipp.Client) -> None:
    view = rc[[2, 0]]
    view.block = True
    assert view.apply(pow, 2, 5) == [32, 32]
    assert rc[3].apply_sync(pow, 2, 5) == 32
    assert rc[0].apply_sync(at_the_prompt(lambda a, b=0: (a, b)), 1, b=2) == (1, 2)
    view.block = False
    result = view.apply(pow, 2, 5)
    assert isinstance(result, ipp.AsyncResult) and result.get(30) == [32, 32]
    assert [m.engine_id for m in result.metadata] == [2, 0]


def test_S0_31_every_view_sends_apply_requests(rc: ipp.Client) -> None:
    result = rc[1].apply_async(abs, -1)
    assert result.get(30) == 1
    (record,) = rc.db_query({"msg_id": result.msg_ids[0]}, keys=["header", "msg_id"])
    assert record["header"]["msg_type"] == "apply_request"


def test_S0_33_S0_37_S0_71_targets(rc: ipp.Client) -> None:
    assert repr(rc[0]) == "<DirectView 0>" and repr(rc[0, 1, 2]) == "<DirectView [0, 1, 2]>"
    assert rc[-1].targets == rc[rc.ids[-1]].targets == 3
    assert rc[::2].targets == [0, 2] and rc[1:].targets == [1, 2, 3] and rc[:].targets == [0, 1, 2, 3]
    view = rc[:]
    view.targets = [0, 2]
    assert len(view.apply_sync(abs, 1)) == 2
    view.targets = "all"
    assert len(view.apply_sync(abs, 1)) == 4
    view.targets = 1
    assert view.apply_sync(abs, 1) == 1
    view = rc[:]
    view.execute("a = 5", targets=[0, 1, 2], block=True)
    assert view.pull("globals().get('a')", block=True) == [5, 5, 5, None]
    assert rc.load_balanced_view([1]).map_sync(at_the_prompt(lambda _: 1), range(3)) == [1, 1, 1]
    with pytest.raises(IndexError, match="99"):
        rc[99]


def test_S0_34_flags_of_load_balanced_views(rc: ipp.Client) -> None:
    lv = rc.load_balanced_view()
    first = lv.apply_async(abs, -1)
    with lv.temp_flags(after=first, follow=first, timeout=30):
        second = lv.apply_async(abs, -2)
    assert lv.after is None and lv.follow is None and lv.timeout is None
    assert second.get(30) == 2 and second.engine_id == first.engine_id and second.started >= first.completed
    with pytest.raises(KeyError):
        rc[:].set_flags(follow=first)


def test_S0_35_S0_36_S0_70_execute_and_run(rc: ipp.Client, tmp_path: Path) -> None:
    script = tmp_path / "setup.py"
    script.write_text("y = x * 2\n")
    view = rc[1:3]
    view.execute("x = 3", block=True)
    view.run(str(script), block=True)
    assert view["y"] == [6, 6]
    with pytest.raises(OSError):
        view.run(str(tmp_path / "absent.py"))


def test_S0_38_view_makes_a_direct_view(rc: ipp.Client) -> None:
    assert rc.view([0, 1]).targets == [0, 1] and isinstance(rc.view(), ipp.DirectView)
    assert isinstance(rc.view(balanced=True), ipp.LoadBalancedView)


def test_S0_39_a_view_is_a_dictionary(rc: ipp.Client) -> None:
    dv = rc[:]
    dv["a"] = [1, 2]
    assert dv["a"] == [[1, 2]] * 4
    dv.block = True
    dv.update({"a": 1, "b": 2})
    assert dv.get("a") == [1] * 4 and dv.get(("a", "b")) == [[1, 2]] * 4 and rc[0]["b"] == 2


def test_S0_40_S0_41_scatter_and_gather(rc: ipp.Client) -> None:
    dv = rc[:]
    assert dv.scatter("a", range(16), block=True) == [None] * 4
    assert [list(part) for part in dv["a"]] == [[4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3] for i in range(4)]
    assert list(dv.gather("a", block=True)) == list(range(16))
    array = np.arange(10.0).reshape(5, 2)
    dv.scatter("m", array, block=True)
    assert np.array_equal(dv.gather("m").get(30), array)


def test_S0_43_references(rc: ipp.Client) -> None:
    rc[:].scatter("A", [10, 11, 12, 13], flatten=True, block=True)
    assert rc[:].apply_sync(at_the_prompt(lambda x, y: x + y), ipp.Reference("A"), 1) == [11, 12, 13, 14]
    with pytest.raises(ipp.RemoteError, match="NameError"):
        rc[0].apply_sync(abs, ipp.Reference("nowhere"))


def test_S0_58_control_overtakes_queued_work(rc: ipp.Client, gate) -> None:
    view = rc[0]
    running = view.apply_async(gate.hold, gate.path)
    queued = [view.apply_async(abs, i) for i in range(5)]
    rc.abort(queued[-1], targets=[0], block=True)  # answered while the engine is busy
    assert not running.ready()
    gate.open()
    assert [result.get(30) for result in queued[:-1]] == list(range(4))
    with pytest.raises(ipp.TaskAborted):
        queued[-1].get(30)


def test_S0_59_aborted_by_message_id(rc: ipp.Client, gate) -> None:
    from camshaft.error import AbortedTask

    view = rc[1]
    view.apply_async(gate.hold, gate.path)
    late = view.apply_async(abs, 1)
    rc.abort(late.msg_ids, block=True)
    with pytest.raises(AbortedTask):
        late.get(30)
    gate.open()
    with pytest.raises(TypeError):
        rc.abort([1.5])


def test_S0_60_clear_removes_every_name(rc: ipp.Client) -> None:
    dv = rc[:]
    dv.push({"a": 1, "b": 2}, block=True)
    rc[0].clear(block=True)
    assert dv.pull("'a' in globals()", block=True) == [False, True, True, True]
    dv.clear(block=True)
    assert dv.pull("'b' in globals()", block=True) == [False] * 4


def test_S0_61_shutdown_of_all(processes, cluster) -> None:
    started = cluster(1)
    with started.client() as rc:
        rc.shutdown(hub=True)
    assert started.controller.wait(30) == 0
    assert started.engines[0].wait(30) == 0


def test_S0_64_map_with_its_keywords(rc: ipp.Client, typed) -> None:
    def scaled(x, y):
        return x * y + offset  # noqa: F821

    xs, ys = range(10), range(10, 20)
    dv, lv = rc[:], rc.load_balanced_view()
    dv.push({"offset": 1}, block=True)
    expected = [x * y + 1 for x, y in zip(xs, ys, strict=True)]
    assert dv.map(scaled, xs, ys, block=True, bound=True) == expected
    assert lv.map(scaled, xs, ys, block=True, bound=True) == expected
    result = dv.map(pow, xs, [2] * 10, block=False)
    assert list(result) == [x**2 for x in xs] == list(lv.map_async(pow, xs, [2] * 10))
    assert sum(lv.map_async(abs, range(-5, 0))) == 15


def test_S0_65_decorators_and_classes(rc: ipp.Client) -> None:
    dv, lv = rc[:], rc.load_balanced_view()
    on_all = dv.remote(block=True)(at_the_prompt(lambda: 7))
    assert isinstance(on_all, ipp.RemoteFunction) and on_all() == [7] * 4
    square = lv.parallel(block=True)(at_the_prompt(lambda part: [x * x for x in part]))
    assert isinstance(square, ipp.ParallelFunction) and square(range(5)) == [0, 1, 4, 9, 16]
    needs = ipp.require("math")(at_the_prompt(lambda x: math.sqrt(x)))  # noqa: F821
    assert lv.apply_sync(needs, 9) == 3
    assert ipp.remote and ipp.parallel and ipp.depend and ipp.Dependency(["a"]) == {"a"}
