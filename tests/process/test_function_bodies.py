"""A large function travels once to the controller and once to each engine; nobody sees a difference but in bytes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import camshaft as ipp
import pytest
from processes import ClusterUnderTest, at_the_prompt, command_of, wait_until

MEGABYTE = 1 << 20


class Counted:
    """Passes on what comes to a port of its own, and counts the bytes that go there, or that come back."""

    def __init__(self, host: str, port: int, backward: bool) -> None:
        self._backward = backward
        self._target = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.bytes = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._other: dict[socket.socket, socket.socket] = {}
        self._watched: set[socket.socket] = set()
        self._ends = threading.Event()
        self._drops = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ends.is_set():
            for key, _ in self._selector.select(0.05):
                if key.fileobj is self._listener:
                    self._join(self._listener.accept()[0])
                elif key.fileobj in self._other:
                    self._pass_on(key.fileobj)
            if self._drops.is_set():
                for one in list(self._other):
                    self._part(one)
                self._drops.clear()
        for one in list(self._other):
            self._part(one)
        self._listener.close()

    def _join(self, one: socket.socket) -> None:
        other = socket.create_connection(self._target)
        self._watched.add(other if self._backward else one)
        for a, b in ((one, other), (other, one)):
            self._other[a] = b
            self._selector.register(a, selectors.EVENT_READ)

    def _pass_on(self, one: socket.socket) -> None:
        try:
            data = one.recv(1 << 18)
            if data:
                self._other[one].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._part(one)
        elif one in self._watched:
            self.bytes += len(data)

    def _part(self, one: socket.socket) -> None:
        other = self._other.pop(one, None)
        if other is None:
            return
        self._other.pop(other)
        for each in (one, other):
            self._selector.unregister(each)
            self._watched.discard(each)
            each.close()

    def drop(self) -> None:
        """Break all connections; new ones are taken."""
        self._drops.set()
        wait_until(lambda: not self._drops.is_set(), "the end of all connections")

    def close(self) -> None:
        self._ends.set()
        self._thread.join()


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Callable[..., tuple[Counted, Path]]]:
    """`counted(file)`: what counts the bytes to the task port of a connection file, and a file that leads there."""
    made: list[Counted] = []

    def count(file: Path, backward: bool = False) -> tuple[Counted, Path]:
        about = json.loads(file.read_text())
        counter = Counted("127.0.0.1", about["task"], backward)
        made.append(counter)
        copy = tmp_path / f"counted-{len(made)}.json"
        copy.write_text(json.dumps({**about, "task": counter.port}))
        return counter, copy

    yield count
    for counter in made:
        counter.close()


@at_the_prompt
def pick(data: Any, n: int) -> tuple[int, int]:
    """What is wanted of large data."""
    return len(data), data[n]


def test_a_function_of_a_megabyte_travels_once_to_each_hop(cluster: Any, counted: Any) -> None:
    started: ClusterUnderTest = cluster(0)
    to_controller, client_file = counted(started.client_file)
    to_engines, engine_file = counted(started.engine_file, backward=True)
    for _ in range(2):
        started.engines.append(started.processes.start([*command_of("ipengine", "ours"), f"--file={engine_file}"]))
    with ipp.Client(str(client_file), timeout=30) as rc:
        rc.wait_for_engines(2, timeout=60)
        view = rc.load_balanced_view()
        data = bytes(range(256)) * (MEGABYTE // 256)
        assert view.map_sync(functools.partial(pick, data), range(200)) == [(MEGABYTE, n) for n in range(200)]
        results = [view.apply_async(functools.partial(pick, data), n) for n in range(50)]
        assert [result.get() for result in results] == [(MEGABYTE, n) for n in range(50)]
        assert MEGABYTE < to_controller.bytes < 2 * MEGABYTE
        assert MEGABYTE < to_engines.bytes < 3 * MEGABYTE


def test_what_a_function_holds_may_change(cluster: Any) -> None:
    np = pytest.importorskip("numpy")
    with cluster(2).client() as rc:
        view = rc.load_balanced_view()
        data = np.zeros(100_000)

        def total(n: int) -> float:
            return float(data.sum()) + n

        total = at_the_prompt(total)
        assert [view.apply_sync(total, n) for n in range(4)] == [0, 1, 2, 3]
        data[7] = 100
        assert [view.apply_sync(total, n) for n in range(4)] == [100, 101, 102, 103]
        data = np.ones(100_000)
        assert sorted(view.map_async(at_the_prompt(lambda n: float(data[n])), range(4))) == [1.0] * 4

        def spoil(n: int) -> float:
            data[n] += 1
            return float(data.sum())

        # each call has data of its own, however many come to one engine
        assert view.map_sync(at_the_prompt(spoil), range(8)) == [100_001.0] * 8
        defaults = at_the_prompt(lambda n, text="a" * 10_000: text[n])
        assert view.apply_sync(defaults, 3) == "a"
        defaults.__defaults__ = ("b" * 10_000,)
        assert view.apply_sync(defaults, 3) == "b"


def test_a_new_engine_gets_it_too(cluster: Any) -> None:
    started: ClusterUnderTest = cluster(1)
    with started.client() as rc:
        view = rc.load_balanced_view()
        call = functools.partial(pick, b"x" * MEGABYTE)
        before = view.apply_async(call, 1)
        assert before.get() == (MEGABYTE, 120)
        started.add_engine()
        rc.wait_for_engines(2, timeout=60)
        started.engines[0].kill()
        wait_until(lambda: len(rc) == 1, "the end of the first engine")
        assert view.map_sync(call, range(5)) == [(MEGABYTE, 120)] * 5
        assert rc.resubmit(before.msg_ids[0]).get(60) == (MEGABYTE, 120)
        with started.client(engines=1) as other:  # which has never sent it
            assert other.load_balanced_view().map_sync(call, range(5)) == [(MEGABYTE, 120)] * 5
            assert other.resubmit(before.msg_ids[0]).get(60) == (MEGABYTE, 120)


def test_after_a_break_it_is_sent_again(cluster: Any, counted: Any) -> None:
    started: ClusterUnderTest = cluster(1)
    counter, file = counted(started.client_file)
    with ipp.Client(str(file), timeout=30) as rc:
        rc.wait_for_engines(1, timeout=60)
        view = rc.load_balanced_view()
        call = functools.partial(pick, b"x" * MEGABYTE)
        assert view.map_sync(call, range(5)) == [(MEGABYTE, 120)] * 5
        counter.drop()
        results = [view.apply_async(call, n) for n in range(20)]
        assert [result.get(60) for result in results] == [(MEGABYTE, 120)] * 20


def test_an_engine_that_lacks_it_is_sent_it_again(cluster: Any) -> None:
    with cluster(1).client() as rc:
        view = rc.load_balanced_view()
        # two of these are more than an engine keeps, and less than the client does
        calls = [functools.partial(pick, bytes([n]) * (40 * MEGABYTE)) for n in range(2)]
        for _ in range(2):
            for n, call in enumerate(calls):
                assert view.apply_sync(call, 0) == (40 * MEGABYTE, n)


def test_a_controller_that_lacks_it_asks_the_client(cluster: Any) -> None:
    from camshaft.serialize import CODEC, p5

    started: ClusterUnderTest = cluster(1)
    with started.client():
        function, arguments = p5.pack_call(functools.partial(pick, b"x" * MEGABYTE), (3,), {})
        digest = hashlib.sha256(function).hexdigest()
        with raw_client(started.client_file) as (send, receive):
            task = send("apply_request", {"codec": CODEC, "body": digest}, [b"", arguments])
            question = receive()
            assert question["header"]["msg_type"] == "body_wanted"
            assert question["metadata"] == {"body": digest}
            send("body_here", {"body": digest}, [function])
            reply = receive()
            assert reply["parent_header"]["msg_id"] == task
            assert p5.unpack_result(reply["buffers"], CODEC, None) == (MEGABYTE, 120)

            lost = send("apply_request", {"codec": CODEC, "body": "0" * 64}, [b"", arguments])
            assert receive()["metadata"] == {"body": "0" * 64}
            send("body_here", {"body": "0" * 64}, [])
            reply = receive()
            assert reply["parent_header"]["msg_id"] == lost
            assert reply["content"]["status"] == "error"
            assert "submit the task again" in reply["content"]["evalue"]


@contextlib.contextmanager
def raw_client(file: Path) -> Iterator[tuple[Any, Any]]:
    """(send, receive) on the task channel."""
    import zmq
    from jupyter_client.session import Session

    about = json.loads(file.read_text())
    session = Session(key=about["key"].encode(), signature_scheme=about["signature_scheme"])
    context = zmq.Context()
    channel = context.socket(zmq.DEALER)
    channel.identity = session.bsession
    channel.connect(f"{about['interface']}:{about['task']}")

    def send(kind: str, metadata: dict[str, Any], buffers: list[bytes]) -> str:
        message = session.msg(kind, content={}, metadata=metadata)
        session.send(channel, message, buffers=buffers)
        return message["header"]["msg_id"]

    def receive() -> dict[str, Any]:
        assert channel.poll(30_000), "no answer"
        _, frames = session.feed_identities(channel.recv_multipart())
        return session.deserialize(frames)

    yield send, receive
    channel.close(linger=0)
    context.term()


def test_peers_of_the_original_get_whole_tasks(cluster: Any) -> None:
    call = functools.partial(pick, b"x" * MEGABYTE)
    with cluster(1, engines="official", cluster_id="engines").client() as rc:
        assert rc.load_balanced_view().map_sync(call, range(5)) == [(MEGABYTE, 120)] * 5
    with cluster(1, controller="official", cluster_id="controller").client() as rc:
        assert rc.load_balanced_view().map_sync(call, range(5)) == [(MEGABYTE, 120)] * 5
