"""Views, results and the client on a core without a network."""

from __future__ import annotations

import functools
import threading
from datetime import timezone

import camshaft as ipp
import numpy as np
import pytest
from camshaft import error
from camshaft.serialize import CODEC, pack_result
from fakecore import FakeCore, make_client

MAIN = ipp.interactive


def add(a, b=10):
    return a + b


def test_indexing_makes_views_of_the_right_shape(rc):
    assert rc.ids == [0, 1]
    assert len(rc) == 2
    assert rc[0].targets == 0
    assert rc[-1].targets == 1
    assert rc[:].targets == [0, 1]
    assert rc[[1]].targets == [1]
    assert rc[range(2)].targets == [0, 1]
    assert [view.targets for view in rc] == [0, 1]
    assert rc.direct_view().targets == "all"
    assert repr(rc[:]) == "<DirectView [0, 1]>"


@pytest.mark.parametrize(("key", "kind"), [(7, IndexError), ("0", TypeError), ([0, 7], KeyError), (1.5, TypeError)])
def test_wrong_index(rc, key, kind):
    with pytest.raises(kind):
        rc[key]


def test_apply_gives_a_value_for_an_int_and_a_list_for_a_list(rc):
    assert rc[0].apply_sync(add, 1) == 11
    assert rc[[0]].apply_sync(add, 1, b=2) == [3]
    assert rc[:].apply_async(add, 1).get() == [11, 11]
    view = rc[:]
    view.block = True
    assert view.apply(lambda f: f, f=3) == [3, 3]


def test_requests_say_the_codec(rc, core):
    rc[0].apply_sync(add, 1)
    assert core.requests[-1].request_metadata == {"codec": CODEC}
    rc.load_balanced_view().set_flags(label="mine").apply_sync(add, 1)
    assert core.requests[-1].request_metadata == {"codec": CODEC, "label": "mine"}


def test_balanced_tasks_without_a_label_say_their_function(rc, core):
    def said():
        tasks = [request for request in core.requests if request.msg_type == "apply_request"]
        return tasks[-1].request_metadata.get("function")

    here = f"{__name__}.add"
    view = rc.load_balanced_view()
    view.apply_sync(add, 1)
    assert said() == here
    view.apply_sync(functools.partial(add, 1))
    assert said() == here
    view.map_sync(add, [1])
    assert said() == here
    view.map_sync(add, [1, 2], chunksize=2)
    assert said() == f"__main__.map.{here}"
    view.apply_sync(str.upper, "a")
    assert said() == "None.str.upper"
    view.apply_sync(ipp.depend(len, "a")(add), 1)
    assert said() == here
    one = lambda: 1  # noqa: E731
    other = lambda: 2  # noqa: E731
    view.apply_sync(one)
    first = said()
    view.apply_sync(other)
    assert first != said()
    with view.temp_flags(retries=1):
        view.apply_sync(add, 1)
    assert core.requests[-1].request_metadata == {"codec": CODEC, "retries": 1, "function": here}
    with view.temp_flags(label="mine"):
        view.apply_sync(add, 1)
    assert said() is None


def test_official_engines_get_the_official_layout():
    core = FakeCore(prefix="0123abcd-")
    with make_client(core) as rc:
        rc[:].push({"x": 5, "big": b"b" * 5000})
        assert rc[:].apply_sync(MAIN(lambda a: int(a.sum()) + x), np.arange(1000)) == [499505, 499505]  # noqa: F821
        assert rc[0]["big"] == b"b" * 5000
        assert rc.load_balanced_view().map_sync(lambda i: i * 2, range(5)) == [0, 2, 4, 6, 8]
        assert all("codec" not in request.request_metadata for request in core.requests)


def test_one_official_engine_turns_the_codec_off_for_balanced_tasks(core):
    with make_client(core) as rc:
        core.join(2, "11112222-official")
        rc.load_balanced_view().apply_sync(add, 1)
        assert "codec" not in core.requests[-1].request_metadata
        rc.load_balanced_view([0, 1]).apply_sync(add, 1)
        assert core.requests[-1].request_metadata == {
            "codec": CODEC,
            "targets": [core.numbers[0], core.numbers[1]],
            "function": f"{__name__}.add",
        }


def test_another_python_is_refused_in_one_sentence(core):
    with make_client(core) as rc:
        core.join(2, "camshaft-py27-0000000000000000")
        with pytest.raises(ipp.SerializationError, match=r"engine 2 runs Python 2\.7, this client Python 3\.\d+"):
            rc[2].apply_sync(add, 1)
        assert rc[0].apply_sync(add, 1) == 11


