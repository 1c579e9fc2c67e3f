"""Chaos: a cluster at work while its processes are killed, stopped and cut off, as a seed says; then it is counted.

As a program (`make chaos`): `PYTHONPATH=tests python -m chaos.chaos --rounds 20 --seed 7`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.network import TwoHosts, why_not
from processes import ClusterUnderTest, Process, Processes, start_cluster, wait_until

CLIENT = """
import json, sys
import camshaft
from camshaft import error

connection, name, plan, runs, out = sys.argv[1:]
rc = camshaft.Client(connection, timeout=60)
rc.wait_for_engines(1, timeout=120)

def work(runs, name, n, seconds, crash):
    import os, time
    with open(f"{runs}/{name}", "a") as file:
        file.write(f"{n}\\n")
    if crash:
        import ctypes
        ctypes.string_at(0)
    time.sleep(seconds)
    return n

work.__module__ = "__main__"
view = rc.load_balanced_view()
sent = []
for n, (retries, seconds, crash) in enumerate(json.load(open(plan))):
    view.retries = retries
    sent.append(view.apply_async(work, runs, name, n, seconds, crash))
with open(out + ".ids", "w") as file:
    json.dump([result.msg_ids[0] for result in sent], file)
told = []
for n, result in enumerate(sent):
    try:
        assert result.get(300) == n
        outcome = "finished"
    except error.TaskAborted:
        outcome = "aborted"
    except error.RemoteError as failure:
        outcome = f"failed: {failure.ename}: {failure.evalue}"
    told.append(outcome)
with open(out, "w") as file:
    json.dump(told, file)
"""

PROBE = """
import json, sys
import camshaft

