"""The task rules as the original's client sees them: our controller, with engines of both kinds."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipyparallel as ipp
import pytest
from interop import Combination, Site, Sites, get
from processes import PATIENCE, ClusterUnderTest, Kind, wait_until

pytestmark = pytest.mark.official
Start = Callable[..., ClusterUnderTest]


@pytest.fixture(scope="module", params=["official", "ours"], ids=lambda kind: f"{kind}-engines")
def site(sites: Sites, request: pytest.FixtureRequest) -> Site:
    return sites.site(Combination("official", request.param, "ours"))


def typed(f: Any) -> Any:
    """`f` as if typed at the prompt."""
    f.__module__ = "__main__"
    return f


@typed
def where() -> int:
    import os

    return os.getpid()


@typed
def fails() -> None:
    raise ValueError("as asked")


@typed
def waits(file: str) -> int:
    """Runs until `file` is there."""
    import os
    import pathlib
    import time

    pathlib.Path(file + ".started").touch()
    while not pathlib.Path(file).exists():
        time.sleep(0.005)
    return os.getpid()


def failure(result: Any) -> ipp.RemoteError:
    with pytest.raises(ipp.RemoteError) as caught:
        get(result)
    return caught.value


# -- dependencies -----------------------------------------------------------------------------------------------------


def test_S1_23_after_and_follow_in_all_forms(site: Site, tmp_path: Path) -> None:
    view = site.balanced
    release = tmp_path / "release"
    first = view.apply_async(waits, str(release))
    for form in (first, first.msg_ids[0], [first], ipp.Dependency(first), ipp.Dependency([first], success=True)):
        with view.temp_flags(after=form):
            second = view.apply_async(where)
        with view.temp_flags(follow=form):
            third = view.apply_async(where)
        assert not second.wait(0.05) and not third.ready()
    release.touch()
    assert get(third) == get(first)
    assert get(second) > 0


@pytest.mark.parametrize(
    ("dependency", "outcome"),
    [
        ({"all": True}, "ImpossibleDependency"),
        ({"all": False}, "runs"),
        ({"all": True, "success": True, "failure": True}, "runs"),
        ({"all": True, "success": False, "failure": True}, "ImpossibleDependency"),
        ({"all": False, "success": False, "failure": True}, "runs"),
    ],
)
def test_S1_20_S1_21_S1_22_which_outcomes_count(site: Site, dependency: dict[str, bool], outcome: str) -> None:
    view = site.balanced
    good, bad = view.apply_async(where), view.apply_async(fails)
    with view.temp_flags(after=ipp.Dependency([good, bad], **dependency)):
        result = view.apply_async(where)
    if outcome == "runs":
        assert get(result) > 0
    else:
        assert failure(result).ename == outcome
    assert failure(bad).ename == "ValueError"


def test_S1_28_what_cannot_be_met_is_told_at_once(site: Site) -> None:
    view = site.balanced
    with view.temp_flags(after="no-such-task"):
        assert failure(view.apply_async(where)).ename == "InvalidDependency"
    direct = site.client[site.ids[0]].apply_async(where)  # S1-25: tasks depend on tasks only
    get(direct)
    with view.temp_flags(after=direct):
        assert failure(view.apply_async(where)).ename == "InvalidDependency"
    here = [site.client.load_balanced_view([i]).apply_async(where) for i in site.ids]
    with view.temp_flags(follow=ipp.Dependency(here, all=True)):
        assert failure(view.apply_async(where)).ename == "ImpossibleDependency"
    with view.temp_flags(follow=ipp.Dependency(here, all=False)):
        assert get(view.apply_async(where)) in [get(each) for each in here]


def test_S1_24_a_timeout_ends_the_wait(site: Site, tmp_path: Path) -> None:
    view = site.balanced
    release = tmp_path / "release"
    first = view.apply_async(waits, str(release))
    with view.temp_flags(after=first, timeout=0.2):
        assert failure(view.apply_async(where)).ename == "TaskTimeout"
    release.touch()
    get(first)


# -- where ------------------------------------------------------------------------------------------------------------


def test_targets_restrict(site: Site) -> None:
    for number in site.ids:
        wanted = get(site.client[number].apply_async(where))
        view = site.client.load_balanced_view([number])
        assert {get(view.apply_async(where)) for _ in range(4)} == {wanted}


def test_S1_18_unmet_conditions_move_a_task(site: Site) -> None:
    for number in site.ids:
        get(site.client[number].push({"number": number}, block=False))

    @typed
    def on_last(last: int) -> bool:
        return globals()["number"] == last

    wanted = get(site.client[site.ids[-1]].apply_async(where))
    task = ipp.depend(on_last, site.ids[-1])(where)
    view = site.chosen
    assert {get(view.apply_async(task)) for _ in range(6)} == {wanted}
    nowhere = ipp.depend(on_last, -1)(where)
    assert failure(view.apply_async(nowhere)).ename == "ImpossibleDependency"
    assert get(view.apply_async(ipp.require("json")(typed(lambda: json.dumps([1]))))) == "[1]"  # type: ignore[name-defined]  # noqa: F821
    assert failure(view.apply_async(ipp.require("no_such_module")(where))).ename == "ImpossibleDependency"


# -- again and never --------------------------------------------------------------------------------------------------


def test_S1_29_retries_try_again_elsewhere(site: Site, tmp_path: Path) -> None:
    @typed
    def fail_so_often(file: str, times: int) -> int:
        with open(file, "a+") as counts:
            counts.write("x")
            counts.seek(0)
            tries = len(counts.read())
        if tries <= times:
            raise ValueError(tries)
        return tries

    view = site.balanced
    with view.temp_flags(retries=1):
        assert get(view.apply_async(fail_so_often, str(tmp_path / "once"), 1)) == 2
        assert failure(view.apply_async(fail_so_often, str(tmp_path / "always"), 9)).evalue == "2"
    assert failure(view.apply_async(fail_so_often, str(tmp_path / "never again"), 1)).evalue == "1"


def test_abort_of_queued_and_running(site: Site, tmp_path: Path) -> None:
    view = site.balanced
    release = tmp_path / "release"
    running = [view.apply_async(waits, str(release)) for _ in site.ids]
    wait_until((tmp_path / "release.started").exists, "a task to start")
    queued = [view.apply_async(where) for _ in range(4)]
    site.client.abort([result.msg_ids[0] for result in queued], block=True)
    release.touch()
    for result in running:
        assert get(result) > 0
    for result in queued:
        with pytest.raises(ipp.TaskAborted):
            get(result)
    assert get(view.apply_async(where)) > 0


# -- death ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["official", "ours"])
def test_S1_29_death_of_an_engine(cluster: Start, tmp_path: Path, kind: Kind) -> None:
    """Without retries the task fails with EngineError; with them another engine runs it."""
    site = cluster(2, engines=kind)
    client = site.client("official")
    view = client.load_balanced_view()

    @typed
    def die_once(file: str) -> int:
        import os
        import pathlib

        if not pathlib.Path(file).exists():
            pathlib.Path(file).touch()
            os.kill(os.getpid(), 9)
        return os.getpid()

    result = view.apply_async(die_once, str(tmp_path / "first"))
    error = failure(result)
    assert error.ename == "EngineError" and "died while running task" in error.evalue
    wait_until(lambda: len(client.ids) == 1, "the death to be noticed")
    site.add_engine()
    wait_until(lambda: len(client.ids) == 2, "another engine")
    with view.temp_flags(retries=1):
        result = view.apply_async(die_once, str(tmp_path / "second"))
    assert get(result) > 0


def test_an_engine_that_is_stopped_is_given_up(cluster: Start, tmp_path: Path) -> None:
    """SIGSTOP looks like a cut network: heartbeats stop, and the tasks end after their bound."""
    site = cluster(1, controller_args=["--ping=100", "--HeartMonitor.max_heartmonitor_misses=5"])
    client = site.client("official")
    view = client.load_balanced_view()
    release = tmp_path / "release"
    result = view.apply_async(waits, str(release))
    wait_until((tmp_path / "release.started").exists, "the task to start")
    pid = site.engines[0].pid
    site.engines[0].send(signal.SIGSTOP)
    try:
        error = failure(result)
        assert error.ename == "EngineError" and "Engine 0" in error.evalue
    finally:
        site.engines[0].send(signal.SIGCONT)
    # back again, its late reply is nobody's and the engine works on under its number
    release.touch()
    wait_until(lambda: client.ids == [0], "the engine's return")
    assert view.apply_async(where).get(PATIENCE) == pid
    assert failure(result).ename == "EngineError"
