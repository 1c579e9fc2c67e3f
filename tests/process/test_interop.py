"""Ours and the original's, mixed: one suite of checks for every combination of client, engines and controller."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interop import COMBINATIONS, Combination, Site, Sites, get
from processes import wait_until

pytestmark = pytest.mark.official


@pytest.fixture(scope="module", params=COMBINATIONS, ids=str)
def site(sites: Sites, request: pytest.FixtureRequest) -> Site:
    return sites.site(request.param)


# -- who is who -------------------------------------------------------------------------------------------------------


def test_the_parts_are_what_they_claim(site: Site) -> None:
    """Else the other tests would prove nothing."""
    combination: Combination = site.combination
    expected = "ipyparallel" if combination.client == "official" else "camshaft"
    assert type(site.client).__module__.partition(".")[0] == expected
    modules = get(site.view.apply_async(site.mine(lambda: [m for m in __import__("sys").modules if "." in m])))
    for loaded in modules:
        assert ("ipykernel.kernelbase" in loaded) == (combination.engines == "official")
        assert ("camshaft.engine" in loaded) == (combination.engines == "ours")
    command = Path(f"/proc/{site.cluster.controller.pid}/cmdline").read_bytes().split(b"\0")
    assert (b"ipyparallel.controller" in command) == (combination.controller == "official")


# -- apply and map ----------------------------------------------------------------------------------------------------


def test_apply(site: Site) -> None:
    view, factor = site.view, 3
    assert get(view.apply_async(site.mine(lambda x, y=1: x * factor + y), 4, y=2)) == [14, 14]
    assert (
        view.apply_sync(site.mine(lambda *args, **kw: (args, kw)), 1, [2], a={"b": 3})
        == [((1, [2]), {"a": {"b": 3}})] * 2
    )
    assert len(set(get(view.apply_async(os.getpid)))) == 2
    assert site.client[site.ids[1]].apply_sync(abs, -5) == 5
    assert site.balanced.apply_sync(abs, -6) == 6


def test_names_resolve_on_the_engine(site: Site) -> None:
    site.view.execute("base = 100", block=True)

    @site.mine
    def add(x: int) -> int:
        return base + x  # type: ignore[name-defined]  # noqa: F821

    assert get(site.view.apply_async(add, 1)) == [101, 101]
    assert get(site.view.apply_async(site.package.Reference("base.__add__"), 2)) == [102, 102]
    assert get(site.view.apply_async(site.mine(lambda x: x), site.package.Reference("base * 2"))) == [200, 200]


_POINT = """
class Point:
    def __init__(self, x):
        self.x = x

    def doubled(self):
        return 2 * self.x
