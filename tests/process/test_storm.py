"""A thousand engines that register at the same time: none is lost; limits are named before they are met."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import BIN, ClusterUnderTest, Processes, command_of, wait_until

Start = Callable[..., ClusterUnderTest]
PER_PROCESS = 250


@pytest.fixture
def storm(processes: Processes) -> Iterator[Callable[[ClusterUnderTest, int], None]]:
    """Starts so many engines without an interpreter, in a few processes, all at once; ends them with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(site: ClusterUnderTest, engines: int) -> None:
        for begin in range(0, engines, PER_PROCESS):
            command = [str(BIN / "light_engines"), str(site.engine_file), str(min(PER_PROCESS, engines - begin))]
            log = (site.processes.folder / f"light-{begin}.log").open("wb")
            started.append(subprocess.Popen(command, env=site.processes.env, stdin=subprocess.PIPE, stdout=log))

    yield start
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
    for process in started:
        assert process.wait(60) == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:this client runs Python")  # light engines have none
def test_a_thousand_engines_in_one_storm(cluster: Start, storm: Callable[..., None]) -> None:
    files_needed = 1000 * 9 + 500
    engines = 1000 if resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= files_needed else 250
    site = cluster(0)
    client: Any = site.client(engines=0)
    storm(site, engines)
    wait_until(lambda: len(client.ids) == engines, f"{engines} engines", 100)
    assert client.ids == list(range(engines))
    assert len(client.queue_status()) == engines + 1
    assert len(site.client(engines=engines).ids) == engines  # who comes later sees them, too


def test_what_does_not_fit_is_said_in_one_line(processes: Processes, tmp_path: Path) -> None:
    limited = ["/bin/sh", "-c", 'ulimit -n 400; exec "$@"', "sh"]
    process = processes.start([*limited, *command_of("ipcluster", "ours"), "start", "-n64"])
    assert process.wait(30) == 1
    assert "64 engines need about 676 open files; the limit is 400: raise it with 'ulimit -n 676'" in process.output


def test_a_controller_refuses_what_it_has_no_files_for(processes: Processes) -> None:
    limited = ["/bin/sh", "-c", 'ulimit -n 115; exec "$@"', "sh"]
    profile = processes.ipython_dir / "profile_default"
    command = command_of("ipcontroller", "ours")
    controller = processes.start([*limited, *command, "--ip=127.0.0.1", f"--profile-dir={profile}"])
    site = ClusterUnderTest(processes, profile, "", controller, "ours", ())
    site.wait_for_controller()
    first = site.add_engine()
    client: Any = site.client(engines=1)
    second = site.add_engine()
    assert second.wait(30) == 255
    assert "2 engines need about 118 open files; the limit is 115" in second.output
    assert first.running and client[0].apply_sync(abs, -1) == 1
    client.close()
