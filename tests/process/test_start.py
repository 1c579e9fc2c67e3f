"""Local engines are forked from a template: each is what a fresh process would be, and nobody is left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import camshaft
import pytest
from processes import BIN, Processes, command_of, wait_until
from processes import at_the_prompt as mine


@pytest.fixture(autouse=True)
def _our_programs(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSHAFT_BIN", str(BIN))
    processes.env["CAMSHAFT_BIN"] = str(BIN)


@contextmanager
def running(processes: Processes, **options: Any) -> Iterator[tuple[camshaft.Cluster, camshaft.Client]]:
    environment = {"CAMSHAFT_TEST_MARK": processes.mark, **options.pop("environment", {})}
    cluster = camshaft.Cluster(**{"n": 2, "profile": "start", "environment": environment, **options})
    with cluster as rc:
        yield cluster, rc


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@mine
def describe() -> dict[str, Any]:
    import contextlib
    import gc
    import os
    import random
    import signal
    import sys
    import tempfile
    import threading
    import time

    def kinds() -> list[str]:
        found = []
        for descriptor in os.listdir("/proc/self/fd"):
            with contextlib.suppress(FileNotFoundError):  # that of this listing, or of a connection that is being made
                target = os.readlink(f"/proc/self/fd/{descriptor}")
                found.append("log" if target.endswith(".log") else target.partition(":")[0])
        return sorted(found)

    def settled() -> list[str]:
        found: list[str] = []
        for _ in range(100):
            before, found = found, kinds()
            if before == found:
                break
            time.sleep(0.05)
        return found

    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "session": os.getsid(0),
        "group": os.getpgrp(),
        "folder": os.getcwd(),
        "path": list(sys.path),
        "arguments": list(sys.argv),
        "environment": {name: value for name, value in os.environ.items() if name != "IPP_CONNECTION_INFO"},
        "random": random.random(),
        "name": next(tempfile._get_candidate_names()),
        "signals": {n: str(signal.getsignal(n)) for n in range(1, 32) if n != signal.SIGINT},
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "threads": [thread.name for thread in threading.enumerate()],
        "collects": gc.isenabled(),
        "stdin": os.readlink("/proc/self/fd/0"),
        "stdout": os.readlink("/proc/self/fd/1"),
        "stderr": os.readlink("/proc/self/fd/2"),
        "main": threading.current_thread() is threading.main_thread(),
        "open": settled(),
    }


def test_a_forked_engine_is_as_good_as_a_fresh_process(processes: Processes, tmp_path: Path) -> None:
    about = {}
    options = {"engine_args": ["--log-level=WARN"], "environment": {"FLAVOUR": "sour"}, "work_dir": tmp_path}
    for template in (True, False):
        with running(processes, cluster_id="one", template=template, **options) as (cluster, rc):
            about[template] = rc[:].apply_sync(describe)
            assert sorted(one["pid"] for one in about[template]) == sorted(
                engine["pid"] for group in cluster.engine_sets.values() for engine in group.values()
            )
    forked, fresh = about[True], about[False]
    assert {one["parent"] for one in fresh} == {os.getpid()}
    (template_pid,) = {one["parent"] for one in forked}
    assert template_pid != os.getpid()
    assert not alive(template_pid)
    for one in forked:
        assert one["session"] == one["group"] == one["pid"]
        assert Path(one["stdout"]).name.startswith("ipengine-one-") and one["stdout"] == one["stderr"]
    for what in ("random", "name", "pid", "stdout"):
        assert forked[0][what] != forked[1][what], what
    same = "folder path arguments environment signals mask threads collects stdin main open".split()
    for what in same:
        assert forked[0][what] == fresh[0][what], what
    assert forked[0]["environment"]["FLAVOUR"] == "sour"
    assert forked[0]["folder"] == str(tmp_path)
    assert forked[0]["main"]


def test_modules_of_the_users_choice_are_shared(processes: Processes) -> None:
    with running(processes, template=["numpy.random", "no_such_module"]) as (cluster, rc):
        assert rc[:].apply_sync(mine(lambda: "numpy" in __import__("sys").modules)) == [True, True]
        one, other = rc[:].apply_sync(mine(lambda: __import__("numpy").random.random()))
        assert one != other
        (log,) = (Path(cluster.profile_dir) / "log").glob("ipengine-*-template-*.log")
        assert "cannot import no_such_module: ModuleNotFoundError" in log.read_text()
    with pytest.raises(TypeError, match="a list of modules"):
        camshaft.Cluster(template="numpy")


@pytest.mark.parametrize("imported", [True, False])
def test_ipython_works_whenever_it_is_imported(processes: Processes, imported: bool) -> None:
    """A few engines are forked before IPython is imported, many, or with modules of the user's, afterwards."""
    with running(processes, n=1, template=["json"] if imported else True) as (_, rc):
        shell = "IPython.core.interactiveshell"
        assert rc[0].apply_sync(eval, f"{shell!r} in __import__('sys').modules") == imported
        kind = mine(lambda: type(__import__("IPython").get_ipython()).__name__)
        assert rc[0].apply_sync(kind) == "EngineShell"
        rc[0].execute("a = 6 * 7\nget_ipython().user_ns['b'] = a", block=True)
        assert rc[0]["b"] == 42
        rc[0].execute("%alias_magic t timeit", block=True)


