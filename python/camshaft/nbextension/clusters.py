"""The clusters as a notebook server shows them: what they do now, and what went wrong."""

from __future__ import annotations

import inspect
import os
import threading
from typing import Any

from ..cluster import Cluster, ClusterManager
from ..cluster.processes import lives, tail

__all__ = ["Clusters", "Conflict"]

LOG_LINES = 200
"""So many lines of a log are shown if nobody says how many."""


class Conflict(RuntimeError):
    """What was asked for does not go together with what the cluster is doing."""


class _Work:
    """What is being done to a cluster: 'starting', 'scaling' or 'stopping'."""

    def __init__(self, name: str, cluster: Cluster) -> None:
        self.name = name
        self.cluster = cluster
        self.over = threading.Event()


class Clusters:
    """Starts, scales and stops the clusters of a ClusterManager, and tells of each as a dict that JSON can hold.

    Each call may be made on any thread, and blocks it: `start` until all engines are ready. Clusters are named by their
    keys, '<profile or folder>:<cluster id>'. KeyError: there is no such cluster; ValueError: an argument is wrong;
    Conflict: not now; any other RuntimeError: it was tried, and the text says why it failed.
    """

    def __init__(self, manager: ClusterManager | None = None) -> None:
        self.manager = manager if manager is not None else ClusterManager()
        self._lock = threading.RLock()
        self._work: dict[str, _Work] = {}
        self._failures: dict[str, str] = {}
        self._failed: dict[str, Cluster] = {}
        self._wanted: dict[str, int] = {}  # as many engines as it had when it was last started or scaled here

    # -- telling ------------------------------------------------------------------------------------------------------

    def list(self) -> list[dict[str, Any]]:
        """The models of all clusters, as files on disk tell of them now; those that run, and the usual ones, first.

        A profile without clusters has one of id '' that can be started; so has 'default', even if it does not exist.
        """
        with self._lock:
            clusters = self._reload()
            models = [self._model(key, cluster) for key, cluster in clusters.items()]
        return sorted(models, key=_order)

    def model(self, key: str) -> dict[str, Any]:
        """The model of one cluster."""
        with self._lock:
            return self._model(key, self._find(key))

    def logs(self, key: str, name: str = "", lines: int = LOG_LINES) -> dict[str, Any]:
        """{'names', 'name', 'text'}: which logs there are, and the last `lines` of the one of that name (or the first).

        KeyError also when there is no log of that name.
        """
        if lines < 1:
            raise ValueError(f"lines={lines}: at least one line can be shown")
        with self._lock:
            cluster = self._find(key)
        files: dict[str, str] = {}
        controller = cluster.controller
        if controller is not None and os.path.isfile(controller.log_file):
            files["controller"] = controller.log_file
        for number, members in enumerate(cluster.engine_sets.values()):
            for index, engine in members.items():
                if os.path.isfile(engine["log_file"]):  # not of those that have ended as they should
                    files[f"engine {index}" if number == 0 else f"engine {index} of set {number + 1}"] = engine[
                        "log_file"
                    ]
        if name and name not in files:
            raise KeyError(f"cluster {key!r} has no log {name!r}")
        name = name or next(iter(files), "")
        return {"names": [*files], "name": name, "text": tail(files[name], lines) if name else ""}

    # -- doing --------------------------------------------------------------------------------------------------------

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """A new cluster, not started, by the keywords of `Cluster`; what is None or '' counts as not said.

        A `profile` with a slash in it is a folder. The first cluster of a profile has the id ''.
        """
        wanted = {name: value for name, value in options.items() if value not in (None, "")}
        if "n" in wanted:
            _check_n(wanted["n"])
        if os.path.sep in str(wanted.get("profile", "")):
            wanted["profile_dir"] = wanted.pop("profile")
        unknown = sorted(set(wanted) - set(inspect.signature(Cluster).parameters))
        if unknown:
            raise ValueError(f"a cluster has no option {', '.join(map(repr, unknown))}")
        with self._lock:
            first = "profile" in wanted and f"{wanted['profile']}:" not in self.manager.clusters
            if first and "cluster_id" not in wanted:
                wanted["cluster_id"] = ""
            try:
                key, cluster = self.manager.new_cluster(**{"progress": False, **wanted})
            except KeyError as failure:
                raise Conflict(failure.args[0]) from None
            return self._model(key, cluster)

    def start(self, key: str, n: int | None = None) -> dict[str, Any]:
        """Start a cluster with `n` engines (None: as many as it was made for); its model, once all are ready."""
        if n is not None:
            _check_n(n)
        with self._lock:
            cluster = self._find(key)
            if cluster.running and key not in self._work:
                raise Conflict(f"cluster {key!r} runs already")
            if n is not None:
                cluster.n = n
            work = self._begin("starting", key, cluster)
        self._do(work, key, lambda: cluster.start_cluster_sync(n))
        return self._settled(key, cluster)

    def scale(self, key: str, n: int) -> dict[str, Any]:
        """Start or stop engines until there are `n`; those that go finish what they have."""
        _check_n(n)
        with self._lock:
            cluster = self._find(key)
            if not cluster.running:
                raise Conflict(f"cluster {key!r} does not run: start it first")
            work = self._begin("scaling", key, cluster)
        self._do(work, key, lambda: cluster.scale_sync(n))
        return self._settled(key, cluster)

    def stop(self, key: str) -> None:
        """Stop a cluster, also one that is just starting, and forget it; returns when all its processes are gone."""
        with self._lock:
            cluster = self._find(key)
            busy = self._work.get(key)
            if busy is not None and busy.name == "stopping":
                raise Conflict(f"cluster {key!r} is being stopped already")
            work = self._work[key] = _Work("stopping", cluster)
        try:
            cluster.stop_cluster_sync()
            while busy is not None and not busy.over.wait(0.2):  # it may have begun after that
                cluster.stop_cluster_sync()
            with self._lock:
                self._failures.pop(key, None)
                self._failed.pop(key, None)
                self._wanted.pop(key, None)
                if self.manager.clusters.get(key) is cluster:
                    self.manager.remove_cluster(key)
        except Exception as failure:
            self._note(key, cluster, failure)
            raise
        finally:
            self._end(work, key)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _reload(self) -> dict[str, Cluster]:
        clusters = self.manager.load_clusters(init_default_clusters=True, progress=False)
        for key, work in self._work.items():
            clusters.setdefault(key, work.cluster)
        for key, cluster in self._failed.items():
            clusters.setdefault(key, cluster)
        if not any(cluster.profile == "default" for cluster in clusters.values()):
            default = Cluster(profile="default", cluster_id="", progress=False)
            clusters.setdefault(self.manager.key_of(default), default)
        return clusters

    def _find(self, key: str) -> Cluster:
        if key not in self.manager.clusters:
            self._reload()
        try:
            return self.manager.get_cluster(key)
        except KeyError:
            raise KeyError(f"no such cluster: {key}") from None

    def _begin(self, name: str, key: str, cluster: Cluster) -> _Work:
        if key in self._work:
            raise Conflict(f"cluster {key!r} is {self._work[key].name}: wait until that is done")
        self._failures.pop(key, None)
        self._failed.pop(key, None)
        work = self._work[key] = _Work(name, cluster)
        return work

    def _do(self, work: _Work, key: str, action: Any) -> None:
        try:
            action()
        except Exception as failure:
            with self._lock:
                if self._work.get(key) is not work:
                    raise Conflict(f"cluster {key!r} was stopped while it was {work.name}") from None
            self._note(key, work.cluster, failure)
            raise
        finally:
            self._end(work, key)

    def _end(self, work: _Work, key: str) -> None:
        with self._lock:
            if self._work.get(key) is work:
                del self._work[key]
        work.over.set()

    def _note(self, key: str, cluster: Cluster, failure: Exception) -> None:
        """Remember what went wrong until it is tried again."""
        with self._lock:
            self._failures[key] = str(failure) or type(failure).__name__
            if not cluster.running:
                self._failed[key] = cluster

    def _settled(self, key: str, cluster: Cluster) -> dict[str, Any]:
        """Its model, after it has got the number of engines that was asked for."""
        with self._lock:
            self._wanted[key] = self._model(key, cluster)["engines"]["n"]
            return self._model(key, cluster)

    def _model(self, key: str, cluster: Cluster) -> dict[str, Any]:
        told = cluster.to_dict()
        running = cluster.running
        if not running:
            told.pop("controller", None)
        engines = told.setdefault("engines", {})
        engines["n"] = sum(_living(one) for one in engines.get("sets", {}).values()) if running else 0
        engines["ready"], engines["wanted"] = engines["n"], self._wanted.get(key, 0) if running else cluster.n or 0
        work = self._work.get(key)
        if work is not None and work.name == "starting":
            own = list(cluster._own_sets().values())
            engines["ready"] = sum(one["ready"] for one in own)
            engines["wanted"] = sum(one["wanted"] for one in own) or engines["wanted"]
        told["cluster"]["profile"] = cluster.profile
        return {
            **told,
            "id": key,
            "cluster_file": cluster.cluster_file,
            "state": work.name if work is not None else "running" if running else "stopped",
            "error": self._failures.get(key, ""),
        }


def _check_n(n: Any) -> None:
    if not isinstance(n, int) or isinstance(n, bool):
        raise ValueError(f"n must be an integer, not {n!r}")
    if n < 1:
        raise ValueError(f"n={n}: a cluster has at least one engine")


def _living(one: dict[str, Any]) -> int:
    """How many engines of a set of a cluster file there are: those that live, or, under a batch system, all."""
    members = one.get("engines")
    return sum(map(lives, members.values())) if members else int(one.get("n", 0) or 0)


def _order(model: dict[str, Any]) -> tuple[bool, bool, bool, str, str]:
    profile, cluster_id = model["cluster"]["profile"], model["cluster"]["cluster_id"]
    return "controller" not in model, profile != "default", cluster_id != "", profile, cluster_id
