"""camshaft.Cluster: single engines, their logs, callbacks at their ends; engines that are started again."""

from __future__ import annotations

import asyncio
import os
import queue
import signal

import camshaft
import pytest
from clusters import alive, make
from processes import Processes, command_of, wait_until


@pytest.fixture(autouse=True)
def _ours(our_programs: None) -> None:
    """Every test here starts our programs."""


def test_single_engines_are_signalled_stopped_and_restarted(processes: Processes) -> None:
    cluster = make(processes, n=3)
    with cluster as rc:
        pids = rc[:].apply_async(os.getpid).get_dict()
        cluster.stop_engine_sync(1)
        assert not alive(pids[1])
        wait_until(lambda: rc.ids == [0, 2], "the leave of engine 1")

        new = cluster.restart_engine_sync(0)
        assert new not in (0, 1, 2)
        assert not alive(pids[0])
        wait_until(lambda: sorted(rc.ids) == [2, new], "the new engine")
        assert rc[new].apply_sync(os.getpid) == cluster.engine(new).pid
        assert rc[2].apply_sync(os.getpid) == pids[2]

        rc[2].apply_sync(exec, "import signal; signal.signal(signal.SIGUSR1, lambda *_: globals().update(got=1))")
        cluster.signal_engine_sync(2, signal.SIGUSR1)
        wait_until(lambda: rc[2].apply_sync(eval, "'got' in globals()"), "the signal")

        with pytest.raises(IndexError):
            cluster.stop_engine_sync(77)


def test_the_awaitable_twins(processes: Processes) -> None:
    async def go() -> None:
        async with make(processes, n=2) as rc:
            cluster = rc.cluster
            new = await cluster.restart_engine(1)
            await cluster.signal_engine(new, 0)
            await cluster.stop_engine(new)
            assert await cluster.scale(2) == [0, new + 1]

    asyncio.run(go())


def test_live_objects(processes: Processes) -> None:
    cluster = make(processes, n=2)
    assert cluster.controller is None and cluster.engines == {} and cluster.engine_set is None
    with cluster as rc:
        engine_set = cluster.engine_set
        assert engine_set is not None and list(cluster.engines) == [engine_set.name]
        assert engine_set.n == 2 and engine_set.running and engine_set.state == "running" and engine_set.poll() is None
        assert sorted(one.pid for one in engine_set.values()) == sorted(rc[:].apply_sync(os.getpid))
        controller = cluster.controller
        assert controller is not None and controller.pid == cluster.controller_pid
        info = controller.get_connection_info()
        assert info["client"]["key"] == info["engine"]["key"]
        assert controller.to_dict()["pid"] == controller.pid
        assert set(engine_set.to_dict()["engines"]) == {"0", "1"}
        member = engine_set[1]
        with pytest.raises(TimeoutError):
            member.join(0)
        member.stop()
        member.join(10)
        assert member.poll() is not None and engine_set.n == 1
    assert cluster.engines == {} and engine_set.state == "after"


def test_logs(processes: Processes) -> None:
    cluster = make(processes, n=1)
    with cluster as rc:
        rc[0].apply_sync(os.system, "echo one >&2; echo two >&2")
        wait_until(lambda: "two" in cluster.engine(0).logs(), "the engine's log")
        assert cluster.engine(0).logs(1) == "two\n"
        logs = cluster.logs()
        assert isinstance(logs["controller"], str)
        ((_, members),) = logs["engines"].items()
        assert "one" in members[0]


def test_callbacks_at_the_ends(processes: Processes) -> None:
    ends: queue.Queue = queue.Queue()
    cluster = make(processes, n=2)

    @cluster.on_engine_exit
    def fails(end) -> None:
        raise ValueError("this is logged and nothing else")

    cluster.on_engine_exit(ends.put)
    cluster.on_controller_exit(ends.put)
    with cluster as rc:
        pids = rc[:].apply_sync(os.getpid)
        os.kill(pids[0], signal.SIGKILL)
        first = ends.get(timeout=20)
        assert (first.pid, first.exit_code, first.expected) == (pids[0], -9, False)
        assert first.engine_set == next(iter(cluster.engine_sets)) and first.log_file
        controller = cluster.controller_pid
    second, third = ends.get_nowait(), ends.get_nowait()
    assert second.pid == pids[1] and second.expected
    assert third.pid == controller and third.engine_set is None
    assert ends.empty()


def test_a_client_has_engines_restarted(processes: Processes) -> None:
    with make(processes, n=3) as rc:
        pids = rc[:].apply_async(os.getpid).get_dict()
        rc.shutdown([0, 2], restart=True, block=True)
        assert len(rc) == 3 and 1 in rc.ids and not {0, 2} & set(rc.ids)
        now = rc[:].apply_async(os.getpid).get_dict()
        assert now[1] == pids[1] and not any(alive(pids[old]) for old in (0, 2))
        with pytest.raises(ValueError, match="controller"):
            rc.shutdown(restart=True, hub=True)


def test_ipcluster_restarts_engines_too(processes: Processes) -> None:
    started = processes.start([*command_of("ipcluster", "ours"), "start", "-n", "1"])
    wait_until(lambda: "IPython cluster: started" in started.output, "the cluster")
    with camshaft.Client() as rc:
        rc.shutdown(0, restart=True, block=True)
        assert len(rc) == 1 and rc.ids != [0]
        assert "was started again" in started.output
    attached = camshaft.Cluster.from_file()
    (before,) = (engine["pid"] for members in attached.engine_sets.values() for engine in members.values())
    attached.restart_engine_sync(camshaft.Client().ids[0])
    (after,) = (engine["pid"] for members in attached.engine_sets.values() for engine in members.values())
    assert after != before and not alive(before)
    attached.stop_cluster_sync()
    assert started.wait() == 0


def test_an_engine_that_nobody_watches_is_not_restarted(processes: Processes, cluster) -> None:
    started = cluster(1)
    with started.client(engines=1) as rc:
        with pytest.raises(camshaft.RemoteError, match="nobody would start this engine again"):
            rc.shutdown(0, restart=True)
        assert rc[0].apply_sync(abs, -1) == 1
