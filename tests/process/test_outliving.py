"""Results outlive their client, and tasks the controller."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import camshaft
import pytest
from processes import ClusterUnderTest, wait_until
from processes import at_the_prompt as mine

Start = Callable[..., ClusterUnderTest]
PATIENCE = 60.0

LEAVING_CLIENT = """
import sys, time
import camshaft

connection, runs, kept, count, seconds = sys.argv[1:]
rc = camshaft.Client(connection, timeout=30)
rc.wait_for_engines(2, timeout=60)

def note(runs, n, seconds):
    import os, time
    with open(runs, "a") as file:
        file.write(f"{n}\\n")
    time.sleep(seconds)
    while os.path.exists(runs + ".hold"):
        time.sleep(0.01)
    return -n

note.__module__ = "__main__"
view = rc.load_balanced_view()
with view.temp_flags(label="night run"):
    results = view.map_async(note, [runs] * int(count), range(int(count)), [float(seconds)] * int(count), chunksize=5)
other = view.apply_async(abs, -1)
results.save(kept)
if not kept.endswith(".midway"):
    other.get(60)
while not rc.db_query({"msg_id": other.msg_ids[0]}, keys=["msg_id"]):
    pass  # the question was faster
print("session", rc.session, flush=True)
time.sleep(0 if kept.endswith("left") else 600)
"""


@mine
def note(path: str, n: int, seconds: float) -> int:
    """Leaves a line for each time it runs."""
    import time

    with open(path, "a") as file:
        file.write(f"{n}\n")
    time.sleep(seconds)
    return -n


def runs(path: Path) -> list[int]:
    """Which numbers have run, as often as they did."""
    return sorted(int(line) for line in path.read_text().split()) if path.exists() else []


def hold(log: Path) -> Path:
    """As long as this file is there, tasks do not end."""
    return log.with_name(log.name + ".hold")


def leave(site: ClusterUnderTest, folder: Path, name: str, count: int, seconds: float) -> tuple[str, Path, Path]:
    """A client that submits and is gone: its session, its runs and the file it has written.

    Of "left.midway", the first tasks wait until the file that `hold` names is gone.
    """
    kept, log = folder / name, folder / f"{name}.runs"
    if name == "left.midway":
        hold(log).touch()
    arguments = [str(site.client_file), str(log), str(kept), str(count), str(seconds)]
    user = site.processes.start([sys.executable, "-c", LEAVING_CLIENT, *arguments])
    wait_until(lambda: "session" in user.output or not user.running, "the client to submit")
    session = user.output.partition("session ")[2].strip()
    assert session, user.output
    if name == "left":
        assert user.wait() == 0
    else:
        user.kill()
    return session, log, kept


@pytest.mark.parametrize("name", ["left", "left.killed"])
def test_another_client_gets_what_was_left(cluster: Start, tmp_path: Path, name: str) -> None:
    site = cluster(2, cluster_id="night")
    session, log, kept = leave(site, tmp_path, name, 100, 0.02)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    client: Any = camshaft.Client(cluster_id="night", timeout=30)
    site.clients.append(client)
    whole = camshaft.load_result(kept, client)
    assert whole.get(PATIENCE) == [-n for n in range(100)]
    labelled = client.attach(label="night run")
    assert [n for part in labelled.get(PATIENCE) for n in part] == [-n for n in range(100)]
    assert len(client.attach(session=session)) == len(labelled) + 1
    assert len(client.attach(label="night run", session=session)) == len(labelled)
    assert runs(log) == list(range(100))
    whole.save(tmp_path / "again")
    client.close()
    assert camshaft.load_result(tmp_path / "again", client).get(0) == [-n for n in range(100)]


def test_what_cannot_be_attached_is_said(cluster: Start, tmp_path: Path) -> None:
    client = cluster(1).client()
    with pytest.raises(ValueError, match="a label or a session"):
        client.attach()
    with pytest.raises(KeyError, match="no message with label 'nothing'"):
        client.attach(label="nothing")
    (tmp_path / "text").write_text("text")
    with pytest.raises(ValueError, match="no saved result"):
        camshaft.load_result(tmp_path / "text", client)
    with pytest.raises(FileNotFoundError):
        camshaft.load_result(tmp_path / "nothing", client)
    failing = client[0].apply_async(mine(lambda: 1 / 0))
    failing.save(tmp_path / "pending")
    failing.wait(PATIENCE)
    failing.save(tmp_path / "failed")
    for name in ("pending", "failed"):
        with pytest.raises(camshaft.RemoteError, match="ZeroDivisionError"):
            camshaft.load_result(tmp_path / name, client).get(PATIENCE)


def test_waiting_for_others_asks_seldom(cluster: Start, tmp_path: Path) -> None:
    """The controller tells when a task has ended: no question for each tenth of a second."""
    site = cluster(1)
    first, second = site.client(), site.client()
    slow = first.load_balanced_view().apply_async(note, str(tmp_path / "runs"), 7, 2.0)
    wait_until(lambda: runs(tmp_path / "runs") == [7], "the task to run")
    asked: list[str] = []
    ask = second._ask
    second._ask = lambda kind, content: (asked.append(kind), ask(kind, content))[1]
    assert second.get_result(slow.msg_ids[0]).get(PATIENCE) == -7
    assert len(asked) <= 6, asked


@pytest.mark.parametrize("option", ["--restore", "--reuse"])
def test_tasks_of_clients_that_are_gone_go_on_after_a_crash(cluster: Start, tmp_path: Path, option: str) -> None:
    """The database has them: what waited in the controller runs once, and whoever asks gets the results."""
    args = [option, "--sqlitedb", "--hwm=1"]
    site = cluster(2, controller_args=args, cluster_id="night")
    session, log, kept = leave(site, tmp_path, "left.midway", 150, 0.05)
    wait_until(lambda: len(runs(log)) > 0, "tasks to run")
    site.controller.kill()
    assert 0 < len(runs(log)) < 150
    hold(log).unlink()
    after = cluster(0, controller_args=args, cluster_id="night")
    client: Any = camshaft.Client(cluster_id="night", timeout=30)
    after.clients.append(client)
    labelled = client.attach(label="night run")
    assert [n for part in labelled.get(PATIENCE) for n in part] == [-n for n in range(150)]
    assert camshaft.load_result(kept, client).get(PATIENCE) == [-n for n in range(150)]
    assert runs(log) == list(range(150))
    assert client.db_query({"completed": None}, keys=["msg_id"]) == []
    assert len(client.attach(session=session)) == len(labelled) + 1


def test_a_controller_that_was_stopped_leaves_nothing_to_take_up(cluster: Start, tmp_path: Path) -> None:
    """Clients were told that their tasks are over; so they are, for the next controller as well."""
    args = ["--restore", "--sqlitedb", "--hwm=1"]
    site = cluster(2, controller_args=args, cluster_id="night")
    session, log, _ = leave(site, tmp_path, "left.midway", 100, 0.1)
    site.controller.stop()
    hold(log).unlink()
    after = cluster(0, controller_args=args, cluster_id="night")
    client: Any = after.client(engines=2)
    client[:].apply_sync(abs, -1)  # what ran has ended
    done = len(runs(log))
    assert done < 100
    assert client.db_query({"completed": None}, keys=["msg_id"]) == []
    ended = client.attach(session=session).get(PATIENCE, return_exceptions=True)
    assert any(isinstance(one, camshaft.RemoteError) for one in ended)
    assert client.load_balanced_view().apply_sync(abs, -3) == 3
    assert client[:].apply_sync(abs, -1) == [1, 1]
    assert len(runs(log)) == done


DURABLE_CLIENT = """
import sys
import camshaft

