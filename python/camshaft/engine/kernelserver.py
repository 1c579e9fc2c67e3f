"""Lets Jupyter front ends (a console, qtconsole) attach to an engine: `bind_kernel()`.

The front end sees a kernel like any other. A thread owns its sockets; code runs on the engine's main thread between the
cluster's requests, in the same shell and namespace.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .host import current

if TYPE_CHECKING:
    from .host import Host

__all__ = ["KernelServer", "bind_kernel"]

_server: KernelServer | None = None
_START = 1.0
"""Seconds in which a front end that cannot start has ended."""
_ANYTIME = frozenset({"kernel_info_request", "comm_info_request", "history_request"})
"""What the sockets' thread answers itself, while user code runs."""


def bind_kernel(ip: str = "127.0.0.1", connection_file: str | None = None, **ports: int) -> str:
    """Open ports on this engine, to which Jupyter front ends can connect; returns at once.

    `ip`: the address to listen at; `connection_file`: where to write the connection file (default: into the profile's
    security folder); `shell_port`, `iopub_port`, `stdin_port`, `control_port`, `hb_port`: default any free one. Returns
    the path of the connection file; a second call changes nothing. RuntimeError where this is no engine, or
    jupyter_client is not installed.
    """
    global _server
    if _server is None:
        if current().core.encrypted:
            import warnings

            warnings.warn(
                "the cluster's connections are encrypted, those to Jupyter front ends are not: keep them on this host",
                RuntimeWarning,
                stacklevel=2,
            )
        _server = KernelServer(current(), ip, connection_file, ports)
    return _server.connection_file


class LocalParent:
    """The request of a front end that output belongs to; takes the place of a cluster request's parent."""

    def __init__(self, server: KernelServer, header: dict[str, Any]) -> None:
        self._server = server
        self.header = header
        self.msg_id = header["msg_id"]

    def publish(self, msg_type: str, content: str, metadata: str, buffers: Any) -> None:
        """Send a side effect to the front ends."""
        frames = [bytes(memoryview(buffer).cast("B")) for buffer in buffers]
        self._server.publish(msg_type, json.loads(content), self.header, json.loads(metadata), frames)

    def write(self, to_stderr: bool, text: str) -> None:
        """Send text of stdout or stderr to the front ends."""
        name = "stderr" if to_stderr else "stdout"
        self._server.publish("stream", {"name": name, "text": text}, self.header)


class LocalRequest:
    """A front end's request, with the members that the engine's handlers use of a cluster's."""

    def __init__(self, server: KernelServer, idents: list[bytes], message: dict[str, Any], channel: str) -> None:
        self.msg_type: str = message["msg_type"]
        self.msg_id: str = message["header"]["msg_id"]
        self.content = json.dumps(message["content"])
        self.buffers: list[Any] = list(message.get("buffers") or ())
        self.codec = ""
        self.parent = LocalParent(server, message["header"])
        self._server = server
        self._idents = idents
        self._channel = channel

    def answer(self, content: str, status: str, unmet_dependency: bool = False, aborts_executes: bool = False) -> None:
        """Answer the front end."""
        msg_type = self.msg_type.removesuffix("_request") + "_reply"
        self._server.send(self._channel, msg_type, json.loads(content), self.parent.header, self._idents)

    def drop(self) -> None:
        """No answer."""


