"""Threads that wait in the C++ core in the background.

When the interpreter ends, a thread that comes back from C++ must not find it gone: the process would abort. So these
threads are woken by closing their client's core, and joined, before that.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._core import ClientCore

__all__ = ["start_waiting"]

_PATIENCE = 5.0
"""Seconds that a thread gets to end with the interpreter."""
_running: dict[threading.Thread, ClientCore] = {}


def start_waiting(work: Callable[..., Any], core: ClientCore, *args: Any, name: str) -> threading.Thread:
    """Run work(*args), which waits in `core`, in a daemon thread that does not outlive the interpreter."""

    def run() -> None:
        try:
            work(*args)
        finally:
            _running.pop(threading.current_thread(), None)

    thread = threading.Thread(target=run, name=name, daemon=True)
    _running[thread] = core
    thread.start()
    return thread


@atexit.register
def _end_all() -> None:
    for thread, core in list(_running.items()):
        core.close()
        thread.join(_PATIENCE)
