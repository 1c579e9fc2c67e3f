"""The cluster file: by it a cluster is found again, by us, `ipcluster` and the original."""

from __future__ import annotations

import contextlib
import glob
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base import ClusterBase
from .processes import lives, processes_of, read_record

if TYPE_CHECKING:
    from typing import Self


class ClusterFiles(ClusterBase):
    """The part of Cluster that is written down."""

    @classmethod
    def from_file(
        cls,
        cluster_file: str | os.PathLike[str] | None = None,
        *,
        profile: str | None = None,
        profile_dir: str | os.PathLike[str] | None = None,
        cluster_id: str = "",
        **options: Any,
    ) -> Self:
        """A Cluster that was started elsewhere (`ipcluster start`, another Python): connect to it, or stop it.

        Raises FileNotFoundError when none is recorded there; ValueError for a file that is something else.
        """
        if cluster_file is None:
            where = {"ipython_dir": options["ipython_dir"]} if "ipython_dir" in options else {}
            cluster_file = cls(profile=profile, profile_dir=profile_dir, cluster_id=cluster_id, **where).cluster_file
        return cls.from_dict(read_record(cluster_file), **options)

    @classmethod
    def from_cluster_id(cls, cluster_id: str, **options: Any) -> Self:
        """The Cluster of that id in any profile of the IPython folder; FileNotFoundError when there is none.

        ValueError when several profiles have one.
        """
        from .manager import all_profile_dirs

        files = [
            file
            for folder in all_profile_dirs(options.get("ipython_dir"))
            if (file := Path(folder) / "security" / f"cluster-{cluster_id}.json").is_file()
        ]
        if not files:
            raise FileNotFoundError(f"no cluster of id {cluster_id!r}: 'ipcluster list' shows which clusters run")
        if len(files) > 1:
            raise ValueError(
                f"several profiles have a cluster of id {cluster_id!r}; name one with from_file(profile=...): "
                + ", ".join(file.parents[1].name.removeprefix("profile_") for file in files)
            )
        return cls.from_file(files[0], **options)

    @classmethod
    def from_dict(cls, d: Mapping[str, Any], **options: Any) -> Self:
        """The Cluster that `to_dict` told of: attached to what runs of it, or one that can be started.

        ValueError for a dict of another shape.
        """
        try:
            recorded = d["cluster"]
            known = {
                "profile_dir": recorded["profile_dir"],
                "cluster_id": recorded["cluster_id"],
                "n": recorded.get("n") or None,
                "controller_args": recorded.get("controller_args", ()),
                "controller_ip": recorded.get("controller_ip", ""),
                "controller_location": recorded.get("controller_location", ""),
                "shutdown_atexit": False,
            }
        except (KeyError, TypeError, AttributeError):
            raise ValueError(
                "no description of a cluster: it needs cluster.profile_dir and cluster.cluster_id"
            ) from None
        for part, option in (("controller", "controller"), ("engines", "engines")):
            launcher = d.get(part, {}).get("class")
            if launcher is not None and option not in options and f"{part}_launcher_class" not in options:
                known[option] = launcher
        cluster = cls(**{**known, **options})
        cluster._attached = bool(d.get("controller")) or bool(d.get("engines", {}).get("sets"))
        return cluster

    def to_dict(self) -> dict[str, Any]:
        """What the cluster file says: how the cluster is made, and of which processes it consists now."""
        if self._core is not None:
            self._core.save()
        with contextlib.suppress(FileNotFoundError, ValueError):
            return read_record(self.cluster_file)
        return {
            "cluster": {
                "cluster_id": self.cluster_id,
                "profile_dir": self.profile_dir,
                "controller_args": self.controller_args,
                "controller_ip": self.controller_ip,
                "controller_location": self.controller_location,
                "delay": 0,
                "n": self.n or 0,
                "class": "ipyparallel.cluster.cluster.Cluster",
            },
            "engines": {"class": self._engine_launcher[0], "sets": {}},
        }

    def write_cluster_file(self) -> None:
        """Write the cluster file again. This happens by itself whenever something starts or ends."""
        if self._core is not None:
            self._core.save()

    def update_cluster_file(self) -> None:
        """Make the cluster file true: without what has ended, and gone when nothing runs."""
        if self._core is not None and not self._attached:
            self._core.save()
            return
        try:
            recorded = read_record(self.cluster_file)
        except FileNotFoundError:
            return
        controller, sets = processes_of(recorded)
        if not lives(controller):
            recorded.pop("controller", None)
        for name, members in sets.items():
            living = {str(index): state for index, state in members.items() if lives(state)}
            if living:
                recorded["engines"]["sets"][name]["engines"] = living
            else:
                del recorded["engines"]["sets"][name]
        if "controller" not in recorded and not recorded.get("engines", {}).get("sets"):
            self.remove_cluster_file()
            return
        temporary = f"{self.cluster_file}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(recorded, file, indent=2)
        os.replace(temporary, self.cluster_file)

    def remove_cluster_file(self) -> None:
        """Remove the cluster file; what runs goes on, but is not found any more."""
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.cluster_file)


def cluster_files(profile_dir: str | os.PathLike[str]) -> list[str]:
    """The cluster files of a profile."""
    return sorted(glob.glob(os.path.join(glob.escape(os.fspath(profile_dir)), "security", "cluster-*.json")))
