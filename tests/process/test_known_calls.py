"""A function that a view has sent before is sent again as it was; whoever changes anything sees the change."""

from __future__ import annotations

import colorsys
import os
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from camshaft import error
from camshaft.serialize import choice
from processes import ClusterUnderTest, wait_until
from processes import at_the_prompt as by_value


def at_the_prompt(f: Any) -> Any:
    """`f` with this process's `__main__` as its module, as functions of scripts and prompts have it."""
    function = types.FunctionType(f.__code__, vars(sys.modules["__main__"]), f.__name__, f.__defaults__)
    function.__module__ = "__main__"
    return function


@pytest.fixture
def view(rc: Any) -> Iterator[Any]:
    made = rc.load_balanced_view()
    yield made
    choice.use_pickle()


def shortly(view: Any, f: Callable[..., Any], *args: Any) -> Any:
    """The result of `f` if the view takes the short way, else 'long'."""
    request = view._calls.submit(f, args) if view._calls is not None else None
    if request is None:
        return "long"
    assert view.client._core.wait([request], 30)
    assert request.status == "ok"
    return pickle.loads(request.small_result)


def test_results_are_the_same(view: Any) -> None:
    f = at_the_prompt(lambda *args: args)
    for args in ((), (1,), (1, 2.5, "text", None, True, 3j, 10**30, "\ud83d"), ([1, 2], {"a": 1}), (b"bytes",)):
        assert view.apply_sync(f, *args) == args
        assert view.apply_sync(f, *args) == args
        assert view.apply_async(f, *args).get(30) == args
    assert shortly(view, f, 1) == (1,)
    assert shortly(view, f, [1]) == "long"
    assert view.apply_sync(at_the_prompt(lambda **named: named), x=1) == {"x": 1}


def test_results_are_known_to_client_and_view(view: Any) -> None:
    f = at_the_prompt(lambda x: x)
    view.label = "mine"
    results = [view.apply_async(f, n) for n in range(5)]
    ids = [result.msg_ids[0] for result in results]
    assert view.history == ids
    assert view.client.history[-5:] == ids
    assert view.client.get_result(ids[2]) is results[2]
    assert [result.get(30) for result in results] == list(range(5))
    assert results[3].get() == 3
    assert not set(ids) & set(view.client._by_id)
    assert results[4].metadata["label"] == "mine"
    assert results[4].metadata["status"] == "ok"


def test_errors_arrive(view: Any) -> None:
    f = at_the_prompt(lambda x: 1 / x)
    assert view.apply_sync(f, 1) == 1
    result = view.apply_async(f, 0)
    with pytest.raises(error.RemoteError, match="ZeroDivisionError"):
        result.get(30)
    assert isinstance(result.get(return_exceptions=True), error.RemoteError)
    assert not result.successful()


def test_a_changed_function_is_sent_as_it_is_now(view: Any) -> None:
    f = at_the_prompt(lambda x=1: x)
    assert view.apply_sync(f) == 1
    assert shortly(view, f) == 1
    f.__defaults__ = (5,)
    assert shortly(view, f) == "long"
    assert view.apply_sync(f) == 5
    f.__code__ = (lambda x=1: x + 7).__code__
    assert shortly(view, f) == "long"
    assert view.apply_sync(f) == 12
    assert shortly(view, f) == 12
    f.note = "new"
    assert shortly(view, f) == "long"
    f.__dict__.clear()
    f.__annotations__["x"] = int
    assert shortly(view, f) == "long"
    assert view.apply_sync(f) == 12


