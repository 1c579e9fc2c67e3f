"""A small cluster for a trial, through the launcher in force: its engines look at their side and report."""

from __future__ import annotations

import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .examination import client_file_of, engine_sides, one_line
from .findings import Finding

_EVERY = 5.0
"""Seconds between two lines about a wait."""


def trial(how: dict[str, Any], profile_dir: str, patience: float, progress: Callable[[str], None]) -> Iterator[Finding]:
    """Start a controller here and an engine on each machine as `ipcluster start` would, and yield what they see.

    how: `launcher`, its `options`, `queued`, `patience` (seconds that its engines have to come up), `engine_cmd`,
    `engine_args`, `controller_ip`, `controller_location`; of a local one the launcher alone counts, and `patience`.
    Whatever was started is stopped, also by an exception or Control-C.
    """
    import camshaft

    local = how["launcher"] == "local"
    # What jobs write has to be on a disk that their machines have, too.
    shared = None if local else _existing(Path(profile_dir))
    with tempfile.TemporaryDirectory(prefix="camshaft-doctor-", dir=shared, ignore_cleanup_errors=True) as folder:
        profile = os.path.join(folder, "profile_doctor")
        options: dict[str, Any] = {"n": 1, "engine_timeout": patience}
        if not local:
            n, launcher_options = _one_each(how["launcher"], how["options"])
            options = {
                "n": n,
                "engines": how["launcher"],
                "engine_options": launcher_options,
                "engine_args": how["engine_args"],
                "engine_cmd": how["engine_cmd"] or None,
                "engine_timeout": float(how["patience"]),
                "controller_ip": how["controller_ip"],
                "controller_location": how["controller_location"],
            }
        seconds = options["engine_timeout"]
        name = "a trial engine" if local else f"a trial engine of {how['launcher']}"
        watch = _Watch(f"waiting for {name}, at most {seconds:g} s", progress)
        try:
            cluster = camshaft.Cluster(
                profile_dir=profile, cluster_id="", load_profile=False, progress=False, log_level=50, **options
            )
            with _stopped(cluster), watch.over(cluster):
                cluster.start_cluster_sync()
                watch.stop()
                with cluster.connect_client_sync() as client:
                    yield from engine_sides(client, client_file_of(profile, ""), patience)
        except Exception as error:
            yield _failure(how, error, watch.said, seconds)
        else:
            where = "an engine of this computer" if local else f"engines of {how['launcher']}"
            yield Finding("ok", "engine", "trial", f"a controller here and {where} work together")


def _failure(how: dict[str, Any], error: Exception, said: str, seconds: float) -> Finding:
    if how["queued"] and "waiting" in said:
        text = (
            f"the queue has not started the trial job within {seconds:g} s ({said}): ask it why, or give it more time "
            "with --Cluster.engine_timeout=SECONDS"
        )
        return Finding("note", "engine", "trial", text)
    where = "" if how["launcher"] == "local" else f" through {how['launcher']}"
    text = f"a controller and an engine, started{where} for a trial, do not work together: {one_line(error)}"
    return Finding("wrong", "engine", "trial", text)


def _one_each(launcher: str, options: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """How many engines a trial has, and the options by which each machine that is named gets one."""
    machines = options.get("engines")
    if launcher != "ssh" or not isinstance(machines, dict) or not machines:
        return 1, options

    def one(value: Any) -> Any:
        if isinstance(value, dict):
            return {**value, "n": 1}
        return [1, *value[1:]] if isinstance(value, list) else 1

    return len(machines), {**options, "engines": {host: one(value) for host, value in machines.items()}}


def _existing(path: Path) -> Path | None:
    """The nearest folder above a profile that is there, so that looking makes no profile."""
    return next((folder for folder in path.parents if folder.is_dir() and os.access(folder, os.W_OK)), None)


@contextmanager
def _stopped(cluster: Any) -> Iterator[None]:
    try:
        yield
    finally:
        cluster.stop_cluster_sync()


class _Watch:
    """Says now and then what a start waits for, and remembers what its launcher said last."""

    def __init__(self, line: str, progress: Callable[[str], None]) -> None:
        self.said = ""
        self._line = line
        self._progress = progress
        self._over = threading.Event()

    @contextmanager
    def over(self, cluster: Any) -> Iterator[None]:
        """Watch a cluster that starts, on a thread of its own, until `stop` or the end."""
        thread = threading.Thread(target=self._run, args=(cluster,), name="camshaft-doctor", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.stop()
            thread.join()

    def stop(self) -> None:
        """Nothing more is said."""
        self._over.set()

    def _run(self, cluster: Any) -> None:
        began = time.monotonic()
        last = began
        while not self._over.wait(0.2):
            self.said = _last_word(Path(cluster.profile_dir) / "log") or self.said
            if time.monotonic() - last >= _EVERY:
                last = time.monotonic()
                self._progress(f"{self._line}: {last - began:.0f} s{f' ({self.said})' if self.said else ''}")


def _last_word(folder: Path) -> str:
    """The last line that a launcher has written into the log of its engines."""
    for file in sorted(folder.glob("ipengine-*.log")):
        try:
            lines = re.findall(r"^ipcluster: (.*)$", file.read_text(errors="replace"), re.MULTILINE)
        except OSError:  # removed meanwhile
            continue
        if lines:
            return lines[-1]
    return ""
