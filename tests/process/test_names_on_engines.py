"""push and pull: names on engines may be whatever Python assigns to, and evaluates."""

from __future__ import annotations

from typing import Any

import pytest
from camshaft import error


def test_every_target_of_an_assignment(rc: Any) -> None:
    view = rc[0]
    view.execute("class A: pass\na, d, seq = A(), {}, [0, 0]", block=True)
    view.push({"a.b": 1, "d['k']": 2, "seq[1]": 3, "x, (y, *z)": (4, (5, 6, 7)), "plain": 8}, block=True)
    assert view.pull(["a.b", "d", "seq", "x", "y", "z", "plain", "x + plain"], block=True) == [
        1, {"k": 2}, [0, 3], 4, 5, [6, 7], 8, 12,
    ]  # fmt: skip
    assert view.pull("[name for name in globals() if 'camshaft' in name]", block=True) == []  # nothing is left


@pytest.mark.parametrize("wrong", ["1a", "a +", "f()", ""])
def test_what_is_no_target_is_named(rc: Any, wrong: str) -> None:
    with pytest.raises(error.RemoteError, match="SyntaxError|IndentationError") as caught:
        rc[0].push({"fine": 1, wrong: 2}, block=True)
    assert repr(wrong) in str(caught.value)
    assert rc[0].pull("fine", block=True) == 1


def test_what_is_no_expression_is_named(rc: Any) -> None:
    with pytest.raises(error.RemoteError, match=r"SyntaxError.*pull of 'a \+'"):
        rc[0].pull(["rc_is_not_here", "a +"][1:], block=True)
    with pytest.raises(error.RemoteError, match="NameError.*'nobody'"):
        rc[0].pull(["nobody"], block=True)
