"""Records what the original puts on the wire, as golden frames for the C++ tests.

Usage: .venv/bin/python tools/record_golden.py [FOLDER]   (default tests/golden/ipp-<version>)

Starts the official controller, one official engine and an official client of the ipyparallel that is installed, each
behind a TCP relay that reads along. The relay understands just enough ZMTP 3 (greeting, then frames of flags, size and
body) to collect messages; it changes no byte. The first message of each kind on each channel and direction is kept as
one JSON file: the frames in hex, left to right as they crossed that connection. All of them run from a copy of the
package that was compiled under a neutral path and has no sources, so that no folder of the machine and no source line
shows in a traceback.
"""

from __future__ import annotations

import asyncio
import compileall
import importlib.metadata
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

KEY = "0badcafe-0123456789abcdef01234567"
DELIMITER = b"<IDS|MSG>"
COMMAND, LONG, MORE = 4, 2, 1


class ZmtpReader:
    """Cuts one direction of one connection into messages, each a list of frames."""

    def __init__(self, on_message: Callable[[list[bytes]], None]) -> None:
        self._on_message = on_message
        self._pending = b""
        self._greeted = False
        self._frames: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the stream."""
        self._pending += data
        if not self._greeted:
            if len(self._pending) < 64:
                return
            self._pending = self._pending[64:]
            self._greeted = True
        while (frame := self._next_frame()) is not None:
            flags, body = frame
            if flags & COMMAND:
                continue
            self._frames.append(body)
            if not flags & MORE:
                self._on_message(self._frames)
                self._frames = []

    def _next_frame(self) -> tuple[int, bytes] | None:
        if len(self._pending) < 2:
            return None
        flags = self._pending[0]
        head = 9 if flags & LONG else 2
        if len(self._pending) < head:
            return None
        size = int.from_bytes(self._pending[1:head], "big")
        if len(self._pending) < head + size:
            return None
        body = self._pending[head : head + size]
        self._pending = self._pending[head + size :]
        return flags, body


class Recorder:
    """The first message of each kind, by channel and direction."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reader(self, channel: str, direction: str) -> ZmtpReader:
        """A reader that keeps messages under `channel` ("client-mux") and `direction` ("in" = to the controller)."""
        return ZmtpReader(lambda frames: self._keep(channel, direction, frames))

    def _keep(self, channel: str, direction: str, frames: list[bytes]) -> None:
        if DELIMITER not in frames:
            return
        parts = frames[frames.index(DELIMITER) + 1 :]
        msg_type = json.loads(parts[1])["msg_type"]
        content = json.loads(parts[4])
        name = f"{channel}-{direction}-{msg_type}"
        for state in (content.get("status"), content.get("execution_state")):
            if state not in (None, "ok"):
                name += f"-{state}"
        with self._lock:
            self.seen[name] += 1
            self.kept.setdefault(
                name,
                {
                    "channel": channel,
                    "direction": direction,
                    "msg_type": msg_type,
                    "key": KEY,
                    "signature_scheme": "hmac-sha256",
                    "frames": [frame.hex() for frame in frames],
                },
            )


class Relay:
    """TCP relays on their own thread: one listening port for each port of a connection file."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def port_for(self, channel: str, target: int) -> int:
        """A port that leads to `target` and is recorded as `channel`."""

        async def serve() -> int:
            async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", target)
                await asyncio.gather(
                    self._pump(reader, upstream_writer, self._recorder.reader(channel, "in")),
                    self._pump(upstream_reader, writer, self._recorder.reader(channel, "out")),
                )

            server = await asyncio.start_server(handle, "127.0.0.1", 0)
            return int(server.sockets[0].getsockname()[1])

        return asyncio.run_coroutine_threadsafe(serve(), self._loop).result(10)

    @staticmethod
    async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, reader: ZmtpReader) -> None:
        try:
            while data := await source.read(65536):
                reader.feed(data)
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        sink.close()


def redirect(file: Path, target: Path, role: str, relay: Relay) -> None:
    """Copies a connection file with every port led through `relay`."""
    connection = json.loads(file.read_text())
    for key, value in connection.items():
        if isinstance(value, int):
            connection[key] = relay.port_for(f"{role}-{key}", value)
        elif isinstance(value, list):
            connection[key] = [relay.port_for(f"{role}-{key}", port) for port in value]
    target.write_text(json.dumps(connection))


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60) -> None:
    """Returns once `condition()` is true; raises TimeoutError that names `what`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {seconds} s")
        time.sleep(0.05)


# Sent to the engine by value. Compiled from text, because a function carries the path of its file along.
FUNCTIONS = """
def add(a, b): return a + b
def divide(n): return n / 0
def sleep(seconds): import time; time.sleep(seconds)
"""


