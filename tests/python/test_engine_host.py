"""The interpreter's side of an engine, with a core that only records."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Each case runs in a process of its own: a host takes over __main__, SIGINT and the standard streams.
PRELUDE = """
import io, json, os, signal, sys, threading, types
from camshaft.engine.host import Host
from camshaft.engine.options import parse
from camshaft.engine import streams
from camshaft.serialize import CODEC, pack_call, unpack_result

class Request:
    def __init__(self, msg_type="apply_request", buffers=(), codec=CODEC, content="{}"):
        self.msg_type, self.codec, self.content = msg_type, codec, content
        self.buffers = [memoryview(bytes(b)) for b in buffers]
        self.parent = types.SimpleNamespace(msg_id="m")
        self.answers = []
    def reply(self, buffers): self.answers.append(("ok", buffers))
    def answer(self, content, status, **more): self.answers.append((status, json.loads(content), more))
    def drop(self): self.answers.append(("dropped",))

class Functions:
    def learn(self, pickle, function): pass
    def call(self, request): return None

class Core:
    engine_uuid, engine_id, exit_code = "uuid", 3, 0
    def __init__(self):
        self.requests, self.published, self.written, self.lines = [], [], [], []
        self.wakeup_fd = os.pipe()[1]
        os.set_blocking(self.wakeup_fd, False)
    def next(self): return self.requests.pop(0) if self.requests else None
    def publish(self, parent, kind, content, metadata="{}", buffers=()):
        self.published.append((kind, json.loads(content)))
    def write(self, parent, to_stderr, text): self.written.append((parent.msg_id, to_stderr, text))
    def flush(self): pass
    def functions(self, namespace, codec): return Functions()
    def log(self, level, line): self.lines.append(line)
    def stop(self, code): self.stopped = code
    own, takes, running = {"cores": 4, "?mark": True}, True, False
    def takes_interrupt(self): return self.takes
    def properties(self): return json.dumps(self.own)
    def change_properties(self, changes):
        for name, value in json.loads(changes).items():
            self.own.pop(name, None) if value is None else self.own.update({name: value})

core = Core()
real = sys.stdout
host = Host(core, parse(ARGV))
streams.install(host)
streams.follow_threads(host)

def apply(f, *args, codec=CODEC, **kwargs):
    request = Request(buffers=pack_call(f, args, kwargs, codec), codec=codec or "")
    core.requests.append(request)
    host.run()
    assert len(request.answers) == 1, request.answers
    return request.answers[0]

def execute(code, **content):
    request = Request("execute_request", content=json.dumps({"code": code, **content}))
    core.requests.append(request)
    host.run()
    assert len(request.answers) == 1, request.answers
    return request.answers[0]

def value(answer, codec=CODEC): return unpack_result(answer[1], codec, host.namespace)
def say(x): real.write(json.dumps(x)); real.flush()
"""


def run(code: str, *argv: str):
    """What `code` says, run in a process with a host."""
    program = PRELUDE.replace("ARGV", repr(list(argv))) + code
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": str(ROOT / "python")},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_apply_in_both_layouts():
    assert run("say([value(apply(pow, 2, 5)), value(apply(pow, 2, 5, codec=None), None)])") == [32, 32]


def test_an_error_is_published_and_answered():
    status, content, more, published = run("say([*apply(int, 'x'), core.published])")
    assert status == "error"
    assert (content["ename"], content["status"]) == ("ValueError", "error")
    assert content["engine_info"] == {"engine_uuid": "uuid", "engine_id": 3, "method": "apply"}
    assert isinstance(content["traceback"], list)
    assert not more["unmet_dependency"]
    assert [kind for kind, _ in published] == ["error"]


def test_unmet_dependency_is_marked():
    code = "def f():\n  from camshaft.error import UnmetDependency\n  raise UnmetDependency()\nsay(apply(f))"
    assert run(code)[2]["unmet_dependency"] is True


def test_a_text_that_cannot_be_made_does_not_stop_the_answer():
    code = """
def f():
    class Bad(Exception):
        def __str__(self): raise RuntimeError
    raise Bad
say(apply(f))"""
    assert run(code)[1]["ename"] == "Bad"


def test_globals_are_the_engines_namespace():
    code = """
exec("def f(): return x + 1", {"__name__": "__main__"}, space := {})
host.namespace["x"] = 41
f = types.FunctionType(space["f"].__code__, {"__name__": "__main__"}, "f")
f.__module__ = "__main__"
say(value(apply(f)))"""
    assert run(code) == 42


def test_interrupts_hit_user_code_only():
    code = """
def f():
    import signal
    signal.raise_signal(signal.SIGINT)
    return 1
first = apply(f)[1]["ename"]
signal.raise_signal(signal.SIGINT)
say([first, value(apply(abs, -1))])"""
    assert run(code) == ["KeyboardInterrupt", 1]


def test_an_interrupt_of_a_request_that_has_just_begun_hits_its_user_code():
    code = """
class Begun(Request):
    @property
    def parent(self):
        core.running = True
        signal.raise_signal(signal.SIGINT)
        return types.SimpleNamespace(msg_id="m")
    @parent.setter
    def parent(self, _): pass

def begun(kind, **given):
    request = Begun(kind, **given)
    core.requests.append(request)
    host.run()
    core.running = False
    return request.answers[0]

call = {"buffers": pack_call(abs, (-1,), {}, CODEC)}
say([begun("apply_request", **call)[1]["ename"], value(apply(abs, -1)),
     begun("execute_request", content='{"code": "x = 1"}')[1]["ename"], "x" in host.namespace,
     begun("clear_request")[0], value(apply(abs, -1))])"""
    assert run(code) == ["KeyboardInterrupt", 1, "KeyboardInterrupt", False, "ok", 1]


def test_an_interrupt_that_was_meant_for_another_task_hits_nobody():
    code = """
