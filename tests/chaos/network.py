"""Two hosts that can be cut off from one another: network namespaces, joined by a veth pair. Needs root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence


def why_not() -> str:
    """Why there can be no namespaces here; empty when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"camshaft-probe-{os.getpid()}"
    try:
        made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "network namespaces need the program ip (Debian package iproute2)"
    if made.returncode != 0:
        return f"no network namespaces here: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", probe], capture_output=True, check=False)
    return ""


class TwoHosts:
    """`near` (10.78.0.1) and `far` (10.78.0.2). Use it in a `with` statement."""

    near_address = "10.78.0.1"

    def __init__(self) -> None:
        self.near, self.far = (f"camshaft-{os.getpid()}-{side}" for side in ("near", "far"))

    def __enter__(self) -> TwoHosts:
        try:
            for name in (self.near, self.far):
                _ip("netns", "add", name)
                _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", self.near, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", self.far)
            for name, address in ((self.near, self.near_address), (self.far, "10.78.0.2")):
                _ip("-n", name, "address", "add", f"{address}/24", "dev", "wire")
                _ip("-n", name, "link", "set", "wire", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def on(self, host: str, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` on `self.near` or `self.far`."""
        return ["ip", "netns", "exec", host, *command]

    def cut(self) -> None:
        """From now on what either side sends is lost; nobody is told."""
        _ip("-n", self.near, "link", "set", "wire", "down")

    def heal(self) -> None:
        """The end of the cut."""
        _ip("-n", self.near, "link", "set", "wire", "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
