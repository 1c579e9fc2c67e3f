"""Connections through ssh: the ports of a controller that another machine reaches, forwarded to this one."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

__all__ = ["Tunnel", "read_when_there", "through"]

_PORTS = ("registration", "control", "mux", "iopub", "notification", "broadcast", "task", "hb_ping", "hb_pong")
_READY = "camshaft-tunnel-is-open"


class Tunnel:
    """One ssh process that forwards all ports of a connection file; it ends with this process.

    Parameters
    ----------
    info: the fields of the connection file.
    server: '[user@]host[:port]', the machine to go through.
    keyfile: the private key to show there; default: what ssh would take.
    timeout: seconds until the tunnel must be open.
    ssh: the program and first arguments.

    Raises RuntimeError with ssh's own words when it does not come up, ValueError for a transport other than tcp.
    """

    info: dict[str, Any]
    """The connection file of the near end."""

    def __init__(
        self,
        info: Mapping[str, Any],
        server: str,
        *,
        keyfile: str | None = None,
        timeout: float = 10.0,
        ssh: Sequence[str] = ("ssh",),
    ) -> None:
        transport, _, address = str(info["interface"]).partition("://")
        if transport != "tcp":
            raise ValueError(f"ssh forwards tcp only, and this controller listens on {info['interface']}")
        wanted = {name: info[name] for name in _PORTS if name in info}
        far = [port for ports in wanted.values() for port in (ports if isinstance(ports, list) else [ports])]
        near = dict(zip(far, _free_ports(len(far)), strict=True))
        # A wildcard is the controller's own machine, by the name that it gives itself.
        far_host = info.get("location") or "127.0.0.1" if address in ("*", "0.0.0.0") else address
        user, _, host = server.rpartition("@")
        host, _, port = host.partition(":")
        command = [*ssh, "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-o", "ServerAliveInterval=15"]
        command += ["-i", os.path.expanduser(keyfile)] if keyfile else []
        command += ["-p", port] if port else []
        for far_port, near_port in near.items():
            command += ["-L", f"127.0.0.1:{near_port}:{far_host}:{far_port}"]
        # cat ends with its input, which ends with us, however we end.
        command += ["--", f"{user}@{host}" if user else host, f"echo {_READY}; cat > /dev/null"]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._ssh = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True
            )
        except OSError as error:
            self._errors.close()
            raise RuntimeError(f"cannot start {command[0]}: {error.strerror}; install an ssh client") from None
        try:
            self._await_ready(server, timeout)
        except BaseException:
            self.close()
            raise
        moved = {
            name: [near[port] for port in ports] if isinstance(ports, list) else near[ports]
            for name, ports in wanted.items()
        }
        self.info = {**info, **moved, "interface": "tcp://127.0.0.1", "location": "127.0.0.1", "ssh": ""}

    def _await_ready(self, server: str, timeout: float) -> None:
        assert self._ssh.stdout is not None
        said = b""
        deadline = time.monotonic() + timeout
        while _READY.encode() not in said:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._ssh.stdout], [], [], left)[0]:
                raise RuntimeError(f"no tunnel through {server} within {timeout:g} s: try it by hand: ssh {server}")
            more = os.read(self._ssh.stdout.fileno(), 4096)
            said += more
            if not more:
                self._errors.seek(0)
                words = self._errors.read().decode(errors="replace").strip().splitlines()
                why = words[-1].strip() if words else f"ssh ended with {self._ssh.wait()}"
                raise RuntimeError(f"no tunnel through {server}: {why}; try it by hand: ssh {server}")

    def close(self) -> None:
        """End the tunnel. May be called twice."""
        for stream in (self._ssh.stdin, self._ssh.stdout, self._errors):
            if stream is not None:
                stream.close()
        if self._ssh.poll() is None:
            self._ssh.terminate()
        try:
            self._ssh.wait(5)
        except subprocess.TimeoutExpired:
            self._ssh.kill()
            self._ssh.wait()


def _free_ports(n: int) -> list[int]:
    # All are held until all are known, so that no two are the same.
    with ExitStack() as held:
        ports = []
        for _ in range(n):
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    return ports


def through(
    info: dict[str, Any], server: str | None, keyfile: str | None, password: str | None, timeout: float
) -> tuple[dict[str, Any], Tunnel | None]:
    """Return the connection to use, and the tunnel that has to stay open for it.

    There is one when `server` or `keyfile` is given, or when the file names a server and the controller is not here.
    """
    if password is not None:
        raise NotImplementedError("ssh is not given passwords: use a key or an agent, and leave password= out")
    if not server and info.get("ssh") and (keyfile or not _is_here(info.get("location", ""))):
        server = info["ssh"]
    if not server and keyfile:
        server = info.get("location") or str(info["interface"]).partition("://")[2]
    if not server:
        return info, None
    tunnel = Tunnel(info, server, keyfile=keyfile, timeout=timeout)
    return tunnel.info, tunnel


def read_when_there(path: str, timeout: float) -> dict[str, Any]:
    """Return what a connection file says once it is there and whole; OSError after `timeout` seconds, 0: never."""
    deadline = time.monotonic() + timeout if timeout > 0 else float("inf")
    told = False
    while True:
        try:
            with open(path, encoding="utf-8") as file:
                return dict(json.load(file))
        except (OSError, ValueError) as error:
            if time.monotonic() > deadline:
                raise OSError(f"no whole connection file {path} within {timeout:g} s: {error}") from None
            if not told:
                print(f"waiting for the connection file {path}: {error}", file=sys.stderr)
                told = True
        time.sleep(0.1)


def _is_here(host: str) -> bool:
    if host in ("", "localhost", socket.gethostname()):
        return True
    with socket.socket() as probe:  # only addresses of this machine can be bound
        try:
            probe.bind((host, 0))
        except OSError:
            return False
        return True
