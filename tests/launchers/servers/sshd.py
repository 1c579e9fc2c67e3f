"""A real sshd on loopback with keys of its own: machines called node1, node2, ... are all this one."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from processes import wait_until

_SERVER = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/authorized
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
Subsystem sftp internal-sftp
UseDNS no
PrintMotd no
MaxStartups 100
MaxSessions 100
"""

_CLIENT = """
Host node*
  HostName 127.0.0.1
  HostKeyAlias node
Host *
  Port {port}
  User root
  IdentityFile {folder}/key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  LogLevel ERROR
"""


@dataclass
class Sshd:
    """A server that runs; `config` is for ssh -F."""

    folder: Path
    port: int
    pid: int

    @property
    def config(self) -> str:
        return str(self.folder / "config")

    def sessions(self) -> list[psutil.Process]:
        """Everything that runs below the server."""
        return psutil.Process(self.pid).children(recursive=True)


def _key(path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text()


def end_with_all_below(server: subprocess.Popen[bytes]) -> None:
    """Kill a server and whatever it still serves."""
    left = psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []
    server.kill()
    server.wait()
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@contextmanager
def sshd(folder: Path) -> Iterator[Sshd]:
    """Run a server with its files in ``folder``; whatever it still serves at the end is ended with it."""
    folder.mkdir(parents=True)
    Path("/run/sshd").mkdir(exist_ok=True)  # where the server locks itself up before login
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host = _key(folder / "host")
    (folder / "authorized").write_text(_key(folder / "key"))
    _key(folder / "stranger")
    (folder / "known").write_text("node " + " ".join(host.split()[:2]) + "\n")
    (folder / "server").write_text(_SERVER.format(port=port, folder=folder))
    config = _CLIENT.format(port=port, folder=folder)
    (folder / "config").write_text(config)
    (folder / "config-stranger").write_text(config.replace(f"{folder}/key", f"{folder}/stranger"))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "server")], stderr=log)

    def listens() -> bool:
        assert server.poll() is None, (folder / "log").read_text()
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(listens, "sshd")
        yield Sshd(folder, port, server.pid)
    finally:
        end_with_all_below(server)
