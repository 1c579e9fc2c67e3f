"""The task interface of 2012: balanced views, dependencies, retries."""

from __future__ import annotations

import os
import platform

import camshaft as ipp
import pytest
from processes import at_the_prompt

nap = at_the_prompt(lambda seconds=0.2: __import__("time").sleep(seconds))
fail = at_the_prompt(lambda: 1 / 0)
getpid = os.getpid
on_platform = at_the_prompt(lambda name: __import__("sys").platform.startswith(name))


def remote_name(result: ipp.AsyncResult) -> str:
    with pytest.raises(ipp.RemoteError) as caught:
        result.get(30)
    return caught.value.ename


def test_S1_1_tasks_beside_direct_calls(rc: ipp.Client) -> None:
    tasks = rc.load_balanced_view().map_async(abs, range(-20, 0))
    assert rc[:].apply_sync(abs, -1) == [1] * 4
    assert tasks.get(60) == list(range(20, 0, -1))
    assert set(tasks.engine_id) <= set(rc.ids)


def test_S1_2_S1_3_S1_5_a_cluster_of_four_found_by_profile(seed_cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(seed_cluster.processes.ipython_dir))
    with ipp.Client() as default, ipp.Client(profile="default") as named:
        default.wait_for_engines(4, timeout=60)
        assert default.ids == named.ids == [0, 1, 2, 3]
    with pytest.raises(OSError, match="mpi"):
        ipp.Client(profile="mpi", timeout=0.1)


def test_S1_6_S1_40_load_balanced_view(rc: ipp.Client) -> None:
    lv = rc.load_balanced_view()
    assert isinstance(lv, ipp.LoadBalancedView) and lv.targets is None
    result = lv.apply_async(pow, 2, 3)
    assert result.get(30) == rc.get_result(result.msg_ids[0]).get(30) == 8


def test_S1_7_balanced_argument(rc: ipp.Client) -> None:
    ten = at_the_prompt(lambda x: 10.0 * x**4)
    expected = [10.0 * x**4 for x in range(32)]
    assert rc.map(ten, range(32), balanced=True, block=True) == expected == rc.map(ten, range(32), block=True)
    assert len(rc.map(ten, range(32), balanced=True, block=False)) == 32

    @rc.parallel(balanced=True, block=True)
    @at_the_prompt
    def doubled(part):
        return [2 * x for x in part]

    assert doubled(range(6)) == [0, 2, 4, 6, 8, 10]


def test_S1_8_blocking_view_maps_like_the_builtin(lv: ipp.LoadBalancedView) -> None:
    lv.block = True
    f = at_the_prompt(lambda x: x**10)
    assert lv.map(f, range(32)) == list(map(f, range(32)))


def test_S1_9_parallel_functions_map(lv: ipp.LoadBalancedView) -> None:
    lv.block = True
    f = lv.parallel()(at_the_prompt(lambda x: 10.0 * x**4))
    assert f.map(range(32))[:3] == [0.0, 10.0, 160.0]


def test_S1_10_S1_11_results_as_they_come(lv: ipp.LoadBalancedView, gate) -> None:
    assert list(lv.map_async(abs, range(8))) == list(range(8))
    arriving = iter(lv.map_async(gate.hold, [gate.path] + ["/"] * 7, range(8), ordered=False))
    seen = [next(arriving) for _ in range(7)]
    assert sorted(seen) == list(range(1, 8))  # the first one keeps nobody waiting
    gate.open()
    assert next(arriving) == 0
    assert lv.map_sync(abs, range(-10, 0), chunksize=4) == list(range(10, 0, -1))


def test_S1_12_split_by_message_ids(rc: ipp.Client, lv: ipp.LoadBalancedView) -> None:
    result = lv.map_async(at_the_prompt(lambda x: x + 1), range(6))
    pending, seen = set(result.msg_ids), {}
    while pending:
        rc.wait(pending, 0.01)
        finished = pending - rc.outstanding
        pending -= finished
        for msg_id in finished:
            part = rc.get_result(msg_id)
            seen[msg_id] = part.get(30)
            assert part.engine_id in rc.ids
    assert sorted(seen.values()) == list(range(1, 7)) and len(result.split()) == 6


def test_S1_13_S1_23_S1_26_graph_dependencies(lv: ipp.LoadBalancedView) -> None:
    a, b = lv.apply_async(nap), lv.apply_async(nap, 0.3)
    with lv.temp_flags(after=[a, b]):
        c = lv.apply_async(getpid)
    with lv.temp_flags(after=[c.msg_ids[0]], follow=c):
        d = lv.apply_async(getpid)
    assert c.get(60) == d.get(60) and c.engine_id == d.engine_id
    assert c.started >= max(a.completed, b.completed)


