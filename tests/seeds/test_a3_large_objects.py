"""Large objects travel without temporary copies: nobody on the way needs the memory for a second one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from processes import Processes, at_the_prompt, start_cluster

SIZE = 200 * 2**20


def peak(pid: int) -> int:
    """The most memory that a process has had, in bytes."""
    return 1024 * int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])


@at_the_prompt
def received(array: Any) -> tuple[int, bool]:
    """On the engine: what was sent, and whether it was copied."""
    return int(array.sum()), array.flags.owndata


def test_S3_20_large_objects_are_not_copied_on_the_way(tmp_path: Path) -> None:
    group = Processes(tmp_path)
    site = start_cluster(group, 1)
    rc = site.client()
    try:
        pid = rc[0].apply_sync(at_the_prompt(lambda: __import__("os").getpid()))
        rc[0].apply_sync(received, np.ones(10))
        array = np.ones(SIZE, np.uint8)
        Path("/proc/self/clear_refs").write_text("5")  # peaks count from here
        pids = {"client": os.getpid(), "controller": site.controller.pid, "engine": pid}
        before = {name: peak(pid) for name, pid in pids.items()}
        total, copied = rc[0].apply_sync(received, array)
        assert total == SIZE
        assert not copied
        more = {name: (peak(pid) - before[name]) / SIZE for name, pid in pids.items()}
        assert more["client"] < 0.25, more  # the array itself is sent
        assert more["controller"] < 1.25, more  # as it came, it leaves
        assert more["engine"] < 1.25, more  # as it came, it is used
    finally:
        site.close()
        assert not group.end()
