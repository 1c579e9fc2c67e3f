"""Task schemes: each name, functions in shared libraries and in Python, and what is said when they are missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import camshaft
import camshaft.controller
import ipyparallel
import pytest
from processes import BIN, ROOT, ClusterUnderTest, Processes, at_the_prompt

EXAMPLE = ROOT / "examples" / "scheme" / "fewest_given.c"
Start = Callable[..., ClusterUnderTest]


def compiled(source: Path, folder: Path) -> Path:
    library = folder / f"lib{source.stem}.so"
    command = ["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-pedantic", "-std=c99"]
    subprocess.run(
        [*command, f"-I{camshaft.controller.include_dir()}", "-o", library, source], check=True, capture_output=True
    )
    return library


def shares(rc: camshaft.Client, tasks: int) -> list[int]:
    """How many of so many tasks each engine got, one after the other."""
    view = rc.load_balanced_view()
    pids = Counter(view.apply_sync(os.getpid) for _ in range(tasks))
    return sorted(pids.values())


@pytest.mark.parametrize("scheme", ["leastload", "lru", "plainrandom", "twobin", "weighted", "pure"])
def test_s1_31_every_scheme_runs_tasks(cluster: Start, scheme: str) -> None:
    made = cluster(2, controller_args=[f"--scheme={scheme}"])
    rc = made.client()
    assert json.loads(made.client_file.read_text())["task_scheme"] == scheme
    assert rc.load_balanced_view().map_sync(abs, range(-20, 0)) == list(range(20, 0, -1))


@pytest.mark.parametrize("scheme", ["leastload", "lru", "pure"])
def test_s1_32_s1_35_s1_39_tasks_one_by_one_go_round(cluster: Start, scheme: str) -> None:
    # With hwm=auto a task at an engine that sleeps too long is moved to another one, whose share it then counts to.
    rc = cluster(3, controller_args=[f"--scheme={scheme}", "--hwm=1"]).client()
    assert shares(rc, 12) == [4, 4, 4]


def test_s1_14_pure_refuses_dependencies_in_client_and_controller(cluster: Start) -> None:
    made = cluster(1, controller_args=["--scheme=pure"])
    view = made.client().load_balanced_view()
    first = view.apply_async(abs, -1)
    with pytest.raises(RuntimeError, match="pure"), view.temp_flags(after=[first]):
        view.apply_async(abs, -2)
    # A client that does not know the scheme gets the answer from the controller.
    connection = json.loads(made.client_file.read_text())
    made.client_file.write_text(json.dumps({**connection, "task_scheme": "leastload"}))
    unaware = made.client().load_balanced_view()
    with unaware.temp_flags(retries=2):
        refused = unaware.apply_async(abs, -2)
    with pytest.raises(camshaft.RemoteError, match="scheme 'pure' knows no 'retries'"):
        refused.get(60)
    assert unaware.apply_sync(abs, -3) == 3


def test_s1_14_pure_refuses_dependencies_of_the_official_client(cluster: Start) -> None:
    view = cluster(1, controller_args=["--scheme=pure"]).client("official").load_balanced_view()
    assert view.apply_sync(abs, -1) == 1
    with view.temp_flags(retries=1):  # it looks at flags of the call only, and sends those of the view
        refused = view.apply_async(abs, -1)
    with pytest.raises(ipyparallel.RemoteError, match="scheme 'pure' knows no 'retries'"):
        refused.get(60)


def test_s1_37_a_function_in_a_shared_library(cluster: Start, tmp_path: Path) -> None:
    library = compiled(EXAMPLE, tmp_path)
    made = cluster(3, controller_args=[f"--scheme={library}:fewest_given", "--hwm=0"])
    rc = made.client()
    assert json.loads(made.client_file.read_text())["task_scheme"] == "custom"
    assert shares(rc, 12) == [4, 4, 4]


def test_s1_37_an_index_out_of_range_is_said_once(cluster: Start, tmp_path: Path) -> None:
    source = tmp_path / "wrong.c"
    source.write_text(
        "#include <camshaft/scheme.h>\n"
        "size_t wrong(const struct camshaft_candidates* engines) { return engines->count; }\n"
    )
    made = cluster(2, controller_args=[f"--scheme={compiled(source, tmp_path)}:wrong", "--hwm=0"])
    assert shares(made.client(), 6) == [3, 3]
    assert made.controller.output.count("where there are 2 engines to choose from") == 1


@pytest.mark.parametrize(
    ("program", "scheme", "words"),
    [
        ([str(BIN / "ipcontroller")], "./nothing.so:f", ["./nothing.so", "cannot"]),
        ([str(BIN / "ipcontroller")], "libc.so.6:no_such_scheme", ["no function 'no_such_scheme'"]),
        ([str(BIN / "ipcontroller")], "./nothing.so:", ["LIBRARY:FUNCTION"]),
        ([sys.executable, "-m", "camshaft.controller"], "./nothing.so:f", ["./nothing.so", "cannot"]),
        ([sys.executable, "-m", "camshaft.controller"], "no_such_module:f", ["no_such_module"]),
        ([sys.executable, "-m", "camshaft.controller"], "json:no_such_scheme", ["json", "no_such_scheme"]),
        ([sys.executable, "-m", "camshaft.controller"], "json:decoder", ["json:decoder", "not a function"]),
        ([sys.executable, "-m", "camshaft.controller"], "best", ["--scheme", "best", "leastload"]),
    ],
)
def test_s1_37_a_scheme_that_is_not_there_is_one_line(
    processes: Processes, program: list[str], scheme: str, words: list[str]
) -> None:
    ended = processes.start([*program, f"--scheme={scheme}"])
    assert ended.wait() == 2
    lines = ended.output.strip().splitlines()
    assert len(lines) == 1, ended.output
    assert lines[0].startswith("ipcontroller: ")
    assert all(word in lines[0] for word in words), lines[0]


def last(loads: list[int]) -> int:
    """The most recently used engine, again and again."""
    return len(loads) - 1


def fewest(loads: list[int], counts: list[int], engines: list[int]) -> int:
    assert len(loads) == len(counts) == len(set(engines))
    return counts.index(min(counts))


@pytest.fixture
def _our_programs(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSHAFT_BIN", str(BIN))


@pytest.mark.usefixtures("_our_programs")
@pytest.mark.parametrize(("scheme", "wanted"), [(last, [6]), (fewest, [3, 3])])
def test_s1_37_a_function_in_python(processes: Processes, scheme: Callable[..., int], wanted: list[int]) -> None:
    mark = {"CAMSHAFT_TEST_MARK": processes.mark}
    options = {"ipython_dir": processes.ipython_dir, "environment": mark, "controller_args": ["--hwm=0"]}
    with camshaft.Cluster(n=2, scheme=at_the_prompt(scheme), **options) as rc:
        assert shares(rc, 6) == wanted


@pytest.mark.usefixtures("_our_programs")
def test_s1_37_a_function_of_a_module(processes: Processes) -> None:
    (processes.folder / "myschemes.py").write_text("def last(loads):\n    return len(loads) - 1\n")
    mark = {"CAMSHAFT_TEST_MARK": processes.mark}
    options = {"ipython_dir": processes.ipython_dir, "environment": mark, "controller_args": ["--hwm=0"]}
    with camshaft.Cluster(n=2, scheme="myschemes:last", work_dir=processes.folder, **options) as rc:
        assert shares(rc, 4) == [4]


def test_s1_37_a_python_scheme_that_fails_is_said_once(processes: Processes) -> None:
    (processes.folder / "myschemes.py").write_text("def broken(loads):\n    raise ValueError('no idea')\n")
    controller = processes.start(
        [sys.executable, "-m", "camshaft.controller", "--ip=127.0.0.1", "--scheme=myschemes:broken", "--hwm=0"]
    )
    security = processes.ipython_dir / "profile_default" / "security"
    made = ClusterUnderTest(processes, security.parent, "", controller, "ours", ())
    made.wait_for_controller()
    made.add_engine()
    made.add_engine()
    rc = made.client()
    try:
        assert shares(rc, 6) == [3, 3]
        assert controller.output.count("scheme 'myschemes:broken' failed: ValueError: no idea") == 1
    finally:
        made.close()
    controller.stop()
    assert controller.wait() == 0


@pytest.mark.parametrize("scheme", [3, lambda: 0, lambda loads, counts, engines, more: 0])
def test_s1_37_what_is_no_scheme_is_refused_at_once(scheme: object) -> None:
    with pytest.raises((TypeError, ValueError), match="scheme"):
        camshaft.Cluster(scheme=scheme)  # type: ignore[arg-type]
