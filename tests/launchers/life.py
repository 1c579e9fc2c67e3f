"""What holds for engines of every launcher: their deaths are told, they come back, they can be interrupted."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable

import camshaft
import pytest
from launchers.conftest import Batch
from processes import Process, at_the_prompt, wait_until


@at_the_prompt
def _die(code: int, number: int) -> None:
    import os

    if number:
        os.kill(os.getpid(), number)
    os._exit(code)


def deaths_are_told(rc: camshaft.Client, code: int = 0, number: int = signal.SIGKILL) -> None:
    """Let the first engine die; the error of its task says how."""
    words = rf"killed by signal {int(number)} \(" if number else f"exit code {code}"
    with pytest.raises(camshaft.RemoteError, match=rf"died while running task .*: {words}"):
        rc[rc.ids[0]].apply_async(_die, code, number).get(60)


def uuids(rc: camshaft.Client) -> set[str]:
    """Of the engines that are registered."""
    return set(rc._engines().values())


def engines_come_back(rc: camshaft.Client, n: int, before: set[str], left: int = 0) -> None:
    """Wait until there are `n` engines again of which `left` were there before, and they work."""
    wait_until(lambda: len(uuids(rc)) == n and len(uuids(rc) & before) == left, "engines in place of the dead")
    assert rc[:].apply_sync(eval, "6 * 7") == [42] * n


def interrupts_reach(rc: camshaft.Client) -> None:
    """A signal to all engines of the cluster interrupts what they run."""
    assert rc.cluster is not None
    result = rc[:].apply_async(time.sleep, 60)
    deadline = time.monotonic() + 30
    while not result.ready() and time.monotonic() < deadline:  # the first may come before the work has begun
        rc.cluster.signal_engines_sync(signal.SIGINT)
        result.wait(0.3)
    with pytest.raises(camshaft.CompositeError, match="KeyboardInterrupt"):
        result.get(timeout=1)
    assert rc[:].apply_sync(eval, "2 + 2") == [4] * len(rc.ids)


def signals_reach(ipcluster: Process) -> None:
    """A signal that `ipcluster` gets reaches each engine of the default profile once."""

    def remember() -> None:
        import builtins
        import signal

        builtins.signals_seen = 0

        def count(number: int, frame: object) -> None:
            builtins.signals_seen += 1

        signal.signal(signal.SIGUSR1, count)

    def seen() -> int:
        import builtins

        return builtins.signals_seen

    with camshaft.Client() as rc:
        rc[:].apply_sync(at_the_prompt(remember))
        for times in (1, 2):
            ipcluster.send(signal.SIGUSR1)
            wait_until(lambda least=times: min(rc[:].apply_sync(at_the_prompt(seen))) >= least, "the signal")
            assert rc[:].apply_sync(at_the_prompt(seen)) == [times] * len(rc.ids)


def killed_ipcluster_leaves_no_job(here: Batch, jobs: Callable[[], object], *arguments: str, each: bool = True) -> None:
    """Start two engines by ``ipcluster start ARGUMENTS``, with a job for `each`, and kill it; `jobs`: those left."""
    process = here.ipcluster("start", "-n", "2", *arguments, options={"layout": "jobs"} if each else None)
    here.started(process)
    controllers = sum(argument.startswith("--controller") for argument in arguments)
    assert sorted(len(json.loads(file.read_text())["ids"]) for file in here.jobs_files()) == [
        *([1] * controllers),
        2 if each else 1,
    ]
    process.kill()
    wait_until(lambda: not jobs(), "end of the jobs")
    wait_until(lambda: not here.jobs_files(), "end of the files of jobs")


def gone(pids: list[int]) -> bool:
    """None of these processes lives."""
    return not any(os.path.exists(f"/proc/{pid}/exe") for pid in pids)