connection, ids = sys.argv[1:]
ids = json.load(open(ids))
rc = camshaft.Client(connection, timeout=30)
print("queues:", rc.queue_status())
print("why:", rc._ask("why_request", {"msg_ids": ids}))
records = rc.db_query({"msg_id": {"$in": ids}, "completed": None}, keys=["msg_id", "engine_uuid"])
print("unfinished:", records)
"""

Demand = tuple[int, float, bool]  # retries, seconds, whether it kills its engine by a segmentation fault


@dataclass
class Round:
    """One round's plan, and what came of it."""

    seed: int
    tasks: int = 500
    engines: int = 3
    clients: int = 2
    blows: int = 6
    controller_args: tuple[str, ...] = ("--hwm=4", "--ping=500")
    database: bool = False  # tasks of clients that are killed go on
    cuts: tuple[float, ...] = ()  # seconds for which the network may be cut
    done: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        """The counts in one line."""
        counts = ", ".join(f"{value} {key}" for key, value in sorted(self.counts.items()))
        with_ = [word for word, there in (("sqlite", self.database), ("network", self.cuts)) if there]
        return f"seed {self.seed}{' ' if with_ else ''}{' '.join(with_)}: {counts}; {', '.join(self.done)}"

    def demands(self, k: int) -> list[Demand]:
        """What client `k` submits."""
        rng = random.Random(self.seed + k)
        plan = [(rng.choice([0, 0, 0, 2]), rng.choice([0, 0, 0.001, 0.01]), False) for _ in range(self.tasks)]
        for n in range(1, 1 + (k == 0) * 2):
            plan[n * self.tasks // 3] = (0, 0.0, True)
        return plan


class OnHosts(Processes):
    """Controllers on one host, everything else on another one."""

    def __init__(self, folder: Path, hosts: TwoHosts) -> None:
        super().__init__(folder)
        self.hosts = hosts

    def start(self, command: Sequence[str], **env: str) -> Process:
        """As `Processes.start`, there."""
        near = Path(command[0]).name == "ipcontroller"
        return super().start(self.hosts.on(self.hosts.near if near else self.hosts.far, command), **env)


@dataclass
class User:
    """A client's process, what it submits and what it was told."""

    name: str
    process: Process
    demands: list[Demand]
    out: Path


class Cluster:
    """What a round is played on."""

    def __init__(self, plan: Round, processes: Processes, hosts: TwoHosts | None = None) -> None:
        self.plan = plan
        self.rng = random.Random(plan.seed)
        self.processes = processes
        self.hosts = hosts
        self.args = ["--restore" if plan.database else "--reuse", *plan.controller_args]
        if plan.database:
            self.args.append("--sqlitedb")
        if hosts:
            self.args += [f"--ip={hosts.near_address}", f"--location={hosts.near_address}"]
        self.site: ClusterUnderTest = start_cluster(processes, plan.engines, controller_args=self.args)
        self.runs = processes.folder / "runs"
        self.runs.mkdir()
        self.users = [self._user(k) for k in range(plan.clients)]
        self.killed: list[User] = []

    def _user(self, k: int) -> User:
        name = f"client-{k}"
        out, demands = self.processes.folder / f"{name}.json", self.plan.demands(k)
        given = self.processes.folder / f"{name}.plan"
        given.write_text(json.dumps(demands))
        arguments = [str(self.site.client_file), name, str(given), str(self.runs), str(out)]
        return User(name, self.processes.start([sys.executable, "-c", CLIENT, *arguments]), demands, out)

    def under_way(self) -> bool:
        """Whether anybody still waits for results."""
        return any(user.process.running for user in self.users)

    def who_waits(self) -> str:
        """What a new client learns about the tasks of those that do not end."""
        found = []
        for user in self.users:
            if not user.process.running:
                continue
            probe = self.processes.start([sys.executable, "-c", PROBE, str(self.site.client_file), f"{user.out}.ids"])
            probe.wait()
            ran = set((self.runs / user.name).read_text().split())
            never = [n for n in range(self.plan.tasks) if str(n) not in ran]
            found.append(f"{user.name} waits; never ran: {never}\n{probe.output}\n{user.process.output}")
        return "\n".join([*found, self.site.controller.output])

    # -- blows ----------------------------------------------------------------------------------------------------

    def kill_controller(self) -> None:
        """kill -9, and another one in its place."""
        self.site.controller.kill()
        time.sleep(self.rng.choice([0, 0.1, 0.5]))
        engines = self.site.engines
        self.site = start_cluster(self.processes, 0, controller_args=self.args)
        self.site.engines = engines

    def kill_controller_and_engine(self) -> None:
        """Both at once: nobody can be asked what that engine had."""
        self.site.controller.kill()
        self.kill_engine()
        self.kill_controller()

    def stop_controller(self) -> None:
        """SIGSTOP for a moment."""
        self._stop(self.site.controller)

    def kill_engine(self) -> None:
        """kill -9 one engine, and start another."""
        self.rng.choice(self.live_engines()).kill()
        self.site.add_engine()

    def stop_engine(self) -> None:
        """SIGSTOP an engine, for a moment or until it is missed."""
        self._stop(self.rng.choice(self.live_engines()))

    def stop_client(self) -> None:
        """SIGSTOP a client for a moment."""
        self._stop(self.rng.choice(self.users).process)

    def kill_client(self) -> None:
        """kill -9 the last client: nobody else may suffer. Without a database its results are nobody's any more."""
        if len(self.users) > 1:
            self.killed.append(self.users.pop())
            self.killed[-1].process.kill()

    def cut_network(self) -> None:
        """Nothing gets through between the controller and everybody else, and nobody is told."""
        if not self.hosts:
            return
        self.hosts.cut()
        try:
            time.sleep(self.rng.choice(self.plan.cuts))
        finally:
            self.hosts.heal()

    def _stop(self, process: Process) -> None:
        process.send(signal.SIGSTOP)
        try:
            time.sleep(self.rng.choice([0.05, 0.3, 1.0]))
        finally:
            process.send(signal.SIGCONT)

    def live_engines(self) -> list[Process]:
        """Those that run; one that crashed is replaced."""
        for _ in [engine for engine in self.site.engines if not engine.running]:
            self.site.add_engine()
        self.site.engines = [engine for engine in self.site.engines if engine.running]
        return self.site.engines


BLOWS: tuple[Callable[[Cluster], None], ...] = (
    Cluster.kill_controller,
    Cluster.kill_controller,
    Cluster.kill_controller_and_engine,
    Cluster.stop_controller,
    Cluster.kill_engine,
    Cluster.stop_engine,
    Cluster.stop_client,
    Cluster.kill_client,
)


def play(plan: Round, folder: Path) -> Round:
    """Play one round in `folder`; AssertionError names what does not add up."""
    with contextlib.ExitStack() as stack:
        hosts = stack.enter_context(TwoHosts()) if plan.cuts else None
        processes = OnHosts(folder, hosts) if hosts else Processes(folder)
        try:
            cluster = Cluster(plan, processes, hosts)
            wait_until(lambda: any(cluster.runs.iterdir()) or not cluster.under_way(), "tasks to run")
            blows = BLOWS + (Cluster.cut_network,) * (2 if hosts else 0)
            for _ in range(plan.blows):
                if not cluster.under_way():
                    break
                blow = cluster.rng.choice(blows)
                blow(cluster)
                plan.done.append(blow.__name__)
                time.sleep(cluster.rng.random() * 0.5)
            deadline = time.monotonic() + 300
            while cluster.under_way() and time.monotonic() < deadline:
                cluster.live_engines()
                time.sleep(0.05)
            assert not cluster.under_way(), f"{plan.line()}: {cluster.who_waits()}"
            count(plan, cluster)
        finally:
            survivors = processes.end()
        assert not survivors, survivors
    return plan


def count(plan: Round, cluster: Cluster) -> None:
    """Every task of every client ended once, and ran no oftener than it may."""
    for user in cluster.users:
        told = outcomes(plan, cluster, user)
        assert len(told) == plan.tasks, f"{plan.line()}: {user.name} has not heard of every task"
        tally(plan, cluster, user, dict(enumerate(told)))
    for user in cluster.killed:
        tally(plan, cluster, user, on_record(cluster, user) if plan.database else {}, killed=True)
    ended = plan.counts["finished"] + plan.counts["failed"] + plan.counts["aborted"]
    assert plan.counts["submitted"] == ended, plan.line()


def outcomes(plan: Round, cluster: Cluster, user: User) -> list[str]:
    """What a client was told about each of its tasks."""
    status = user.process.wait(10)
    assert status == 0, (
        f"{plan.line()}: {user.name} ended with {status}\n{user.process.output}\n{cluster.site.controller.output}"
    )
    told: list[str] = json.loads(user.out.read_text())
    return told


def on_record(cluster: Cluster, user: User) -> dict[int, str]:
    """What the records say of those tasks of a client that is gone which had come so far; all of them must end."""
    ids_file = Path(f"{user.out}.ids")
    if not ids_file.exists():  # killed while it submitted: its tasks are known by their runs only
        return {}
    numbers = {msg_id: n for n, msg_id in enumerate(json.loads(ids_file.read_text()))}
    (file,) = cluster.site.profile_dir.glob("tasks-*.db")
    with contextlib.closing(sqlite3.connect(file)) as db:

        def unfinished() -> list[Any]:
            rows = db.execute('SELECT msg_id FROM "ipython-tasks" WHERE completed IS NULL').fetchall()
            cluster.live_engines()
            return [row for (row,) in rows if row in numbers]

        wait_until(lambda: not unfinished(), "the end of tasks of clients that are gone", 120)
        rows = db.execute('SELECT msg_id, result_metadata, result_content FROM "ipython-tasks"').fetchall()
    found = {}
    for msg_id, metadata, content in rows:
        if msg_id in numbers:
            good = json.loads(metadata).get("status") == "ok"
            found[numbers[msg_id]] = "finished" if good else f"failed: {json.loads(content).get('ename')}"
    return found


def tally(plan: Round, cluster: Cluster, user: User, told: dict[int, str], killed: bool = False) -> None:
    """Count `told`, and compare it with what has run."""
    log = cluster.runs / user.name
    ran = Counter(int(line) for line in log.read_text().split()) if log.exists() else Counter()
    where = f"{plan.line()}: {user.name}'s task"
    for n, (retries, _, crash) in enumerate(user.demands):
        assert ran[n] <= 1 + retries, f"{where} {n} ran {ran[n]} times with {retries} retries"
        plan.counts["segmentation faults"] += crash and ran[n]
    plan.counts["submitted"] += len(told)
    if killed:
        plan.counts["of killed clients"] += len(told)
        plan.counts["run, but not on record"] += len(set(ran) - set(told)) if told else 0
    for n, outcome in told.items():
        plan.counts[outcome.partition(":")[0]] += 1
        if outcome == "finished":
            assert ran[n] >= 1, f"{where} {n} has a result and never ran"
        elif outcome.startswith("failed"):
            assert "EngineError" in outcome, f"{where} {n}: {outcome}"


def main() -> int:
    """Play many rounds and print each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--tasks", type=int, default=3000)
    parser.add_argument("--engines", type=int, default=4)
    parser.add_argument("--blows", type=int, default=12)
    given = parser.parse_args()
    if reason := why_not():
        print(f"the network is not cut: {reason}")
    total: Counter[str] = Counter()
    for seed in range(given.seed, given.seed + given.rounds):
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            plan = Round(seed, tasks=given.tasks, engines=given.engines, blows=given.blows)
            plan.database = seed % 2 == 0
            plan.cuts = (0.5, 3.0, 12.0) if seed % 3 == 0 and not reason else ()
            play(plan, Path(folder))
        print(plan.line(), flush=True)
        total += plan.counts
    print(f"{given.rounds} rounds:", ", ".join(f"{value} {key}" for key, value in sorted(total.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
