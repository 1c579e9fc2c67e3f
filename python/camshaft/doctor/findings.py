"""Judges facts: pure functions from what was seen to sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Facts = dict[str, Any]

LEAST_FILES = 1024
LEAST_SPACE = 100 * 2**20
MOST_SKEW = 2.0
PORTS_OF_A_CONTROLLER = 14


@dataclass
class Finding:
    """One sentence about one `side` ('controller', 'engine 3 on node7'); `state` is 'ok', 'note' or 'wrong'."""

    state: str
    side: str
    check: str
    text: str


def of_side(side: str, facts: Facts) -> Iterator[Finding]:
    """What one side's facts say by themselves."""
    host = facts["host"]
    if facts["addresses"]:
        yield Finding("ok", side, "names", f"its own name {host} is {', '.join(facts['addresses'])}")
    else:
        yield Finding(
            "wrong",
            side,
            "names",
            f"its own name {host} cannot be resolved: add it to /etc/hosts or the name server",
        )
    soft, hard = facts["open_files"]
    if 0 <= hard < LEAST_FILES:
        text = f"at most {hard} files may be open: raise the hard limit (ulimit -Hn) to {LEAST_FILES} or more"
        yield Finding("wrong", side, "open files", text)
    else:
        yield Finding("ok", side, "open files", f"{soft} may be open, and up to {hard} if needed")
    folder, writable, free = facts["temporary"]
    if not writable:
        yield Finding("wrong", side, "disk", f"{folder} cannot be written to: set TMPDIR to a folder of yours")
    elif free < LEAST_SPACE:
        yield Finding("wrong", side, "disk", f"{folder} has only {free // 2**20} MB left: make room, or set TMPDIR")
    if not facts["numpy"]:
        text = f"there is no numpy in {facts['executable']}: install it there if arrays are to travel"
        yield Finding("note", side, "versions", text)


def of_engine(side: str, facts: Facts, reference: Facts, asked: tuple[float, float], at: str) -> Iterator[Finding]:
    """What an engine's facts say beside those of the controller's side.

    `asked`: when the question went and when the answer came, in seconds since 1970; `at`: where the controller is.
    """
    began, ended = asked
    skew = facts["time"] - ended if facts["time"] > ended else min(0.0, facts["time"] - began)
    if abs(skew) > MOST_SKEW:
        where = "ahead" if skew > 0 else "behind"
        text = f"its clock is {abs(skew):.0f} s {where}: let NTP set the clock of {facts['host']}, or times are wrong"
        yield Finding("wrong", side, "clock", text)
    else:
        yield Finding("ok", side, "clock", "agrees with ours")
    yield from _versions(side, facts, reference)
    if facts["reached"] and not facts["controller_addresses"]:
        text = f"cannot resolve {at}, where the controller says it is: give the controller --location=<its address>"
        yield Finding("note", side, "controller", text)
    elif facts["reached"]:
        text = f"cannot open new connections to the controller ({facts['reached']}): look for a firewall; see --ports"
        yield Finding("note", side, "controller", text)
    else:
        yield Finding("ok", side, "controller", f"reaches the controller at {at}")


def _versions(side: str, facts: Facts, reference: Facts) -> Iterator[Finding]:
    ours, theirs = reference["python"], facts["python"]
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        text = (
            f"runs Python {theirs} and clients here {ours}: functions cannot travel between them; "
            f"use one minor version ({facts['executable']})"
        )
        yield Finding("wrong", side, "versions", text)
    if facts["camshaft"] != reference["camshaft"]:
        here = facts["camshaft"] or "no camshaft: it is an engine of the original"
        text = f"has {here}, and this side {reference['camshaft']}: install the same in {facts['executable']}"
        yield Finding("wrong" if facts["camshaft"] else "note", side, "versions", text)
    if facts["numpy"] and reference["numpy"] and _major(facts["numpy"]) != _major(reference["numpy"]):
        text = f"has numpy {facts['numpy']}, and this side {reference['numpy']}: arrays need the same major version"
        yield Finding("wrong", side, "versions", text)
    elif theirs == ours and facts["camshaft"] == reference["camshaft"]:
        numpy = f", numpy {facts['numpy']}" if facts["numpy"] else ""
        yield Finding("ok", side, "versions", f"Python {theirs}, camshaft {facts['camshaft']}{numpy}")


def _major(version: str) -> str:
    return version.partition(".")[0]


def of_addresses(ip: str, location: str, addresses: Sequence[str], why_not: str) -> Iterator[Finding]:
    """What the controller's listening address says. `why_not`: why it cannot listen there, '' if it can."""
    side = "controller"
    if why_not:
        text = f"cannot listen on {ip} ({why_not}): give --ip=<an address of this computer>, or --ip='*' for all"
        yield Finding("wrong", side, "address", text)
    elif ip.startswith("127."):
        text = "listens on this computer only; for engines and clients elsewhere say --ip='*'"
        yield Finding("ok", side, "address", text)
    else:
        yield Finding("ok", side, "address", f"can listen on {ip}")
        if not addresses:
            text = f"tells others that it is at {location}, which cannot be resolved: say --location=<its address>"
            yield Finding("wrong", side, "address", text)
        elif all(one.startswith("127.") or one == "::1" for one in addresses):
            text = (
                f"tells others that it is at {location}, which here means {addresses[0]}: if others resolve it "
                "like this, say --location=<its address>"
            )
            yield Finding("note", side, "address", text)


def of_ports(pool: Sequence[int], taken: Sequence[int], running: bool) -> Iterator[Finding]:
    """What the ports that the controller is told to use say. `taken`: those that somebody has."""
    if not pool:
        yield Finding("ok", "controller", "ports", "takes free ones; behind a firewall say --ports=10101-10120")
        return
    left = len(pool) if running else len(pool) - len(taken)
    if left < PORTS_OF_A_CONTROLLER:
        text = (
            f"only {left} of the {len(pool)} ports it is told to use are free, and it needs {PORTS_OF_A_CONTROLLER}: "
            "give it more with --ports, or it takes others too"
        )
        yield Finding("wrong", "controller", "ports", text)
    else:
        yield Finding("ok", "controller", "ports", f"{left} of {len(pool)} are there for it")


def of_permissions(profile: str, writable: bool, modes: dict[str, int], age: float | None) -> Iterator[Finding]:
    """What the profile's files say: paths that only the user may read, and how far the disk's clock is from ours."""
    side = "controller"
    if not writable:
        text = f"{profile} cannot be written to: change its owner or mode, or choose another with --profile-dir"
        yield Finding("wrong", side, "files", text)
        return
    open_to_others = [path for path, mode in modes.items() if mode & 0o077]
    for path in open_to_others:
        text = f"others may read {path}, and with it use your cluster: chmod go= {path}"
        yield Finding("wrong", side, "files", text)
    if not open_to_others:
        yield Finding("ok", side, "files", f"{profile} is writable, and its keys are private")
    if age is not None and abs(age) > MOST_SKEW:
        text = f"the clock of the disk with {profile} is {abs(age):.0f} s off: let NTP set the file server's clock"
        yield Finding("wrong", side, "clock", text)