rc = camshaft.Client(sys.argv[1], timeout=30)
rc.wait_for_engines(1, timeout=60)
view = rc.load_balanced_view()
sent = [view.apply_async(abs, -n) for n in range(int(sys.argv[2]))]
while not rc.db_query({"msg_id": sent[-1].msg_ids[0]}, keys=["msg_id"]):
    pass  # the question was faster
print("acknowledged", flush=True)
rc.hub_history()
"""


@pytest.mark.parametrize("synchronous", ["NORMAL", "FULL"])
def test_what_was_acknowledged_is_on_record(cluster: Start, synchronous: str) -> None:
    """kill -9 in the moment of the acknowledgement: the file has everything that was submitted before."""
    site = cluster(1, controller_args=["--restore", "--sqlitedb", f"--SQLiteDB.synchronous={synchronous}"])
    user = site.processes.start([sys.executable, "-c", DURABLE_CLIENT, str(site.client_file), "3000"])
    wait_until(lambda: "acknowledged" in user.output or not user.running, "the acknowledgement")
    site.controller.kill()
    assert "acknowledged" in user.output, user.output
    (file,) = site.profile_dir.glob("tasks-*.db")
    with contextlib.closing(sqlite3.connect(file)) as db:
        ((count,),) = db.execute('SELECT count(*) FROM "ipython-tasks"')
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert count == 3000


LEAVING_DIRECT_CLIENT = """
import sys, time
import camshaft

