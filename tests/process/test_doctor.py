"""ipcluster doctor, with a cluster that runs, without one, and where something is wrong."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from clusters import doctor
from processes import Processes, command_of, wait_until


def trouble(found: list[dict[str, str]]) -> list[str]:
    return [one["text"] for one in found if one["state"] == "wrong"]


def security(processes: Processes) -> Path:
    folder = processes.ipython_dir / "profile_default" / "security"
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    return folder


def test_a_healthy_computer_is_tried_out(processes: Processes) -> None:
    code, found = doctor(processes)
    assert (code, trouble(found)) == (0, [])
    assert {one["check"] for one in found} >= {"names", "address", "ports", "clock", "files", "versions", "open files"}
    assert found[-1]["check"] == "trial"
    assert any(one["side"].startswith("engine 0 on") for one in found)
    assert not (processes.ipython_dir / "profile_default").exists()  # looking changes nothing


def test_engines_that_run_are_asked(cluster, processes: Processes) -> None:
    started = cluster(2)
    started.client().close()
    code, found = doctor(processes)
    assert (code, trouble(found)) == (0, [])
    sides = {one["side"].split(" on ")[0] for one in found}
    assert sides == {"controller", "engine 0", "engine 1"}
    assert [one["text"] for one in found if one["check"] == "controller"] == ["reaches the controller at 127.0.0.1"] * 2


@pytest.mark.official
def test_engines_of_the_original_are_asked_too(cluster, processes: Processes) -> None:
    started = cluster(1, engines="official")
    started.client().close()
    code, found = doctor(processes)
    assert (code, trouble(found)) == (0, [])
    assert any(one["side"].startswith("engine 0 on") and one["check"] == "clock" for one in found)


def test_an_engine_at_work_is_no_fault(cluster, processes: Processes, tmp_path: Path) -> None:
    started = cluster(2)
    client = started.client()
    gate = tmp_path / "gate"
    code = f"import os, time\nfor i in range(1200):\n    if os.path.exists({str(gate)!r}): break\n    time.sleep(0.1)"
    busy = client[0].execute(code, block=False)
    wait_until(lambda: client.queue_status(targets=0)["tasks"] + client.queue_status(targets=0)["queue"], "the work")
    status, found = doctor(processes, "--Cluster.engine_timeout=3")
    gate.touch()
    busy.get(60)
    assert (status, trouble(found)) == (0, [])
    assert [one["check"] for one in found if one["side"] == "engine 0"] == ["answer"]
    assert any(one["side"].startswith("engine 1 on") for one in found)


def test_text_is_for_people(processes: Processes) -> None:
    process = processes.start([*command_of("ipcluster", "ours"), "doctor", "--ip=192.0.2.7"])
    assert process.wait(100) == 1
    assert "wrong  controller, address: cannot listen on 192.0.2.7 (no address of this computer)" in process.output
    assert process.output.rstrip().endswith("say that something is wrong")


def test_files_that_others_can_read(processes: Processes) -> None:
    folder = security(processes)
    folder.chmod(0o755)
    code, found = doctor(processes)
    assert (code, trouble(found)) == (
        1,
        [f"others may read {folder}, and with it use your cluster: chmod go= {folder}"],
    )


def test_a_controller_that_is_gone(cluster, processes: Processes) -> None:
    started = cluster(0)
    started.controller.send(signal.SIGKILL)
    wait_until(lambda: not started.controller.running, "the end of the controller")
    code, found = doctor(processes)
    assert code == 1
    [text] = trouble(found)
    assert text.startswith(f"nobody answers at the addresses in {started.client_file}")
    assert "ipcluster clean" in text


def test_a_controller_without_engines(cluster, processes: Processes) -> None:
    cluster(0)
    code, found = doctor(processes)
    assert code == 1
    assert any("no engine has joined it" in text for text in trouble(found))


def test_ports_of_the_configuration(processes: Processes) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        folder = security(processes).parent
        (folder / "ipcontroller_config.py").write_text(f"c.IPController.ports = [{port}]\n")
        code, found = doctor(processes)
    assert code == 1
    assert trouble(found)[0].startswith("only 0 of the 1 ports it is told to use are free, and it needs 14")
