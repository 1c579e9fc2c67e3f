"""What tasks may ask for, as users write it and as it is sent."""

from __future__ import annotations

import camshaft as ipp
import pytest
from camshaft.dependency import Condition, Property
from fakecore import make_client
from processes import wait_until


def sent(core):
    """The metadata of the last task, without its codec and its function."""
    metadata = dict(core.requests[-1].request_metadata)
    metadata.pop("codec")
    metadata.pop("function", None)
    return metadata


def one():
    return 1


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"priority": 3}, {"priority": 3}),
        ({"priority": -1}, {"priority": -1}),
        ({"priority": 0}, {}),
        ({"resources": {"gpu": 1, "memory": 0.5}}, {"resources": {"gpu": 1, "memory": 0.5}}),
        ({"resources": {}}, {}),
        ({"time_limit": 2.5}, {"time_limit": 2.5}),
        ({"time_limit": 2, "kill_after": 0}, {"time_limit": 2, "kill_after": 0}),
        ({"time_limit": 2, "kill_after": 1}, {"time_limit": 2, "kill_after": 1}),
        ({"retries": 2}, {"retries": 2}),
        ({"where": {"rack": 3}}, {"where": [["rack", "==", 3]]}),
        ({"where": {"cores": (">=", 8)}}, {"where": [["cores", ">=", 8]]}),
        ({"where": [["host", "in", ["a", "b"]]]}, {"where": [["host", "in", ["a", "b"]]]}),
        ({"where": {}}, {}),
        (
            {"where": (Property("cores") >= 8) & Property("host").one_of("ab") & Property("gpus").exists()},
            {"where": [["cores", ">=", 8], ["host", "in", ["a", "b"]], ["gpus", "has", True]]},
        ),
        ({"where": Property("tags").contains("fast")}, {"where": [["tags", "contains", "fast"]]}),
    ],
)
def test_S3_89_flags_become_metadata(rc, core, flags, expected):
    rc.load_balanced_view(**flags).apply_sync(one)
    assert sent(core) == expected


@pytest.mark.parametrize(
    ("flag", "value", "kind", "words"),
    [
        ("priority", 1.5, TypeError, "priority must be an int"),
        ("priority", True, TypeError, "priority must be an int"),
        ("priority", 2**40, ValueError, "priority must be between"),
        ("resources", ["gpu"], TypeError, "resources must be a dict such as {'gpu': 1}"),
        ("resources", {"gpu": 0}, ValueError, "the amount of 'gpu' must be above 0"),
        ("resources", {"gpu": "1"}, TypeError, "the amount of 'gpu' must be a number"),
        ("resources", {1: 1}, TypeError, "names are strings, not 1"),
        ("time_limit", 0, ValueError, "time_limit must be above 0 seconds"),
        ("time_limit", "1", TypeError, "time_limit must be a number"),
        ("time_limit", float("nan"), ValueError, "time_limit must be a finite number"),
        ("kill_after", -1, ValueError, "kill_after must be 0 or more seconds"),
        ("retries", "2", TypeError, "retries must be an int, not str"),
        ("retries", -1, ValueError, "retries must not be negative"),
        ("where", 7, TypeError, "where is a dict such as"),
        ("where", [["a", "~", 1]], ValueError, "no operator '~': there are =="),
        ("where", [["a", "=="]], ValueError, "a condition is (name, operator, value)"),
        ("where", {"a": object()}, TypeError, "must be something that JSON can say"),
        ("recovery_task", 7, TypeError, "recovery_task is a function or a RecoveryTask, not int"),
    ],
)
def test_bad_values_are_refused_in_one_line(rc, flag, value, kind, words):
    with pytest.raises(kind, match="^[^\n]*$") as caught:
        rc.load_balanced_view(**{flag: value})
    assert words in str(caught.value)


def test_conditions_are_not_joined_with_and():
    with pytest.raises(TypeError, match="joined with &"):
        (Property("cores") >= 8) and (Property("gpus") > 0)
    condition = (Property("a") != 1) & (Property("b") < 2) & (Property("c") <= 3) & (Property("d") > 4)
    assert isinstance(condition, Condition)
    assert repr((Property("a") == 1) & (Property("b") < 2)) == "(a == 1) & (b < 2)"


def test_flags_for_one_call(rc, core):
    view = rc.load_balanced_view()
    view.using(priority=5, label="x").apply_sync(one)
    assert sent(core) == {"priority": 5, "label": "x"}
    view.apply_sync(one)
    assert sent(core) == {}
    assert view.map_sync(abs, [-1, -2], priority=7) == [1, 2]
    assert sent(core) == {"priority": 7}
    assert view.priority == 0
    with pytest.raises(TypeError, match="no argument .prio.: did you mean .priority."):
        view.map(abs, [1], prio=7)


# ---- properties -----------------------------------------------------------------------------------------------


def test_S3_73_properties_are_set_and_read(rc):
    assert rc.set_properties({"rack": 1}) == {0: {"rack": 1}, 1: {"rack": 1}}
    assert rc.set_properties({"rack": None, "gpu": 2}, 1) == {"gpu": 2}
    assert rc.engine_properties() == {0: {"rack": 1}, 1: {"gpu": 2}}
    assert rc.engine_properties([1]) == {1: {"gpu": 2}}
    assert rc[0].properties == {"rack": 1}
    assert rc[:].set_properties({"a": True}) == {0: {"rack": 1, "a": True}, 1: {"gpu": 2, "a": True}}
    with pytest.raises(TypeError, match="properties are a dict with names as keys"):
        rc.set_properties({1: 2})
    with pytest.raises(ValueError, match="must not begin with"):
        rc.set_properties({"?a": 2})