def test_an_imported_function_is_sent_while_its_name_leads_to_it(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    f = colorsys.rgb_to_yiq
    assert view.apply_sync(f, 0, 0, 0) == (0, 0, 0)
    assert shortly(view, f, 0, 0, 0) == (0, 0, 0)
    monkeypatch.setattr(colorsys, "rgb_to_yiq", None)
    assert shortly(view, f, 0, 0, 0) == "long"


def test_flags_and_picklers_count_from_the_next_call_on(view: Any) -> None:
    f = at_the_prompt(lambda: 1)
    view.apply_sync(f)
    assert shortly(view, f) == 1
    view.targets = 0
    assert shortly(view, f) == "long"
    result = view.apply_async(f)
    assert result.get(30) == 1
    assert result.metadata["engine_id"] == 0
    with view.temp_flags(after=[result]):
        assert view.apply_sync(f) == 1
        assert shortly(view, f) == "long"
    view.apply_sync(f)
    assert shortly(view, f) == 1
    choice.use("cloudpickle")
    assert view.apply_sync(f) == 1


def test_an_engine_that_comes_or_goes_makes_functions_unknown(cluster: Callable[..., ClusterUnderTest]) -> None:
    made = cluster(1)
    view = made.client().load_balanced_view()
    f = at_the_prompt(lambda: 1)
    view.apply_sync(f)
    assert shortly(view, f) == 1
    made.add_engine()
    view.client.wait_for_engines(2, timeout=60, interactive=False)
    assert shortly(view, f) == "long"
    assert view.apply_sync(f) == 1
    assert shortly(view, f) == 1
    view.client.close()
    assert shortly(view, f) == "long"
    with pytest.raises(OSError, match="closed"):
        view.apply_sync(f)


def test_an_engine_reads_a_function_again_that_has_changed_itself(view: Any) -> None:
    def changed() -> int:
        import gc
        import sys

        code = sys._getframe().f_code
        for me in gc.get_referrers(code):
            if type(me).__name__ == "function":
                me.calls = getattr(me, "calls", 0) + 1
        return max(getattr(me, "calls", 0) for me in gc.get_referrers(code) if type(me).__name__ == "function")

    view.targets = 0
    f = at_the_prompt(changed)
    assert [view.apply_sync(f) for _ in range(4)] == [1, 1, 1, 1]


def test_arguments_are_made_anew_for_each_call(view: Any) -> None:
    view.targets = 0
    f = at_the_prompt(lambda *args, **kwargs: (args, kwargs.setdefault("n", len(kwargs))))
    assert [view.apply_sync(f) for _ in range(3)] == [((), 0)] * 3
    g = at_the_prompt(lambda items: items.append(1) or items)
    assert [view.apply_sync(g, [0]) for _ in range(3)] == [[0, 1]] * 3


def test_imported_functions_and_closures_run_again_and_again(view: Any) -> None:
    assert [view.apply_sync(colorsys.rgb_to_yiq, 0, 0, 0) for _ in range(3)] == [(0, 0, 0)] * 3

    def adder(n: int) -> Callable[[int], int]:
        return lambda x: x + n

    assert [view.apply_sync(by_value(adder(n)), 1) for n in (1, 2, 1, 2)] == [2, 3, 2, 3]
    assert [view.apply_sync(len, (1, 2)) for _ in range(3)] == [2] * 3


def test_a_view_of_one_engine_sends_known_functions_to_that_engine(rc: Any) -> None:
    view = rc[1]
    f = at_the_prompt(lambda x: x + 1)
    assert [view.apply_sync(f, n) for n in range(3)] == [1, 2, 3]
    assert shortly(view, f, 4) == 5
    result = view.apply_async(f, 1)
    assert result.get(30) == 2
    assert result.metadata["engine_id"] == 1
    assert view.history[-1] == result.msg_ids[0]
    view.targets = 0
    assert shortly(view, f, 4) == "long"
    view.label = "mine"
    view.apply_sync(f, 1)
    result = view.apply_async(f, 1)
    assert result.get(30) == 2
    assert (result.metadata["engine_id"], result.metadata["label"]) == (0, "mine")
    many = rc[:]
    assert many.apply_sync(f, 1) == many.apply_sync(f, 1) == [2] * len(rc)


def test_an_engine_that_has_died_gets_no_known_function(cluster: Callable[..., ClusterUnderTest]) -> None:
    made = cluster(1)
    view = made.client()[0]
    f = at_the_prompt(lambda: __import__("os").getpid())
    pid = view.apply_sync(f)
    assert shortly(view, f) == pid
    os.kill(pid, 9)
    wait_until(lambda: not view.client.ids, "the engine is gone")
    assert shortly(view, f) == "long"
    with pytest.raises((error.NoEnginesRegistered, IndexError)):
        view.apply_sync(f)