"""


def test_classes_and_functions_travel(site: Site) -> None:
    space = vars(sys.modules["__main__"])
    exec(_POINT, space)
    Point = space.pop("Point")
    assert get(site.view.apply_async(site.mine(lambda cls: cls(21).doubled()), Point)) == [42, 42]
    inner = site.mine(lambda x: x + 1)
    assert get(site.view.apply_async(site.mine(lambda f: f(1)), inner)) == [2, 2]
    made = get(site.client[site.ids[0]].apply_async(site.mine(lambda n: lambda x: x * n), 5))
    assert made(3) == 15


def test_metadata(site: Site) -> None:
    result = site.view.apply_async(site.mine(lambda: 1))
    get(result)
    for target, data in zip(site.ids, result.metadata, strict=True):
        assert data["status"] == "ok"
        assert data["engine_id"] == target
        assert data["submitted"] <= data["started"] <= data["completed"]
        assert data["engine_uuid"]


def test_map(site: Site) -> None:
    squares = [x * x for x in range(40)]
    square = site.mine(lambda x: x * x)
    assert list(get(site.view.map_async(square, range(40)))) == squares
    assert list(site.view.map_sync(site.mine(lambda a, b: a - b), [5, 6, 7], [1, 2, 3])) == [4, 4, 4]
    assert list(get(site.balanced.map_async(square, range(40)))) == squares
    assert list(get(site.balanced.map_async(square, range(40), chunksize=7))) == squares
    assert sorted(site.balanced.map_async(square, range(40), ordered=False)) == squares
    assert list(site.view.map_async(square, range(5))) == squares[:5]
    assert list(site.balanced.imap(square, range(9))) == squares[:9]


def test_map_over_an_array(site: Site) -> None:
    array = np.arange(11.0)
    assert list(get(site.view.map_async(site.mine(lambda x: x * 2), array))) == list(array * 2)


def test_many_small_tasks(site: Site) -> None:
    results = [site.balanced.apply_async(divmod, i, 7) for i in range(300)]
    assert [get(result) for result in results] == [divmod(i, 7) for i in range(300)]


# -- data -------------------------------------------------------------------------------------------------------------


def test_push_and_pull(site: Site) -> None:
    view = site.view
    get(view.push({"a": 5, "text": "x", "raw": b"\0" * 5000}, block=False))
    assert get(view.pull("a", block=False)) == [5, 5]
    assert get(view.pull(("a", "text"), block=False)) == [[5, "x"]] * 2
    assert get(view.pull("raw", block=False)) == [b"\0" * 5000] * 2
    view["b"] = {"nested": [1, 2]}
    assert view["b"] == [{"nested": [1, 2]}] * 2
    with pytest.raises(site.package.error.CompositeError, match="NameError"):
        get(view.pull("not_there", block=False))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(250_000, dtype=float).reshape(500, 500),
        np.asfortranarray(np.arange(6000.0).reshape(60, 100)),
        np.zeros((0, 3)),
        np.array(7.5),
        np.array([(1, 2.5)] * 200, dtype=[("i", "i4"), ("x", "f8")]),
        np.array([None, "text"], dtype=object),
        np.arange(5, dtype=">i2"),
    ],
    ids=["large", "fortran", "empty", "scalar", "structured", "object", "big-endian"],
)
def test_arrays_both_ways(site: Site, array: Any) -> None:
    get(site.view.push({"array": array}, block=False))
    for back in get(site.view.pull("array", block=False)):
        assert back.dtype == array.dtype
        assert back.shape == array.shape
        assert np.array_equal(back, array)
    assert (
        get(site.view.apply_async(site.mine(lambda x, y: (x.shape, str(x.dtype), (x == y).all())), array, array))
        == [(array.shape, str(array.dtype), True)] * 2
    )


def test_scatter_and_gather(site: Site) -> None:
    view = site.view
    get(view.scatter("part", list(range(9)), block=False))
    assert view["part"] == [[0, 1, 2, 3, 4], [5, 6, 7, 8]]
    assert list(get(view.gather("part", block=False))) == list(range(9))
    rows = np.arange(1600.0).reshape(16, 100)
    get(view.scatter("rows", rows, block=False))
    assert np.array_equal(get(view.gather("rows", block=False)), rows)


# -- code and output --------------------------------------------------------------------------------------------------


def test_execute_with_output_and_value(site: Site) -> None:
    code = "print('to stdout'); import sys; print('to stderr', file=sys.stderr); 6 * 7"
    result = site.view.execute(code, silent=False)
    get(result)
    result.wait_for_output(60)
    assert result.stdout == ["to stdout\n"] * 2
    assert result.stderr == ["to stderr\n"] * 2
    assert [data["execute_result"]["data"]["text/plain"] for data in result.metadata] == ["42", "42"]
    assert [data["execute_input"] for data in result.metadata] == [code] * 2


def test_execute_magic_and_display(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    code = "%env CAMSHAFT_TEST=1\nfrom IPython.display import display, HTML\ndisplay({'shown': 1}, HTML('<b>x</b>'))"
    result = site.view.execute(code, silent=False)
    get(result)
    result.wait_for_output(60)
    for outputs in result.outputs:
        assert outputs[0]["data"]["text/plain"] == "{'shown': 1}"
        assert outputs[1]["data"]["text/html"] == "<b>x</b>"
    assert get(site.view.apply_async(site.mine(lambda: __import__("os").environ["CAMSHAFT_TEST"]))) == ["1", "1"]
    capsys.readouterr()
    result.display_outputs()
    assert capsys.readouterr().out.count("env: CAMSHAFT_TEST=1") == 2


def test_output_of_apply(site: Site) -> None:
    @site.mine
    def speak(n: int) -> int:
        for i in range(n):
            print("line", i)
        return n

    result = site.view.apply_async(speak, 50)
    assert get(result) == [50, 50]
    result.wait_for_output(60)
    assert result.stdout == ["".join(f"line {i}\n" for i in range(50))] * 2


def test_output_belongs_to_its_task(site: Site) -> None:
    results = [site.balanced.apply_async(site.mine(lambda i: print("mine", i)), i) for i in range(20)]
    for i, result in enumerate(results):
        get(result)
        result.wait_for_output(60)
        assert result.stdout == f"mine {i}\n"


def test_run_a_file(site: Site, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from_file = [n for n in range(3)]\n")
    get(site.view.run(str(script), block=False))
    assert site.view["from_file"] == [[0, 1, 2]] * 2


# -- errors -----------------------------------------------------------------------------------------------------------


def test_errors(site: Site) -> None:
    error = site.package.error

    @site.mine
    def fail() -> None:
        raise ValueError("told you")

    with pytest.raises(error.CompositeError) as caught:
        get(site.view.apply_async(fail))
    assert [(ename, evalue) for ename, evalue, _, _ in caught.value.elist] == [("ValueError", "told you")] * 2
    assert all("fail" in traceback and "told you" in traceback for _, _, traceback, _ in caught.value.elist)
    assert [info["engine_id"] for *_, info in caught.value.elist] == site.ids
    assert "ValueError" in str(caught.value)
    with pytest.raises(error.RemoteError) as alone:
        get(site.client[site.ids[0]].apply_async(fail))
    assert (alone.value.ename, alone.value.evalue) == ("ValueError", "told you")
    assert "fail" in alone.value.traceback
    with pytest.raises(error.RemoteError, match="told you"):
        get(site.balanced.apply_async(fail))
    assert get(site.view.apply_async(site.mine(lambda: "still here"))) == ["still here"] * 2


def test_errors_of_execute(site: Site) -> None:
    for code, name in (("1 / 0", "ZeroDivisionError"), ("def broken(:", "SyntaxError"), ("nothing_such", "NameError")):
        with pytest.raises(site.package.error.CompositeError, match=name):
            get(site.view.execute(code))


def test_errors_in_map(site: Site) -> None:
    inverse = site.mine(lambda x: 1 / x)
    with pytest.raises(site.package.error.RemoteError, match="ZeroDivisionError"):
        get(site.balanced.map_async(inverse, [1, 0, 2]))
    values = get(site.balanced.map_async(inverse, [1, 0, 2], return_exceptions=True))
    assert [values[0], values[2]] == [1, 0.5]
    assert values[1].ename == "ZeroDivisionError"


def test_system_exit_is_an_error_and_the_engine_stays(site: Site) -> None:
    with pytest.raises(site.package.error.CompositeError, match="SystemExit"):
        get(site.view.apply_async(site.mine(lambda: exec("raise SystemExit(3)"))))
    assert sorted(site.client.ids)[:2] == site.ids


def test_a_result_that_cannot_be_pickled_is_an_error(site: Site) -> None:
    with pytest.raises(site.package.error.CompositeError):
        get(site.view.apply_async(site.mine(lambda: (_ for _ in ()))))


# -- control ----------------------------------------------------------------------------------------------------------


def test_abort(site: Site, tmp_path: Path) -> None:
    engine = site.client[site.ids[0]]
    with site.held(site.ids[0], tmp_path):
        waiting = [engine.apply_async(site.mine(lambda: "ran")) for _ in range(3)]
        engine.abort(waiting[:2], block=True)
    for result in waiting[:2]:
        with pytest.raises(site.package.error.TaskAborted):
            get(result)
    assert get(waiting[2]) == "ran"


def test_abort_everything(site: Site, tmp_path: Path) -> None:
    engine = site.client[site.ids[0]]
    with site.held(site.ids[0], tmp_path):
        waiting = engine.apply_async(site.mine(lambda: "ran"))
        # the running one is past aborting
        engine.abort(block=True)
    with pytest.raises(site.package.error.TaskAborted):
        get(waiting)


def test_interrupt(site: Site, tmp_path: Path) -> None:
    started = tmp_path / "started"

    @site.mine
    def sleep(started: str) -> None:
        import pathlib
        import time

        pathlib.Path(started).touch()
        while True:
            time.sleep(0.01)

    running = site.client[site.ids[0]].apply_async(sleep, str(started))
    wait_until(started.exists, "the endless function")
    site.client.send_signal(signal.SIGINT, targets=site.ids[0], block=True)
    with pytest.raises(site.package.error.RemoteError, match="KeyboardInterrupt"):
        get(running)


def test_clear(site: Site) -> None:
    get(site.view.push({"gone": 1}, block=False))
    site.client.clear(targets=site.ids, block=True)
    with pytest.raises(site.package.error.CompositeError, match="NameError"):
        get(site.view.pull("gone", block=False))
    assert get(site.view.apply_async(abs, -1)) == [1, 1]


def test_dependencies_on_tasks(site: Site, tmp_path: Path) -> None:
    view = site.balanced
    first = view.apply_async(site.mine(lambda: __import__("os").getpid()))
    with view.temp_flags(follow=first):
        second = view.apply_async(site.mine(lambda: __import__("os").getpid()))
    with view.temp_flags(after=[first, second]):
        third = view.apply_async(site.mine(lambda: "third"))
    assert get(first) == get(second)
    assert get(third) == "third"
    failed = view.apply_async(site.mine(lambda: 1 / 0))
    with view.temp_flags(after=failed):
        impossible = view.apply_async(abs, -1)
    with pytest.raises(site.package.error.RemoteError, match="ImpossibleDependency"):
        get(impossible)


def test_functional_dependencies(site: Site) -> None:
    site.client[site.ids[0]].execute("colour = 'red'", block=True)
    site.client[site.ids[1]].execute("colour = 'blue'", block=True)
    package = site.package

    @package.depend(site.mine(lambda wanted: colour == wanted), "blue")  # type: ignore[name-defined]  # noqa: F821
    @site.mine
    def where() -> str:
        return colour  # type: ignore[name-defined]  # noqa: F821

    assert [get(result) for result in [site.balanced.apply_async(where) for _ in range(6)]] == ["blue"] * 6

    @package.depend(site.mine(lambda: False))
    @site.mine
    def never() -> None: ...

    with pytest.raises(package.error.RemoteError, match="ImpossibleDependency|UnmetDependency"):
        get(site.chosen.apply_async(never))


def test_require(site: Site) -> None:
    package = site.package

    @site.mine
    def helper(x: int) -> int:
        return x + 1

    @package.require("json", helper, limit=10)
    @site.mine
    def uses() -> str:
        return json.dumps([helper(limit)])  # type: ignore[name-defined]  # noqa: F821

    assert get(site.balanced.apply_async(uses)) == "[11]"
    assert get(site.client[site.ids[0]].apply_async(uses)) == "[11]"

    @package.require("no_such_module_anywhere")
    @site.mine
    def cannot() -> None: ...

    with pytest.raises(package.error.RemoteError, match="ImpossibleDependency|UnmetDependency"):
        get(site.chosen.apply_async(cannot))


def test_sync_imports(site: Site) -> None:
    view = site.view
    view.block = True
    with view.sync_imports(quiet=True):
        import colorsys  # noqa: F401
        from fractions import Fraction  # noqa: F401
    assert view.pull("colorsys.__name__") == ["colorsys"] * 2
    assert view.pull("str(Fraction(2, 4))") == ["1/2"] * 2


# -- the controller's knowledge ---------------------------------------------------------------------------------------


def test_queue_status(site: Site, tmp_path: Path) -> None:
    here = site.ids[0]
    site.recorded(site.client[here].apply_async(abs, -1))  # whatever came before it is over, too
    before = site.client.queue_status()
    assert set(before) >= {*site.ids, "unassigned"}
    assert before[here]["queue"] == 0
    with site.held(here, tmp_path) as running:
        behind = site.client[here].apply_async(abs, -1)
        status = wait_until(
            lambda: (s := site.client.queue_status())[here]["queue"] == 2 and s, "two messages in the queue"
        )
        assert status[site.ids[1]]["queue"] == 0
        verbose = site.client.queue_status(targets=[here], verbose=True)
        assert verbose[here]["queue"] == [running.msg_ids[0], behind.msg_ids[0]]
    site.recorded(running, behind)
    assert site.client.queue_status()[here]["completed"] == before[here]["completed"] + 2
    task = site.balanced.apply_async(abs, -1)
    site.recorded(task)
    total = sum(site.client.queue_status()[i]["completed"] for i in site.ids)
    assert total == sum(before[i]["completed"] for i in site.ids) + 3


@pytest.mark.parametrize("kind", ["ours", "official"])
def test_a_second_client_gets_the_result(site: Site, kind: Any) -> None:
    direct = site.client[site.ids[0]].apply_async(site.mine(lambda: missing_name))  # type: ignore[name-defined]  # noqa: F821
    # a large result of our engines for our client has a form that only our clients read
    own = site.combination.client == site.combination.engines == "ours"
    array = np.arange(20.0 if own and kind == "official" else 1000.0)
    task = site.balanced.apply_async(site.mine(lambda x: ["answer", 2 * x]), array)
    site.recorded(direct, task)
    with site.another_client(kind) as other:
        fetched = other.get_result(task.msg_ids[0])
        name, doubled = get(fetched)
        assert name == "answer"
        assert np.array_equal(doubled, array * 2)
        assert fetched.metadata["engine_id"] in site.ids
        with pytest.raises(Exception, match="NameError"):
            get(other.get_result(direct.msg_ids[0]))
        assert {task.msg_ids[0], direct.msg_ids[0]} <= set(other.hub_history())


def test_a_second_client_waits_for_a_result(site: Site, tmp_path: Path) -> None:
    with site.another_client(site.combination.client) as other:
        with site.held(site.ids[0], tmp_path) as running:
            wait_until(lambda: running.msg_ids[0] in other.hub_history(), "the hub to hear of it")
            fetched = other.get_result(running.msg_ids[0], block=False)
            assert not fetched.ready()
        assert get(fetched) == "released"


def test_db_query_and_purge(site: Site) -> None:
    task = site.balanced.apply_async(abs, -3)
    site.recorded(task)
    (record,) = site.client.db_query({"msg_id": task.msg_ids[0]}, keys=["msg_id", "completed", "engine_uuid"])
    assert record["msg_id"] == task.msg_ids[0]
    assert record["completed"] is not None
    site.client.purge_hub_results(task.msg_ids)
    assert site.client.db_query({"msg_id": task.msg_ids[0]}) == []


# -- engines come and go ----------------------------------------------------------------------------------------------


def test_join_shutdown_and_leave(site: Site) -> None:
    known = set(site.client.ids)
    process = site.cluster.add_engine()
    (new,) = wait_until(lambda: set(site.client.ids) - known, "the engine to join")
    assert site.client[new].apply_sync(abs, -7) == 7
    assert new in site.client.queue_status()
    site.client.shutdown(targets=new, block=True)
    process.wait()
    wait_until(lambda: set(site.client.ids) == known, "the engine to leave")
    with pytest.raises(IndexError):
        site.client[new].apply_sync(abs, -7)
    site.cluster.engines.remove(process)


def test_a_killed_engine_fails_its_tasks(site: Site, tmp_path: Path) -> None:
    known = set(site.client.ids)
    process = site.cluster.add_engine()
    (new,) = wait_until(lambda: set(site.client.ids) - known, "the engine to join")
    started = tmp_path / "started"

    @site.mine
    def hang(started: str) -> None:
        import pathlib
        import time

        pathlib.Path(started).touch()
        while True:
            time.sleep(0.01)

    running = site.client[new].apply_async(hang, str(started))
    wait_until(started.exists, "the function to start")
    process.kill()
    with pytest.raises(site.package.error.RemoteError, match="EngineError"):
        get(running)
    wait_until(lambda: set(site.client.ids) == known, "the engine to leave")
    site.cluster.engines.remove(process)
    assert get(site.view.apply_async(abs, -1)) == [1, 1]
