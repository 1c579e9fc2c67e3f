"""A server that speaks MongoDB's protocol, on a free port of the loopback interface."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
from processes import ROOT, Process, Processes, wait_until


class MongoServer:
    """FerretDB with its data in a folder of its own; it can be stopped and started again."""

    def __init__(self, processes: Processes, program: Path) -> None:
        self.processes = processes
        self.program = program
        self.folder = processes.folder / "mongo"
        (self.folder / "data").mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: Process | None = None

    @property
    def address(self) -> str:
        """What clients connect to; they notice soon that nobody is there."""
        return f"mongodb://127.0.0.1:{self.port}/?serverSelectionTimeoutMS=500"

    def start(self) -> None:
        """Returns when it accepts connections."""
        command = [str(self.program), "--handler=sqlite", f"--sqlite-url=file:{self.folder}/data/"]
        command += [f"--state-dir={self.folder}", f"--listen-addr=127.0.0.1:{self.port}"]
        self.process = self.processes.start([*command, "--debug-addr=-", "--telemetry=disable", "--log-level=error"])
        wait_until(self._accepts, "the MongoDB server")

    def _accepts(self) -> bool:
        assert self.process is not None
        assert self.process.running, f"the MongoDB server ended: {self.process.output}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """Ends it; the data stays."""
        assert self.process is not None
        self.process.stop()


@pytest.fixture(scope="session")
def server_program() -> Path:
    """Built when it is not there yet; fails with what is missing."""
    folder = ROOT / "build" / "mongo-server"
    built = subprocess.run([str(ROOT / "tools" / "mongo_server.sh"), str(folder)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder / "ferretdb"


@pytest.fixture
def mongo(processes: Processes, server_program: Path) -> MongoServer:
    """A server that has not been started yet."""
    return MongoServer(processes, server_program)
