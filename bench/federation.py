"""Tasks a second with one controller and with two that act as one, with as many engines in all.

usage: federation.py [TASKS [ENGINES [ROUNDS]]]      default: 200,000 no-op tasks, 4 engines, 3 rounds in alternation

Two controllers help where the controller is the bottleneck and processors are free: client, controllers and engines
share those of this machine. The second row spreads the load of several client processes over one or two controllers.
"""

import statistics
import subprocess
import sys
import time
from typing import Any

import camshaft

CLIENTS = 2


def run(connections: list[str], tasks: int) -> float:
    """Tasks a second of one client of the controllers."""
    rc = camshaft.Client(connections if len(connections) > 1 else connections[0])
    view = rc.load_balanced_view()
    view.map_sync(abs, range(100))
    start = time.perf_counter()
    assert len(view.map_sync(abs, range(tasks))) == tasks
    rate = tasks / (time.perf_counter() - start)
    rc.close()
    return rate


def together(connections: list[str], tasks: int) -> float:
    """Tasks a second of several client processes at once."""
    command = [sys.executable, __file__, "--client", str(tasks // CLIENTS), *connections]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(CLIENTS)]
    return sum(float(process.communicate()[0]) for process in processes)


def main() -> None:
    """Measure and print the ratio."""
    given = [int(word.replace(",", "")) for word in sys.argv[1:]]
    tasks, engines, rounds = (given + [200_000, 4, 3][len(given) :])[:3]
    clusters: list[Any] = [
        camshaft.Cluster(n=n, cluster_id=name)
        for name, n in (("all", engines), ("one", engines - engines // 2), ("other", engines // 2))
    ]
    try:
        for cluster in clusters:
            cluster.start_cluster_sync()
            cluster.connect_client_sync().wait_for_engines(cluster.n, timeout=60)
        single, both = [clusters[0].connection_file], [cluster.connection_file for cluster in clusters[1:]]
        for what, measure in (("1 client", run), (f"{CLIENTS} clients", together)):
            rates: dict[int, list[float]] = {1: [], 2: []}
            for _ in range(rounds):
                rates[1].append(measure(single, tasks))
                rates[2].append(measure(both, tasks))
            one, two = (statistics.median(rates[n]) for n in (1, 2))
            print(
                f"{what}: 1 controller {one:,.0f} tasks/s, 2 controllers {two:,.0f} tasks/s, ratio {two / one:.2f}",
                flush=True,
            )
    finally:
        for cluster in clusters:
            cluster.stop_cluster_sync()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        print(run(sys.argv[3:], int(sys.argv[2])))
    else:
        main()
