"""Clusters of mixed descent: controller, engines and client each ours or the original's.

The checks in tests/process/test_interop_*.py are written once, against what the interfaces have in common, and run on
every combination of `COMBINATIONS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import PATIENCE, ClusterUnderTest, Kind, Processes, start_cluster, wait_until


@dataclass(frozen=True)
class Combination:
    """Who is who."""

    client: Kind
    engines: Kind
    controller: Kind

    def __str__(self) -> str:
        return f"{self.client}-client-{self.engines}-engines-{self.controller}-controller"


COMBINATIONS = (
    Combination("official", "official", "ours"),
    Combination("ours", "official", "ours"),
    Combination("official", "ours", "ours"),
    Combination("ours", "ours", "official"),
)


class Site:
    """A running cluster of two engines with a client, for many tests: each leaves it as it was."""

    def __init__(self, combination: Combination, cluster: ClusterUnderTest) -> None:
        self.combination = combination
        self.cluster = cluster
        self.client: Any = cluster.client(combination.client)
        self.ids: list[int] = sorted(self.client.ids)[:2]

    @property
    def package(self) -> Any:
        """camshaft or ipyparallel, whichever the client is."""
        if self.combination.client == "ours":
            import camshaft

            return camshaft
        import ipyparallel

        return ipyparallel

    @property
    def view(self) -> Any:
        """A new view of both engines."""
        return self.client[self.ids]

    @property
    def balanced(self) -> Any:
        """A new load-balanced view of any engine."""
        return self.client.load_balanced_view()

    @property
    def chosen(self) -> Any:
        """A new load-balanced view of exactly the two engines: when neither can run a task, it is impossible."""
        return self.client.load_balanced_view(self.ids)

    def mine(self, f: Any) -> Any:
        """`f` as if typed at the prompt: engines cannot import the file of a test."""
        if self.combination.client == "ours":
            return self.package.interactive(f)
        f.__module__ = "__main__"  # the original's own `interactive` loses closures
        return f

    @contextmanager
    def held(self, engine: int, folder: Path) -> Iterator[Any]:
        """Keep an engine busy within the `with` statement; gives the AsyncResult of what keeps it busy.

        The function has started when the statement begins, and comes to its end at the end of the statement.
        """
        started, release = folder / "started", folder / "release"

        @self.mine
        def hold(started: str, release: str) -> str:
            import pathlib
            import time

            pathlib.Path(started).touch()
            while not pathlib.Path(release).exists():
                time.sleep(0.005)
            return "released"

        result = self.client[engine].apply_async(hold, str(started), str(release))
        try:
            wait_until(started.exists, "the function that holds the engine")
            yield result
        finally:
            release.touch()
        assert get(result) == "released"
        for file in (started, release):
            file.unlink()

    @contextmanager
    def another_client(self, kind: Kind) -> Iterator[Any]:
        """A second client of the same cluster."""
        other = self.cluster.client(kind, engines=2)
        try:
            yield other
        finally:
            other.close()
            self.cluster.clients.remove(other)

    def recorded(self, *results: Any) -> None:
        """Wait until the controller has recorded the end of these AsyncResults."""
        ids = [msg_id for result in results for msg_id in result.msg_ids]

        def all_over() -> bool:
            records = self.client.db_query({"msg_id": {"$in": ids}}, keys=["msg_id", "completed"])
            return len(records) == len(ids) and all(record["completed"] for record in records)

        wait_until(all_over, "the controller's records")


def get(result: Any) -> Any:
    """The value of an AsyncResult; an error if it takes too long."""
    return result.get(PATIENCE)


class Sites:
    """Starts each cluster once; clients of both kinds share one."""

    def __init__(self, folder: Callable[[str], Path]) -> None:
        self._folder = folder
        self._processes: list[Processes] = []
        self._clusters: dict[tuple[Kind, Kind, Path | None], ClusterUnderTest] = {}
        self._sites: dict[tuple[Combination, Path | None], Site] = {}

    def site(self, combination: Combination, *, hidden: Path | None = None) -> Site:
        """The site of `combination`, started if need be.

        `hidden`: a folder whose sitecustomize.py hides packages from the site's processes.
        """
        key = combination, hidden
        if key not in self._sites:
            self._sites[key] = Site(combination, self._cluster(combination.controller, combination.engines, hidden))
        return self._sites[key]

    def _cluster(self, controller: Kind, engines: Kind, hidden: Path | None) -> ClusterUnderTest:
        key = controller, engines, hidden
        if key not in self._clusters:
            group = Processes(self._folder(f"{controller}-{engines}"))
            if hidden is not None:
                group.env["PYTHONPATH"] = os.pathsep.join([str(hidden), group.env["PYTHONPATH"]])
            self._processes.append(group)
            # the original's controller notices dead engines by missed heartbeats alone: let it ping often
            args = ["--ping=250"] if controller == "official" else []
            self._clusters[key] = start_cluster(
                self._processes[-1], 2, controller=controller, engines=engines, controller_args=args
            )
        return self._clusters[key]

    def close(self) -> list[str]:
        """End everything; a line for each process that outlived its parent."""
        for cluster in self._clusters.values():
            cluster.close()
        return [survivor for group in self._processes for survivor in group.end()]
