"""Chaos: a cluster at work while its processes are killed and stopped, as a seed says; afterwards it is counted.

As a program (`make chaos`): `PYTHONPATH=tests python tests/chaos/chaos.py --rounds 20 --seed 7`.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import ClusterUnderTest, Process, Processes, start_cluster, wait_until

CLIENT = """
import json, random, sys, threading
import camshaft
from camshaft import error

connection, name, count, seed, runs, out = sys.argv[1:]
rng = random.Random(int(seed))
rc = camshaft.Client(connection, timeout=30)
rc.wait_for_engines(1, timeout=60)

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
for n in range(int(count)):
    crash = n == int(count) // 2 and name == "client-0"
    retries = rng.choice([0, 0, 0, 2])
    view.retries = 0 if crash else retries
    sent.append((n, view.retries, view.apply_async(work, runs, name, n, rng.choice([0, 0, 0.001, 0.01]), crash)))
print("submitted", flush=True)
told = []
for n, retries, result in sent:
    try:
        assert result.get(300) == n
        outcome = "finished"
    except error.TaskAborted:
        outcome = "aborted"
    except error.RemoteError as failure:
        outcome = f"failed: {failure.ename}: {failure.evalue}"
    told.append((n, retries, outcome, result.msg_ids[0]))
with open(out, "w") as file:
    json.dump(told, file)
"""


@dataclass
class Round:
    """One round's plan, and what came of it."""

    seed: int
    tasks: int = 500
    engines: int = 3
    clients: int = 2
    blows: int = 6
    controller_args: tuple[str, ...] = ("--hwm=4", "--ping=500")
    done: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        """The counts in one line."""
        counts = ", ".join(f"{value} {key}" for key, value in sorted(self.counts.items()))
        return f"seed {self.seed}: {counts}; {', '.join(self.done)}"


class Cluster:
    """What a round is played on."""

    def __init__(self, plan: Round, processes: Processes) -> None:
        self.plan = plan
        self.rng = random.Random(plan.seed)
        self.processes = processes
        self.args = ["--reuse", *plan.controller_args]
        self.site: ClusterUnderTest = start_cluster(processes, plan.engines, controller_args=self.args)
        self.runs = processes.folder / "runs"
        self.runs.mkdir()
        self.users = [self._user(k) for k in range(plan.clients)]

    def _user(self, k: int) -> tuple[str, Process, Path]:
        name = f"client-{k}"
        out = self.processes.folder / f"{name}.json"
        arguments = [str(self.site.client_file), name, str(self.plan.tasks), str(self.plan.seed + k)]
        command = [sys.executable, "-c", CLIENT, *arguments, str(self.runs), str(out)]
        return name, self.processes.start(command), out

    def under_way(self) -> bool:
        """Whether anybody still waits for results."""
        return any(user.running for _, user, _ in self.users)

    # -- blows ----------------------------------------------------------------------------------------------------

    def kill_controller(self) -> None:
        """kill -9, and another one in its place."""
        self.site.controller.kill()
        time.sleep(self.rng.choice([0, 0.1, 0.5]))
        engines = self.site.engines
        self.site = start_cluster(self.processes, 0, controller_args=self.args)
        self.site.engines = engines

    def stop_controller(self) -> None:
        """SIGSTOP for a moment."""
        self._stop(self.site.controller)

    def kill_engine(self) -> None:
        """kill -9 one engine, and start another."""
        self.rng.choice(self._engines()).kill()
        self.site.add_engine()

    def stop_engine(self) -> None:
        """SIGSTOP an engine, for a moment or until it is missed."""
        self._stop(self.rng.choice(self._engines()))

    def stop_client(self) -> None:
        """SIGSTOP a client for a moment."""
        self._stop(self.rng.choice(self.users)[1])

    def kill_client(self) -> None:
        """kill -9 the last client: nobody else may suffer. Its results are nobody's any more."""
        if len(self.users) > 1:
            self.users.pop()[1].kill()

    def _stop(self, process: Process) -> None:
        process.send(signal.SIGSTOP)
        try:
            time.sleep(self.rng.choice([0.05, 0.3, 1.0]))
        finally:
            process.send(signal.SIGCONT)

    def _engines(self) -> list[Process]:
        for _ in [engine for engine in self.site.engines if not engine.running]:
            self.site.add_engine()  # one that crashed
        self.site.engines = [engine for engine in self.site.engines if engine.running]
        return self.site.engines


BLOWS = (
    Cluster.kill_controller,
    Cluster.kill_controller,
    Cluster.stop_controller,
    Cluster.kill_engine,
    Cluster.stop_engine,
    Cluster.stop_client,
    Cluster.kill_client,
)


def play(plan: Round, folder: Path) -> Round:
    """Play one round in `folder`; AssertionError names what does not add up."""
    processes = Processes(folder)
    try:
        cluster = Cluster(plan, processes)
        wait_until(lambda: any(cluster.runs.iterdir()) or not cluster.under_way(), "tasks to run")
        for _ in range(plan.blows):
            if not cluster.under_way():
                break
            blow = cluster.rng.choice(BLOWS)
            blow(cluster)
            plan.done.append(blow.__name__)
            time.sleep(cluster.rng.random() * 0.5)
        deadline = time.monotonic() + 300
        while cluster.under_way() and time.monotonic() < deadline:
            cluster._engines()
            time.sleep(0.05)
        count(plan, cluster)
    finally:
        survivors = processes.end()
    assert not survivors, survivors
    return plan


def count(plan: Round, cluster: Cluster) -> None:
    """Every task of every client that lives ended once, and ran no oftener than it may."""
    for name, user, out in cluster.users:
        assert user.wait(10) == 0, f"{plan.line()}\n{user.output}\n{cluster.site.controller.output}"
        told: list[tuple[int, int, str, str]] = json.loads(out.read_text())
        ran = Counter(int(line) for line in (cluster.runs / name).read_text().split())
        assert [n for n, *_ in told] == list(range(plan.tasks)), f"{plan.line()}: {name} has not heard of every task"
        plan.counts["submitted"] += len(told)
        for n, retries, outcome, _ in told:
            plan.counts[outcome.partition(":")[0]] += 1
            assert ran[n] <= 1 + retries, f"{plan.line()}: {name}'s task {n} ran {ran[n]} times with {retries} retries"
            if outcome == "finished":
                assert ran[n] >= 1, f"{plan.line()}: {name}'s task {n} has a result and never ran"
            elif outcome.startswith("failed"):
                assert "EngineError" in outcome, f"{plan.line()}: {name}'s task {n}: {outcome}"
    ended: Any = plan.counts["finished"] + plan.counts["failed"] + plan.counts["aborted"]
    assert plan.counts["submitted"] == ended, plan.line()


def main() -> int:
    """Play many rounds and print each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--tasks", type=int, default=3000)
    parser.add_argument("--engines", type=int, default=4)
    parser.add_argument("--blows", type=int, default=12)
    given = parser.parse_args()
    total: Counter[str] = Counter()
    for seed in range(given.seed, given.seed + given.rounds):
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            plan = Round(seed, tasks=given.tasks, engines=given.engines, blows=given.blows)
            play(plan, Path(folder))
        print(plan.line(), flush=True)
        total += plan.counts
    print(f"{given.rounds} rounds:", ", ".join(f"{value} {key}" for key, value in sorted(total.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