def test_S1_14_pure_scheduler_of_the_original_rejects_dependencies(cluster) -> None:
    rc = cluster(1, controller="official", controller_args=["--scheme=pure"]).client()
    lv = rc.load_balanced_view()
    with lv.temp_flags(after=["x"]), pytest.raises(RuntimeError, match="pure"):
        lv.apply_async(getpid)


def test_S1_39_pure_scheme(cluster) -> None:
    lv = cluster(2, controller_args=["--scheme=pure"]).client().load_balanced_view()
    assert lv.map_sync(abs, range(-20, 0)) == list(range(20, 0, -1))
    with lv.temp_flags(retries=1), pytest.raises(RuntimeError, match="pure"):
        lv.apply_async(getpid)


def test_S1_15_unmet_dependency_tries_each_engine_once(rc: ipp.Client) -> None:
    lv = rc.load_balanced_view(rc.ids)  # of any engines, it would wait for more to come
    rc[:].push({"tries": 0}, block=True)
    rc[:].scatter("rank", range(4), flatten=True, block=True)

    @at_the_prompt
    def only_on_two():
        from camshaft.error import UnmetDependency

        globals()["tries"] += 1
        if rank != 2:  # noqa: F821
            raise UnmetDependency()
        return rank  # noqa: F821

    assert lv.apply_sync(only_on_two) == 2
    assert max(rc[:]["tries"]) == 1

    @at_the_prompt
    def nowhere():
        from camshaft.error import UnmetDependency

        globals()["tries"] = globals().get("tries", 0) + 1
        raise UnmetDependency()

    rc[:].push({"tries": 0}, block=True)
    assert remote_name(lv.apply_async(nowhere)) in ("ImpossibleDependency", "UnmetDependency")
    assert rc[:]["tries"] == [1] * 4  # never twice on one engine


def test_S1_16_where_the_names_live() -> None:
    from camshaft import depend, dependent, require
    from camshaft.error import DependencyTimeout, ImpossibleDependency, UnmetDependency

    assert issubclass(ImpossibleDependency, UnmetDependency) and issubclass(DependencyTimeout, ImpossibleDependency)
    assert all(callable(name) for name in (depend, dependent, require))


def test_S1_17_require_imports_first(rc: ipp.Client) -> None:
    lv = rc.load_balanced_view(rc.ids)

    @ipp.require("math", "json")
    @at_the_prompt
    def root(x):
        return json.dumps(math.sqrt(x))  # noqa: F821

    assert lv.apply_sync(root, 9) == "3.0"
    absent = ipp.require("no_such_module_anywhere")(at_the_prompt(lambda: 1))
    assert remote_name(lv.apply_async(absent)) == "ImpossibleDependency"


def test_S1_18_S1_19_functional_dependencies(rc: ipp.Client) -> None:
    lv = rc.load_balanced_view(rc.ids)
    here = platform.system().lower()
    rc[:].scatter("rank", range(4), flatten=True, block=True)
    rank_is = at_the_prompt(lambda wanted: rank == wanted)  # noqa: F821
    work = at_the_prompt(lambda x: (rank, x))  # noqa: F821
    assert ipp.depend(on_platform, here)(work).f is work
    assert lv.apply_sync(ipp.depend(on_platform, here)(at_the_prompt(lambda: 1))) == 1
    for wanted in (1, 3):
        assert lv.apply_sync(ipp.dependent(work, rank_is, wanted), 5) == (wanted, 5)
    none = ipp.depend(at_the_prompt(lambda: None))(at_the_prompt(lambda: "ran"))
    assert lv.apply_sync(none) == "ran"  # anything but False lets it run
    assert remote_name(lv.apply_async(ipp.depend(on_platform, "plan9")(getpid))) == "ImpossibleDependency"


def test_S1_20_dependency_is_a_set() -> None:
    d = ipp.Dependency(["a", "b"])
    assert isinstance(d, set) and d == {"a", "b"} and (d.all, d.success, d.failure) == (True, True, False)
    assert ipp.Dependency(["a"], all=False).all is False
    assert d.check({"a", "b"}) and not d.check({"a"}) and ipp.Dependency(["a", "b"], all=False).check({"a"})
    with pytest.raises(ValueError):
        ipp.Dependency([], success=False, failure=False)


def test_S1_21_S1_22_after_failures_and_anyway(lv: ipp.LoadBalancedView) -> None:
    bad, good = lv.apply_async(fail), lv.apply_async(getpid)
    with lv.temp_flags(after=ipp.Dependency(bad, success=False, failure=True)):
        cleanup = lv.apply_async(abs, -1)
    with lv.temp_flags(after=ipp.Dependency([bad, good], failure=True)):
        anyway = lv.apply_async(abs, -2)
    with lv.temp_flags(after=ipp.Dependency(good, success=False, failure=True)):
        never = lv.apply_async(abs, -3)
    assert (cleanup.get(60), anyway.get(60)) == (1, 2)
    assert remote_name(never) == "ImpossibleDependency" and remote_name(bad) == "ZeroDivisionError"


