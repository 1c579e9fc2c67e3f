"""camshaft.Cluster: everything up on entry, nobody left on exit, however the process ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap

import camshaft
import pytest
from clusters import alive, make, pids_of
from processes import Processes, wait_until


@pytest.fixture(autouse=True)
def _ours(our_programs: None) -> None:
    """Every test here starts our programs."""


def test_a_with_block_has_all_engines_and_leaves_nothing(processes: Processes) -> None:
    cluster = make(processes)
    assert not cluster.running
    with cluster as rc:
        assert len(rc.ids) == 2
        assert rc.cluster is cluster
        engine_pids = rc[:].apply_sync(os.getpid)
        pids = pids_of(cluster)
        assert sorted(engine_pids) == sorted(pids[1:])
        assert rc[:].apply_sync(eval, "__import__('sys').executable") == [sys.executable] * 2
        assert "controller=<running>" in repr(cluster)
        assert f"cluster_id={cluster.cluster_id!r}" in repr(cluster)
        assert os.path.exists(cluster.cluster_file)
    assert not any(map(alive, pids))
    assert not os.path.exists(cluster.cluster_file)
    assert not cluster.running


def test_it_can_be_started_again(processes: Processes) -> None:
    cluster = make(processes, n=1)
    for _ in range(2):
        with cluster as rc:
            assert rc[:].apply_sync(abs, -1) == [1]
    cluster.stop_cluster_sync()


def test_a_second_start_is_refused_and_the_first_goes_on(processes: Processes) -> None:
    cluster = make(processes, n=1)
    with cluster as rc:
        for again in (cluster.start_cluster_sync, cluster.start_and_connect_sync, cluster.start_controller_sync):
            with pytest.raises(RuntimeError, match="runs already: stop it first"):
                again()
        assert rc[:].apply_sync(abs, -1) == [1]
        for wrong in ("SIGNIT", 999):
            with pytest.raises(ValueError, match=f"no signal {wrong!r}"):
                cluster.signal_engines_sync(wrong)
        cluster.signal_engines_sync("SIGINT")  # names are as good as numbers; an idle engine ignores this one
        assert rc[:].apply_sync(abs, -2) == [2]
        with pytest.raises(ValueError, match="number of engines, must be at least 0"):
            cluster.scale_sync(-1)
        with pytest.raises(TypeError, match="minimum must be a whole number, not 'few'"):
            cluster.adapt("few")  # type: ignore[arg-type]


async def test_async_with(processes: Processes) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.ensure_future(tick())
    async with make(processes, n=1) as rc:
        pids = pids_of(rc.cluster)
        assert rc[:].apply_sync(abs, -1) == [1]
    ticking.cancel()
    assert ticks > 10
    assert not any(map(alive, pids))


def test_sets_of_engines(processes: Processes) -> None:
    cluster = make(processes, n=1).start_cluster_sync()
    try:
        (first,) = cluster.engine_sets
        second = cluster.start_engines_sync(2, "more")
        assert second == "more"
        with cluster.connect_client_sync() as rc:
            assert len(rc.ids) == 3
            with pytest.raises(RuntimeError, match="runs already"):
                cluster.start_engines_sync(1, "more")
            with pytest.raises(KeyError, match="none-such"):
                cluster.stop_engines_sync("none-such")
            cluster.stop_engines_sync("more")
            wait_until(lambda: len(rc.ids) == 1, "the engines' leave")
            cluster.restart_engines_sync(first)
            wait_until(lambda: len(rc.ids) == 1, "one engine")
            assert rc[:].apply_sync(abs, -1) == [1]
        with pytest.raises(RuntimeError, match="runs already"):
            cluster.start_cluster_sync()
    finally:
        cluster.stop_cluster_sync()


def test_a_failing_engine_is_an_error_with_its_log(processes: Processes) -> None:
    cluster = make(processes, engine_cmd=["/bin/sh", "-c", "echo no such luck; exit 7"])
    with pytest.raises(RuntimeError, match=r"exit code 7[\s\S]*no such luck"):
        cluster.start_cluster_sync()
    assert not cluster.running
    assert not os.path.exists(cluster.cluster_file)


def test_a_second_cluster_of_the_same_id(processes: Processes) -> None:
    with make(processes, n=1, cluster_id="x") as rc:
        with pytest.raises(RuntimeError, match="runs already on profile 'api' with id 'x'"):
            make(processes, n=1, cluster_id="x").start_cluster_sync()
        assert rc[:].apply_sync(abs, -1) == [1]


@pytest.mark.parametrize(
    ("options", "failure"),
    [({"n": 0}, ValueError), ({"engines": "no-such-launcher"}, ValueError), ({"cluster_id": "a/b"}, ValueError)],
)
def test_bad_options(processes: Processes, options: dict, failure: type) -> None:
    with pytest.raises(failure):
        make(processes, **options).start_cluster_sync()


SCRIPT = """
    import os, sys, threading, time
    import camshaft
    cluster = camshaft.Cluster(n=1, profile="api", cluster_id="s", shutdown_atexit={atexit})
    starter = threading.Thread(target=cluster.start_cluster_sync)  # lives shorter than the cluster
    starter.start()
    starter.join()
    engines = [engine["pid"] for group in cluster.engine_sets.values() for engine in group.values()]
    print("up", cluster.controller_pid, *engines, flush=True)
    {then}