class KernelServer:
    """The sockets of a kernel, and the thread that owns them."""

    def __init__(self, host: Host, ip: str, connection_file: str | None, ports: dict[str, int]) -> None:
        try:
            import zmq
            from jupyter_client.connect import write_connection_file
            from jupyter_client.session import Session
        except ImportError as missing:
            raise RuntimeError(
                f"bind_kernel needs {missing.name} on the engines: pip install jupyter_client there"
            ) from None
        self._host = host
        self._zmq = zmq
        self._context = zmq.Context()
        kinds = {"shell": zmq.ROUTER, "control": zmq.ROUTER, "stdin": zmq.ROUTER, "iopub": zmq.PUB, "hb": zmq.REP}
        self._sockets = {name: self._context.socket(kind) for name, kind in kinds.items()}
        bound: dict[str, Any] = {}
        for name, socket in self._sockets.items():
            socket.linger = 500
            wanted = ports.pop(f"{name}_port", 0)
            socket.bind(f"tcp://{ip}:{wanted or '*'}")
            bound[f"{name}_port"] = int(bytes(socket.get(zmq.LAST_ENDPOINT)).rsplit(b":", 1)[1])
        if ports:
            raise TypeError(f"bind_kernel() got unexpected arguments: {', '.join(sorted(ports))}")
        key = os.urandom(16).hex().encode()
        self._session: Any = Session(key=key, username="kernel")
        if connection_file is None:
            folder = os.path.join(host.options.profile_folder(), "security")
            os.makedirs(folder, mode=0o700, exist_ok=True)
            connection_file = os.path.join(folder, f"kernel-{host.core.engine_uuid}.json")
        self.connection_file, _ = write_connection_file(connection_file, ip=ip, key=key, **bound)
        self._outgoing: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        self._pid = os.getpid()
        threading.Thread(target=self._run, name="camshaft-kernel", daemon=True).start()

    # -- from any thread ----------------------------------------------------------------------------------------------

    def send(
        self, channel: str, msg_type: str, content: dict[str, Any], parent: dict[str, Any], idents: list[bytes]
    ) -> None:
        """Send a reply by the thread that owns the sockets."""
        self._later(lambda: self._session.send(self._sockets[channel], msg_type, content, parent, ident=idents))

    def publish(
        self,
        msg_type: str,
        content: dict[str, Any],
        parent: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        buffers: list[bytes] | None = None,
    ) -> None:
        """Send a side effect by the thread that owns the sockets."""
        topic = f"kernel.{self._session.session}.{msg_type}".encode()
        self._later(
            lambda: self._session.send(
                self._sockets["iopub"], msg_type, content, parent, ident=topic, metadata=metadata, buffers=buffers
            )
        )

    def _later(self, work: Callable[[], object]) -> None:
        if os.getpid() == self._pid:
            self._outgoing.put(work)
            os.write(self._wake_write, b"x")

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        poller = self._zmq.Poller()
        for name in ("shell", "control", "hb", "stdin"):
            poller.register(self._sockets[name], self._zmq.POLLIN)
        poller.register(self._wake_read, self._zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._wake_read in ready:
                for _ in os.read(self._wake_read, 4096):
                    self._outgoing.get()()
            for name in ("control", "shell", "stdin"):
                if self._sockets[name] in ready:
                    self._receive(name)
            if self._sockets["hb"] in ready:
                self._sockets["hb"].send(self._sockets["hb"].recv())

    def _receive(self, channel: str) -> None:
        try:
            idents, message = self._session.recv(self._sockets[channel], mode=0)
        except ValueError as bad:  # a wrong signature, say
            self._host.core.log(30, f"a front end's message was dropped: {bad}")
            return
        if message is None or channel == "stdin":
            return
        request = LocalRequest(self, idents, message, channel)
        kind = request.msg_type
        if kind == "interrupt_request":
            os.kill(os.getpid(), signal.SIGINT)
            request.answer('{"status": "ok"}', "ok")
        elif kind == "shutdown_request":
            # the engine is the cluster's: it stays when a front end leaves
            request.answer(json.dumps({"status": "ok", "restart": bool(message["content"].get("restart"))}), "ok")
        elif kind in _ANYTIME:
            self.publish("status", {"execution_state": "busy"}, request.parent.header)
            from .introspection import answer

            if kind == "kernel_info_request":
                request.answer(self._host.kernel_info, "ok")
            else:
                answer(self._host, request)
            self.publish("status", {"execution_state": "idle"}, request.parent.header)
        else:
            self._host.interject(lambda: self._serve(request))

    # -- the engine's main thread -------------------------------------------------------------------------------------

    def _serve(self, request: LocalRequest) -> None:
        header = request.parent.header
        self.publish("status", {"execution_state": "busy"}, header)
        try:
            self._host.serve(request)
        finally:
            self.publish("status", {"execution_state": "idle"}, header)


def connect_info() -> str:
    """The text of the connection file, for people; binds the kernel if need be."""
    path = bind_kernel()
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return f"{text}\nConnect with: jupyter console --existing {path}"


def start_qtconsole(arguments: list[str]) -> int:
    """Start a qtconsole on this engine's host that is attached to it; returns its pid.

    RuntimeError when it ends at once (it is not installed, there is no display).
    """
    import subprocess
    import sys
    import tempfile

    command = [sys.executable, "-m", "qtconsole", "--existing", bind_kernel(), *arguments]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            failed = process.wait(_START) != 0
        except subprocess.TimeoutExpired:
            failed = False  # its window is open
        if failed:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"qtconsole did not start: {lines[-1] if lines else f'status {process.returncode}'}")
    return process.pid
