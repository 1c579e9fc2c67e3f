"""Functions that a client pickles once and an engine reads once: only those of which no call can tell."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
from camshaft.serialize import CODEC, pack_call, unpack_call


def main_function(source: str, name: str = "f") -> Any:
    """A function as if typed at the prompt."""
    space = vars(sys.modules["__main__"])
    exec(source, space)
    return space.pop(name)


def test_a_plain_function_is_pickled_and_read_once() -> None:
    space = vars(sys.modules["__main__"])
    f = main_function("def f(x=1): return x + 1")
    first, second = pack_call(f), pack_call(f)
    assert first[0] is second[0]
    assert unpack_call(first, CODEC, space)[0] is unpack_call(second, CODEC, space)[0]


@pytest.mark.parametrize(
    "change",
    ["f.__defaults__ = (5,)", "f.__code__ = (lambda x=1: x + 7).__code__", "f.__kwdefaults__ = {}", "f.note = 'new'"],
)
def test_a_changed_function_is_pickled_again(change: str) -> None:
    f = main_function("def f(x=1): return x + 1")
    pack_call(f)
    exec(change, {"f": f})
    there = unpack_call(pack_call(f), CODEC, {"__name__": "__main__"})[0]
    assert there() == f()
    assert there.__dict__ == f.__dict__


def test_a_function_that_was_changed_on_the_engine_is_read_again() -> None:
    space = vars(sys.modules["__main__"])
    request = pack_call(main_function("def f(x=1): return x + 2"))
    first = unpack_call(request, CODEC, space)[0]
    first.seen = 1
    second = unpack_call(request, CODEC, space)[0]
    assert second is not first
    assert not hasattr(second, "seen")


def test_a_mutable_default_starts_afresh_in_each_call() -> None:
    space = vars(sys.modules["__main__"])
    request = pack_call(main_function("def f(x=[]): x.append(1); return len(x)"))
    assert [unpack_call(request, CODEC, space)[0]() for _ in range(2)] == [1, 1]


def test_recursion_survives_a_cleared_namespace() -> None:
    space = vars(sys.modules["__main__"])
    exec("def fact(n): return 1 if n < 2 else n * fact(n - 1)", space)
    request = pack_call(space["fact"])
    for _ in range(2):
        space.pop("fact", None)
        assert unpack_call(request, CODEC, space)[0](5) == 120


def test_closures_carry_their_present_contents() -> None:
    space = vars(sys.modules["__main__"])
    exec("def make():\n    n = 0\n    def f():\n        return n\n    def up():\n        nonlocal n\n        n += 1\n"
         "    return f, up", space)  # fmt: skip
    f, up = space.pop("make")()
    for expected in range(3):
        assert unpack_call(pack_call(f), CODEC, space)[0]() == expected
        up()


def test_a_function_of_a_module_is_pickled_once_while_its_name_leads_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = types.ModuleType("shelf")
    monkeypatch.setitem(sys.modules, "shelf", shelf)
    exec("def f(): return 1", vars(shelf))
    f = shelf.f
    assert pack_call(f)[0] is pack_call(f)[0]
    assert unpack_call(pack_call(f), CODEC, {})[0] is f
    shelf.f = lambda: 2  # whoever reads the name now finds another
    there = unpack_call(pack_call(f), CODEC, {})[0]
    assert there is not f and there() == 1
    shelf.g, f.__qualname__ = f, "g"
    assert unpack_call(pack_call(f), CODEC, {})[0] is f
