"""What the documents of 2008 and 2012 say about the parts, and how they share the work."""

from __future__ import annotations

import os
import signal

import camshaft as ipp
import numpy as np
import pytest
from camshaft.kernel.client import StringTask, TaskClient
from processes import at_the_prompt


def test_S4_4_S2_1_client_controller_and_engines_are_processes(rc: ipp.Client, seed_cluster) -> None:
    pids = rc[:].apply_sync(os.getpid)
    assert len({*pids, seed_cluster.controller.pid, os.getpid()}) == 6
    assert sorted(pids) == sorted(engine.pid for engine in seed_cluster.engines)


def test_S3_19_persistent_connections(rc: ipp.Client) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        rc[0].apply_sync(abs, -1)
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_S3_21_the_controller_passes_pickles_on(rc: ipp.Client) -> None:
    class OnlyHere:
        """Cannot be unpickled where this module is not known."""

        def __reduce__(self):
            return exec, ("raise RuntimeError('unpickled')",)

    with pytest.raises(ipp.RemoteError, match="unpickled") as caught:
        rc[0].apply_sync(at_the_prompt(lambda x: x), OnlyHere())
    assert caught.value.engine_info["engine_id"] == 0  # the engine was the first to look


def test_S3_93_a_task_that_kills_its_engine(cluster) -> None:
    started = cluster(3)
    rc = started.client()
    tc = TaskClient(client=rc)
    harmless = [tc.run(StringTask(f"a = {i}", pull="a", retries=3)) for i in range(6)]
    tc.barrier(harmless)
    deadly = tc.run(StringTask("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", retries=1))
    result = tc.get_task_result(deadly, block=True)
    assert isinstance(result.failure, ipp.EngineError)
    assert tc.run(StringTask("b = 1", pull="b"), block=True).ns.b == 1  # an engine is left
    assert sum(engine.popen.poll() == -signal.SIGKILL for engine in started.engines) == 2


def test_S3_10_all_results_are_collected_before_an_error_is_raised(rc: ipp.Client) -> None:
    rc[:].scatter("rank", range(4), flatten=True, block=True)
    slow = at_the_prompt(lambda: __import__("time").sleep(0.3 * rank) or 1 // (rank % 2))  # noqa: F821
    with pytest.raises(ipp.CompositeError) as caught:
        rc[:].apply_sync(slow)
    assert [info["engine_id"] for *_, info in caught.value.elist] == [0, 2]


def test_S3_20_large_arrays_stay_where_they_are(rc: ipp.Client) -> None:
    array = np.ones(4_000_000)
    with rc[0].temp_flags(track=True):
        assert rc[0].apply_async(np.sum, array).get(60) == 4_000_000
    back = rc[0].apply_sync(np.ones, 4_000_000)
    assert not back.flags.owndata and back[-1] == 1  # a view of the message


def test_S3_17_unsigned_messages_are_refused(seed_cluster) -> None:
    import json

    info = json.loads(seed_cluster.client_file.read_text())
    info["key"] = ""
    with pytest.raises((TimeoutError, RuntimeError)):
        ipp.Client(info, timeout=0.5)
