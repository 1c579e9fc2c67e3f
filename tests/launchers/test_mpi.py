"""Engines that are ranks under the real mpiexec of Open MPI."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import camshaft
import psutil
import pytest
from launchers.life import deaths_are_told, engines_come_back, gone, interrupts_reach, uuids
from launchers.servers.machines import machines
from launchers.servers.private_network import private_network
from processes import BIN, ROOT, Processes, at_the_prompt, command_of, marked, wait_until

OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
}


MARKS = ("CAMSHAFT_TEST_MARK", "PYTHONPATH")
"""What processes elsewhere need that are ours."""


@pytest.fixture(autouse=True)
def _network(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CAMSHAFT_BIN", str(BIN))
    for name, value in {**OPEN_MPI, "CAMSHAFT_TEST_MARK": processes.mark}.items():
        monkeypatch.setenv(name, value)
        processes.env[name] = value
    with private_network():
        yield


@pytest.fixture
def with_mpi4py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mpi4py is Debian's, made for the Python below ours: let engines find it, and nothing else from there."""
    where = "import mpi4py, os; print(os.path.dirname(mpi4py.__file__))"
    found = subprocess.run(["/usr/bin/python3", "-c", where], capture_output=True, text=True, check=True)
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "mpi4py").symlink_to(found.stdout.strip())
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "extra"), os.environ.get("PYTHONPATH", "")]))


def make(n: int = 3, **options) -> camshaft.Cluster:
    return camshaft.Cluster(**{"n": n, "engines": "mpi", "profile": "mpi", "progress": False, **options})


def engine_pids(rc: camshaft.Client) -> list[int]:
    return rc[:].apply_sync(os.getpid)


def test_ranks_are_engine_numbers_without_mpi4py() -> None:
    with make() as rc:
        assert rc.ids == [0, 1, 2]
        assert rc[:]["mpi_rank"] == [0, 1, 2]
        assert rc[:]["mpi_size"] == [3, 3, 3]
        pids = engine_pids(rc)
    assert gone(pids)


def test_ranks_of_mpich_are_engine_numbers() -> None:
    with make(engine_options={"mpi_cmd": ["mpiexec.mpich"]}) as rc:
        assert rc.ids == [0, 1, 2]
        assert rc[:]["mpi_rank"] == [0, 1, 2]
        assert rc[:]["mpi_size"] == [3, 3, 3]
        assert rc[:].apply_sync(at_the_prompt(lambda: __import__("os").environ["PMI_RANK"])) == ["0", "1", "2"]
        pids = engine_pids(rc)
    assert gone(pids)


@pytest.mark.parametrize("mpi", ["openmpi", "mpich"])
def test_ranks_on_several_machines(tmp_path: Path, mpi: str) -> None:
    with machines(tmp_path / "machines", 3) as there:
        hosts = [f"{address}:2" for address in there.addresses[1:]]
        if mpi == "openmpi":
            ways = ["--mca", "plm_rsh_agent", there.ssh, "--mca", "btl_tcp_if_include", "eth0"]
            ways += ["--mca", "oob_tcp_if_include", "eth0", "--host", ",".join(hosts)]
            for name in ("IPP_CONNECTION_INFO", "IPP_CLUSTER_ID", "IPP_PROFILE_DIR", "CAMSHAFT_KEEPER", *MARKS):
                ways += ["-x", name]
        else:
            ways = ["-launcher", "ssh", "-launcher-exec", there.ssh, "-localhost", there.addresses[0]]
            ways += ["-hosts", ",".join(hosts)]
        where = {"controller_ip": "*", "controller_location": there.addresses[0]}
        with make(4, **where, engine_options={"mpi_cmd": [f"mpiexec.{mpi}"], "mpi_args": ways}) as rc:
            assert rc.ids == [0, 1, 2, 3]
            assert rc[:]["mpi_rank"] == [0, 1, 2, 3]
            names = rc[:].apply_sync(socket.gethostname)
            assert names == [there.names[1]] * 2 + [there.names[2]] * 2
            pids = engine_pids(rc)
        assert gone(pids)


def test_S3_39_S3_43_engines_exchange_arrays_while_the_client_steers(with_mpi4py: None) -> None:
    @at_the_prompt
    def pass_on(step):
        import numpy

        mine = numpy.full(1000, float(mpi_rank + step))  # noqa: F821
        theirs = numpy.empty_like(mine)
        ring = (mpi_rank + 1) % mpi_size, (mpi_rank - 1) % mpi_size  # noqa: F821
        MPI.COMM_WORLD.Sendrecv(mine, dest=ring[0], recvbuf=theirs, source=ring[1])  # noqa: F821
        total = MPI.COMM_WORLD.allreduce(float(mine.sum()))  # noqa: F821
        return theirs, total

    with make(engine_options={"engine_args": ["--mpi=mpi4py"]}) as rc:
        view = rc[:]
        assert view["mpi_rank"] == [0, 1, 2] == rc.ids
        assert view["mpi_size"] == [3, 3, 3]
        for step in (0, 10):
            arrays, totals = zip(*view.apply_sync(pass_on, step), strict=True)
            assert [float(array[0]) for array in arrays] == [2.0 + step, step, 1.0 + step]
            assert all(array.shape == (1000,) for array in arrays)
            assert set(totals) == {(3.0 + 3 * step) * 1000}


def test_the_page_about_it(with_mpi4py: None) -> None:
    page = (ROOT / "docs/operations/launchers/mpi.md").read_text()
    example, printed = re.search(r"```python\n(.*?)```\n```text\n(.*?)```", page, re.DOTALL).groups()
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, timeout=60)
    assert done.stdout == printed, done.stderr