def test_S1_24_timeout_of_a_dependency(lv: ipp.LoadBalancedView, gate) -> None:
    slow = lv.apply_async(gate.hold, gate.path)
    with lv.temp_flags(follow=[slow], timeout=0.3):
        late = lv.apply_async(getpid)
    with pytest.raises(ipp.DependencyTimeout) as caught:
        late.get(60)
    assert isinstance(caught.value, ipp.TaskTimeout) and isinstance(caught.value, ipp.RemoteError)
    gate.open()
    slow.wait()


def test_S1_25_only_between_tasks(rc: ipp.Client, lv: ipp.LoadBalancedView) -> None:
    direct = rc[0].apply_async(getpid)
    direct.wait()
    with lv.temp_flags(after=direct):
        assert remote_name(lv.apply_async(getpid)) == "InvalidDependency"


def test_S1_27_a_graph_of_tasks(lv: ipp.LoadBalancedView) -> None:
    edges = {0: [], 1: [0], 2: [0], 3: [1, 2], 4: [3], 5: [1, 4]}
    results: dict[int, ipp.AsyncResult] = {}
    for node in sorted(edges):  # a topological order
        with lv.temp_flags(after=[results[parent] for parent in edges[node]] or None):
            results[node] = lv.apply_async(nap, 0.02)
    for node, parents in edges.items():
        results[node].get(60)
        for parent in parents:
            assert results[node].started >= results[parent].completed


def test_S1_28_impossible_at_once(lv: ipp.LoadBalancedView) -> None:
    with lv.temp_flags(after=["nobody-knows-this"]):
        assert remote_name(lv.apply_async(getpid)) == "InvalidDependency"
    bad, worse = lv.apply_async(fail), lv.apply_async(fail)
    with lv.temp_flags(after=[bad]):
        assert remote_name(lv.apply_async(getpid)) == "ImpossibleDependency"
    with lv.temp_flags(after=ipp.Dependency([bad, worse], all=False)):
        assert remote_name(lv.apply_async(getpid)) == "ImpossibleDependency"
    naps = [lv.apply_async(nap, 0.3) for _ in range(4)]
    with lv.temp_flags(follow=naps):
        everywhere = lv.apply_async(getpid)
    [one.get(60) for one in naps]
    assert len({one.engine_id for one in naps}) > 1
    with pytest.raises(ipp.ImpossibleDependency):
        everywhere.get(60)


def test_S1_29_S3_90_retries(rc: ipp.Client) -> None:
    rc[:].scatter("rank", range(4), flatten=True, block=True)

    @at_the_prompt
    def only_on_two():
        if rank != 2:  # noqa: F821
            raise OSError("not here")
        return rank  # noqa: F821

    lv = rc.load_balanced_view(rc.ids)
    lv.retries = 3
    assert [result.get(30) for result in [lv.apply_async(only_on_two) for _ in range(8)]] == [2] * 8
    one = rc.load_balanced_view([0])
    one.retries = 0
    assert remote_name(one.apply_async(only_on_two)) == "OSError"


@pytest.mark.parametrize("scheme", ["lru", "plainrandom", "twobin", "leastload", "weighted"])
def test_S1_31_S1_32_S1_33_S1_34_S1_35_S1_36_S2_8_schemes(cluster, scheme: str) -> None:
    rc = cluster(2, controller_args=[f"--scheme={scheme}"]).client()
    assert rc._core.task_scheme == scheme
    result = rc.load_balanced_view().map_async(nap, [0.02] * 20)
    result.get(60)
    assert len(result) == 20 and set(result.engine_id) == {0, 1}


def test_S1_38_high_water_mark(cluster, gate) -> None:
    rc = cluster(2, controller_args=["--hwm=1"]).client()
    lv = rc.load_balanced_view()
    results = [lv.apply_async(gate.hold, gate.path if i == 0 else "/") for i in range(12)]
    for result in results[1:]:
        result.get(60)
    assert not results[0].ready()  # nothing waited behind the long one
    assert len({result.engine_id for result in results[1:]}) == 1
    gate.open()
    results[0].get(60)


def test_S1_37_S3_83_the_scheme_is_chosen_by_name(cluster, processes) -> None:
    from processes import command_of

    wrong = processes.start([*command_of("ipcontroller", "ours"), "--scheme=fifo"])
    assert wrong.wait(30) != 0 and "leastload" in wrong.output
