"""Machines of a test's own: network namespaces on one bridge, each but the first with a host name and an sshd."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from launchers.servers.private_network import enter_network
from launchers.servers.sshd import end_with_all_below
from processes import wait_until

_SERVER = """
HostKey {folder}/key
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
UseDNS no
MaxStartups 100
"""
_CLIENT = """
Host *
  User root
  IdentityFile {folder}/key
  IdentitiesOnly yes
  HostKeyAlias node
  UserKnownHostsFile {folder}/known
  StrictHostKeyChecking yes
  LogLevel ERROR
"""


@dataclass
class Machines:
    """`names` and `addresses` begin with the machine of the test; `ssh` is a program that gets in at the others."""

    names: list[str]
    addresses: list[str]
    ssh: str


def _ip(line: str) -> None:
    subprocess.run(["ip", *line.split()], check=True)


@contextmanager
def _namespace(name: str) -> Iterator[str]:
    _ip(f"netns add {name}")
    try:
        yield name
    finally:
        _ip(f"netns del {name}")


@contextmanager
def _sshd(name: str, folder: Path) -> Iterator[None]:
    become = (
        f'mount --bind "{folder}/hosts" /etc/hosts && hostname {name} && exec /usr/sbin/sshd -D -e -f "{folder}/server"'
    )
    with (folder / f"{name}.log").open("wb") as log:
        server = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{name}", "unshare", "--uts", "--mount", "sh", "-c", become], stderr=log
        )

    def listens() -> bool:
        assert server.poll() is None, (folder / f"{name}.log").read_text()
        return "Server listening" in (folder / f"{name}.log").read_text()

    try:
        wait_until(listens, f"sshd of {name}")
        yield
    finally:
        end_with_all_below(server)


@contextmanager
def machines(folder: Path, n: int) -> Iterator[Machines]:
    """Make `n` machines; this thread, and what it starts, is on the first one meanwhile."""
    folder.mkdir()
    Path("/run/sshd").mkdir(exist_ok=True)  # where servers lock themselves up before login
    start = f"cs{os.getpid()}"
    names = [f"{start}m{i}" for i in range(1, n + 1)]
    addresses = [f"10.254.77.{i}" for i in range(1, n + 1)]
    lines = [f"{address} {name}\n" for address, name in zip(addresses, names, strict=True)]
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(lines))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    (folder / "known").write_text("node " + (folder / "key.pub").read_text())
    (folder / "server").write_text(_SERVER.format(folder=folder))
    (folder / "config").write_text(_CLIENT.format(folder=folder))
    ssh = folder / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec ssh -F "{folder}/config" "$@"\n')
    ssh.chmod(0o755)
    with ExitStack() as stack:
        switch = stack.enter_context(_namespace(f"{start}sw"))
        _ip(f"-n {switch} link add br0 type bridge")
        _ip(f"-n {switch} link set br0 up")
        for i, (name, address) in enumerate(zip(names, addresses, strict=True)):
            stack.enter_context(_namespace(name))
            _ip(f"-n {switch} link add v{i} type veth peer name eth0 netns {name}")
            _ip(f"-n {switch} link set v{i} master br0 up")
            _ip(f"-n {name} addr add {address}/24 dev eth0")
            _ip(f"-n {name} link set eth0 up")
            _ip(f"-n {name} link set lo up")
        for name in names[1:]:
            stack.enter_context(_sshd(name, folder))
        stack.enter_context(enter_network(names[0]))
        yield Machines(names, addresses, str(ssh))