"""


def script(processes: Processes, then: str, atexit: bool = True):
    """Run a script that starts a cluster; return its process and the pids of controller and engine."""
    text = textwrap.dedent(SCRIPT).format(then=then, atexit=atexit)
    process = processes.start([sys.executable, "-c", text])

    def up() -> list[int]:
        lines = [line for line in process.output.splitlines() if line.startswith("up ") and line.count(" ") == 2]
        assert lines or process.running, process.output
        return [int(word) for word in lines[0].split()[1:]] if lines else []

    return process, wait_until(up, "the cluster")


def test_the_end_of_python_is_the_end_of_the_cluster(processes: Processes) -> None:
    process, pids = script(processes, "pass")
    assert process.wait() == 0, process.output
    assert "Stopping cluster" in process.output
    assert not any(map(alive, pids))


def test_kill_9_of_python_leaves_nobody(processes: Processes) -> None:
    process, pids = script(processes, "time.sleep(600)")
    process.kill()
    wait_until(lambda: not any(map(alive, pids)), "end of the cluster", 20)


def test_a_forked_child_does_not_stop_it(processes: Processes) -> None:
    then = (
        "if os.fork() == 0: sys.exit(0)\nos.wait(); print('forked', os.path.exists(f'/proc/{engines[0]}'), flush=True)"
    )
    process, pids = script(processes, then)
    assert process.wait() == 0
    assert "forked True" in process.output
    assert not any(map(alive, pids))


def test_ctrl_c_during_the_start_leaves_nobody(processes: Processes) -> None:
    text = textwrap.dedent("""
        import sys, camshaft
        print("here", flush=True)
        camshaft.Cluster(n=1, engine_cmd=["/bin/sleep", "600"]).start_cluster_sync()
    """)
    process = processes.start([sys.executable, "-c", text])
    log = processes.ipython_dir / "profile_default" / "security"
    wait_until(lambda: log.is_dir() and list(log.glob("ipcontroller-*-engine.json")), "the controller")
    process.send(signal.SIGINT)
    assert process.wait(20) != 0
    assert "KeyboardInterrupt" in process.output


def test_it_may_outlive_python_and_be_found_again(processes: Processes) -> None:
    process, pids = script(processes, "pass", atexit=False)
    assert process.wait() == 0, process.output
    assert all(map(alive, pids))
    found = camshaft.Cluster.from_file(profile="api", cluster_id="s")
    assert found.running
    with found.connect_client_sync() as rc:
        assert rc[:].apply_sync(os.getpid) == pids[1:]
    found.stop_cluster_sync()
    assert not any(map(alive, pids))
    with pytest.raises(FileNotFoundError, match="ipcluster list"):
        camshaft.Cluster.from_file(profile="api", cluster_id="s")
