"""What has passed through the controller does not stay there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from processes import ClusterUnderTest, wait_until

Start = Callable[..., ClusterUnderTest]
MB = 2**20
LARGE = 80  # MB: more than `--DictDB.size_limit` and `--SQLiteDB.buffer_limit`, beyond which only who asks keeps it


def resident(pid: int) -> float:
    """Resident megabytes of a process."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


@pytest.mark.timeout(180)
@pytest.mark.parametrize("store", ["--dictdb", "--nodb", "--sqlitedb"])
def test_large_pushes_leave_nothing_behind(cluster: Start, store: str) -> None:
    site = cluster(1, controller_args=[store])
    client = site.client()
    client[0].push({"warm": bytes(MB)}, block=True)
    before = resident(site.controller.pid)
    for n in range(10):
        client[0].push({"large": bytes(LARGE * MB - n)}, block=True)
    assert client[0].pull("large", block=True) == bytes(LARGE * MB - 9)
    wait_until(
        lambda: resident(site.controller.pid) < before + 32, f"less than 32 MB more than the {before:.0f} before"
    )
