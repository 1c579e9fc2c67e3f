"""A ClientCore without a network: engines are dicts in this process. Follows camshaft/_core.pyi."""

from __future__ import annotations

import ast
import itertools
import json
import queue
import sys
import threading
import time
from datetime import datetime, timezone

from camshaft import serialize
from camshaft.client import Client

OURS = f"camshaft-py{sys.version_info[0]}{sys.version_info[1]}-"


def now() -> str:
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")


class FakeRequest:
    def __init__(self, core, number, engine, msg_type, content, metadata, buffers):
        self._core = core
        self.msg_id = f"msg-{number}"
        self.msg_type = msg_type
        self.engine_uuid = engine
        self.request = json.loads(content)
        self.request_metadata = json.loads(metadata)
        self.request_buffers = [bytes(memoryview(buffer).cast("B")) for buffer in buffers]
        self.submitted = now()
        self.completed = self.received = None
        self.done = self.outputs_done = False
        self.sent = True
        self.status = "pending"
        self.content = self.metadata = "{}"
        self.buffers = []
        self.stdout = self.stderr = ""
        self.outputs = []

    @property
    def small_result(self):
        return bytes(self.buffers[0]) if self.status == "ok" and len(self.buffers) == 1 else None

    @property
    def output_changes(self):
        return hash((self.stdout, self.stderr, len(self.outputs)))

    def finish(self, content, buffers=(), metadata=None):
        with self._core.changed:
            self.content = json.dumps(content)
            self.status = content["status"]
            self.metadata = json.dumps({"started": self.submitted, "engine": self.engine_uuid, **(metadata or {})})
            self.buffers = [memoryview(bytes(memoryview(buffer).cast("B"))) for buffer in buffers]
            self.completed, self.received = now(), time.time()
            self.done = self.outputs_done = True
            self._core.changed.notify_all()
        if self in self._core.watched:
            self._core.watched.discard(self)
            self._core.ready.put(self)


class NothingKnown:
    """Leaves each call to the long way."""

    def learn(self, function, generation, metadata, pickle):
        assert callable(function)

    def submit(self, function, args):
        return None