def test_S3_92_a_function_of_properties_is_asked_for_each_engine(rc, core):
    rc.set_properties({"cores": 8}, 1)
    core.hold = True

    def many(p):
        return p["cores"] >= 8  # a KeyError for engine 0 counts as no

    result = rc.load_balanced_view(where=many).apply_async(one)
    [[mark, op, value]] = core.requests[-1].request_metadata["where"]
    assert (op, value) == ("==", True)
    assert mark not in core.properties[0] and core.properties[1][mark] is True
    assert rc.engine_properties() == {0: {}, 1: {"cores": 8}}

    rc.set_properties({"cores": 16}, 0)  # while the task waits, engines are looked at again
    wait_until(lambda: core.properties[0].get(mark), "engine 0 to be marked")
    rc.set_properties({"cores": 2}, 1)
    wait_until(lambda: mark not in core.properties[1], "engine 1 not to be marked")
    core.join(2, next(iter(core.namespaces)) + "x")
    rc.set_properties({"cores": 9}, 2)
    wait_until(lambda: core.properties[2].get(mark), "engine 2 to be marked")

    core.hold = False
    core.release()
    assert result.get() == 1
    wait_until(lambda: not any(mark in each for each in core.properties.values()), "the marks to go")


def test_the_same_function_has_one_mark(rc, core):
    view = rc.load_balanced_view(where=lambda p: True)
    core.hold = True
    view.apply_async(one)
    first = core.requests[-1].request_metadata["where"]
    view.apply_async(one)
    assert core.requests[-1].request_metadata["where"] == first
    core.release()


# ---- recovery -------------------------------------------------------------------------------------------------


def test_S3_91_recovery_tasks_wait_for_the_failure_of_all_before(rc, core):
    core.hold = True
    last = ipp.RecoveryTask(abs, -3, flags={"retries": 1, "label": "last"})
    view = rc.load_balanced_view(recovery_task=ipp.RecoveryTask(abs, -2, recovery_task=last), retries=4)
    result = view.apply_async(abs, -1)
    first, second, third = (request.request_metadata for request in core.requests)
    ids = [request.msg_id for request in core.requests]
    assert result.msg_ids == ids
    assert first["retries"] == 4 and "after" not in first
    assert second["after"] == {"dependencies": ids[:1], "all": True, "success": False, "failure": True}
    assert third["after"] == {"dependencies": ids[:2], "all": True, "success": False, "failure": True}
    assert "retries" not in second and third["retries"] == 1 and third["label"] == "last"


def not_needed(request):
    content = {"status": "error", "ename": "ImpossibleDependency", "evalue": "", "traceback": [], "engine_info": {}}
    request.finish(content)


def fail(request, text):
    content = {"status": "error", "ename": "ValueError", "evalue": text, "traceback": [], "engine_info": {}}
    request.finish(content)


def test_the_first_success_is_the_result(rc, core):
    core.hold = True
    view = rc.load_balanced_view(recovery_task=lambda x: ("recovered", x))
    result = view.apply_async(abs, -1)
    assert not result.done()
    core.run(core.requests[0])
    assert result.done() and result.successful() and not result.recovered
    not_needed(core.requests[1])
    assert result.get() == 1 and result.result() == 1 and result.exception() is None

    result = view.apply_async(abs, -1)
    fail(core.requests[2], "no")
    assert not result.done()
    core.run(core.requests[3])
    assert result.get() == ("recovered", -1) and result.recovered and result.engine_id in (0, 1)


def test_the_last_failure_is_raised(rc, core):
    core.hold = True
    chain = ipp.RecoveryTask(abs, recovery_task=abs)
    result = rc.load_balanced_view(recovery_task=chain).apply_async(abs, -1)
    for number, text in enumerate(("first", "second", "third")):
        fail(core.requests[number], text)
    with pytest.raises(ipp.RemoteError, match="third"):
        result.get()


def test_chains_that_come_back_are_refused(rc):
    first = ipp.RecoveryTask(abs)
    second = ipp.RecoveryTask(max, recovery_task=first)
    first.recovery_task = second
    with pytest.raises(ValueError, match="must not come back to themselves: abs -> max -> abs"):
        rc.load_balanced_view(recovery_task=first)
    with pytest.raises(ValueError, match="cannot have the flag 'after'"):
        ipp.RecoveryTask(abs, flags={"after": []})
    with pytest.raises(ValueError, match="works with apply, not with map"):
        rc.load_balanced_view(recovery_task=abs).map(abs, [1])


# ---- giving up ------------------------------------------------------------------------------------------------


def test_a_task_that_was_aborted_was_cancelled(rc, core):
    from concurrent.futures import CancelledError

    core.hold = True
    result = rc[0].apply_async(one)
    assert result.cancel() and result.cancelled() and result.done()
    with pytest.raises(CancelledError):
        result.result()
    with pytest.raises(ipp.TaskAborted):
        result.result()
    done = rc[0].apply_async(one)
    core.release()
    assert not done.cancel() and not done.cancelled() and done.result() == 1
    with pytest.raises(ValueError, match="running is None, 'interrupt' or 'kill'"):
        make_client(core).cancel([], running="stop")
