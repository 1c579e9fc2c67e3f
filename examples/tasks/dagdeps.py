"""Runs a graph of tasks: each starts after those that it depends on, and all that can run together do.

    ipcluster start -n 4 &
    python dagdeps.py

The graph is a dict {node: its parents}. A `graphlib.TopologicalSorter` gives the nodes so that parents come first; the
parents' results become the `after` of each task. (A NetworkX graph works in the same way, with
`networkx.topological_sort(graph)` and `graph.predecessors(node)`.)
"""

from __future__ import annotations

import random
from graphlib import TopologicalSorter

import camshaft as ipp


def random_graph(nodes: int, edges: int, seed: int = 1) -> dict[int, set[int]]:
    """A graph without cycles: {node: parents}, where parents have smaller numbers."""
    rng = random.Random(seed)
    graph: dict[int, set[int]] = {node: set() for node in range(nodes)}
    for _ in range(edges):
        parent, child = sorted(rng.sample(range(nodes), 2))
        graph[child].add(parent)
    return graph


def work(seconds: float) -> float:
    """Sleep; return the seconds."""
    import time

    time.sleep(seconds)
    return seconds


def submit(view: ipp.LoadBalancedView, graph: dict[int, set[int]], seconds: float) -> dict[int, ipp.AsyncResult]:
    """One task for each node, after those of its parents."""
    results: dict[int, ipp.AsyncResult] = {}
    for node in TopologicalSorter(graph).static_order():
        parents = [results[parent] for parent in graph[node]]
        with view.temp_flags(after=parents or None):
            results[node] = view.apply_async(work, seconds)
    return results


def check(graph: dict[int, set[int]], results: dict[int, ipp.AsyncResult]) -> None:
    """RuntimeError if a task started before one of its parents was done."""
    for node, parents in graph.items():
        for parent in parents:
            if results[node].started < results[parent].completed:
                raise RuntimeError(f"node {node} started before its parent {parent} was done")


def main() -> None:
    """Run a random graph and check the order."""
    graph = random_graph(32, 96)
    with ipp.Client() as rc:
        rc.wait_for_engines(1, timeout=30)
        results = submit(rc.load_balanced_view(), graph, 0.02)
        total = sum(result.get(timeout=60) for result in results.values())
        check(graph, results)
        start = min(result.submitted for result in results.values())
        end = max(result.completed for result in results.values())
        print(f"{len(graph)} tasks, {sum(map(len, graph.values()))} dependencies, in order")
        print(f"{total:.2f} s of work in {(end - start).total_seconds():.2f} s")


if __name__ == "__main__":
    main()
