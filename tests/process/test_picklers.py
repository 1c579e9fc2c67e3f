"""What users choose about pickling, on real engines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import camshaft as ipp
import pytest
from camshaft import serialize
from camshaft.serialize import choice
from processes import at_the_prompt


@pytest.fixture(autouse=True)
def _back_to_pickle(rc: Any) -> Iterator[None]:
    yield
    rc[:].use_pickle()
    rc.wait(timeout=60)
    serialize.can_map.clear()
    serialize.uncan_map.clear()
    choice._reducers.clear()


def made_by_a_factory(n: int) -> Any:
    def add(x: int) -> int:
        return x + n

    add.__module__ = "__main__"
    return add


@pytest.mark.parametrize("pickler", ["dill", "cloudpickle", "pickle"])
def test_everything_works_with_each_pickler(rc: Any, pickler: str) -> None:
    view = rc[:]
    view.block = True
    getattr(view, f"use_{pickler}")()
    assert choice.chosen() == pickler
    assert view["__import__('camshaft.serialize.choice').serialize.choice.chosen()"] == [pickler] * 4
    add = at_the_prompt(made_by_a_factory(10))
    assert view.apply(add, 1) == [11] * 4
    assert view.map(add, range(8)) == list(range(10, 18))
    assert rc.load_balanced_view().map_sync(add, range(8)) == list(range(10, 18))
    view.push({"x": 5})
    assert view.apply(abs, ipp.Reference("x")) == [5] * 4
    view.scatter("part", range(8))
    assert view.gather("part") == list(range(8))
    assert view.apply(bytes, b"x" * 100_000) == [b"x" * 100_000] * 4


def test_an_unknown_pickler_is_refused() -> None:
    with pytest.raises(ValueError, match="no pickler 'json': there are pickle, cloudpickle, dill"):
        choice.use("json")


class Secret:
    """Not picklable as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __reduce__(self) -> Any:
        raise TypeError("secrets do not travel")


def test_register_reducer(rc: Any) -> None:
    with pytest.raises(ipp.SerializationError):
        rc[0].apply_sync(len, Secret("abc"))
    ipp.register_reducer(Secret, lambda secret: (str, (secret.text,)))
    assert rc[:].apply_sync(len, Secret("abc")) == [3] * 4
    assert rc[0].apply_sync(list, [Secret("abc")]) == ["abc"]
    with pytest.raises(TypeError, match="takes a type"):
        ipp.register_reducer("Secret", str)


class Envelope:
    """What can_map puts in the place of a Secret."""

    __module__ = "__main__"  # as if typed at the prompt
    text = ""
    get_object = at_the_prompt(lambda self, g=None: self.text.upper())


def enveloped(secret: Secret) -> Envelope:
    made = Envelope()
    made.text = secret.text
    return made


def test_can_map(rc: Any) -> None:
    ipp.can_map[Secret] = enveloped
    assert rc[:].apply_sync(str, Secret("abc")) == ["ABC"] * 4
    ipp.can_map.clear()
    ipp.can_map[f"{__name__}.Secret"] = lambda secret: {"text": secret.text}
    assert rc[0].apply_sync(len, Secret("abc")) == 1


def test_can_and_uncan() -> None:
    add = at_the_prompt(made_by_a_factory(3))
    canned = ipp.can(add)
    assert ipp.uncan(canned, {})(1) == 4
    assert ipp.can(5) == ipp.uncan(5) == 5
    ipp.can_map[Secret] = lambda secret: ("secret", secret.text)
    assert ipp.can(Secret("x")) == ("secret", "x")
    ipp.uncan_map[tuple] = lambda obj, g: Secret(obj[1])
    assert ipp.uncan(("secret", "x")).text == "x"


def test_the_original_layout_of_messages() -> None:
    buffers = ipp.serialize_object({"a": b"x" * 2000, "b": 1})
    assert len(buffers) == 2
    assert ipp.deserialize_object([*buffers, b"rest"]) == ({"a": b"x" * 2000, "b": 1}, [b"rest"])
    assert len(ipp.serialize_object({"a": b"x" * 2000}, buffer_threshold=4000)) == 1
    message = ipp.pack_apply_message(divmod, (7,), {"b": 2})
    f, args, kwargs = ipp.unpack_apply_message(message)
    assert (f, args, kwargs) == (divmod, (7,), {"b": 2})


def test_a_function_sees_changed_globals_defaults_and_cells(rc: Any) -> None:
    view = rc[:]

    def where(step: int = 1) -> int:
        return base + step  # type: ignore[name-defined] # noqa: F821

    shown = at_the_prompt(where)
    view["base"] = 10
    rc.wait(timeout=60)
    assert view.apply_sync(shown) == [11] * 4
    view["base"] = 20
    rc.wait(timeout=60)
    assert view.apply_sync(shown) == [21] * 4
    shown.__defaults__ = (5,)
    assert view.apply_sync(shown) == [25] * 4
    adds = at_the_prompt(made_by_a_factory(1))
    assert view.apply_sync(adds, 1) == [2] * 4
    adds.__closure__[0].cell_contents = 100
    assert view.apply_sync(adds, 1) == [101] * 4