def test_engines_that_come_later_find_ipython_imported(processes: Processes) -> None:
    with running(processes, n=1) as (cluster, rc):
        template = Path(f"/proc/{rc[0].apply_sync(os.getppid)}/maps")
        wait_until(lambda: "_queue" in template.read_text(), "IPython's first library")
        cluster.start_engines_sync(1, "later")  # asked for in the midst of the import, forked after it
        rc.wait_for_engines(2, timeout=30)
        assert rc[1].apply_sync(eval, "'camshaft.engine.shell' in __import__('sys').modules")


def test_each_set_gets_the_environment_of_its_day(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(processes, n=1) as (cluster, rc):
        monkeypatch.setenv("FLAVOUR", "bitter")
        cluster.start_engines_sync(1, "later")
        rc.wait_for_engines(2, timeout=30)
        found = rc[:].apply_sync(mine(lambda: (os_ := __import__("os")).environ.get("FLAVOUR")))  # noqa: F841
        assert sorted(found, key=str) == [None, "bitter"]


@mine
def end_by(code: int, number: int) -> None:
    import os

    if number:
        os.kill(os.getpid(), number)
    os._exit(code)


@pytest.mark.parametrize(("code", "number", "shown"), [(7, 0, 7), (0, 9, -9), (0, 11, -11)])
def test_exit_codes_and_signals_are_known(processes: Processes, code: int, number: int, shown: int) -> None:
    with running(processes) as (cluster, rc):
        ((name, group),) = cluster.engine_sets.items()
        (pid,) = rc[rc.ids[:1]].apply_sync(os.getpid)
        (index,) = (index for index, engine in group.items() if engine["pid"] == pid)
        rc[rc.ids[0]].apply_async(end_by, code, number)
        wait_until(lambda: cluster.engine_sets[name][index]["exit_code"] is not None, "the end of the engine")
        assert cluster.engine_sets[name][index]["exit_code"] == shown


def test_from_the_shell(processes: Processes) -> None:
    for more, parents in (([], 1), (["--no-template"], 1), (["--template-imports=numpy"], 1)):
        process = processes.start([*command_of("ipcluster", "ours"), "start", "-n2", *more])
        wait_until(lambda: "ipp.Client(" in process.output or not process.running, "the cluster")  # noqa: B023
        with camshaft.Client(timeout=30) as rc:
            found = rc[:].apply_sync(mine(lambda: (__import__("os").getppid(), "numpy" in __import__("sys").modules)))
        assert len({parent for parent, _ in found}) == parents
        assert (found[0][0] == process.pid) == (more == ["--no-template"])
        assert found[0][1] == (more == ["--template-imports=numpy"])
        process.send(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_template_that_does_not_come_up_is_done_without(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text("import os; os._exit(1)")
    before = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join([str(tmp_path), str(Path(camshaft.__file__).parents[1]), before])
    with running(processes, environment={"PYTHONPATH": path}, template=["deadly"]) as (_, rc):
        assert rc[:].apply_sync(mine(lambda: __import__("os").getppid())) == [os.getpid()] * 2


def test_the_end_of_the_template_is_the_end_of_its_engines(processes: Processes) -> None:
    with running(processes) as (cluster, rc):
        pids = rc[:].apply_sync(os.getpid)
        (template,) = set(rc[:].apply_sync(os.getppid))
        os.kill(template, signal.SIGKILL)
        wait_until(lambda: not any(map(alive, pids)), "the end of the engines")
        ((name, _),) = cluster.engine_sets.items()
        codes = lambda: [engine["exit_code"] for engine in cluster.engine_sets[name].values()]  # noqa: E731
        wait_until(lambda: codes() == [-9, -9], "both ends to be known")
        cluster.start_engines_sync(1, "again")
        rc.wait_for_engines(1, timeout=30)