def test_S3_44_another_module_starts_mpi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "extra" / "PyTrilinos").mkdir(parents=True)
    (tmp_path / "extra" / "PyTrilinos" / "__init__.py").write_text("")
    (tmp_path / "extra" / "PyTrilinos" / "Epetra.py").write_text("started = True\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "extra"), os.environ.get("PYTHONPATH", "")]))
    with make(2, engine_options={"engine_args": ["--mpi=pytrilinos"]}) as rc:
        rc[:].execute("state = PyTrilinos.Epetra.started, mpi_rank", block=True)
        assert rc[:]["state"] == [(True, 0), (True, 1)]


def test_a_module_that_is_not_there_is_named() -> None:
    cluster = make(1, engine_options={"engine_args": ["--mpi=no_such_mpi"]})
    with pytest.raises(RuntimeError, match="there is no module no_such_mpi in this Python"):
        cluster.start_cluster_sync()


def test_ranks_that_wait_for_one_that_failed_are_interrupted(with_mpi4py: None) -> None:
    @at_the_prompt
    def meet():
        if mpi_rank == 1:  # noqa: F821
            raise ValueError("not me")
        while True:  # as a collective without the third does
            request = MPI.COMM_WORLD.Ibarrier() if "request" not in locals() else request  # noqa: F821, F841
            if request.Test():
                return "met"

    with make() as rc:
        view = rc[:]
        result = view.apply_async(meet)
        rc[1].apply_sync(eval, "0")  # its turn is over
        wait_until(lambda: 1 in [i for i, one in enumerate(result.msg_ids) if one not in rc.outstanding], "the failure")
        rc.send_signal(signal.SIGINT, block=True)
        result.wait(30)
        assert result.ready()
        errors = []
        for one in result.msg_ids:
            try:
                rc.get_result(one, owner=False).get()
            except Exception as error:
                errors.append(type(error).__name__ + str(error))
        assert sum("KeyboardInterrupt" in one for one in errors) == 2
        assert sum("ValueError" in one for one in errors) == 1
        assert view.apply_sync(eval, "1 + 1") == [2, 2, 2]


def test_an_interrupt_of_the_group_reaches_the_ranks_and_not_mpiexec() -> None:
    with make(2) as rc:
        interrupts_reach(rc)


@pytest.mark.parametrize(("code", "number"), [(0, 9), (3, 0)])
def test_the_death_of_a_rank_is_told_and_ends_all(code: int, number: int) -> None:
    with make() as rc:
        deaths_are_told(rc, code, number)
        wait_until(lambda: rc.ids == [], "the leave of all ranks")


def test_ranks_are_restarted_together() -> None:
    with make(restart_engines=True) as rc:
        before = uuids(rc)
        deaths_are_told(rc)
        engines_come_back(rc, 3, before)
        assert rc.ids == [0, 1, 2] == rc[:]["mpi_rank"]
        before = uuids(rc)
        rc.shutdown(1, restart=True)
        engines_come_back(rc, 3, before)
        assert rc.ids == [0, 1, 2] == rc[:]["mpi_rank"]


def test_killed_mpiexec_leaves_no_rank(processes: Processes) -> None:
    cluster = make()
    with cluster as rc:
        pids = engine_pids(rc)
        keeper = psutil.Process(pids[0]).parent()
        assert keeper is not None
        os.kill(keeper.ppid(), signal.SIGKILL)
        wait_until(lambda: gone(pids), "end of the ranks")


def test_killed_ipcluster_leaves_nobody(processes: Processes) -> None:
    start = processes.start([*command_of("ipcluster", "ours"), "start", "-n", "3", "--engines=MPIExec"])
    wait_until(lambda: "Stop with Ctrl-C" in start.output or not start.running, "three ranks")
    assert start.running, start.output
    listed = subprocess.run(
        [*command_of("ipcluster", "ours"), "list"], env=processes.env, capture_output=True, text=True, check=True
    )
    assert listed.stdout.splitlines()[1].split()[-2:] == ["3", "mpi"]
    start.kill()
    wait_until(lambda: not marked(processes.mark), "end of all")


def test_the_controller_may_be_started_by_mpiexec_too() -> None:
    with make(1, controller="mpi") as rc:
        assert rc[:].apply_sync(eval, "6 * 7") == [42]


def test_a_missing_mpiexec_is_named() -> None:
    cluster = make(1, engine_options={"mpi_cmd": ["no-such-mpiexec"]})
    with pytest.raises(RuntimeError, match="cannot start no-such-mpiexec.*openmpi-bin"):
        cluster.start_cluster_sync()


def test_the_original_stops_what_it_finds(processes: Processes) -> None:
    assert shutil.which("mpiexec")
    start = processes.start([*command_of("ipcluster", "ours"), "start", "-n", "2", "--engines=mpi", "--daemonize"])
    assert start.wait() == 0, start.output
    official = processes.start([*command_of("ipcluster", "official"), "stop"])
    assert official.wait() == 0, official.output
    wait_until(lambda: not marked(processes.mark), "end of all")


def test_S4_2_four_engines_from_a_notebook_cell(processes: Processes) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    try:
        started = " ".join(command_of("ipcluster", "ours"))
        shell.run_cell(f"!{started} start --engines=MPI -n 4 --daemonize")
        with camshaft.Client() as rc:
            assert rc.ids == [0, 1, 2, 3]
            assert rc[:]["mpi_rank"] == [0, 1, 2, 3]
            pids = engine_pids(rc)
        shell.run_cell(f"!{started} stop")
        wait_until(lambda: gone(pids), "the end of the engines")
    finally:
        InteractiveShell.clear_instance()
