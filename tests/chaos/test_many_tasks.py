"""kill -9 of the controller when few, half or most of many tasks have run: 20,000 in `make chaos`, fewer by default."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import camshaft
import pytest
from processes import Processes, start_cluster, wait_until

TASKS = int(os.environ.get("CAMSHAFT_CHAOS_TASKS", "4000")) // 2  # of each client
SEED = int(os.environ.get("CAMSHAFT_CHAOS_SEED", "1"))
PATIENCE = 240.0

CLIENT = """
import sys
import camshaft

connection, runs, count, begun, free, gate = sys.argv[1:]
rc = camshaft.Client(connection, timeout=60)
rc.wait_for_engines(4, timeout=120)

def work(runs, n, begun, free, gate):
    import os, time
    with open(runs, "a") as file:
        file.write(f"{n}\\n")
    with open(begun, "a") as file:
        file.write(".")
    time.sleep(0.002)
    while os.path.getsize(begun) >= free and not os.path.exists(gate):
        time.sleep(0.01)
    return -n

work.__module__ = "__main__"
view = rc.load_balanced_view()
with view.temp_flags(label="many"):
    sent = [view.apply_async(work, runs, n, begun, int(free), gate) for n in range(int(count))]
while not rc.db_query({"msg_id": sent[-1].msg_ids[0]}, keys=["msg_id"]):
    pass
print("session", rc.session, flush=True)
assert [result.get(240) for result in sent] == [-n for n in range(int(count))]
print("all told", flush=True)
"""


def ran(path: Path) -> Counter[int]:
    """How often each task has run."""
    return Counter(map(int, path.read_text().split())) if path.exists() else Counter()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("gone", [False, True], ids=["two clients", "one of two clients gone"])
@pytest.mark.parametrize("moment", [(0.0, 0.1), (0.4, 0.6), (0.85, 0.95)], ids=["early", "half", "nearly done"])
def test_a_killed_controller_loses_nothing(
    processes: Processes, tmp_path: Path, moment: tuple[float, float], gone: bool
) -> None:
    """Once as many have begun as the seed says, tasks wait in the engines until the controller is dead."""
    free = 1 + int(2 * TASKS * random.Random(SEED).uniform(*moment))
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    args = ["--restore", "--sqlitedb", "--hwm=20"]
    site = start_cluster(processes, 4, controller_args=args)
    logs = [tmp_path / f"runs-{k}" for k in range(2)]
    given = [str(TASKS), str(begun), str(free), str(gate)]
    users = [processes.start([sys.executable, "-c", CLIENT, str(site.client_file), str(log), *given]) for log in logs]
    for user in users:
        wait_until(lambda user=user: "session" in user.output or not user.running, "tasks to be on record", PATIENCE)
        assert "session" in user.output, user.output
    wait_until(lambda: begun.exists() and begun.stat().st_size >= free, "so many tasks to begin", PATIENCE)
    if gone:
        users[1].kill()
    site.controller.kill()
    before = sum(map(len, map(ran, logs)))
    assert free <= before < 2 * TASKS, before
    gate.touch()
    again = start_cluster(processes, 0, controller_args=args)
    for user in users[: 1 if gone else 2]:
        assert user.wait(PATIENCE) == 0, f"{user.output}\n{again.controller.output}"
        assert "all told" in user.output
    client: Any = camshaft.Client(str(again.client_file), timeout=60)
    try:
        session = users[1].output.partition("session ")[2].split()[0]
        assert client.attach(session=session).get(PATIENCE) == [-n for n in range(TASKS)]
        assert len(client.attach(label="many")) == 2 * TASKS
    finally:
        client.close()
    for log in logs:
        assert ran(log) == Counter(range(TASKS)), "a task did not run exactly once"
    (file,) = again.profile_dir.glob("tasks-*.db")
    with contextlib.closing(sqlite3.connect(file)) as db:
        found = db.execute('SELECT count(*), count(completed) FROM "ipython-tasks"').fetchall()
    assert found == [(2 * TASKS, 2 * TASKS)]
    print(f"{2 * TASKS} tasks: {before} had begun before the kill, each ran once, each has one result on record")
