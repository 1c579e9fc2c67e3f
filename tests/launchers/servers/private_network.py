"""A network of the test's own: what listens on all addresses there can be reached by nobody, and no port clashes."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())} (these tests are run as root)")


@contextmanager
def private_network() -> Iterator[None]:
    """Move this thread, and what it starts, to a network with a loopback and one interface that leads nowhere.

    Without the second one Open MPI finds no interface for itself, and host names are not resolved.
    """
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _checked(_libc.unshare(_CLONE_NEWNET), "unshare")
        try:
            for line in (
                "link set lo up",
                "link add eth0 type veth peer name eth1",
                "addr add 10.255.255.1/24 dev eth0",
                "link set eth0 up",
                "link set eth1 up",
            ):
                subprocess.run(["ip", *line.split()], check=True)
            yield
        finally:
            _checked(_libc.setns(before, _CLONE_NEWNET), "setns")
    finally:
        os.close(before)


@contextmanager
def enter_network(name: str) -> Iterator[None]:
    """Move this thread, and what it starts, to the network that `ip netns` knows as `name`."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _checked(_libc.setns(there, _CLONE_NEWNET), "setns")
        try:
            yield
        finally:
            _checked(_libc.setns(before, _CLONE_NEWNET), "setns")
    finally:
        os.close(there)
        os.close(before)