class FakeCore:
    """`hold`: requests stay pending until `release`. `answers`: replies to queries, by message type."""

    session = "fake-session"
    task_scheme = "leastload"

    def __init__(self, engines=2, prefix=OURS):
        self.namespaces = {
            f"{prefix}{i:016x}": {"__name__": "__main__", "__builtins__": __builtins__} for i in range(engines)
        }
        self.numbers = dict(enumerate(self.namespaces))
        self.generation = 1
        self.closed = False
        self.hold = False
        self.properties = {}
        self.requests = []
        self.answers = {"watch_request": {}}
        self.answer_buffers = {}
        self.changed = threading.Condition()
        self.watched = set()
        self.ready = queue.Queue()
        self._count = itertools.count()
        self._turn = itertools.count()

    def engines(self):
        return dict(self.numbers)

    def join(self, number, uuid):
        with self.changed:
            self.numbers[number] = uuid
            self.namespaces[uuid] = {"__name__": "__main__", "__builtins__": __builtins__}
            self.generation += 1
            self.changed.notify_all()

    def wait_generation(self, seen, timeout):
        with self.changed:
            self.changed.wait_for(lambda: self.generation != seen, timeout)
        return self.generation

    def submit(self, channel, msg_type, content="{}", metadata="{}", buffers=(), *, engine=None, track=False):
        assert channel in ("mux", "task", "control", "query")
        assert (engine is None) == (channel in ("task", "query"))
        if channel == "task":
            wanted = json.loads(metadata).get("targets") or list(self.numbers.values())
            engine = wanted[next(self._turn) % len(wanted)]
        request = FakeRequest(self, next(self._count), engine, msg_type, content, metadata, buffers)
        request.channel = channel
        self.requests.append(request)
        if not self.hold or channel in ("control", "query"):
            self.run(request)
        return request

    def submit_tasks(self, metadata, calls):
        return [self.submit("task", "apply_request", "{}", metadata, buffers) for buffers in calls]

    def known_calls(self, engine):
        return NothingKnown()

    def release(self, order=None):
        pending = [request for request in self.requests if not request.done]
        for request in order(pending) if order else pending:
            self.run(request)

    def run(self, request):
        getattr(self, request.msg_type)(request)

    def apply_request(self, request):
        codec = request.request_metadata.get("codec")
        try:
            f, args, kwargs = serialize.unpack_call(
                request.request_buffers, codec, self.namespaces[request.engine_uuid]
            )
            buffers = serialize.pack_result(f(*args, **kwargs), codec)
        except Exception as failure:
            self.fail(request, failure, "apply")
        else:
            request.finish({"status": "ok"}, buffers)

    def execute_request(self, request):
        import contextlib
        import io

        text = io.StringIO()
        space = self.namespaces[request.engine_uuid]
        try:
            with contextlib.redirect_stdout(text):
                exec(request.request["code"], space)
                last = ast.parse(request.request["code"]).body[-1]
                if not request.request["silent"] and isinstance(last, ast.Expr):
                    value = repr(eval(ast.unparse(last), space))
                    content = {"data": {"text/plain": value}, "metadata": {}, "execution_count": 1}
                    request.outputs.append(("execute_result", json.dumps(content), "{}", []))
        except Exception as failure:
            self.fail(request, failure, "execute")
        else:
            request.stdout = text.getvalue()
            request.finish({"status": "ok", "execution_count": 1, "user_expressions": {}, "payload": []})

    def fail(self, request, failure, method):
        info = {"engine_uuid": request.engine_uuid, "method": method}
        info["engine_id"] = next(i for i, uuid in self.numbers.items() if uuid == request.engine_uuid)
        name = type(failure).__name__
        request.finish(
            {
                "status": "error",
                "ename": name,
                "evalue": str(failure),
                "traceback": ["Traceback of the engine", f"{name}: {failure}"],
                "engine_info": info,
            }
        )

    def abort_request(self, request):
        for other in self.requests:
            if other.msg_id in request.request["msg_ids"] and not other.done:
                other.finish({"status": "aborted"})
        request.finish({"status": "ok"})

    def clear_request(self, request):
        self.namespaces[request.engine_uuid].clear()
        request.finish({"status": "ok"})

    def why_request(self, request):
        request.finish({"status": "ok", "why": {}})

    def properties_request(self, request):
        changes = request.request.get("changes")
        wanted = request.request["targets"]
        found = {}
        for number in self.numbers if wanted is None else wanted:
            mine = self.properties.setdefault(number, {})
            for name, value in (changes or {}).items():
                mine.pop(name, None) if value is None else mine.update({name: value})
            found[str(number)] = dict(mine)
        request.finish({"status": "ok", "version": 1, "properties": found})

    def signal_request(self, request):
        request.finish({"status": "ok"})

    shutdown_request = signal_request

    def __getattr__(self, name):
        if name.endswith("_request"):
            return lambda request: request.finish(
                {"status": "ok", **self.answers[name]}, self.answer_buffers.get(name, ())
            )
        raise AttributeError(name)

    def wait(self, requests, timeout=None, *, outputs=False, any=False):
        test = (lambda: any_done(requests)) if any else (lambda: all(r.done for r in requests))
        with self.changed:
            return self.changed.wait_for(test, timeout)

    def watch(self, request):
        self.watched.add(request)
        if request.done:
            self.watched.discard(request)
            self.ready.put(request)

    def next_watched(self, timeout):
        try:
            return [self.ready.get(timeout=timeout)]
        except queue.Empty:
            return []

    def close(self):
        self.closed = True


def any_done(requests):
    return next((True for request in requests if request.done), not requests)


INFO = dict.fromkeys(
    "task_scheme interface control task mux iopub notification registration broadcast ssh pack unpack key "
    "signature_scheme".split(),
    "",
)


def make_client(core):
    """A Client on `core`."""

    class FakeClient(Client):
        @staticmethod
        def _connect(connection, timeout, reconnect_timeout):
            assert json.loads(connection).keys() == INFO.keys()
            return core

    return FakeClient(dict(INFO))
