"""The template of local engines: a process that has imported what every engine needs, and forks for each of them.

Its supervisor holds the other end of a socket pair. A request is a length (4 bytes, little endian) and fields that are
separated by zero bytes: key, log file, number of arguments, the arguments, and `name=value` of the environment. A
report is a line: `ready`, `started KEY PID`, `failed KEY WHY`, `ended KEY CODE SIGNAL`.

The template has one thread and no other socket, so that a forked engine is as good as a fresh process. It ends when its
supervisor is gone and all its engines have ended; its engines end when it is killed.
"""

from __future__ import annotations

import _signal as signal  # without its enums: the template is up sooner
import contextlib
import gc
import os
import select
import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

CHANNEL = "CAMSHAFT_TEMPLATE_FD"
IMPORTS = "CAMSHAFT_TEMPLATE_IMPORTS"
ENGINES = "CAMSHAFT_TEMPLATE_ENGINES"
_ENGINE_MODULES = ("app", "comms", "host", "options", "standins", "startup", "streams")
_LATER = ("camshaft.engine.shell", "camshaft.engine.introspection")
"""With IPython; they take much longer than all the rest."""
_FEW = 2
"""Engines for each core that are forked before IPython is imported: to import it there, too, takes no longer."""
_QUIET = 100
"""Milliseconds without a request, after which a template that has forked few engines imports what it left out."""
_PATIENCE = 10_000
"""Milliseconds that engines have to end by themselves once their supervisor is gone."""


def become_engine(channel: int) -> list[str]:
    """Serve requests on a descriptor; returns in each engine, with its arguments. The template itself never returns."""
    wanted = [name for name in os.environ.pop(IMPORTS, "").split(",") if name]
    few = int(os.environ.pop(ENGINES, "1")) <= _FEW * len(os.sched_getaffinity(0)) and not wanted
    _import(["camshaft._core", *(f"camshaft.engine.{name}" for name in _ENGINE_MODULES)])
    if few:
        return _Template(channel).serve(later=_LATER)
    _import([*_LATER, *wanted])
    return _Template(channel).serve(later=())


def _import(names: Sequence[str]) -> None:
    gc.disable()  # nothing of what is imported goes away
    for name in names:
        try:
            import_module(name)
        except Exception as error:  # an engine without it is better than none
            sys.stderr.write(f"ipengine template: cannot import {name}: {type(error).__name__}: {error}\n")
            sys.stderr.flush()
    gc.freeze()  # engines share what is there now: no collection shall touch it
    gc.enable()


class _Template:
    def __init__(self, channel: int) -> None:
        self._channel = channel
        self._wake, self._wake_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._engines: dict[int, str] = {}  # pid: key
        self._received = b""
        os.set_inheritable(channel, False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._importing = False
        signal.signal(signal.SIGCHLD, self._on_child)
        signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)

    def serve(self, later: Sequence[str]) -> list[str]:
        """Fork an engine for each request; what is `later` is imported once nothing else is to be done."""
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        self._say("ready")
        while True:
            events = poll.poll(_QUIET if later and self._engines else None)
            if not events:
                self._importing = True
                _import(later)
                self._importing = False
                later = ()
                self._reap()
            for descriptor, _ in events:
                if descriptor == self._wake:
                    self._reap()
                elif not (data := self._read()):
                    self._wait_for_the_end()
                else:
                    self._received += data
                    while (request := self._next_request()) is not None:
                        if (arguments := self._fork(request)) is not None:
                            return arguments

    def _on_child(self, _number: int, _frame: object) -> None:
        """The death of an engine is told at once, in the midst of a long import, too."""
        if self._importing:
            self._reap()

    def _read(self) -> bytes:
        try:
            return os.read(self._channel, 1 << 16)
        except OSError:
            return b""

    def _next_request(self) -> list[bytes] | None:
        if len(self._received) < 4:
            return None
        end = 4 + int.from_bytes(self._received[:4], "little")
        if len(self._received) < end:
            return None
        request, self._received = self._received[4:end], self._received[end:]
        return request.split(b"\0")

    def _fork(self, request: list[bytes]) -> list[str] | None:
        """In the template: None. In the engine: its arguments."""
        key, log, count = os.fsdecode(request[0]), os.fsdecode(request[1]), int(request[2])
        me = os.getpid()
        try:
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            self._say(f"failed {key} cannot write the log file {log}: {error.strerror}")
            return None
        try:
            pid = os.fork()
        except OSError as error:
            os.close(output)
            self._say(f"failed {key} cannot fork: {error.strerror}")
            return None
        if pid == 0:
            self._leave_template(me, output)
            for entry in request[3 + count :]:
                name, _, value = entry.partition(b"=")
                os.environ[os.fsdecode(name)] = os.fsdecode(value)
            return [os.fsdecode(word) for word in request[3 : 3 + count]]
        os.close(output)
        self._engines[pid] = key
        self._say(f"started {key} {pid}")
        return None

    def _leave_template(self, template: int, output: int) -> None:
        """Make this forked child what a fresh process would be."""
        from .. import _core

        _core.end_with_parent(template)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for descriptor in (self._channel, self._wake, self._wake_end):
            os.close(descriptor)
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        # Python's own generator sees to itself; numpy's would give the same numbers on every engine
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()

    def _reap(self) -> None:
        with contextlib.suppress(OSError):
            os.read(self._wake, 1 << 12)
        while self._engines:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            code = 128 + number if number else os.WEXITSTATUS(status)
            self._say(f"ended {self._engines.pop(pid)} {code} {number}")

    def _say(self, line: str) -> None:
        data = (line.replace("\n", " ") + "\n").encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[os.write(self._channel, data) :]
        except OSError:
            pass  # nobody listens any more: the next read says so

    def _wait_for_the_end(self) -> NoReturn:
        """The supervisor is gone. Engines that hold its lifeline notice too; others may go on without it."""
        patience = _PATIENCE if "CAMSHAFT_LIFELINE_FD" in os.environ else None
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        self._reap()
        while self._engines and poll.poll(patience):
            self._reap()
        os._exit(0)  # engines that are left end with it
