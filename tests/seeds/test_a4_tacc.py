"""The tutorial of 2012, step by step."""

from __future__ import annotations

import os

import camshaft as ipp
import numpy as np
import pytest
from processes import at_the_prompt

pow10 = at_the_prompt(lambda x: x**10)


def test_S4_5_S2_1_two_ways_to_start(rc: ipp.Client, seed_cluster, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rc.ids == [0, 1, 2, 3]  # by hand: ipcontroller, then four times ipengine
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    with ipp.Cluster(n=1, log_level=30) as automatic:
        assert automatic[:].apply_sync(pow, 2, 3) == [8]


def test_S4_8_ids(rc: ipp.Client) -> None:
    assert rc.ids == [0, 1, 2, 3]


def test_S4_9_S2_2_all_engines(rc: ipp.Client) -> None:
    assert isinstance(rc[:], ipp.DirectView) and rc[:].targets == rc.ids
    assert isinstance(rc.load_balanced_view(), ipp.LoadBalancedView)


def test_S4_10_map_sync(dv: ipp.DirectView) -> None:
    assert dv.map_sync(pow10, range(32)) == [x**10 for x in range(32)]


def test_S4_11_remote_decorator(dv: ipp.DirectView) -> None:
    @dv.remote(block=True)
    @at_the_prompt
    def getpid():
        import os

        return os.getpid()

    pids = getpid()
    assert len(set(pids)) == 4 and os.getpid() not in pids


def test_S4_12_parallel_decorator(dv: ipp.DirectView) -> None:
    A = np.random.default_rng(1).random((64, 48))

    @dv.parallel(block=True)
    @at_the_prompt
    def pmul(A, B):
        return A * B

    assert np.array_equal(pmul(A, A), A * A)


def test_S4_13_parallel_call_is_not_map(dv: ipp.DirectView) -> None:
    f = dv.parallel(block=True)(at_the_prompt(lambda x: [type(x).__name__] if hasattr(x, "__len__") else x + 1))
    assert f(list(range(8))) == ["list"] * 4
    assert list(f.map(range(8))) == list(range(1, 9))


def test_S4_14_blocking_view(dv: ipp.DirectView) -> None:
    dv.block = True
    dv["a"], dv["b"] = 10, 12
    assert dv.apply(at_the_prompt(lambda x: a + b + x), 5) == [27] * 4  # noqa: F821


def test_S4_15_by_parity(rc: ipp.Client) -> None:
    v = rc[:]
    v.push({"a": 10, "b": 12}, block=True)
    rc[::2].execute("c = a + b", block=True)
    rc[1::2].execute("c = a - b", block=True)
    assert v["c"] == [22, -2, 22, -2]


def test_S4_16_non_blocking(dv: ipp.DirectView, gate) -> None:
    @at_the_prompt
    def wait(t):
        import time

        tic = time.time()
        time.sleep(t)
        return time.time() - tic

    held = dv.apply_async(gate.hold, gate.path)
    result = dv.apply_async(wait, 0.01)
    assert not result.ready()
    with pytest.raises(ipp.TimeoutError):
        result.get(0.01)
    gate.open()
    assert all(isinstance(t, float) for t in result.get()) and result.ready() and held.ready()


def test_S4_17_push_and_pull(rc: ipp.Client) -> None:
    v = rc[:]
    v.block = True
    assert v.push({"a": 1.03, "b": 3453}) == [None] * 4
    assert v.pull("a") == [1.03] * 4 and v.pull(("a", "b")) == [[1.03, 3453]] * 4
    assert v.pull("b", targets=0) == 3453


def test_S4_18_non_blocking_pull(rc: ipp.Client) -> None:
    rc[:].push({"a": 1}, block=True)
    nb = rc[:]
    nb.block = False
    result = nb.pull("a")
    assert isinstance(result, ipp.AsyncResult) and result.get() == [1] * 4


def test_S4_20_sync_imports(rc: ipp.Client, capsys: pytest.CaptureFixture[str]) -> None:
    with rc[:].sync_imports():
        import json
    assert "importing json on engine(s)" in capsys.readouterr().out
    assert json.dumps([1]) == "[1]"
    assert rc[:].apply_sync(at_the_prompt(lambda: json.dumps([1]))) == ["[1]"] * 4  # the engines' own


def test_S4_29_S3_25_views_of_ones_own(rc: ipp.Client) -> None:
    class Reducing(ipp.DirectView):
        """Adds up what the engines return."""

        def total(self, f, *args):
            return sum(self.apply_sync(f, *args))

    assert Reducing(rc, rc.ids).total(abs, -2) == 8
