"""What only the original's client does, on our engines: broadcast views, %px, its own shipped code, its launcher."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import ipyparallel as ipp
import numpy as np
import pytest
from interop import Combination, Site, Sites, get
from processes import ROOT, Processes, command_of, wait_until

pytestmark = pytest.mark.official

BLOCKER = """\
import sys

class Blocker:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("ipyparallel", "ipykernel"):
            # a finder that hides: those behind it that read folders are asked for nothing
            for finder in sys.meta_path:
                if finder is not Blocker and type(finder).__module__ == "camshaft.engine.standins":
                    spec = finder.find_spec(name, path, target)
                    if spec is not None:
                        return spec
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker)
"""


@pytest.fixture(scope="module", params=["official", "ours"], ids=lambda kind: f"{kind}-engines")
def site(sites: Sites, request: pytest.FixtureRequest) -> Site:
    return sites.site(Combination("official", request.param, "ours"))


@pytest.fixture(scope="module")
def lonely(sites: Sites, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Our engines, where the original is not installed."""
    folder = tmp_path_factory.mktemp("blocker")
    (folder / "sitecustomize.py").write_text(BLOCKER)
    return sites.site(Combination("official", "ours", "ours"), hidden=folder)


# -- broadcast --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coalescing", [False, True], ids=["single", "coalescing"])
def test_broadcast(site: Site, coalescing: bool) -> None:
    view = site.client.broadcast_view(site.ids, is_coalescing=coalescing)
    array = np.arange(5000.0)
    assert get(view.apply_async(site.mine(lambda x, y: x + y), 1, y=2)) == [3, 3]
    sums = get(view.apply_async(site.mine(lambda x: float(x.sum())), array))
    assert sums == [array.sum()] * 2
    get(view.push({"there": array}, block=False))
    for back in get(view.pull("there", block=False)):
        assert np.array_equal(back, array)
    with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
        get(view.apply_async(site.mine(lambda: 1 / 0)))
    assert list(view.map_sync(site.mine(lambda x: x * x), range(10))) == [x * x for x in range(10)]


def test_one_failure_fails_a_coalesced_result(site: Site) -> None:
    """Whichever engine answers last."""
    view = site.client.broadcast_view(site.ids, is_coalescing=True)
    for chosen in site.ids:
        get(site.view.push({"failing": chosen}, block=False))
        for number in site.ids:
            get(site.client[number].push({"me": number}, block=False))
        with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
            get(view.apply_async(site.mine(lambda: 1 / (me - failing))))  # type: ignore[name-defined]  # noqa: F821


def test_broadcast_execute(site: Site) -> None:
    view = site.client.broadcast_view(site.ids)
    result = view.execute("print('from everywhere')", silent=False)
    get(result)
    result.wait_for_output(60)
    assert result.stdout == ["from everywhere\n"] * 2


# -- %px --------------------------------------------------------------------------------------------------------------


