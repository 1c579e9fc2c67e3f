"""Stand-ins that users put in the place of a function or an argument."""

from __future__ import annotations

import contextlib
from typing import Any

from . import choice


class Reference:
    """Names something that lives on the engine: `name` is evaluated in the engine's namespace when the task starts.

    Any expression will do ('x', 'g[0]', 'model.predict'); a Reference may stand for the function, for an argument, or
    anywhere inside an argument. Raises TypeError unless `name` is a str.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a Reference takes the name as a str, not {name!r}")
        self.name = name

    def __repr__(self) -> str:
        return f"<Reference: {self.name!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and other.name == self.name

    def __hash__(self) -> int:
        return hash((Reference, self.name))

    def get_object(self, g: dict[str, Any] | None = None) -> Any:
        """The object that the name stands for in namespace `g`."""
        return eval(self.name, {} if g is None else g)


class PrePickled:
    """An object that is pickled once and sent many times: as the function of many calls, or as an argument.

    Later changes of the object are not seen. The frames for each kind of receiver are made when first needed; with
    `own`, by our own pickler, whatever the user chose.
    """

    __slots__ = ("_frames", "_own", "obj")

    def __init__(self, obj: Any, own: bool = False) -> None:
        self.obj = obj
        self._own = own
        self._frames: dict[str, list[Any]] = {}

    def frames(self, kind: str, make: Any) -> list[Any]:
        """The frames in layout `kind`, made by `make(obj)` at first use."""
        found = self._frames.get(kind)
        if found is None:
            with choice.own_pickler() if self._own else contextlib.nullcontext():
                found = self._frames[kind] = make(self.obj)
        return found

    def __repr__(self) -> str:
        return f"<PrePickled: {self.obj!r}>"