def test_no_engines():
    with make_client(FakeCore(engines=0)) as rc:
        for view in (rc.direct_view(), rc.load_balanced_view()):
            with pytest.raises(ipp.NoEnginesRegistered, match="wait_for_engines"):
                view.apply(add, 1)
        with pytest.raises(ipp.NoEnginesRegistered):
            rc[:]


def test_push_pull_and_dictionary_access(rc, core):
    view = rc[:]
    assert view.push({"a": 1, "b": [1, 2]}, block=True) == [None, None]
    assert view.pull("a", block=True) == [1, 1]
    assert view.pull(["a", "b[1]"], block=True) == [[1, 2], [1, 2]]
    view["d"] = {}
    view["d['k']"] = 5
    assert view["d"] == [{"k": 5}, {"k": 5}]
    assert view.get("a + 1") == [2, 2]
    assert rc[1].get("a") == 1
    with pytest.raises(TypeError):
        view.push([("a", 1)])
    with pytest.raises(TypeError):
        view.pull(3)
    with pytest.raises(error.CompositeError) as caught:
        view.get("nope")
    assert [part[0] for part in caught.value.elist] == ["NameError", "NameError"]


@pytest.mark.parametrize("dist", ["b", "r"])
@pytest.mark.parametrize("seq", [list(range(7)), range(7), np.arange(7), np.arange(14.0).reshape(7, 2)])
def test_scatter_and_gather(rc, core, dist, seq):
    view = rc[:]
    assert view.scatter("part", seq, dist=dist, block=True) == [None] * len(view)
    sizes = [len(part) for part in view["part"]]
    assert sizes == [4, 3]
    whole = view.gather("part", dist=dist).get()
    assert np.array_equal(whole, seq)
    assert isinstance(whole, np.ndarray) == isinstance(seq, np.ndarray)


def test_scatter_flattens(rc):
    rc[:].scatter("rank", [0, 1], flatten=True, block=True)
    assert rc[:]["rank"] == [0, 1]


def test_globals_are_the_engines(rc):
    rc[0]["y"], rc[1]["y"] = 5, 6
    assert rc[:].apply_sync(MAIN(lambda: y)) == [5, 6]  # noqa: F821
    assert rc[:].apply_sync(add, ipp.Reference("y")) == [15, 16]
    assert rc[:].apply_sync(add, 1, b=ipp.Reference("y*2")) == [11, 13]
    rc[:].execute("def twice(v): return 2*v", block=True)
    assert rc[:].apply_sync(ipp.Reference("twice"), 4) == [8, 8]
    assert rc[:].map_sync(ipp.Reference("twice"), range(3)) == [0, 2, 4]


@pytest.mark.parametrize("balanced", [False, True])
def test_map(rc, balanced):
    view = rc.load_balanced_view() if balanced else rc[:]
    assert view.map_sync(lambda i: i**2, range(9)) == [i**2 for i in range(9)]
    assert view.map_sync(add, [1, 2, 3], (10, 20)) == [11, 22]
    assert view.map_async(add, (i for i in range(3))).get() == [10, 11, 12]
    assert view.map_sync(add, []) == []
    assert list(view.map_async(add, range(4))) == [10, 11, 12, 13]
    assert list(view.imap(add, range(4))) == [10, 11, 12, 13]
    assert view.map(add, range(2), block=True) == [10, 11]
    with pytest.raises(AssertionError):
        view.map(add)
    with pytest.raises(TypeError):
        view.map_sync(add, range(2), block=True)


def test_balanced_map_sends_one_message_a_chunk(rc, core):
    view = rc.load_balanced_view()
    result = view.map_async(add, range(10), chunksize=4)
    assert len(result) == 10
    assert len(result.msg_ids) == 3
    assert result.get() == list(range(10, 20))
    assert len(view.map_async(add, range(10)).msg_ids) == 10


def test_direct_map_sends_one_message_an_engine(rc, core):
    result = rc[:].map_async(add, range(5))
    assert len(result.msg_ids) == 2
    assert len(result) == 5


def test_unordered_iteration_takes_what_comes(rc, core):
    core.hold = True
    result = rc.load_balanced_view().map_async(add, range(4), ordered=False)
    threading.Timer(0.01, core.release, [lambda pending: pending[::-1]]).start()
    assert sorted(result) == [10, 11, 12, 13]
    core.hold = True
    result = rc.load_balanced_view().map_async(add, range(4), ordered=False)
    found = iter(result)
    core.run(core.requests[-1])
    assert next(found) == 13
    core.release()
    assert sorted(found) == [10, 11, 12]


