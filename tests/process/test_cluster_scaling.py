"""camshaft.Cluster: more engines or fewer, by hand and by the length of the queue."""

from __future__ import annotations

import threading

import pytest
from clusters import make
from processes import Processes, at_the_prompt, wait_until


@pytest.fixture(autouse=True)
def _ours(our_programs: None) -> None:
    """Every test here starts our programs."""


@at_the_prompt
def until(path: str) -> str:
    """Keep an engine busy until there is such a file."""
    import os
    import time

    while not os.path.exists(path):
        time.sleep(0.01)
    return path


def test_scale_loses_nothing(processes: Processes, tmp_path) -> None:
    cluster = make(processes, n=2)
    with cluster as rc:
        assert cluster.scale_sync(3) == [0, 1, 2]
        view = rc.load_balanced_view()
        files = [str(tmp_path / str(number)) for number in range(3)]
        running = [view.apply_async(until, file) for file in files]
        wait_until(lambda: all(rc.queue_status(i)["tasks"] for i in range(3)), "a task on each engine")
        waiting = [view.apply_async(abs, -number) for number in range(20)]

        with pytest.raises(TimeoutError, match="they stay"):
            cluster.scale_sync(1, timeout=0.2)
        assert len(rc) == 3

        leaving = threading.Thread(target=cluster.scale_sync, args=(1,))
        leaving.start()
        wait_until(
            lambda: sum(p.get("draining", False) for p in rc.engine_properties().values()) == 2, "two that are to leave"
        )
        for file in files:
            open(file, "w").close()
        leaving.join(60)
        assert not leaving.is_alive()
        assert [result.get(30) for result in running] == files
        assert [result.get(30) for result in waiting] == list(range(20))
        wait_until(lambda: len(rc) == 1, "one engine")
        assert view.apply_sync(abs, -1) == 1
        assert cluster.scale_sync(0) == []
        assert len(cluster.scale_sync(1)) == 1
        with pytest.raises(ValueError, match="at least 0"):
            cluster.scale_sync(-1)


def test_idle_engines_go_first(processes: Processes, tmp_path) -> None:
    cluster = make(processes, n=3)
    file = str(tmp_path / "go")
    with cluster as rc:
        busy = rc[1].apply_async(until, file)
        wait_until(lambda: rc.queue_status(1)["queue"], "the call")
        assert cluster.scale_sync(1) == [1]
        open(file, "w").close()
        assert busy.get(30) == file


def test_adapt_follows_the_queue(processes: Processes, tmp_path) -> None:
    cluster = make(processes, n=1)
    file = str(tmp_path / "go")
    with cluster as rc:
        adaptation = cluster.adapt(1, 3, interval=0.05, patience=0.3)
        assert adaptation.running
        view = rc.load_balanced_view()
        results = [view.apply_async(until, file) for _ in range(8)]
        wait_until(lambda: len(rc) == 3, "three engines")
        open(file, "w").close()
        assert [result.get(60) for result in results] == [file] * 8
        wait_until(lambda: len(rc) == 1, "one engine again")
        adaptation.stop()
        assert not adaptation.running
        with pytest.raises(ValueError, match="minimum"):
            cluster.adapt(3, 1)
        other = cluster.adapt(2, 2, interval=0.05)
        wait_until(lambda: len(rc) == 2, "the minimum")
    assert not other.running
