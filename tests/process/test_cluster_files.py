"""camshaft.Cluster and the file by which it is found; ClusterManager, which knows those of all profiles."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import camshaft
import pytest
from camshaft.cluster import ClusterManager, clean_cluster_files
from clusters import alive, make, pids_of
from processes import Processes, wait_until


@pytest.fixture(autouse=True)
def _ours(our_programs: None) -> None:
    """Every test here starts our programs."""


def test_the_file_tells_what_runs(processes: Processes) -> None:
    cluster = make(processes, n=1, controller_args=["--log-level=DEBUG"])
    before = cluster.to_dict()
    assert before["cluster"]["cluster_id"] == cluster.cluster_id and "controller" not in before
    assert not camshaft.Cluster.from_dict(before).running
    with cluster:
        told = cluster.to_dict()
        assert told == json.loads(Path(cluster.cluster_file).read_text())
        assert told["cluster"]["controller_args"] == ["--log-level=DEBUG"]
        assert told["controller"]["state"]["pid"] == cluster.controller_pid

        other = camshaft.Cluster.from_dict(told)
        assert other.running and pids_of(other) == pids_of(cluster)
        assert other.engine_sets == cluster.engine_sets and other.to_dict() == told
        same = camshaft.Cluster.from_cluster_id(cluster.cluster_id)
        assert same.running and same.profile_dir == cluster.profile_dir

        cluster.remove_cluster_file()
        assert not os.path.exists(cluster.cluster_file) and not other.running
        cluster.write_cluster_file()
        assert json.loads(Path(cluster.cluster_file).read_text()) == told and other.running
    assert not os.path.exists(cluster.cluster_file)
    with pytest.raises(FileNotFoundError, match="ipcluster list"):
        camshaft.Cluster.from_cluster_id(cluster.cluster_id)
    with pytest.raises(ValueError, match="no description of a cluster"):
        camshaft.Cluster.from_dict({"cluster": {}})


def test_an_attached_cluster_is_worked_with_like_ones_own(processes: Processes) -> None:
    cluster = make(processes, n=2)
    with cluster as rc:
        other = camshaft.Cluster.from_file(cluster.cluster_file, environment={"CAMSHAFT_TEST_MARK": processes.mark})
        (name,) = other.engine_sets
        other.signal_engines_sync(0, name)
        assert other.engine(0).pid == cluster.engine(0).pid
        other.stop_engine_sync(0)
        wait_until(lambda: rc.ids == [1], "the leave of engine 0")
        assert other.scale_sync(2) == [1, 2]
        wait_until(lambda: rc.ids == [1, 2], "an engine of the other")
        with pytest.raises(KeyError, match="none-such"):
            other.stop_engines_sync("none-such")
        other.stop_engines_sync()
        wait_until(lambda: rc.ids == [], "no engine")
    assert not other.running


def test_a_file_of_the_dead_is_made_true(processes: Processes) -> None:
    cluster = make(processes, n=2, cluster_id="dead", shutdown_atexit=False)
    cluster.start_cluster_sync()
    told, pids = cluster.to_dict(), pids_of(cluster)
    cluster._core.close()  # as if this process had ended
    os.kill(pids[1], signal.SIGKILL)
    wait_until(lambda: not alive(pids[1]), "the end of an engine")
    other = camshaft.Cluster.from_file(profile="api", cluster_id="dead")
    other.update_cluster_file()
    left = json.loads(Path(other.cluster_file).read_text())
    (members,) = (one["engines"] for one in left["engines"]["sets"].values())
    assert [state["pid"] for state in members.values()] == [pids[2]] and left["controller"] == told["controller"]
    for pid in (pids[0], pids[2]):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(alive, pids)), "the end of the others")
    other.update_cluster_file()
    assert not os.path.exists(other.cluster_file)


def test_a_manager_knows_the_clusters_of_all_profiles(processes: Processes) -> None:
    manager = ClusterManager()
    assert manager.load_clusters() == {}
    key, planned = manager.new_cluster(profile="planned", cluster_id="x")
    assert key == "planned:x" and manager.get_cluster(key) is planned
    with pytest.raises(KeyError, match="planned:x"):
        manager.new_cluster(profile="planned", cluster_id="x")
    cluster = make(processes, n=1, cluster_id="one")
    with cluster:
        assert set(manager.load_clusters()) == {"planned:x", "api:one"}
        assert manager.get_cluster("api:one").running
        assert set(ClusterManager().load_clusters(profile="api")) == {"api:one"}
        assert set(ClusterManager().load_clusters(profile_dir=cluster.profile_dir)) == {"api:one"}
        assert ClusterManager().load_clusters(profiles=["planned"]) == {}
        with pytest.raises(ValueError, match="still running"):
            clean_cluster_files()
        assert os.path.exists(cluster.cluster_file)
    assert set(manager.load_clusters(init_default_clusters=True)) == {"planned:x", "api:"}
    manager.remove_cluster("planned:x")
    with pytest.raises(KeyError):
        manager.get_cluster("planned:x")
    Path(cluster.cluster_file).write_text("{}")
    clean_cluster_files()
    assert not os.path.exists(cluster.cluster_file)
    assert not any((Path(cluster.profile_dir) / "log").iterdir())