def drive(client_file: Path) -> None:
    """One session with the official client that makes every kind of message we want."""
    import ipyparallel as ipp

    functions: dict[str, Any] = {"__name__": "__main__"}
    exec(FUNCTIONS, functions)
    client = ipp.Client(str(client_file), timeout=30)
    client.wait_for_engines(1, timeout=60)
    view = client[:]
    direct = client[0]
    assert direct.apply_sync(functions["add"], 2, b=3) == 5
    view.push({"numbers": list(range(8))}, block=True)
    assert view.pull("numbers", block=True) == [list(range(8))]
    direct.execute("import sys; print('out'); print('err', file=sys.stderr); 6 * 7", block=True)
    direct.execute("from IPython.display import display; display('shown')", block=True)
    for request in (lambda: direct.apply(functions["divide"], 1), lambda: direct.execute("undefined_name")):
        try:
            request().get(30)
        except ipp.RemoteError:
            pass
        else:
            raise AssertionError("the request should have failed")
    assert client.load_balanced_view().map_sync(len, ["a", "bb"]) == [1, 2]
    blocker = direct.apply(functions["sleep"], 1.0)
    doomed = direct.apply(len, "never")
    client.abort(doomed, block=True)
    blocker.get(30)
    doomed.wait(30)
    client.queue_status()
    client.result_status(blocker.msg_ids)
    client.db_query({"msg_id": blocker.msg_ids[0]}, keys=["msg_id", "started", "completed"])
    client.get_result(blocker.msg_ids[0], owner=False).get(30)
    client.purge_results(blocker)
    direct.clear(block=True)
    client.broadcast_view().apply_sync(len, "abc")
    client.shutdown(targets=[0], block=True)
    wait_for(lambda: not client.ids, "unregistration")
    client.close()


def copy_without_sources(folder: Path) -> None:
    """Copies the installed ipyparallel into `folder` as bytecode that knows no sources."""
    spec = importlib.util.find_spec("ipyparallel")
    assert spec is not None and spec.origin is not None
    target = folder / "ipyparallel"
    shutil.copytree(Path(spec.origin).parent, target, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    compileall.compile_dir(target, ddir="ipyparallel", quiet=1, legacy=True)
    for source in target.rglob("*.py"):
        if source.parent.name != "cluster":  # which reads a file of its own, and takes no part in what is recorded
            source.unlink()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends `process`, politely first."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def record(folder: Path) -> int:
    """Records into `folder`; returns the number of messages."""
    recorder = Recorder()
    relay = Relay(recorder)
    os.environ["USER"] = "user"
    with tempfile.TemporaryDirectory() as scratch:
        copy_without_sources(Path(scratch, "packages"))
        sys.path.insert(0, str(Path(scratch, "packages")))
        env = dict(os.environ, IPYTHONDIR=scratch, IPP_SESSION_KEY=KEY, USER="user", PYTHONPATH=sys.path[0])
        security = Path(scratch, "profile_default", "security")
        files = [security / f"ipcontroller-{role}.json" for role in ("client", "engine")]
        command = [sys.executable, "-m", "ipyparallel.controller", "--ip=127.0.0.1", "--location=localhost"]
        controller = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        engine = None
        try:
            wait_for(lambda: all(f.exists() for f in files), "connection files")
            time.sleep(1)  # the original writes them in place, and before its schedulers are bound
            redirected = [Path(scratch, f"{role}.json") for role in ("client", "engine")]
            for file, target, role in zip(files, redirected, ("client", "engine"), strict=True):
                redirect(file, target, role, relay)
            command = [sys.executable, "-m", "ipyparallel.engine", f"--file={redirected[1]}"]
            engine = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            drive(redirected[0])
            engine.wait(30)
            # A second engine, because only one that is ended from outside takes its leave.
            engine = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for(lambda: recorder.seen["engine-iopub-in-status-starting"] > 1, "second engine")
            engine.terminate()
            engine.wait(30)
        finally:
            if engine is not None:
                stop(engine)
            stop(controller)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.json"):
        stale.unlink()
    for name, message in sorted(recorder.kept.items()):
        (folder / f"{name}.json").write_text(json.dumps(message, indent=1) + "\n")
    return len(recorder.kept)


def main() -> None:
    """Records into the folder given, or into the one of the installed version."""
    version = ".".join(importlib.metadata.version("ipyparallel").split(".")[:2])
    default = Path(__file__).resolve().parent.parent / "tests" / "golden" / f"ipp-{version}"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    print(f"{record(folder)} messages in {folder}")


if __name__ == "__main__":
    main()