def test_imap_is_lazy(rc, core):
    taken = []

    def numbers():
        for i in range(1000):
            taken.append(i)
            yield i

    results = rc.load_balanced_view().imap(add, numbers(), max_outstanding=3)
    assert next(results) == 10
    assert len(taken) <= 5
    results.cancel()
    assert len(list(results)) <= 4


def test_imap_raises_errors_of_its_input_in_place(rc):
    def numbers():
        yield 1
        raise OSError("input")

    results = rc.load_balanced_view().imap(add, numbers())
    assert next(results) == 11
    with pytest.raises(OSError, match="input"):
        next(results)


def test_errors(rc):
    with pytest.raises(ipp.RemoteError, match=r"\[1:apply\] ZeroDivisionError: division by zero") as caught:
        rc[1].apply_sync(lambda: 1 / 0)
    assert caught.value.ename == "ZeroDivisionError"
    assert "Traceback of the engine" in "\n".join(caught.value._render_traceback_())
    result = rc[:].apply_async(lambda: 1 / 0)
    with pytest.raises(ipp.CompositeError, match="2|one or more") as several:
        result.get()
    assert len(several.value.elist) == 2
    with pytest.raises(ipp.RemoteError):
        several.value.raise_exception(1)
    assert not result.successful()
    errors = result.get(return_exceptions=True)
    assert [isinstance(e, ipp.RemoteError) and isinstance(e, ZeroDivisionError) for e in errors] == [True] * 2
    with pytest.raises(ZeroDivisionError):
        several.value.raise_exception()
    assert isinstance(result.exception(), ipp.CompositeError)
    assert repr(result) == "<AsyncResult(<lambda>): failed>"


def test_map_with_return_exceptions(rc):
    values = rc.load_balanced_view().map_sync(lambda i: 1 / i, [1, 0, 2], return_exceptions=True)
    assert values[0] == 1
    assert isinstance(values[1], ipp.RemoteError)
    assert values[2] == 0.5
    result = rc.load_balanced_view().map_async(lambda i: 1 / i, [1, 0, 2])
    found = iter(result)
    assert next(found) == 1
    with pytest.raises(ipp.RemoteError):
        next(found)


def test_unpicklable_argument(rc):
    with pytest.raises(ipp.SerializationError, match=r"argument 2 \(b\['lock'\]\[0\]\): cannot pickle '_thread.lock'"):
        rc[0].apply(add, 1, {"lock": [threading.Lock()]})


def test_execute(rc, core):
    result = rc[:].execute("print('hi')\nz = 3")
    result.get()
    assert result.stdout == ["hi\n", "hi\n"]
    assert rc[:]["z"] == [3, 3]
    reply = rc[0].execute("1+1", silent=False, block=True).get()
    assert repr(reply) == "<ExecuteReply[1]: 2>"
    with pytest.raises(ipp.CompositeError):
        rc[:].execute("1/0", block=True)
    with pytest.raises(TypeError):
        rc[:].execute(3)


