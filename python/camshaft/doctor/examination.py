"""Looks at both sides of a cluster: at this computer, and through engines that run or through one started for this."""

from __future__ import annotations

import errno
import json
import os
import socket
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import findings
from .facts import gather
from .findings import Finding


def examine(
    profile_dir: str, cluster_id: str, controller: dict[str, Any], progress: Callable[[str], None]
) -> Iterator[Finding]:
    """Yield every finding. `controller` is what is in force for it: ip, location, ports, version.

    controller["patience"]: seconds that engines have to answer, and a trial engine of this computer to come up;
    controller["trial"]: the launcher in force, see `trial`; `progress` gets a line now and then while it takes long.
    """
    patience = float(controller["patience"])
    client, trouble = _connect(profile_dir, cluster_id)
    try:
        yield from _controller_side(profile_dir, controller, running=client is not None)
        if trouble is not None:
            yield trouble
        if client is not None and client.ids:
            yield from engine_sides(client, client_file_of(profile_dir, cluster_id), patience)
            return
    finally:
        if client is not None:
            client.close()
    from .trial import trial  # which needs what is here

    if client is not None:
        text = "runs, and no engine has joined it: read log/ipengine-*.log in the profile, and compare profiles"
        yield Finding("wrong", "controller", "engines", text)
    yield from trial(controller["trial"], profile_dir, patience, progress)


def _controller_side(profile_dir: str, controller: dict[str, Any], *, running: bool) -> Iterator[Finding]:
    import camshaft

    facts = gather("localhost", 0)
    yield from findings.of_side("controller", facts)
    if controller["version"] != camshaft.__version__:
        text = (
            f"ipcluster is {controller['version']} and the package in {facts['executable']} is {camshaft.__version__}: "
            "install both together"
        )
        yield Finding("wrong", "controller", "versions", text)
    else:
        numpy = f", numpy {facts['numpy']}" if facts["numpy"] else ""
        yield Finding("ok", "controller", "versions", f"Python {facts['python']}, camshaft {facts['camshaft']}{numpy}")
    ip = controller["ip"]
    location = controller["location"] or facts["host"]
    yield from findings.of_addresses(ip, location, _addresses(location), _cannot_listen(ip, 0))
    pool = controller["ports"]
    taken = [port for port in pool if _cannot_listen(ip, port)]
    yield from findings.of_ports(pool, taken, running)
    yield from _files(Path(profile_dir))


def _addresses(name: str) -> list[str]:
    try:
        return sorted({str(one[4][0]) for one in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
    except OSError:
        return []


def _cannot_listen(ip: str, port: int) -> str:
    """Why nobody can listen there; '' if somebody can."""
    address = "0.0.0.0" if ip == "*" else ip
    try:
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((address, port))
    except OSError as error:
        return "no address of this computer" if error.errno == errno.EADDRNOTAVAIL else error.strerror or str(error)
    return ""


def _files(profile: Path) -> Iterator[Finding]:
    folder = profile if profile.is_dir() else next(parent for parent in profile.parents if parent.is_dir())
    security = profile / "security"
    paths = [security, profile / "pid", *security.glob("*.json")]
    modes = {str(path): path.stat().st_mode for path in paths if path.exists()}
    age = None
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".camshaft-doctor-") as probe:
            age = time.time() - os.stat(probe.name).st_mtime
        writable = True
    except OSError:
        writable = False
    yield from findings.of_permissions(str(profile), writable, modes, age)


def client_file_of(profile_dir: str, cluster_id: str) -> Path:
    """Where clients of a cluster find its controller."""
    name = f"ipcontroller-{cluster_id}-client.json" if cluster_id else "ipcontroller-client.json"
    return Path(profile_dir) / "security" / name


def _connect(profile_dir: str, cluster_id: str) -> tuple[Any, Finding | None]:
    """Return a client of the cluster that runs, or None and what there is to say about that."""
    import camshaft

    path = client_file_of(profile_dir, cluster_id)
    if not path.exists():
        return None, None
    try:
        return camshaft.Client(str(path), timeout=5), None
    except Exception as error:
        text = (
            f"nobody answers at the addresses in {path} ({one_line(error)}): if its controller is gone, say "
            "'ipcluster clean'; else a firewall is between"
        )
        return None, Finding("wrong", "controller", "connection file", text)


def engine_sides(client: Any, client_file: Path, patience: float) -> Iterator[Finding]:
    """Ask every engine what it sees; at most `patience` seconds."""
    connection = json.loads(client_file.read_text())
    # An address in the interface is what engines use; * leaves it to the location.
    address = str(connection["interface"]).rpartition("//")[2]
    location = str(connection["location"]) if address in ("*", "0.0.0.0") else address
    reference = gather("localhost", 0)
    port = int(connection["registration"])
    # By value, so that an engine without this package answers too.
    question = types.FunctionType(gather.__code__, {}, "gather")
    question.__module__ = "__main__"
    began = time.time()
    answers = {number: client[number].apply_async(question, location, port) for number in client.ids}
    until = time.monotonic() + patience
    for number, answer in answers.items():
        try:
            facts = answer.get(max(0.0, until - time.monotonic()))
        except TimeoutError:
            text = f"does not answer within {patience:g} s: if it works on something long, ask again later"
            yield Finding("note", f"engine {number}", "answer", text)
            continue
        except Exception as error:
            yield Finding("wrong", f"engine {number}", "answer", f"cannot answer: {one_line(error)}")
            continue
        side = f"engine {number} on {facts['host']}"
        yield from findings.of_side(side, facts)
        yield from findings.of_engine(side, facts, reference, (began, time.time()), location)


def one_line(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(str(error).split()) or type(error).__name__
