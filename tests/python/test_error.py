"""Errors: hierarchy, text, pickling."""

from __future__ import annotations

import pickle

import pytest
from camshaft import error

INFO = {"engine_id": 3, "engine_uuid": "u", "method": "apply"}


def test_hierarchy():
    assert issubclass(error.KernelError, error.IPythonError)
    for name in ("EngineError", "NoEnginesRegistered", "TaskAborted", "TaskTimeout", "UnmetDependency", "RemoteError"):
        assert issubclass(getattr(error, name), error.KernelError)
    assert issubclass(error.InvalidDependency, error.ImpossibleDependency)
    assert issubclass(error.ImpossibleDependency, error.UnmetDependency)
    assert issubclass(error.CompositeError, error.RemoteError)
    assert error.TimeoutError is TimeoutError


def test_remote_error_shows_where_and_what(capsys):
    failure = error.RemoteError("ValueError", "bad", "line 1\nline 2", INFO)
    assert str(failure) == "[3:apply] ValueError: bad"
    assert repr(failure) == "<RemoteError[3]:ValueError(bad)>"
    assert failure._render_traceback_() == ["[3:apply]", "line 1", "line 2"]
    failure.print_traceback()
    assert "line 2" in capsys.readouterr().err
    assert str(error.RemoteError("EngineError", "gone", "")) == "[Engine Exception] EngineError: gone"
    again = pickle.loads(pickle.dumps(failure))
    assert (str(again), again.engine_info) == (str(failure), INFO)


def test_composite_error_is_flat_and_short():
    parts = [error.RemoteError("E", str(i), "tb", {**INFO, "engine_id": i}) for i in range(6)]
    with pytest.raises(error.CompositeError) as inner:
        error.collect_exceptions(parts[:2], "f")
    with pytest.raises(error.CompositeError) as caught:
        error.collect_exceptions([inner.value, 5, *parts[2:]], "f")
    whole = caught.value
    assert len(whole.elist) == 6
    assert str(whole).splitlines() == [
        "one or more exceptions raised in: f",
        *(f"[{i}:apply] E: {i}" for i in range(4)),
        ".... 2 more exceptions ...",
    ]
    assert repr(whole) == "CompositeError(6)"
    with pytest.raises(error.RemoteError, match="E: 5"):
        whole.raise_exception(5)
    with pytest.raises(IndexError):
        whole.raise_exception(6)
    assert whole.render_traceback(1) == ["[1:apply]", "tb"]
    assert pickle.loads(pickle.dumps(whole)).elist == whole.elist
    assert error.collect_exceptions([1, 2]) == [1, 2]
    assert str(error.AlreadyDisplayedError(whole)) == "6 errors"


def test_contents_of_replies():
    try:
        raise ValueError("x")
    except ValueError:
        content = error.wrap_exception(INFO)
    assert content["ename"] == "ValueError"
    again = error.unwrap_exception(content)
    assert str(again) == "[3:apply] ValueError: x"
    assert "raise ValueError" in again.traceback


def test_built_in_classes_are_kept():
    failed = error.unwrap_exception({"ename": "KeyError", "evalue": "'x'", "traceback": ["t"], "engine_info": {}})
    assert isinstance(failed, KeyError) and isinstance(failed, error.RemoteError)
    again = pickle.loads(pickle.dumps(failed))
    assert type(again) is type(failed) and again.evalue == "'x'"
    for name in ("UnicodeDecodeError", "StopIteration", "KeyboardInterrupt", "AttributeError", "NoSuchError", "print"):
        other = error.unwrap_exception({"ename": name, "evalue": "e", "traceback": []})
        assert type(other) is error.RemoteError and other.ename == name
        assert pickle.loads(pickle.dumps(other)).ename == name
    missing = error.unwrap_exception({"ename": "OSError", "evalue": "[Errno 2] no", "traceback": []})
    assert isinstance(missing, OSError) and "[Errno 2] no" in str(missing)
