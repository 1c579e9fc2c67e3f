"""Processes that somebody else started: whether they live, and the file that tells which they are."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from ..nearest import hint


def is_alive(pid: int | None, birth: str = "") -> bool:
    """Whether the process lives that had this number and `birth` ("<boot id>:<start tick>"; "": not known).

    A process that merely got the same number later is not taken for it.
    """
    if not pid or pid <= 0:
        return False
    now = birth_of(pid)
    return bool(now) and (not birth or now == birth)


def birth_of(pid: int) -> str:
    """ "<boot id>:<start tick>" of a process, "" when there is none or it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else f"{_boot_id()}:{fields[19]}"


@functools.cache
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def send_signal(pid: int, birth: str, signum: int) -> bool:
    """Send a signal to that very process; False when it is gone. PermissionError for somebody else's."""
    try:
        handle = os.pidfd_open(pid)  # first the handle, then the look: what we look at cannot change
    except ProcessLookupError:
        return False
    try:
        if not is_alive(pid, birth):
            return False
        import signal

        signal.pidfd_send_signal(handle, signum)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def signal_number(sig: int | str) -> int:
    """The number of a signal that is given by its number or its name. ValueError when there is none."""
    import signal

    try:
        return int(signal.Signals[sig] if isinstance(sig, str) else signal.Signals(sig))
    except (KeyError, ValueError):
        if not isinstance(sig, str) and sig in (0, *signal.valid_signals()):
            return int(sig)
        names = [one.name for one in signal.Signals]
        raise ValueError(f"no signal {sig!r}: {hint(str(sig), names)}") from None


def read_record(file: str | os.PathLike[str]) -> dict[str, Any]:
    """A cluster file. FileNotFoundError when there is none; ValueError when it is something else."""
    try:
        recorded = json.loads(Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"no cluster file {os.fspath(file)!r}: 'ipcluster list' shows which clusters run"
        ) from None
    except ValueError:
        recorded = None
    if not isinstance(recorded, dict) or not isinstance(recorded.get("cluster"), dict):
        raise ValueError(f"{os.fspath(file)!r} is no cluster file")
    return recorded


def processes_of(recorded: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, dict[int, dict[str, Any]]]]:
    """The controller's state in a cluster file, None when there is none, and {set: {index: state}} of the engines."""
    controller = recorded.get("controller", {}).get("state")
    sets = recorded.get("engines", {}).get("sets", {})
    engines = {
        name: {int(index): state for index, state in one.get("engines", {}).items() if index.isdigit()}
        for name, one in sets.items()
    }
    return controller, engines


def lives(state: dict[str, Any] | None) -> bool:
    """Whether the process lives that a state of a cluster file describes."""
    return state is not None and is_alive(state.get("pid"), state.get("birth", ""))


def tail(log_file: str, lines: int | None) -> str:
    """The text of a log file, its last `lines` or all; "" when there is none (any more)."""
    try:
        with open(log_file, "rb") as file:
            found = file.read() if lines is None else _last(file, lines)
    except (FileNotFoundError, IsADirectoryError):
        return ""
    return found.decode("utf-8", errors="replace")


def _last(file: BinaryIO, lines: int) -> bytes:
    """The last `lines` of a file, of which no more is read than they need."""
    if lines <= 0:
        return b""
    end, block = file.seek(0, os.SEEK_END), 8192
    while True:
        block = min(2 * block, end)
        file.seek(end - block)
        found = file.read(block).splitlines(keepends=True)
        if len(found) > lines or block == end:
            return b"".join(found[-lines:])
