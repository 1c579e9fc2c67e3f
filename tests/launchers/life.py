"""What holds for engines of every launcher: their deaths are told, they come back, they can be interrupted."""

from __future__ import annotations

import os
import signal
import time

import camshaft
import pytest
from processes import at_the_prompt, wait_until


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


def gone(pids: list[int]) -> bool:
    """None of these processes lives."""
    return not any(os.path.exists(f"/proc/{pid}/exe") for pid in pids)