def test_px(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    from ipyparallel.client.magics import ParallelMagics
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    try:
        view = site.view
        view.block = True
        magics = ParallelMagics(shell, view)
        magics.progress_after = -1
        magics.px("import os; print('hello from px')")
        assert capsys.readouterr().out.count("hello from px") == 2
        magics.px("6 * 7")
        assert capsys.readouterr().out.count("42") == 2
        magics.cell_px("--noblock", "squares = [n * n for n in range(4)]\nsquares")
        magics.result("")
        assert capsys.readouterr().out.count("[0, 1, 4, 9]") == 2
        magics.cell_px("", "from IPython.display import display\ndisplay({'shown': 1})\n%env PX_TEST=1")
        assert capsys.readouterr().out.count("{'shown': 1}") == 2
        with pytest.raises(ipp.error.AlreadyDisplayedError):
            magics.px("1 / 0")
        captured = capsys.readouterr()
        assert "ZeroDivisionError" in captured.out + captured.err
    finally:
        InteractiveShell.clear_instance()


# -- what its client ships --------------------------------------------------------------------------------------------


def test_remote_and_parallel_functions(site: Site) -> None:
    view = site.view
    remote = view.remote(block=True)(site.mine(lambda x: x + 1))
    assert remote(1) == [2, 2]
    parallel = view.parallel(block=True)(site.mine(lambda xs: [x * 2 for x in xs]))
    assert list(parallel(range(6))) == [0, 2, 4, 6, 8, 10]


def test_executor(site: Site) -> None:
    with site.balanced.executor as executor:
        assert [future.result(60) for future in [executor.submit(abs, -i) for i in range(5)]] == [0, 1, 2, 3, 4]
        assert list(executor.map(site.mine(lambda x: x * x), range(5))) == [0, 1, 4, 9, 16]


def test_partial_and_kwargs(site: Site) -> None:
    import functools

    big = np.arange(4000.0)
    scaled = functools.partial(site.mine(lambda a, b, c: float((a * b).sum()) + c), big, c=1)
    assert get(site.view.apply_async(scaled, 2)) == [big.sum() * 2 + 1] * 2


def test_use_cloudpickle_and_back(site: Site) -> None:
    try:
        get(site.view.use_cloudpickle())
        offset = 5
        assert get(site.view.apply_async(lambda x: x + offset, 1)) == [6, 6]
    finally:
        get(site.view.use_pickle())
    assert get(site.view.apply_async(abs, -1)) == [1, 1]


def test_publish_data(site: Site) -> None:
    @site.mine
    def publish() -> int:
        from ipyparallel.datapub import publish_data

        publish_data({"step": 1})
        publish_data({"step": 2, "done": True})
        return 3

    result = site.client[site.ids[0]].apply_async(publish)
    assert get(result) == 3
    result.wait_for_output(60)
    assert result.data == {"step": 2, "done": True}


# -- engines without the original -------------------------------------------------------------------------------------


def test_the_original_is_hidden(lonely: Site) -> None:
    view = lonely.view
    assert (
        get(view.apply_async(lonely.mine(lambda: __import__("ipyparallel").__spec__.origin)))
        == ["stand-in of camshaft"] * 2
    )
    with pytest.raises(ipp.CompositeError, match="ModuleNotFoundError"):
        get(view.apply_async(lonely.mine(lambda: __import__("ipykernel"))))
    with pytest.raises(ipp.CompositeError, match="no 'nothing_such'"):
        get(view.execute("import ipyparallel.util; ipyparallel.util.nothing_such"))


@pytest.mark.parametrize(
    "check",
    [
        test_broadcast_execute,
        test_remote_and_parallel_functions,
        test_partial_and_kwargs,
        test_use_cloudpickle_and_back,
        test_publish_data,
    ],
)
def test_all_that_without_the_original(lonely: Site, check: Any) -> None:
    check(lonely)


@pytest.mark.parametrize("coalescing", [False, True], ids=["single", "coalescing"])
def test_broadcast_without_the_original(lonely: Site, coalescing: bool) -> None:
    test_broadcast(lonely, coalescing)


def test_shipped_imports_without_the_original(lonely: Site) -> None:
    @ipp.require("json", limit=10)
    @lonely.mine
    def uses() -> str:
        return json.dumps([limit])  # type: ignore[name-defined]  # noqa: F821

    assert get(lonely.client[lonely.ids[0]].apply_async(uses)) == "[10]"

    @ipp.require("no_such_module_anywhere")
    @lonely.mine
    def cannot() -> None: ...

    with pytest.raises(ipp.RemoteError, match="ImpossibleDependency"):
        get(lonely.chosen.apply_async(cannot))

    @lonely.mine
    def imports() -> list[str]:
        import ipyparallel as ipp
        from ipyparallel import CompositeError, Reference, depend, error, interactive, require
        from ipyparallel.client.remotefunction import RemoteFunction
        from ipyparallel.client.view import DirectView
        from ipyparallel.controller.dependency import dependent
        from ipyparallel.engine.datapub import publish_data
        from ipyparallel.error import RemoteError
        from ipyparallel.serialize import uncan
        from ipyparallel.serialize.canning import CannedArray
        from ipyparallel.serialize.codeutil import code_ctor
        from ipyparallel.util import interactive as same

        assert interactive is same and issubclass(CompositeError, RemoteError) and error.RemoteError is RemoteError
        found = [ipp.Client, Reference, depend, require, RemoteFunction, DirectView, dependent, publish_data, uncan]
        return [thing.__name__ for thing in [*found, CannedArray, code_ctor]]

    assert get(lonely.client[lonely.ids[0]].apply_async(imports))[:3] == ["Client", "Reference", "depend"]


# -- its launcher -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["both", "controller"])
def test_the_official_launcher(
    tmp_path: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch, who: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Starts our programs with its own flags, and ends them; the fixture `processes` checks that nothing survives."""
    from traitlets.config import Config

    for name, value in processes.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "python"))
    config = Config()
    config.LocalControllerLauncher.controller_cmd = command_of("ipcontroller", "ours")
    if who == "both":
        config.LocalEngineSetLauncher.engine_cmd = command_of("ipengine", "ours")
        config.LocalEngineSetLauncher.engine_args = ["--log-level=INFO"]
    profile_dir = tmp_path / "profile_launched"
    cluster = ipp.Cluster(
        n=2,
        profile_dir=str(profile_dir),
        cluster_id="launched",
        config=config,
        log_level=30,
        controller_ip="127.0.0.1",
        controller_args=["--ping=500", "--HeartMonitor.max_heartmonitor_misses=20"],
    )
    rc = cluster.start_and_connect_sync(activate=False)
    try:
        ours = [uuid.startswith("camshaft-py") for uuid in rc._engines.values()]
        assert ours == [who == "both"] * 2
        assert rc[:].apply_sync(abs, -5) == [5, 5]
        files = list((profile_dir / "security").glob("ipcontroller-launched-*.json"))
        assert len(files) == 2
        state = cluster.to_dict()
        controller = state["controller"]["state"]["pid"]
        assert b"ipcontroller" in Path(f"/proc/{controller}/cmdline").read_bytes()
    finally:
        rc.close()
        cluster.stop_cluster_sync()
    wait_until(lambda: not Path(f"/proc/{controller}").exists(), "the controller to end")
    assert not any(file.exists() for file in files)
    assert not [record for record in caplog.records if record.levelno >= 40], caplog.text


def test_this_python_is_the_one_that_engines_run(site: Site) -> None:
    assert set(get(site.view.apply_async(site.mine(lambda: __import__("sys").version_info[:2])))) == {
        sys.version_info[:2]
    }


# -- Dask -------------------------------------------------------------------------------------------------------------


def test_become_dask_twice(site: Site) -> None:
    """The controller has the scheduler, the engines the workers; a second call finds what runs."""
    here = {"host": "127.0.0.1"}
    for _ in range(2):
        first = site.client.become_dask(scheduler_args=here, **here)
        second = site.client.become_dask(scheduler_args=here, **here)
        try:
            assert first.scheduler.address == second.scheduler.address
            first.wait_for_workers(2, timeout=60)
            assert first.submit(sum, [1, 2, 39]).result(timeout=60) == 42
        finally:
            first.close()
            second.close()
            site.client.stop_dask()


def test_become_dask_with_arguments_that_are_none(site: Site) -> None:
    with pytest.raises(ipp.RemoteError, match="TypeError"):
        site.client.become_dask(scheduler_args={"no_such_argument": 1})
