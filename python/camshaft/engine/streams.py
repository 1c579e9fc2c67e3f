"""stdout and stderr of user code: text goes to the clients whose requests wrote it."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .host import Host


class OutputStream(io.TextIOBase):
    """A text stream whose text is sent to the client of the request that wrote it, in batches.

    Threads write for the request that started them. Where nobody asked (start-up code, threads of nobody), and in
    forked children, text goes to `fallback`.
    """

    def __init__(self, host: Host, name: str, fallback: Any) -> None:
        self._host = host
        self._core = host.core
        self._to_stderr = name == "stderr"
        self._fallback = fallback
        self._pid = os.getpid()
        self._name = name

    @property
    def name(self) -> str:
        """'<stdout>' or '<stderr>'."""
        return f"<{self._name}>"

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Always UTF-8: that is what messages are."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """What happens to text that UTF-8 cannot write."""
        return "backslashreplace"

    def writable(self) -> bool:
        """Always true."""
        return True

    def isatty(self) -> bool:
        """Never a terminal."""
        return False

    def fileno(self) -> int:
        """The engine's own descriptor: what is written there directly ends up in its log."""
        return self._fallback.fileno()

    def write(self, text: str) -> int:
        """Send `text` (it waits a moment for more); returns its length."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        parent = self._host.parent()
        if parent is None or os.getpid() != self._pid:
            self._fallback.write(text)
            return len(text)
        if hasattr(parent, "write"):  # of a front end that is attached to this engine
            parent.write(self._to_stderr, text)
            return len(text)
        try:
            self._core.write(parent, self._to_stderr, text)
        except (UnicodeEncodeError, RuntimeError, TypeError):  # lone surrogates
            self._core.write(parent, self._to_stderr, text.encode("utf-8", "backslashreplace").decode())
        return len(text)

    def flush(self) -> None:
        """Send what waits."""
        if os.getpid() != self._pid:
            self._fallback.flush()
        elif self._host.parent() is not None:
            self._core.flush()
        else:
            self._fallback.flush()


def install(host: Host) -> None:
    """Put streams for clients in place of sys.stdout and sys.stderr."""
    sys.stdout = OutputStream(host, "stdout", sys.__stdout__)
    sys.stderr = OutputStream(host, "stderr", sys.__stderr__)


def follow_threads(host: Host) -> None:
    """Let threads write for the request that started them."""
    import threading

    start = threading.Thread.start
    run = threading.Thread.run

    def start_with_parent(self: threading.Thread) -> None:
        self._camshaft_parent = host.parent()  # type: ignore[attr-defined]
        start(self)

    bootstrap = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]

    def bootstrap_with_parent(self: threading.Thread) -> None:
        ident = threading.get_ident()
        host.thread_parents[ident] = getattr(self, "_camshaft_parent", None)
        try:
            bootstrap(self)
        finally:
            host.thread_parents.pop(ident, None)

    threading.Thread.start = start_with_parent  # type: ignore[method-assign]
    threading.Thread._bootstrap_inner = bootstrap_with_parent  # type: ignore[attr-defined]
    del run