def f():
    import signal
    signal.raise_signal(signal.SIGINT)
    return 1
core.takes = False
say(value(apply(f)))"""
    assert run(code) == 1


def test_S3_73_an_engine_sees_and_changes_its_own_properties():
    code = """
from camshaft.engine import properties
seen = [dict(properties), len(properties), repr(properties)]
properties["rack"] = 3
properties.update({"a": 1}, b=2)
del properties["cores"]
seen.append(sorted(properties.items()))
for change in (lambda: properties["none"], lambda: properties.pop("none"), lambda: properties.update({1: 2})):
    try:
        change()
    except (KeyError, TypeError) as error:
        seen.append(type(error).__name__)
properties.clear()
say([*seen, core.own])"""
    assert run(code) == [
        {"cores": 4},
        1,
        "{'cores': 4}",
        [["a", 1], ["b", 2], ["rack", 3]],
        "KeyError",
        "KeyError",
        "TypeError",
        {"?mark": True},
    ]


def test_properties_are_for_engines():
    import pytest
    from camshaft.engine import properties

    with pytest.raises(RuntimeError, match="on an engine only"):
        properties["a"]


def test_output_belongs_to_its_request_also_from_threads():
    code = """
def f():
    import sys, threading
    print("one")
    print("two", file=sys.stderr)
    thread = threading.Thread(target=print, args=("three",))
    thread.start()
    thread.join()
apply(f)
texts = {}
for msg_id, to_stderr, text in core.written:
    texts[to_stderr] = texts.get(to_stderr, "") + text
say([texts[False], texts[True], sorted({m for m, _, _ in core.written})])"""
    assert run(code) == ["one\nthree\n", "two\n", ["m"]]


def test_ipython_is_loaded_only_by_execute():
    code = """
apply(pow, 2, 2)
def f(): return get_ipython().user_ns is get_ipython().user_global_ns is globals()
f = types.FunctionType(f.__code__, host.namespace, "f"); f.__module__ = "__main__"
before = [value(apply(f)), "IPython" in sys.modules]
answer = execute("y = 2\\ny * 3", silent=False)
say([*before, answer[0], answer[1]["execution_count"], [k for k, _ in core.published], host.namespace["y"],
     core.published[-1][1]["data"]["text/plain"]])"""
    assert run(code) == [True, False, "ok", 1, ["execute_input", "execute_result"], 2, "6"]


def test_execute_reports_errors_and_stops_those_behind():
    code = """
loud = execute("1 / 0", silent=False)
quiet = execute("1 / 0", silent=True)
kept = execute("1 / 0", silent=False, stop_on_error=False)
say([loud, quiet, kept, [k for k, _ in core.published]])"""
    loud, quiet, kept, published = run(code)
    assert [one[1]["ename"] for one in (loud, quiet, kept)] == ["ZeroDivisionError"] * 3
    assert [one[2]["aborts_executes"] for one in (loud, quiet, kept)] == [True, False, False]
    assert loud[1]["engine_info"]["method"] == "execute"
    assert published == ["execute_input", "error", "error", "execute_input", "error"]


def test_execute_counts_and_user_expressions():
    code = """
one = execute("x = 1", silent=False)
two = execute("x = 2", silent=True)
three = execute("x", silent=False, user_expressions={"twice": "x * 2", "bad": "1/0"})
say([a[1] for a in (one, two, three)])"""
    one, two, three = run(code)
    assert [one["execution_count"], two["execution_count"], three["execution_count"]] == [1, 2, 2]
    assert three["user_expressions"]["twice"]["data"]["text/plain"] == "4"
    assert three["user_expressions"]["bad"]["status"] == "error"


def test_display_works_in_a_plain_call():
    code = """
def f():
    from IPython.display import display
    display({"a": 1})
answer = apply(f)
say([answer[0], core.published])"""
    status, published = run(code)
    assert status == "ok"
    assert published == [["display_data", {"data": {"text/plain": "{'a': 1}"}, "metadata": {}, "transient": {}}]]


def test_clear_empties_the_namespace_with_and_without_a_shell():
    code = """
def clear():
    host.namespace["v"] = 1
    request = Request("clear_request")
    core.requests.append(request)
    host.run()
    return [request.answers[0][0], "v" in host.namespace, "get_ipython" in host.namespace]
first = clear()
execute("1")
say([first, clear()])"""
    assert run(code) == [["ok", False, True]] * 2


def test_startup_code_runs_in_the_namespace_and_failures_are_logged():
    code = "host.run_startup(); say([host.namespace.get('z'), core.lines])"
    assert run(code, "-c", "z = 9") == [9, []]
    assert run(code, "-c", "1/0") == [None, ["start-up code (-c) failed: ZeroDivisionError: division by zero"]]


def test_unknown_requests_are_dropped_and_front_ends_are_answered():
    code = """
def ask(kind, **content):
    request = Request(kind, content=json.dumps(content))
    core.requests.append(request)
    host.run()
    return request.answers[0]
host.namespace["alphabet"] = 1
completion = ask("complete_request", code="alphab", cursor_pos=6)[1]["matches"]
say([ask("dance_request"), ask("comm_msg"), completion, core.lines])"""
    assert run(code) == [["dropped"], ["dropped"], ["alphabet"], ["unknown request dance_request"]]


def test_publish_data():
    code = """
def f():
    from camshaft.engine.datapub import publish_data
    publish_data({"a": 1})
apply(f)
say(core.published)"""
    assert run(code) == [["data_message", {"keys": ["a"]}]]
