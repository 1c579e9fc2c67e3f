"""BroadcastView on four real engines, coalescing and not."""

from __future__ import annotations

import os
import time
from typing import Any

import camshaft as ipp
import numpy
import pytest


@pytest.fixture(params=[False, True], ids=["parts", "coalescing"])
def view(rc: Any, request: pytest.FixtureRequest) -> Any:
    return rc.broadcast_view(is_coalescing=request.param)


def test_results_are_in_the_order_of_the_targets(rc: Any, view: Any) -> None:
    numbers = dict(zip(rc.ids, rc[:].apply_sync(os.getpid), strict=True))
    for targets in (rc.ids, rc.ids[::-1], rc.ids[1:3], rc.ids[:1]):
        view.targets = targets
        result = view.apply_async(os.getpid)
        assert result.get(60) == [numbers[i] for i in targets]
        assert result.get_dict() == {i: numbers[i] for i in targets}
        assert result["engine_id"] == targets
        assert list(result) == result.get()
        assert len(result) == len(targets)


def test_arguments_and_results_of_any_size(view: Any) -> None:
    array = numpy.arange(100_000)
    for doubled in view.apply_sync(numpy.multiply, array, 2):
        assert (doubled == array * 2).all()
    assert view.apply_sync(dict, a=b"x" * 10_000, b=[1]) == [{"a": b"x" * 10_000, "b": [1]}] * 4


def test_one_message_each_way(rc: Any) -> None:
    assert len(rc.broadcast_view().apply_async(os.getpid).msg_ids) == 4
    coalesced = rc.broadcast_view(coalescing=True).apply_async(os.getpid)  # the name of the manuals
    assert len(coalesced.msg_ids) == 1
    assert coalesced.get(60)


def test_errors_name_the_failure(rc: Any, view: Any) -> None:
    rc[:].scatter("rank", range(4), flatten=True, block=True)
    result = view.apply_async(eval, "1 / rank", ipp.Reference("globals()"))
    with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
        result.get(60)
    assert view.apply_sync(eval, "1 + rank", ipp.Reference("globals()")) == [1, 2, 3, 4]


def test_code_data_and_output(rc: Any, view: Any, tmp_path: Any) -> None:
    view.block = True
    view["a"] = 5
    assert view["a"] == [5] * 4
    result = view.execute("print(a); a", silent=False, label="mine")
    assert [part.stdout for part in result.metadata] == ["5\n"] * 4
    assert [reply.data["text/plain"] for reply in result.get()] == ["5"] * 4
    assert result.metadata[0].label == "mine"
    file = tmp_path / "code.py"
    file.write_text("b = a + 1")
    view.run(str(file))
    assert view.pull("b") == [6] * 4


def test_each_engine_its_part(view: Any) -> None:
    view.block = True
    view.scatter("x", range(8))
    assert view.gather("x") == list(range(8))
    assert view.map(abs, range(-8, 0)) == [8, 7, 6, 5, 4, 3, 2, 1]


def test_outputs_of_a_call(view: Any) -> None:
    result = view.apply_async(eval, "print('said')")
    result.get(60)
    result.wait_for_output(60)
    said = result.metadata.stdout if view.is_coalescing else "".join(part.stdout for part in result.metadata)
    assert said == "said\n" * 4


@pytest.mark.parametrize("coalescing", [False, True])
def test_an_engine_that_dies_fails_its_part(four: Any, coalescing: bool) -> None:
    engine = four.add_engine()
    client = four.client()
    mortal = max(client.ids)
    view = client.broadcast_view([client.ids[0], mortal], is_coalescing=coalescing)
    client[mortal].apply_async(time.sleep, 1000)
    stuck = view.apply_async(os.getpid)
    engine.kill()
    four.engines.remove(engine)
    with pytest.raises(ipp.RemoteError, match="EngineError"):
        stuck.get(60)
