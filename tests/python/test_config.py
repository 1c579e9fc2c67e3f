"""Configuration files: what they say, in which order, and where each value is from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from camshaft.config import load, oldnames
from camshaft.config.defaults import engine_config_file
from camshaft.config.files import says_something
from camshaft.engine.configured import configured, show
from camshaft.engine.options import UsageError

ENVIRONMENT = ["IPP_PROFILE_DIR", "IPP_CLUSTER_ID", "IPP_SESSION_KEY", "IPYTHONDIR"]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in (
        "IPP_PROFILE_DIR",
        "IPP_CLUSTER_ID",
        "IPP_SESSION_KEY",
        "IPYTHONDIR",
        "IPYTHON_SUPPRESS_CONFIG_ERRORS",
    ):
        monkeypatch.delenv(name, raising=False)


def write(folder: Path, name: str, text: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return str(folder / name)


def test_later_files_win_and_every_value_has_an_origin(tmp_path: Path) -> None:
    system, profile = tmp_path / "etc", tmp_path / "profile"
    common = write(profile, "ipython_config.py", "c.TaskScheduler.hwm = 1; c.DictDB.record_limit = 7")
    write(system, "ipcontroller_config.py", "c.TaskScheduler.hwm = 2; c.IPController.ip = '*'")
    own = write(profile, "ipcontroller_config.py", "c.TaskScheduler.hwm = 3; c.HeartMonitor.period = 5")
    twin = write(profile, "ipcontroller_config.json", json.dumps({"HeartMonitor": {"period": 6}}))
    extra = write(tmp_path, "mine.py", "c.TaskScheduler.scheme_name = 'lru'")
    found = load("ipcontroller", str(profile), [extra], folders=[str(profile), str(system)])
    assert {(one.name, one.value, one.origin) for one in found.settings} == {
        ("DictDB.record_limit", 7, common),
        ("IPController.ip", "*", str(system / "ipcontroller_config.py")),
        ("TaskScheduler.hwm", 3, own),
        ("HeartMonitor.period", 6, twin),
        ("TaskScheduler.scheme_name", "lru", extra),
    }
    assert found.warnings == []
    assert found.files[-1] == extra


def test_get_config_lists_and_values_that_are_no_text(tmp_path: Path) -> None:
    write(
        tmp_path,
        "ipcluster_config.py",
        "import pathlib\n"
        "c = get_config()\n"
        "c.MPILauncher.mpi_args.extend(['-v'])\n"
        "c.MPILauncher.mpi_args.append('--bind')\n"
        "c.SSHEngineSetLauncher.engines = {'a': 2, 'b': (1, ['--x'])}\n"
        "c.Cluster.engine_launcher_class = pathlib.PurePath\n"
        "c.Cluster.controller_args = [pathlib.Path('/x')]\n"
        "c.Cluster.n = object()\n",
    )
    found = load("ipcluster", str(tmp_path), folders=[str(tmp_path)])
    assert found.values() == {
        "MPILauncher.mpi_args": ["-v", "--bind"],
        "SSHEngineSetLauncher.engines": {"a": 2, "b": [1, ["--x"]]},
        "Cluster.engine_launcher_class": "pathlib.PurePath",
        "Cluster.controller_args": ["/x"],
    }
    assert len(found.warnings) == 1
    assert "c.Cluster.n is ignored" in found.warnings[0]


def test_load_subconfig_of_a_file_and_of_a_profile(tmp_path: Path) -> None:
    here, other = tmp_path / "profile_here", tmp_path / "profile_other"
    beside = write(here, "more.py", "c.TaskScheduler.hwm = 1; c.TaskScheduler.scheme_name = 'lru'")
    there = write(other, "ipcontroller_config.py", "c.IPController.ip = '*'")
    own = write(
        here,
        "ipcontroller_config.py",
        "load_subconfig('more.py')\n"
        "load_subconfig('ipcontroller_config.py', profile='other')\n"
        "load_subconfig('is_not_there.py')\n"
        "c.TaskScheduler.hwm = 2\n",
    )
    found = load("ipcontroller", str(here), folders=[str(here)])
    origins = {one.name: (one.value, one.origin) for one in found.settings}
    assert origins == {
        "TaskScheduler.hwm": (2, own),
        "TaskScheduler.scheme_name": ("lru", beside),
        "IPController.ip": ("*", there),
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Global.controller_launcher", "Cluster.controller_launcher_class"),
        ("Global.engine_launcher", "Cluster.engine_launcher_class"),
        ("IPClusterEngines.engine_launcher_class", "Cluster.engine_launcher_class"),
        ("IPClusterStart.delay", "Cluster.delay"),
        ("HubFactory.ip", "IPController.ip"),
        ("IPControllerApp.reuse_files", "IPController.reuse_files"),
        ("EngineFactory.timeout", "IPEngine.timeout"),
        ("MPIExecLauncher.mpi_args", "MPILauncher.mpi_args"),
    ],
)
def test_S0_92_old_names_are_understood_with_a_warning(tmp_path: Path, old: str, new: str) -> None:
    path = write(tmp_path, "ipcluster_config.py", f"c.{old} = 'x'")
    found = load("ipcluster", str(tmp_path), folders=[str(tmp_path)])
    assert found.values() == {new: "x"}
    assert found.warnings == [f"{path}: c.{old} is an old name: write c.{new}"]


def test_names_of_today_stay_as_they_are() -> None:
    for name in ("TaskScheduler.scheme_name", "Cluster.n", "IPClusterStart.clean_logs", "IPEngine.timeout"):
        assert oldnames.today(*name.split(".")) == (name, "")


def test_an_error_in_a_file_is_one_warning_with_its_line(tmp_path: Path, monkeypatch) -> None:
    path = write(tmp_path, "ipengine_config.py", "c.IPEngine.timeout = 3\n\n1 / 0\nc.IPEngine.id = 4\n")
    found = load("ipengine", str(tmp_path), folders=[str(tmp_path)])
    assert found.values() == {"IPEngine.timeout": 3}
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith(f"{path}, line 3: ZeroDivisionError")
    monkeypatch.setenv("IPYTHON_SUPPRESS_CONFIG_ERRORS", "0")
    with pytest.raises(RuntimeError, match="line 3"):
        load("ipengine", str(tmp_path), folders=[str(tmp_path)])
    write(tmp_path, "ipengine_config.py", "c.IPEngine.timeout =\n")
    with pytest.raises(RuntimeError, match="line 1: SyntaxError"):
        load("ipengine", str(tmp_path), folders=[str(tmp_path)])


def test_a_file_that_is_asked_for_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"--config: there is no file .*nowhere"):
        load("ipengine", str(tmp_path), [str(tmp_path / "nowhere.py")])
    command = [sys.executable, "-m", "camshaft.config", "ipengine", f"--profile-dir={tmp_path}", "--config=/nowhere.py"]
    failed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert failed.returncode == 1
    assert json.loads(failed.stdout) == {"error": "--config: there is no file /nowhere.py"}


def test_what_a_file_prints_is_not_taken_for_the_answer(tmp_path: Path) -> None:
    write(tmp_path, "ipengine_config.py", "print('{}')\nc.IPEngine.timeout = 3")
    command = [sys.executable, "-m", "camshaft.config", "ipengine", f"--profile-dir={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["settings"][0]["value"] == 3
    assert done.stderr.strip() == "{}"


def test_engines_read_their_file_and_the_command_line_wins(tmp_path: Path, monkeypatch) -> None:
    path = write(
        tmp_path,
        "ipengine_config.py",
        "c.IPEngine.timeout = 7\n"
        "c.IPEngine.startup_command = 'import math'\n"
        "c.IPEngine.cluster_id = 'file'\n"
        "c.EngineFactory.max_heartbeat_misses = 3\n"
        "c.IPEngine.properties = {'rack': 3}\n"
        "c.IPEngine.tiemout = 1\n",
    )
    monkeypatch.setenv("IPP_CLUSTER_ID", "env")
    options = configured([f"--profile-dir={tmp_path}", "--timeout=2", "--show-config-json"])
    assert (options.timeout, options.startup_command, options.cluster_id) == (2, "import math", "env")
    assert (options.max_heartbeat_misses, options.properties) == (3, {"rack": 3})
    assert any("did you mean c.IPEngine.timeout?" in line for line in options.warnings)
    origins = {one["name"]: one["origin"] for one in json.loads(show(options))}
    assert origins["IPEngine.timeout"] == "command line"
    assert origins["IPEngine.startup_command"] == path
    assert origins["IPEngine.cluster_id"] == "environment IPP_CLUSTER_ID"
    assert "IPEngine.id" not in origins


def test_a_wrong_value_for_engines_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "ipengine_config.py", "c.IPEngine.timeout = 'soon'")
    with pytest.raises(UsageError) as caught:
        configured([f"--profile-dir={tmp_path}"])
    assert str(caught.value) == f"c.IPEngine.timeout in {path}: expected a number of seconds, 0 or more"


def test_a_new_file_says_nothing_and_can_be_evaluated(tmp_path: Path) -> None:
    text = engine_config_file()
    path = write(tmp_path, "ipengine_config.py", text)
    assert not says_something(path)
    assert configured([f"--profile-dir={tmp_path}"]).origins.keys() == {"profile_dir"}
    write(tmp_path, "ipengine_config.py", text.replace("# c.IPEngine.timeout = 10.0", "c.IPEngine.timeout = 10.5"))
    assert configured([f"--profile-dir={tmp_path}"]).timeout == 10.5


def test_S3_38_cluster_files_of_2008(tmp_path: Path) -> None:
    text = "controller = dict(host='head', engine_port=9000, control_port=None)\nengines = dict(node1=2, node2=3)\n"
    path = write(tmp_path, "cluster.py", text)
    found = load("ipcluster", str(tmp_path), [path], folders=[])
    assert found.warnings == []
    assert found.values() == {
        "Cluster.engine_launcher_class": "ssh",
        "Cluster.n": 5,
        "SSHEngineSetLauncher.engines": {"node1": 2, "node2": 3},
        "Cluster.controller_ip": "*",
        "Cluster.controller_args": ["--port=9000"],
        "Cluster.controller_launcher_class": "ssh",
        "SSHControllerLauncher.hostname": "head",
    }
    # A file that says anything the new way means nothing but that.
    path = write(tmp_path, "cluster.py", text + "c.SSHEngineSetLauncher.engines = engines\n")
    assert load("ipcluster", str(tmp_path), [path], folders=[]).values().keys() == {"SSHEngineSetLauncher.engines"}
    path = write(tmp_path, "cluster.py", "engines = dict(node1='two')\n")
    assert "engines['node1'] is 'two'" in load("ipcluster", str(tmp_path), [path], folders=[]).warnings[0]
