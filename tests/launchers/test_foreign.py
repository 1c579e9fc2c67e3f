"""Launchers of others, from a distribution that is made here: found by entry point, import string or class."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import camshaft
import pytest
from processes import BIN, Processes, command_of, marked, wait_until

SOURCE = """
import os
from ipyparallel.cluster.launcher import LocalControllerLauncher, LocalEngineSetLauncher
from traitlets import Unicode

class CloudEngines(LocalEngineSetLauncher):
    region = Unicode("none")

    def start(self, n):
        self.environment = {**self.environment, "CLOUD_REGION": self.region}
        return super().start(n)

class CloudController(LocalControllerLauncher):
    pass

class Broken(LocalEngineSetLauncher):
    def start(self, n):
        raise RuntimeError("the cloud is closed")
"""

ENTRY_POINTS = """
[ipyparallel.engine_launchers]
Cloud = a_cloud:CloudEngines
[ipyparallel.controller_launchers]
cloud = a_cloud:CloudController
"""


@pytest.fixture(autouse=True)
def _distribution(processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    site = tmp_path / "site"
    about = site / "a_cloud-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "a_cloud.py").write_text(SOURCE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: a-cloud\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    path = os.pathsep.join([str(site), processes.env["PYTHONPATH"]])
    for name, value in {"PYTHONPATH": path, "CAMSHAFT_TEST_MARK": processes.mark, "CAMSHAFT_BIN": str(BIN)}.items():
        monkeypatch.setenv(name, value)
        processes.env[name] = value
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("a_cloud", None)


def make(processes: Processes, **options) -> camshaft.Cluster:
    return camshaft.Cluster(**{"n": 2, "profile": "foreign", "progress": False, **options})


@pytest.mark.parametrize("name", ["cloud", "a_cloud:CloudEngines", "a_cloud.CloudEngines"])
def test_engines_by_name(processes: Processes, name: str) -> None:
    with make(processes, engines=name, engine_options={"region": "north"}) as rc:
        assert rc[:].apply_sync(os.getenv, "CLOUD_REGION") == ["north", "north"]
    wait_until(lambda: not marked(processes.mark), "end of all")


def test_a_class_and_a_controller(processes: Processes) -> None:
    import a_cloud

    with make(processes, engines=a_cloud.CloudEngines, controller="cloud") as rc:
        assert rc[:].apply_sync(os.getenv, "CLOUD_REGION") == ["none", "none"]


def test_from_the_shell_and_nobody_is_left_behind(processes: Processes) -> None:
    start = processes.start([*command_of("ipcluster", "ours"), "start", "-n", "2", "--engines=CLOUD"])
    wait_until(lambda: "Stop with Ctrl-C" in start.output or not start.running, "two engines")
    assert start.running, start.output
    listed = subprocess.run(
        [*command_of("ipcluster", "ours"), "list"], env=processes.env, capture_output=True, text=True, check=True
    )
    assert listed.stdout.splitlines()[1].split()[-2:] == ["2", "a_cloud:CloudEngines"]
    start.kill()
    wait_until(lambda: not marked(processes.mark), "end of all")


@pytest.mark.parametrize(
    ("launcher", "line"),
    [
        ("a_cloud:Broken", "the cloud is closed"),
        ("a_cloud:Missing", "has no attribute 'Missing'.*is its package installed"),
        ("no_such_package:Launcher", "No module named 'no_such_package'"),
    ],
)
def test_what_goes_wrong_is_told(processes: Processes, launcher: str, line: str) -> None:
    with pytest.raises(RuntimeError, match=line):
        make(processes, engines=launcher).start_cluster_sync()


def test_an_unknown_name_is_refused_at_once(processes: Processes) -> None:
    with pytest.raises(ValueError, match="no launcher is called 'clowd'; did you mean"):
        make(processes, engines="clowd")
    failed = processes.start([*command_of("ipcluster", "ours"), "start", "--engines=clowd"])
    assert failed.wait() == 1
    assert "no launcher is called 'clowd'; did you mean" in failed.output
    assert failed.output.count("\n") == 1
