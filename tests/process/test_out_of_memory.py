"""Engines that the kernel kills because memory runs out: their tasks' errors say so."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Process, Processes, at_the_prompt, command_of, wait_until

MEBI = 1 << 20
ONE = ["-n1", "--IPClusterStart.early_shutdown=0"]  # else the end of the only engine is that of the cluster
CGROUPS = Path("/sys/fs/cgroup")


class Group:
    """A control group with a limit of memory. OSError where this cannot be had."""

    def __init__(self, limit: int) -> None:
        second = (CGROUPS / "cgroup.controllers").exists()
        self.folder = (CGROUPS if second else CGROUPS / "memory") / f"camshaft-test-{os.getpid()}"
        self.folder.mkdir()
        limits = (
            ["memory.max", "memory.swap.max"] if second else ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
        )
        try:
            (self.folder / limits[0]).write_text(str(limit))
            with contextlib.suppress(OSError):  # a kernel that does not count swap
                (self.folder / limits[1]).write_text("0" if second else str(limit))
        except OSError:
            self.remove()
            raise

    def shell_line(self, command: str) -> str:
        """What a shell does to become `command` inside the group."""
        return f'echo $$ > "{self.folder}/cgroup.procs" && exec {command}'

    def remove(self) -> None:
        """Remove the group once its processes have ended."""

        def gone() -> bool:
            with contextlib.suppress(OSError):
                self.folder.rmdir()
            return not self.folder.exists()

        wait_until(gone, "end of the control group")


@pytest.fixture
def group() -> Iterator[Group | None]:
    """A control group with 400 MiB; None where the system lets nobody make one."""
    try:
        made = Group(400 * MEBI)
    except OSError:
        yield None
        return
    yield made
    made.remove()


def up(process: Process) -> None:
    def started() -> bool:
        assert process.running, process.output
        return "IPython cluster: started" in process.output

    wait_until(started, "the cluster")


def eats() -> None:
    kept = []
    while True:
        kept.append(b"x" * (16 << 20))


def error_of(processes: Processes, process: Process, task: object) -> str:
    import camshaft

    with camshaft.Client(profile="default", ipython_dir=processes.ipython_dir) as rc:
        with pytest.raises(camshaft.EngineError) as told:
            rc.load_balanced_view().apply_async(at_the_prompt(task)).get(60)
        text = str(told.value)
    process.send(signal.SIGINT)
    process.wait()
    return text


def killed_without_a_word(processes: Processes, *args: str) -> None:
    """Where no group can be made: the contract's other half, that a plain kill is not put down to memory."""
    process = processes.start([*command_of("ipcluster", "ours"), *ONE, *args])
    up(process)

    def dies() -> None:
        import os

        os.kill(os.getpid(), 9)

    text = error_of(processes, process, dies)
    assert "killed by signal 9" in text
    assert "memory" not in text


def test_a_cluster_in_a_group_with_too_little_memory(processes: Processes, group: Group | None) -> None:
    if group is None:
        return killed_without_a_word(processes)
    [program] = command_of("ipcluster", "ours")
    process = processes.start(["sh", "-c", group.shell_line(f"{program} {' '.join(ONE)}")])
    up(process)
    text = error_of(processes, process, eats)
    assert re.search(r"killed by signal 9 \(Killed\), probably out of memory", text), text
    assert "probably out of memory" in process.output
    return None


def test_an_engine_in_a_group_of_its_own(processes: Processes, group: Group | None) -> None:
    engine = processes.folder / "engine"
    [program] = command_of("ipengine", "ours")
    enter = group.shell_line(f'{program} "$@"') if group else f'exec {program} "$@"'
    engine.write_text(f"#!/bin/sh\n{enter}\n")
    engine.chmod(0o755)
    if group is None:
        return killed_without_a_word(processes, f"--engine-cmd={engine}")
    process = processes.start([*command_of("ipcluster", "ours"), *ONE, f"--engine-cmd={engine}"])
    up(process)
    assert "probably out of memory" in error_of(processes, process, eats)
    return None


def test_a_plain_kill_is_not_put_down_to_memory(processes: Processes) -> None:
    killed_without_a_word(processes)
