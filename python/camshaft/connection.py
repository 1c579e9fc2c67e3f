"""Finds and reads the connection file of a client."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REQUIRED = frozenset(
    "task_scheme interface control task mux iopub notification registration key signature_scheme".split()
)
_RETRY = 0.1
_HALF_WRITTEN_GRACE = 1.0
_TRANSPORTS = ("tcp", "ipc", "pgm", "epgm", "inproc")


def read_connection(
    connection_info: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    profile: str | None = None,
    profile_dir: str | os.PathLike[str] | None = None,
    ipython_dir: str | os.PathLike[str] | None = None,
    cluster_id: str | None = None,
    timeout: float = 10.0,
    key: str | None = None,
    curve_serverkey: str | None = None,
) -> dict[str, Any]:
    """The fields of the connection file that the arguments name; see `camshaft.Client` for them.

    Waits up to `timeout` seconds for a file that was not named explicitly. Raises OSError when there is none,
    ValueError when the file is no complete client connection file, TimeoutError when an address does not answer.
    """
    server_key = curve_serverkey or os.environ.get("IPP_CURVE_SERVERKEY")
    info = _read(connection_info, profile, profile_dir, ipython_dir, cluster_id, timeout, key, server_key)
    if curve_serverkey or (server_key and not info.get("curve_serverkey")):
        info["curve_serverkey"] = server_key
    return info


def _read(
    connection_info: str | os.PathLike[str] | Mapping[str, Any] | None,
    profile: str | None,
    profile_dir: str | os.PathLike[str] | None,
    ipython_dir: str | os.PathLike[str] | None,
    cluster_id: str | None,
    timeout: float,
    key: str | None,
    server_key: str | None,
) -> dict[str, Any]:
    if isinstance(connection_info, Mapping):
        info = dict(connection_info)
        _check(info, "the connection dict")
        return info
    if connection_info is not None:
        text = os.fspath(connection_info)
        if text.partition("://")[0] in _TRANSPORTS and "://" in text:
            return ask_connection(text, key or os.environ.get("IPP_SESSION_KEY"), timeout, server_key)
        path = Path(text).expanduser()
        if not path.is_file():
            raise OSError(f"connection file {text!r} not found: is the controller running, and the path right?")
        return _load(path, min(timeout, _HALF_WRITTEN_GRACE))
    path = default_path(profile=profile, profile_dir=profile_dir, ipython_dir=ipython_dir, cluster_id=cluster_id)
    _await_file(path, timeout)
    return _load(path, min(timeout, _HALF_WRITTEN_GRACE))


def ask_connection(address: str, key: str | None, timeout: float, server_key: str | None = None) -> dict[str, Any]:
    """What a connection file would say, asked of the controller whose registration socket is at `address`.

    `server_key`: the controller's public key, when it encrypts connections; then no `key`, for signing, is needed.
    ValueError without a key, for another form of address, or when the controller does not tell; TimeoutError when it
    does not answer.
    """
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    if not address.startswith("tcp://") or not host or not port.isdigit():
        raise ValueError(f"{address!r} is not of the form tcp://host:port: give that, or the path of a connection file")
    if key is None and server_key:
        key = ""
    if key is None:
        raise ValueError(
            f"connecting to {address} needs the key of the cluster: pass key=, or a connection file "
            "(ipcontroller-client.json in the profile's security folder), which holds it"
        )
    from ._core import ask_connection

    scheme = "hmac-sha256"
    answer = ask_connection(address, key, scheme, timeout, server_key or "")
    if answer is None:
        raise TimeoutError(
            f"no controller answers at {address} (waited {timeout:g} s): is ipcontroller running, is this its "
            "registration port, and is the key its key?"
        )
    told = json.loads(answer).get("connection")
    if not isinstance(told, dict):
        raise ValueError(
            f"the controller at {address} does not tell its other ports (the original's does not): use its "
            "connection file"
        )
    return {**told, "interface": f"tcp://{host}", "registration": int(port), "location": host, "key": key}


def default_path(
    *,
    profile: str | None = None,
    profile_dir: str | os.PathLike[str] | None = None,
    ipython_dir: str | os.PathLike[str] | None = None,
    cluster_id: str | None = None,
) -> Path:
    """Where the client connection file of a profile lies. OSError for a named profile that does not exist."""
    name = f"ipcontroller-{cluster_id}-client.json" if cluster_id else "ipcontroller-client.json"
    if profile_dir is not None:
        return Path(profile_dir).expanduser() / "security" / name
    root = Path(ipython_dir or os.environ.get("IPYTHONDIR") or "~/.ipython").expanduser()
    if profile is None:
        profile = _current_profile()
    folder = root / f"profile_{profile}"
    if profile != "default" and not folder.is_dir():
        known = sorted(p.name.removeprefix("profile_") for p in root.glob("profile_*") if p.is_dir())
        listing = f"; profiles there: {', '.join(known)}" if known else ""
        raise OSError(
            f"no profile {profile!r} in {_short(root)}{listing}. Start one with: ipcluster start --profile={profile}"
        )
    return folder / "security" / name


def _current_profile() -> str:
    """The profile of the IPython that we run in, else 'default'."""
    if "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        profile = getattr(shell, "profile", None)
        if isinstance(profile, str) and profile:
            return profile
    return "default"


def _await_file(path: Path, timeout: float) -> None:
    if path.is_file():
        return
    deadline = time.monotonic() + timeout
    if timeout > 0:
        print(f"Waiting for connection file: {_short(path)}")
    while time.monotonic() < deadline:
        time.sleep(_RETRY)
        if path.is_file():
            return
    raise OSError(
        f"connection file {_short(path)} not found within {timeout:g} s: start a cluster (ipcluster start), "
        "or name another one with profile=, profile_dir=, cluster_id= or the path of its connection file"
    )


def _load(path: Path, grace: float) -> dict[str, Any]:
    deadline = time.monotonic() + grace
    while True:
        try:
            info = json.loads(path.read_text(encoding="utf-8"))
            break
        except ValueError as failure:
            if time.monotonic() >= deadline:
                raise ValueError(
                    f"connection file {_short(path)} is half-written or not JSON ({failure}): "
                    "wait for the controller to finish starting, or delete the file and restart it"
                ) from None
            time.sleep(_RETRY)
    if not isinstance(info, dict):
        raise ValueError(f"connection file {_short(path)} holds no JSON object")
    _check(info, f"connection file {_short(path)}")
    return info


def _check(info: dict[str, Any], what: str) -> None:
    missing = sorted(REQUIRED - info.keys())
    if not missing:
        return
    if "hb_ping" in info:
        raise ValueError(f"{what} is the engines' one: clients use the file whose name ends in -client.json")
    raise ValueError(f"{what} is invalid, or from an old version: it lacks {', '.join(missing)}")


def _short(path: Path) -> str:
    home = str(Path.home())
    text = str(path)
    return "~" + text[len(home) :] if text.startswith(home + os.sep) else text
