"""``iplogger`` and ``--log-url``: the logs of a cluster in one place."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zmq
from processes import ClusterUnderTest, Process, Processes, command_of, wait_until

LISTENING = re.compile(r"Listening for log messages on (tcp://127\.0\.0\.1:\d+)\n")


def start_logger(processes: Processes, *args: str, url: str = "tcp://127.0.0.1:*") -> tuple[Process, str]:
    """Start iplogger on a free port; return it and its address."""
    logger = processes.start([*command_of("iplogger", "ours"), f"--url={url}", *args])
    return logger, address_of(logger)


def address_of(logger: Process, log: Callable[[], str] | None = None) -> str:
    """What it says it listens on: in its output, or in what `log` returns."""

    def found() -> re.Match[str] | None:
        assert logger.running, logger.output
        return LISTENING.search(log() if log else logger.output)

    return wait_until(found, "the address of iplogger")[1]


def says(logger: Process, *words: str) -> None:
    """Wait until one line of `logger` has all `words`."""
    wait_until(
        lambda: any(all(word in line for word in words) for line in logger.output.splitlines()),
        f"a line with {words} in:\n{logger.output}",
    )


@pytest.mark.parametrize("order", ["logger first", "logger last"])
def test_G2_5_controller_and_engines_send_their_logs(
    processes: Processes, cluster: Callable[..., ClusterUnderTest], order: str
) -> None:
    if order == "logger first":
        logger, url = start_logger(processes)
        c = cluster(2, controller_args=[f"--log-url={url}"], engine_args=[f"--log-url={url}"])
        c.client()
    else:  # what was said before waits for it
        probe, url = start_logger(processes)
        probe.stop()
        c = cluster(2, controller_args=[f"--log-url={url}"], engine_args=[f"--log-url={url}"])
        c.client()
        logger, _ = start_logger(processes, url=url)
    says(logger, " I iplogger", "[controller] ", "listening")
    for number in (0, 1):
        says(logger, f"[engine.{number}] ", f"Completed registration with id {number}")
    # The end is told too, and is not held up.
    for process in (*c.engines, c.controller):
        process.stop()
    says(logger, "[controller] stopping: SIGTERM")
    logger.send(signal.SIGINT)
    assert logger.wait() == 0
    assert logger.output.splitlines()[-1].endswith("stopping: SIGINT")


def test_levels_and_topics_choose(processes: Processes, cluster: Callable[..., ClusterUnderTest]) -> None:
    folder = processes.ipython_dir / "profile_default"
    folder.mkdir(parents=True)
    (folder / "iplogger_config.py").write_text("c.LogWatcher.topics = ['engine']\n")
    logger = processes.start([*command_of("iplogger", "ours"), "--url=tcp://127.0.0.1:*", "--debug", "--log-to-file"])
    log = folder / "log" / f"iplogger-{logger.pid}.log"
    url = address_of(logger, lambda: log.read_text() if log.exists() else "")
    c = cluster(1, controller_args=[f"--log-url={url}", "--debug"], engine_args=[f"--log-url={url}", "--debug"])
    c.client()[0].apply_sync(int)
    wait_until(lambda: "[engine.0]" in log.read_text(), "records of the engine")
    c.controller.stop()
    assert "[controller]" not in log.read_text()


def test_ipcluster_tells_its_controller_and_engines(processes: Processes) -> None:
    logger, url = start_logger(processes)
    process = processes.start([*command_of("ipcluster", "ours"), "start", "-n2", f"--log-url={url}"])
    wait_until(lambda: "IPython cluster: started" in process.output, "the cluster")
    says(logger, "[controller] ")
    says(logger, "[engine.0] ")
    says(logger, "[engine.1] ")
    process.send(signal.SIGINT)
    assert process.wait() == 0


def test_a_controller_of_the_original_sends_its_log(
    processes: Processes, cluster: Callable[..., ClusterUnderTest]
) -> None:
    logger, url = start_logger(processes)
    c = cluster(0, controller="official", controller_args=[f"--log-url={url}"])
    says(logger, "[controller] ")
    c.controller.stop()


def test_a_python_program_sends_its_log(processes: Processes) -> None:
    logger, url = start_logger(processes)
    program = f"""
import logging, time, zmq
from zmq.log.handlers import PUBHandler
socket = zmq.Context.instance().socket(zmq.XPUB)
socket.connect({url!r})
socket.recv()  # the subscription of iplogger
handler = PUBHandler(socket)
handler.root_topic = "mine"
logging.getLogger().addHandler(handler)
logging.getLogger().error("part.of::it went wrong")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    says(logger, " E iplogger", "[mine.part.of] ", "it went wrong")


def test_what_the_original_reads_is_what_we_send(
    processes: Processes, cluster: Callable[..., ClusterUnderTest]
) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as taker:
        port = taker.bind_to_random_port("tcp://127.0.0.1")
        taker.subscribe("engine.0.INFO")
        url = f"tcp://127.0.0.1:{port}"
        cluster(1, engine_args=[f"--IPEngine.log_url={url}"])
        assert taker.poll(60_000)
        topic, text = taker.recv_multipart()
    assert topic == b"engine.0.INFO"
    assert text.endswith(b"\n")


def test_strangers_do_no_harm(processes: Processes) -> None:
    logger, url = start_logger(processes)
    with zmq.Context() as context, context.socket(zmq.XPUB) as stranger:
        stranger.connect(url)
        assert stranger.poll(60_000)
        stranger.send_multipart([b"one"])
        stranger.send_multipart([b"a.WARNING", b"\x1b[2J\xff\n"])
        says(logger, "no log record", "1 frames in place of two")
        says(logger, " W iplogger", "[a] ?[2J")
    logger.stop()
    assert logger.wait() == 0


@pytest.mark.parametrize("module", ["camshaft.logger", "camshaft.apps.iploggerapp"])
def test_as_a_module(processes: Processes, module: str) -> None:
    logger = processes.start([sys.executable, "-m", module, "--url=tcp://127.0.0.1:*"])
    address_of(logger)
    logger.stop()
    assert logger.wait() == 0


def test_one_line_for_what_cannot_be(processes: Processes, tmp_path: Path) -> None:
    def refused(program: str, *args: str) -> str:
        done = subprocess.run(
            [*command_of(program, "ours"), *args],
            env=processes.env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode != 0
        [line] = done.stderr.splitlines()
        return line

    _, url = start_logger(processes)
    assert refused("iplogger", f"--url={url}") == (
        f"iplogger: cannot bind {url}: Address already in use: choose another address with --url, such as "
        "--url='tcp://127.0.0.1:*'"
    )
    assert "cannot bind nowhere" in refused("iplogger", "--url=nowhere")
    assert refused("iplogger", "now") == "iplogger: 'now' is not an option: options start with --"
    advice = "--log-url: cannot connect to nowhere: Invalid argument: give an address such as tcp://host:20202"
    assert refused("ipcontroller", "--log-url=nowhere") == f"ipcontroller: {advice}"
    assert refused("ipengine", "--log-url=nowhere") == f"ipengine: {advice}"