rc = camshaft.Client(sys.argv[1], timeout=30)
rc.wait_for_engines(1, timeout=60)

def hold(gate):
    import os, time
    while not os.path.exists(gate):
        time.sleep(0.01)
    return "opened"

hold.__module__ = "__main__"
sent = rc[0].apply_async(hold, sys.argv[2])
while not rc.db_query({"msg_id": sent.msg_ids[0]}, keys=["msg_id"]):
    pass
print("sent", sent.msg_ids[0], flush=True)
time.sleep(600)
"""


def test_direct_requests_that_nobody_has_end(cluster: Start, tmp_path: Path) -> None:
    """Of a client that is gone: what its engine has goes on; what never arrived, or went with an engine, ends."""
    args = ["--restore", "--sqlitedb", "--ping=250"]  # so that eleven seconds are waited for clients
    site = cluster(1, controller_args=args)
    gate = tmp_path / "gate"
    user = site.processes.start([sys.executable, "-c", LEAVING_DIRECT_CLIENT, str(site.client_file), str(gate)])
    wait_until(lambda: "sent" in user.output or not user.running, "the client to submit")
    held = user.output.partition("sent ")[2].strip()
    assert held, user.output
    user.kill()
    site.controller.kill()
    # As if the controller had died with them on its hands.
    (file,) = site.profile_dir.glob("tasks-*.db")
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        for name, engine in (("never-arrived", None), ("engine-missing", "camshaft-gone")):
            db.execute('CREATE TEMP TABLE lost AS SELECT * FROM "ipython-tasks" WHERE msg_id = ?', [held])
            db.execute("UPDATE lost SET msg_id = ?, engine_uuid = coalesce(?, engine_uuid)", [name, engine])
            db.execute('INSERT INTO "ipython-tasks" SELECT * FROM lost')
            db.execute("DROP TABLE lost")
    client: Any = cluster(0, controller_args=args).client(engines=1)
    for name, why in (("never-arrived", "was lost on its way"), ("engine-missing", "was under way when")):
        with pytest.raises(camshaft.RemoteError, match=f"EngineError.*Task '{name}' {why}"):
            client.get_result(name).get(PATIENCE)
    assert client.db_query({"completed": None}, keys=["msg_id"]) == [{"msg_id": held}]
    assert client.queue_status(verbose=False)[client.ids[0]]["queue"] == 1
    gate.touch()
    assert client.get_result(held).get(PATIENCE) == "opened"
