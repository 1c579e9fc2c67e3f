"""A controller that is killed and started again in the same place: nobody else has to do anything."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from camshaft import error
from processes import ClusterUnderTest, wait_until
from processes import at_the_prompt as mine

Start = Callable[..., ClusterUnderTest]
PATIENCE = 60.0


@mine
def note(path: str, n: int, seconds: float) -> int:
    """Leaves a line for each time it runs."""
    import os
    import time

    with open(path, "a") as file:
        file.write(f"{n}\n")
    time.sleep(seconds)
    return -n if os.getpid() else 0


def runs(path: Path) -> list[int]:
    """Which numbers have run, as often as they did."""
    return sorted(int(line) for line in path.read_text().split()) if path.exists() else []


@pytest.mark.parametrize("restore", [[], ["--restore"]], ids=["reuse", "restore"])
@pytest.mark.parametrize("hwm", [0, 1])
def test_tasks_survive_a_killed_controller(cluster: Start, tmp_path: Path, restore: list[str], hwm: int) -> None:
    args = ["--reuse", f"--hwm={hwm}"]
    site = cluster(3, controller_args=args)
    clients = [site.client(), site.client()]
    log = tmp_path / "runs"
    before = dict(clients[0]._engines())
    maps = [
        client.load_balanced_view().map_async(note, [str(log)] * 400, range(400 * k, 400 * k + 400), [0.002] * 400)
        for k, client in enumerate(clients)
    ]
    direct = [clients[0][number].apply_async(note, str(log), 1000 + number, 0.5) for number in clients[0].ids]
    waiting = [clients[0][number].apply_async(note, str(log), 2000 + number, 0.0) for number in clients[0].ids]
    wait_until(lambda: len(runs(log)) > 50, "some tasks to run")
    site.controller.kill()
    assert len(runs(log)) < 806
    during = clients[1].load_balanced_view().apply_async(note, str(log), 3000, 0.0)
    cluster(0, controller_args=[*args, *restore])
    for k, result in enumerate(maps):
        assert result.get(PATIENCE) == [-n for n in range(400 * k, 400 * k + 400)]
    assert [result.get(PATIENCE) for result in direct] == [-1000, -1001, -1002]
    assert [result.get(PATIENCE) for result in waiting] == [-2000, -2001, -2002]
    assert during.get(PATIENCE) == -3000
    assert runs(log) == sorted([*range(800), *(1000 + k for k in range(3)), *(2000 + k for k in range(3)), 3000])
    wait_until(lambda: clients[0]._engines() == before, "all engines under their old numbers")


def test_what_may_have_run_on_a_lost_engine_is_an_error(cluster: Start, tmp_path: Path) -> None:
    """No task runs twice for a crash, unless it has retries. What that engine never had is not lost with it."""
    args = ["--reuse", "--hwm=1", "--ping=200"]
    site = cluster(2, controller_args=args)
    client = site.client()
    log = tmp_path / "runs"
    view = client.load_balanced_view()
    once = [view.apply_async(note, str(log), n, 5.0) for n in range(2)]
    wait_until(lambda: len(runs(log)) == 2, "both engines to be busy")
    queued = view.apply_async(note, str(log), 2, 0.0)
    with view.temp_flags(retries=1):
        again = view.apply_async(note, str(log), 3, 0.0)
    site.controller.kill()
    site.engines[0].kill()
    cluster(0, controller_args=args)
    finished = [result for result in once if result.get(PATIENCE, return_exceptions=True) in (0, -1)]
    assert len(finished) == 1
    failed = next(result for result in once if result not in finished)
    with pytest.raises(error.RemoteError, match="did not come back") as caught:
        failed.get(PATIENCE)
    assert caught.value.ename == "EngineError"
    assert queued.get(PATIENCE) == -2, "it was never sent to an engine"
    assert again.get(PATIENCE) == -3
    assert sorted(runs(log)) == [0, 1, 2, 3]


def test_a_stopped_controller_is_not_waited_for(cluster: Start) -> None:
    site = cluster(1, controller_args=["--reuse"])
    client = site.client()
    result = client[0].apply_async(note, "/dev/null", 1, 600.0)
    site.controller.send(signal.SIGTERM)
    with pytest.raises(error.RemoteError, match="shut down"):
        result.get(PATIENCE)


def test_patience_ends(cluster: Start) -> None:
    """A controller that does not come back fails what waits for it, with a line that says so."""
    site = cluster(1)
    client: Any = site.client(reconnect_timeout=0.5)
    view = client.load_balanced_view()
    result = view.apply_async(note, "/dev/null", 1, 600.0)
    wait_until(lambda: client.queue_status()[0]["tasks"] == 1, "the task to run")
    site.controller.kill()
    with pytest.raises(error.RemoteError, match="broke while the request was outstanding"):
        result.get(PATIENCE)
    with pytest.raises(error.RemoteError, match="not reachable"):
        view.apply_async(note, "/dev/null", 1, 0.0).get(PATIENCE)
