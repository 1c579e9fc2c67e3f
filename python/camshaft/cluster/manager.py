"""ClusterManager: the clusters of all profiles."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .cluster import Cluster
from .files import cluster_files

__all__ = ["ClusterManager", "all_profile_dirs", "clean_cluster_files"]


def all_profile_dirs(ipython_dir: str | os.PathLike[str] | None = None) -> list[str]:
    """The folders of all profiles, in order of their names."""
    root = Path(ipython_dir or os.environ.get("IPYTHONDIR") or "~/.ipython").expanduser().absolute()
    return sorted(str(folder) for folder in root.glob("profile_*") if folder.is_dir())


class ClusterManager:
    """Clusters by key, '<profile or folder>:<cluster id>': those that run, and those that are still to be started."""

    def __init__(self) -> None:
        self.clusters: dict[str, Cluster] = {}
        self._ran: set[str] = set()

    @staticmethod
    def key_of(cluster: Cluster) -> str:
        """The key of a cluster."""
        return f"{cluster.profile}:{cluster.cluster_id}"

    def load_clusters(
        self,
        *,
        profile_dirs: Iterable[str | os.PathLike[str]] | None = None,
        profile_dir: str | os.PathLike[str] | None = None,
        profiles: Iterable[str] | None = None,
        profile: str | None = None,
        init_default_clusters: bool = False,
        **options: Any,
    ) -> dict[str, Cluster]:
        """Find the clusters that run, by their files; returns `clusters`.

        Parameters
        ----------
        profile_dirs, profile_dir, profiles, profile: where to look; default: in all profiles.
        init_default_clusters: a profile without cluster files gets one that is not started, of id ''.
        options: further keywords of `Cluster`, for those that are found.

        Clusters that have stopped are dropped; those that were never started stay.
        """
        for key, cluster in list(self.clusters.items()):
            if cluster.running:
                self._ran.add(key)
            elif key in self._ran or cluster._attached:
                del self.clusters[key]
                self._ran.discard(key)
        if profile_dirs is None:
            if profile_dir is not None:
                profile_dirs = [profile_dir]
            elif profiles is not None or profile is not None:
                names = list(profiles) if profiles is not None else [str(profile)]
                profile_dirs = [Cluster(profile=name).profile_dir for name in names]
            else:
                profile_dirs = all_profile_dirs()
        known = {cluster.cluster_file for cluster in self.clusters.values()}
        for folder in profile_dirs:
            files = cluster_files(folder)
            if init_default_clusters and not files:
                default = Cluster(profile_dir=folder, cluster_id="", **options)
                self.clusters.setdefault(self.key_of(default), default)
            for file in files:
                if file in known:
                    continue
                try:
                    cluster = Cluster.from_file(file, **options)
                except (OSError, ValueError) as failure:
                    logging.getLogger("camshaft").warning("%s is left out: %s", file, failure)
                    continue
                if cluster.running:
                    self.clusters[self.key_of(cluster)] = cluster
                else:
                    cluster.update_cluster_file()
        return self.clusters

    def new_cluster(self, **options: Any) -> tuple[str, Cluster]:
        """A new Cluster, not started: (key, cluster). KeyError when there is one of that key."""
        cluster = Cluster(**options)
        key = self.key_of(cluster)
        if key in self.clusters:
            raise KeyError(f"there is a cluster {key!r} already")
        self.clusters[key] = cluster
        return key, cluster

    def get_cluster(self, cluster_id: str) -> Cluster:
        """The cluster of that key; KeyError when there is none."""
        self._check(cluster_id)
        return self.clusters[cluster_id]

    def remove_cluster(self, cluster_id: str) -> None:
        """Forget the cluster of that key, whether it runs or not; KeyError when there is none."""
        self._check(cluster_id)
        del self.clusters[cluster_id]
        self._ran.discard(cluster_id)

    def _check(self, key: str) -> None:
        if key not in self.clusters:
            known = f"there are {', '.join(self.clusters)}" if self.clusters else "load_clusters() finds those that run"
            raise KeyError(f"no cluster {key!r}: {known}")


def clean_cluster_files(
    profile_dirs: Iterable[str] | str | None = None, *, log: logging.Logger | None = None, force: bool = False
) -> None:
    """Remove cluster files, connection files and logs of profiles (default: of all).

    ValueError when a cluster still runs there, unless `force`: then its files go too, and nothing finds it any more.
    """
    if isinstance(profile_dirs, str):
        profile_dirs = [profile_dirs]
    for folder in all_profile_dirs() if profile_dirs is None else profile_dirs:
        records = cluster_files(folder)
        for file in records:
            try:
                cluster = Cluster.from_file(file)
            except (OSError, ValueError):
                continue
            if cluster.running and not force:
                raise ValueError(f"{cluster!r} is still running: stop it first, or use force=True to lose sight of it")
        patterns = ("log/*", "security/ipcontroller-*.json")
        found = [path for pattern in patterns for path in glob.glob(os.path.join(glob.escape(folder), pattern))]
        for path in [*records, *found]:
            if log is not None:
                log.debug("removing %s", path)
            try:
                os.remove(path)
            except OSError as failure:
                if log is not None:
                    log.error("cannot remove %s: %s", path, failure.strerror)