def test_run(rc, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("w = 7")
    rc[:].run(str(script), block=True)
    assert rc[:]["w"] == [7, 7]


def test_timeout_ready_and_abort(rc, core):
    core.hold = True
    result = rc[0].apply_async(add, 1)
    assert not result.ready()
    assert result.progress == 0
    assert rc.outstanding == set(result.msg_ids)
    with pytest.raises(TimeoutError):
        result.get(timeout=0.01)
    with pytest.raises(RuntimeError):
        result.successful()
    assert not result.wait(0.01)
    assert not rc.wait(timeout=0.01)
    result.abort()
    with pytest.raises(ipp.TaskAborted):
        result.get()
    with pytest.raises(RuntimeError):
        result.abort()
    assert rc.outstanding == set()


def test_metadata(rc, core):
    core.hold = True
    result = rc[0].set_flags(label="x").apply_async(add, 1)
    assert result.metadata.status is None
    core.release()
    metadata = result.metadata
    assert metadata.engine_id == 0
    assert metadata["engine_uuid"] == core.numbers[0]
    assert metadata.status == "ok"
    assert metadata.label == "x"
    assert metadata.submitted.tzinfo == timezone.utc
    assert metadata.submitted <= metadata.completed
    assert result.engine_id == 0
    assert result["status"] == "ok"
    core.hold = False
    assert result.wall_time >= 0
    assert result.serial_time >= 0
    with pytest.raises(KeyError):
        result["nope"]
    with pytest.raises(AttributeError):
        _ = result.nope
    with pytest.raises(AttributeError):
        metadata.nope = 1
    assert rc[:].apply_async(add, 1).get_dict() == {0: 11, 1: 11}


def test_flags(rc):
    view = rc.load_balanced_view(retries=2)
    with view.temp_flags(block=True, retries=5):
        assert view.block and view.retries == 5
    assert not view.block and view.retries == 2
    with pytest.raises(KeyError):
        view.set_flags(nope=1)
    with pytest.raises(ValueError):
        view.set_flags(follow=3)
    with pytest.raises(TypeError):
        view.set_flags(timeout="1")


def test_task_metadata_carries_the_flags(rc, core):
    view = rc.load_balanced_view()
    first = view.apply_async(add, 1)
    with view.temp_flags(after=first, follow=[first], timeout=3, retries=2):
        view.apply_async(add, 2).get()
    sent = core.requests[-1].request_metadata
    dependency = {"dependencies": first.msg_ids, "all": True, "success": True, "failure": False}
    assert sent.pop("function") == f"{__name__}.add"
    assert sent == {"codec": CODEC, "after": dependency, "follow": dependency, "timeout": 3, "retries": 2}


def test_history_and_get_result(rc, core):
    view = rc[0]
    result = view.apply_async(add, 5)
    rc[1].apply_async(add, 6)
    assert rc.history[-2:] == [*result.msg_ids, core.requests[-1].msg_id]
    assert rc.get_result(-2, owner=False).get() == 15
    assert view.get_result().get() == 15
    assert rc.get_result(result).get() == 15
    assert rc.get_result([-2, -1]).get() == [15, 16]
    with pytest.raises(TypeError):
        rc.get_result(1.5)


def test_remote_and_parallel_functions(rc):
    @rc[:].remote(block=True)
    def answer(x=2):
        """Forty and more."""
        return 40 + x

    assert answer() == [42, 42]
    assert answer.__name__ == "answer"
    assert "Forty" in answer.__doc__

    @rc[:].parallel(block=True)
    def total(part):
        return [sum(part)]

    assert total(range(10)) == [10, 35]
    assert total([]) == []
    with pytest.raises(TypeError):
        total(range(3), x=1)
    balanced = ipp.parallel(rc.load_balanced_view(), block=True, chunksize=2)(lambda part: [sum(part)])
    assert balanced(range(5)) == [1, 5, 4]
    assert ipp.parallel(rc[:], block=True)(lambda i: i + 1).map(range(4)) == [1, 2, 3, 4]


def test_depend_and_require(rc):
    @ipp.depend(lambda limit: limit > 3, 2)
    def refused():
        return 1

    with pytest.raises(ipp.RemoteError) as caught:
        rc[0].apply_sync(refused)
    assert caught.value.ename == "UnmetDependency"

    @ipp.require("math", helper=lambda v: v + 1)
    @MAIN
    def works(v):
        return math.floor(helper(v))  # noqa: F821

    assert rc[:].apply_sync(works, 1.5) == [2, 2]


def test_sync_imports(rc, capsys):
    with rc[:].sync_imports():
        import colorsys  # noqa: F401
        from fractions import Fraction  # noqa: F401
    assert "importing colorsys on engine(s)" in capsys.readouterr().out
    assert rc[:].apply_sync(MAIN(lambda: (colorsys.__name__, str(Fraction(1, 2))))) == [("colorsys", "1/2")] * 2  # noqa: F821


def test_sync_imports_under_other_names(rc, capsys):
    with rc[:].sync_imports(quiet=True):
        import collections.abc as abcs  # noqa: F401
        import email.message  # noqa: F401
        import fractions as fr  # noqa: F401
        from decimal import Decimal as D  # noqa: F401

        exec("from decimal import getcontext, localcontext as lc")
    assert capsys.readouterr().out == ""
    expected = ["collections.abc", "email.message", "fractions", "Decimal", "getcontext", "localcontext"]
    names = "abcs, email.message, fr, D, getcontext, lc"
    assert rc[:].pull(f"[each.__name__ for each in ({names})]", block=True) == [expected] * 2
    assert rc[:].pull("'collections' in globals() or 'decimal' in globals()", block=True) == [False] * 2


def test_sync_imports_on_the_engines_only(rc):
    with rc[:].sync_imports(local=False, quiet=True):
        import colorsys as colours
        from fractions import Fraction
    assert rc[:].pull("str(Fraction(1, 2)) + colours.__name__", block=True) == ["1/2colorsys"] * 2
    with pytest.raises(AttributeError, match="imported on the engines only"):
        colours.rgb_to_hsv(0, 0, 0)
    assert Fraction.__name__ == "fractions.Fraction"
    with pytest.raises(error.RemoteError, match="ModuleNotFoundError"), rc[0].sync_imports(local=False):
        import no_such_module_anywhere  # noqa: F401


def test_engines_of_another_python_are_named_when_connecting(core):
    core.join(7, "camshaft-py27-late")
    with pytest.warns(RuntimeWarning, match=r"but engines do not \(7: Python 2.7\), so functions cannot be sent"):
        make_client(core).close()


def test_executor(rc):
    with rc.executor() as executor:
        assert executor.submit(add, 1).result() == 11
        assert list(executor.map(add, range(3))) == [10, 11, 12]


def test_wait_for_engines(core):
    with make_client(core) as rc:
        rc.wait_for_engines(2, timeout=0)
        with pytest.raises(TimeoutError, match="3 engines not ready in 0.01 s, 2 are"):
            rc.wait_for_engines(3, timeout=0.01)
        future = rc.wait_for_engines(3, timeout=10, block=False)
        core.join(7, "camshaft-late")
        assert future.result(10) is None
        assert rc.ids == [0, 1, 7]
        with pytest.raises(TypeError):
            rc.wait_for_engines()


def test_control_and_queries(rc, core):
    rc[:]["x"] = 1
    rc.clear(block=True)
    with pytest.raises(ipp.CompositeError):
        rc[:].get("x")
    rc.send_signal("SIGINT", targets=0, block=True)
    assert core.requests[-1].request == {"sig": "SIGINT"}
    core.answers["queue_request"] = {"0": {"queue": 0, "completed": 3, "tasks": 0}, "unassigned": 0}
    assert rc.queue_status() == {0: {"queue": 0, "completed": 3, "tasks": 0}, "unassigned": 0}
    assert rc.queue_status(0) == {"queue": 0, "completed": 3, "tasks": 0}
    core.answers["history_request"] = {"history": ["a"]}
    assert rc.hub_history() == ["a"]
    core.answers["db_request"] = {
        "records": [{"msg_id": "a", "submitted": "2026-11-20T10:00:00Z"}],
        "buffer_lens": None,
        "result_buffer_lens": [2],
    }
    assert rc.db_query({"msg_id": "a"})[0]["submitted"].hour == 10
    rc.shutdown(hub=True)
    assert rc._core.closed
    with pytest.raises(OSError, match="closed"):
        rc[:]


def test_interrupt_while_blocking_hands_out_the_result(rc, core, monkeypatch):
    core.hold = True

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(core, "wait", interrupted)
        result = rc[0].apply_sync(add, 1)
    assert isinstance(result, ipp.AsyncResult)
    core.release()
    assert result.get() == 11


@pytest.mark.parametrize("codec", [CODEC, None])
def test_results_of_other_clients_come_from_the_controller(rc, core, codec):
    buffers = [bytes(memoryview(b).cast("B")) for b in pack_result([1, np.arange(5000)], codec)]
    record = {
        "header": {"date": "2026-11-20T10:00:00Z"},
        "metadata": {"codec": codec} if codec else {},
        "result_metadata": {"engine": core.numbers[1], "started": "2026-11-20T10:00:01Z"},
        "result_header": {"date": "2026-11-20T10:00:03Z"},
        "result_content": {"status": "ok"},
        "received": "2026-11-20T10:00:04Z",
        "io": {"stdout": "out", "stderr": "", "execute_input": None, "execute_result": None, "error": None},
    }
    core.answers["result_request"] = {"pending": [], "completed": ["other"], "other": record}
    core.answer_buffers["result_request"] = buffers
    result = rc.get_result("other")
    values = result.get()
    assert values[0] == 1
    assert np.array_equal(values[1], np.arange(5000))
    assert (result.stdout, result.engine_id, result.serial_time, result.wall_time) == ("out", 1, 2.0, 4.0)
    assert rc.result_status("other")["completed"] == ["other"]
    core.answers["result_request"] = {"pending": ["other"], "completed": []}
    waiting = rc.get_result("other")
    assert not waiting.wait(0.01)
    with pytest.raises(TimeoutError):
        waiting.get(0.01)
