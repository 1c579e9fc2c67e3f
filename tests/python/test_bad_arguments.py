"""What wrong arguments get: the right class of error, and one line that says what would be right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import camshaft as ipp
import pytest
from camshaft.limits import limit
from camshaft.progress import by_default

CALLS: list[tuple[str, Callable[[Any], Any], type[BaseException], tuple[str, ...]]] = [
    ("flag", lambda rc: rc[:].set_flags(blok=True), KeyError, ("blok", "did you mean 'block'")),
    ("flag of tasks", lambda rc: rc.load_balanced_view(retrys=1), KeyError, ("did you mean 'retries'",)),
    ("temporary flag", lambda rc: rc[:].temp_flags(nonsense=1).__enter__(), KeyError, ("DirectView has block",)),
    ("empty history", lambda rc: rc.get_result(), IndexError, ("nothing has been submitted",)),
    ("history of a view", lambda rc: rc[:].get_result(3), IndexError, ("nothing has been submitted",)),
    ("wait for an index", lambda rc: rc.wait(7), IndexError, ("nothing has been submitted",)),
    ("abort a number", lambda rc: rc.abort(3), TypeError, ("cannot abort 3", "msg_id")),
    ("engines by name", lambda rc: rc.wait_for_engines("two"), TypeError, ("number of engines", "'two'")),
    ("engines below zero", lambda rc: rc.wait_for_engines(-1), ValueError, ("at least 0", "-1")),
    ("time as text", lambda rc: rc.wait_for_engines(1, timeout="soon"), TypeError, ("timeout", "'soon'")),
    ("map over a number", lambda rc: rc[:].map(abs, 3), TypeError, ("sequence", "3 (int)")),
    ("tasks over a number", lambda rc: rc.load_balanced_view().map(abs, 3), TypeError, ("sequence", "3 (int)")),
    ("lazily over a number", lambda rc: rc.load_balanced_view().imap(abs, 3), TypeError, ("sequence", "3 (int)")),
    ("map a number", lambda rc: rc[:].map(3, [1]), TypeError, ("callable", "int")),
    (
        "chunks as text",
        lambda rc: rc.load_balanced_view().map(abs, [1], chunksize="a"),
        TypeError,
        ("chunksize", "'a'"),
    ),
    (
        "no chunks",
        lambda rc: rc.load_balanced_view().map(abs, [1], chunksize=0),
        ValueError,
        ("chunksize", "at least 1"),
    ),
    ("option of map", lambda rc: rc.load_balanced_view().map(abs, [1], chunksiz=2), TypeError, ("mean 'chunksize'",)),
    ("window", lambda rc: rc.load_balanced_view().imap(abs, [1], max_outstanding=-1), ValueError, ("max_outstanding",)),
    ("run a number", lambda rc: rc[:].run(3), TypeError, ("path", "3")),
    ("scatter a number", lambda rc: rc[:].scatter("a", 3), TypeError, ("sequence", "3 (int)")),
    ("scatter to a number", lambda rc: rc[:].scatter(3, [1]), TypeError, ("names must be str", "3")),
    ("gather a number", lambda rc: rc[:].gather(3), TypeError, ("names must be str", "3")),
    ("push to a number", lambda rc: rc[:].push({1: 2}), TypeError, ("names must be str", "1")),
    ("depend on a number", lambda rc: ipp.Dependency(3), TypeError, ("depend on", "3")),
    ("depend on anything", lambda rc: ipp.Dependency({"msg": []}), ValueError, ("'msg'", "dependencies")),
    ("channel", lambda rc: rc.send_apply_request("hub", abs), ValueError, ("'mux'", "'task'", "'hub'")),
    ("engine of a request", lambda rc: rc.send_apply_request("mux", abs, ident="x"), ValueError, ("uuid", "'x'")),
    ("args of a request", lambda rc: rc.send_apply_request("task", abs, 3), TypeError, ("args", "int")),
    ("kwargs of a request", lambda rc: rc.send_apply_request("task", abs, (), 3), TypeError, ("kwargs", "int")),
    ("metadata", lambda rc: rc.send_apply_request("task", abs, [1], {}, 3), TypeError, ("metadata", "int")),
    ("function of a request", lambda rc: rc.send_apply_request("task", 3), TypeError, ("callable", "int")),
    ("property", lambda rc: rc.set_properties({"gpu": object()}), TypeError, ("property 'gpu'", "JSON")),
    ("reducer", lambda rc: ipp.register_reducer(Path, 4), TypeError, ("function", "4")),  # type: ignore[arg-type]
    ("code of a request", lambda rc: rc.send_execute_request("task", 3), TypeError, ("code", "int")),
]


@pytest.mark.parametrize(("call", "kind", "words"), [pytest.param(*one[1:], id=one[0]) for one in CALLS])
def test_calls(rc: Any, call: Callable[[Any], Any], kind: type[BaseException], words: tuple[str, ...]) -> None:
    with pytest.raises(kind) as caught:
        call(rc)
    says(caught, words)
    assert rc.history == []


def says(caught: pytest.ExceptionInfo[BaseException], words: tuple[str, ...]) -> None:
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text, text


RESULTS: list[tuple[str, Callable[[Any], Any], type[BaseException], tuple[str, ...]]] = [
    ("index", lambda ar: ar[5], IndexError, ("no result 5", "there are 2")),
    ("field", lambda ar: ar["stdot"], KeyError, ("'stdot'", "did you mean 'stdout'")),
    ("kind of index", lambda ar: ar[1.5], TypeError, ("int, slice or str", "float")),
    ("time", lambda ar: ar.wait("soon"), TypeError, ("timeout", "'soon'")),
    ("when to return", lambda ar: ar.get(return_when="LAST"), ValueError, ("FIRST_EXCEPTION", "'LAST'")),
    ("when to stop waiting", lambda ar: ar.wait(return_when="LAST"), ValueError, ("FIRST_EXCEPTION", "'LAST'")),
    ("grouping", lambda ar: ar.display_outputs(groupby="color"), ValueError, ("'engine'", "'color'")),
    ("attribute", lambda ar: ar.stdot, AttributeError, ("'stdot'",)),
]


@pytest.mark.parametrize(("call", "kind", "words"), [pytest.param(*one[1:], id=one[0]) for one in RESULTS])
def test_results(rc: Any, call: Callable[[Any], Any], kind: type[BaseException], words: tuple[str, ...]) -> None:
    result = rc[:].apply_async(abs, -1)
    with pytest.raises(kind) as caught:
        call(result)
    says(caught, words)
    assert result.get() == [1, 1]


def test_limits_of_time() -> None:
    assert [limit(one) for one in (None, -1, 0, 2, 0.5, float("inf"))] == [None, None, 0, 2, 0.5, None]
    for wrong in ("1", b"1", [], object()):
        with pytest.raises(TypeError, match="number of seconds"):
            limit(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="nan"):
        limit(float("nan"))


def test_arguments_of_client(tmp_path: Path) -> None:
    def attempt(**arguments: Any) -> None:
        ipp.Client(str(tmp_path / "nowhere.json"), **arguments)

    with pytest.raises(TypeError, match="no argument 'timeot': did you mean 'timeout'"):
        attempt(timeot=3)
    with pytest.raises(ValueError, match="JSON"):
        attempt(packer="pickle")
    # what the original hands to its Session: taken, and the next thing that is wrong is told
    for fine in ({"packer": "json"}, {"username": "me"}, {"unpacker": "json", "session": "x"}):
        with pytest.raises(OSError, match=r"nowhere\.json"):
            attempt(**fine)
    with pytest.warns(DeprecationWarning, match="connection_info"), pytest.raises(OSError, match=r"there\.json"):
        ipp.Client(url_file=str(tmp_path / "there.json"))


def test_arguments_of_cluster() -> None:
    with pytest.raises(TypeError, match="no argument 'engine_timout': did you mean 'engine_timeout'"):
        ipp.Cluster(engine_timout=3)
    with pytest.raises(TypeError, match="number of engines.*'two'"):
        ipp.Cluster(n="two")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1, but is -1"):
        ipp.Cluster(n=-1)
    with pytest.raises(KeyError, match="no cluster 'x'.*load_clusters"):
        ipp.ClusterManager().get_cluster("x")
    with pytest.warns(UserWarning, match=r"Cluster\.engine_timout has no effect: did you mean 'engine_timeout'"):
        ipp.Cluster(config={"Cluster": {"engine_timout": 3}}, load_profile=False)


def test_files_of_results(rc: Any, tmp_path: Path) -> None:
    result = rc[:].apply_async(abs, -1)
    with pytest.raises(FileNotFoundError) as caught:
        result.save(tmp_path / "no" / "folder")
    assert caught.value.filename == str(tmp_path / "no" / "folder")
    with pytest.raises(ValueError, match="no saved result"):
        (tmp_path / "other").write_text("something else")
        ipp.load_result(tmp_path / "other", rc)


def test_who_wants_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, shown in (("", True), ("0", True), ("1", False), ("yes", False)):
        monkeypatch.setenv("IPP_NONINTERACTIVE", value)
        assert by_default() is shown
    monkeypatch.delenv("IPP_NONINTERACTIVE")
    assert by_default()


def test_the_nearest_name_of_the_package() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Clent'") as caught:
        ipp.Clent  # noqa: B018
    assert caught.value.name == "Clent" and caught.value.obj is ipp  # with these, Python suggests the nearest


def test_single_requests(rc: Any, core: Any) -> None:
    assert rc.session.session == rc.session == core.session
    uuid = rc._engines()[0]
    hooked: list[Any] = []
    result = rc.send_apply_request(
        "mux", max, [1], {"key": abs}, ident=uuid.encode(), message_future_hook=hooked.append
    )
    assert hooked == [result] and rc.history == [result.msg_id]
    assert core.requests[-1].msg_type == "apply_request"
    task = rc.send_apply_request(rc._task_socket, abs, (-2,), metadata={"label": "mine", "retries": 2})
    assert task.get() == 2 and task.metadata.label == "mine"
    assert core.requests[-1].request_metadata["retries"] == 2
    reply = rc.send_execute_request("mux", "1", ident=uuid)
    assert reply.msg_id == rc.history[-1] and core.requests[-1].msg_type == "execute_request"
