"""Engines and clients that are cut off from the controller carry on. 30 s in `make chaos`, less by default."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from chaos.network import TwoHosts, why_not
from processes import Process, Processes, command_of, wait_until

CUT = float(os.environ.get("CAMSHAFT_CHAOS_CUT", "12"))

CLIENT = """
import json, sys, time
import camshaft

connection, runs = sys.argv[1:]
rc = camshaft.Client(connection, timeout=60)
rc.wait_for_engines(2, timeout=120)
before = {number: rc._engines()[number] for number in rc.ids}

def work(runs, n, seconds):
    import os, time
    with open(runs, "a") as file:
        file.write(f"{n}\\n")
    time.sleep(seconds)
    return n

work.__module__ = "__main__"
view = rc.load_balanced_view()
tasks = [view.apply_async(work, runs, n, 0.05) for n in range(int(40 / 0.05))]
direct = [rc[number].apply_async(work, runs, 10_000 + number, 5) for number in rc.ids]
print("submitted", flush=True)
assert [task.get(300) for task in tasks] == list(range(len(tasks)))
assert [one.get(300) for one in direct] == [10_000, 10_001]
assert rc[:].apply_sync(abs, -1) == [1, 1]
print("same engines:", {number: rc._engines()[number] for number in rc.ids} == before, flush=True)
"""


@pytest.fixture
def hosts() -> Iterator[TwoHosts]:
    """Two hosts, or a reason why there are none."""
    if reason := why_not():
        pytest.skip(reason)
    with TwoHosts() as made:
        yield made


@pytest.mark.timeout(500)
@pytest.mark.parametrize("where", ["all far", "engines far"])
def test_work_goes_on_after_a_cut(hosts: TwoHosts, processes: Processes, where: str) -> None:
    folder = processes.ipython_dir / "profile_default"
    folder.mkdir(parents=True)
    listen = [f"--ip={hosts.near_address}", f"--location={hosts.near_address}", f"--profile-dir={folder}", "--hwm=2"]
    listen.append("--HeartMonitor.max_heartmonitor_misses=20")  # a busy machine may add seconds to the cut
    controller = processes.start(hosts.on(hosts.near, [*command_of("ipcontroller", "ours"), *listen]))
    connection = folder / "security" / "ipcontroller-client.json"
    wait_until(lambda: connection.exists() and connection.read_text().strip().endswith("}"), "the connection file")

    def far(command: list[str]) -> Process:
        return processes.start(hosts.on(hosts.far, command))

    engines = [far([*command_of("ipengine", "ours"), f"--profile-dir={folder}"]) for _ in range(2)]
    runs = processes.folder / "runs"
    script = [sys.executable, "-c", CLIENT, str(connection), str(runs)]
    user = far(script) if where == "all far" else processes.start(hosts.on(hosts.near, script))
    wait_until(lambda: (runs.exists() and len(runs.read_text()) > 100) or not user.running, "tasks to run", 120)
    assert user.running, user.output
    hosts.cut()
    time.sleep(CUT)
    hosts.heal()
    assert user.wait(350) == 0, f"{user.output}\n{controller.output}\n{engines[0].output}"
    assert "same engines: True" in user.output
    ran = Counter(json.loads(f"[{','.join(runs.read_text().split())}]"))
    assert set(ran.values()) == {1}, [n for n, times in ran.items() if times > 1]
    assert len(ran) == 802
