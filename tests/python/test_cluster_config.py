"""camshaft.Cluster and configuration: the files of its profile, a Config, and arguments, the last one wins."""

from __future__ import annotations

from pathlib import Path

import pytest
from camshaft import Cluster
from camshaft.cluster.configured import launcher_options
from traitlets.config import Config


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    folder = tmp_path / "profile_x"
    folder.mkdir()
    (folder / "ipcluster_config.py").write_text(
        "c = get_config()\n"
        "c.Cluster.n = 3\n"
        "c.Cluster.engine_timeout = 7\n"
        "c.Cluster.controller_args = ['--log-level=DEBUG']\n"
        "c.Cluster.engine_launcher_class = 'mpi'\n"
        "c.MPILauncher.mpi_args = ['-v']\n"
        "c.LocalProcessLauncher.environment = {'A': '1'}\n"
    )
    return folder


def test_the_files_of_the_profile(profile: Path) -> None:
    cluster = Cluster(profile_dir=profile)
    assert (cluster.n, cluster.engine_timeout, cluster.controller_args) == (3, 7.0, ["--log-level=DEBUG"])
    assert cluster._engine_launcher == ("mpi", {"environment": {"A": "1"}, "mpi_args": ["-v"]})
    assert cluster._controller_launcher == ("local", {"environment": {"A": "1"}})


def test_a_config_goes_before_files_and_arguments_before_both(profile: Path) -> None:
    config = Config({"Cluster": {"n": 4, "controller_ip": "127.0.0.1"}, "MPILauncher": {"mpi_args": ["-q"]}})
    cluster = Cluster(profile_dir=profile, config=config, engine_timeout=9)
    assert (cluster.n, cluster.engine_timeout, cluster.controller_ip) == (4, 9.0, "127.0.0.1")
    assert cluster._engine_launcher[1]["mpi_args"] == ["-q"]
    cluster = Cluster(profile_dir=profile, config=config, n=5, engines="local", engine_options={"environment": {}})
    assert cluster.n == 5 and cluster._engine_launcher == ("local", {"environment": {}})


def test_files_are_left_alone_when_that_is_wanted(profile: Path) -> None:
    cluster = Cluster(profile_dir=profile, load_profile=False, config={"Cluster": {"n": 2}})
    assert cluster.n == 2 and cluster._engine_launcher == ("local", {}) and cluster.engine_timeout == 60.0


def test_traits_of_a_launcher_are_gathered_from_general_to_special() -> None:
    values = {
        "BaseLauncher.x": 1,
        "BatchSystemLauncher.queue": "all",
        "SlurmLauncher.queue": "long",
        "SlurmEngineSetLauncher.x": 2,
        "SlurmControllerLauncher.x": 3,
        "PBSLauncher.queue": "other",
        "Mine.x": 4,
    }
    assert launcher_options(values, "slurm", controller=False) == {"x": 2, "queue": "long"}
    assert launcher_options(values, "slurm", controller=True) == {"x": 3, "queue": "long"}
    assert launcher_options(values, "package.module:Mine", controller=False) == {"x": 4}


def test_bad_configuration(profile: Path) -> None:
    with pytest.raises(TypeError, match="a traitlets Config or a dict"):
        Cluster(profile_dir=profile, config=3)
    with pytest.raises(ValueError, match="at least 1"):
        Cluster(profile_dir=profile, config={"Cluster": {"n": 0}})
    (profile / "ipcluster_config.py").write_text("c.Cluster.n = 2\n1/0\n")
    with pytest.warns(UserWarning, match="ZeroDivisionError"):
        assert Cluster(profile_dir=profile).n == 2
