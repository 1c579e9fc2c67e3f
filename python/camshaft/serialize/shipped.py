"""Helpers that travel inside pickles, as code: they run in processes that need not have camshaft.

Each function is self-contained: built-in names and imports of the standard library inside, nothing else.
"""

from __future__ import annotations

from typing import Any


def fill_function(function: Any, state: Any) -> None:
    """Set attributes and closure cells of a new function; bind it to its own name where that name is free.

    `state` = (attributes, instance dict, cells, cell contents, own globals, own name). Binding the name lets a
    recursive function find itself; a name that the user gave to something else stays, one bound by us before is
    replaced.
    """
    attributes, instance, cells, contents, own_globals, own_name = state
    for name, value in attributes.items():
        setattr(function, name, value)
    if instance:
        function.__dict__.update(instance)
    for cell, content in zip(cells, contents, strict=False):
        cell.cell_contents = content
    space = function.__globals__
    if own_globals:
        space.update(own_globals)
    if own_name:
        import sys
        import types

        store = sys.modules.setdefault("camshaft_by_value", types.ModuleType("camshaft_by_value"))
        bound = store.__dict__.setdefault("recursive", {})
        key = (id(space), own_name)
        if own_name not in space or (key in bound and space[own_name] is bound[key]):
            space[own_name] = bound[key] = function


def make_class(key: str, meta: Any, name: str, bases: Any, slots: Any) -> Any:
    """A bare class, or the one that this process already knows under `key`."""
    import sys
    import types
    import weakref

    store = sys.modules.setdefault("camshaft_by_value", types.ModuleType("camshaft_by_value"))
    classes = store.__dict__.setdefault("classes", weakref.WeakValueDictionary())
    found = classes.get(key)
    if found is None:
        found = types.new_class(name, bases, {"metaclass": meta}, lambda space: space.update(slots))
        classes[key] = found
        store.__dict__.setdefault("keys", weakref.WeakKeyDictionary())[found] = key
        store.__dict__.setdefault("unfilled", set()).add(key)
    return found


def fill_class(cls: Any, state: Any) -> None:
    """Give a class made by make_class its attributes, unless it has them already."""
    import sys

    key, attributes = state
    unfilled = sys.modules["camshaft_by_value"].__dict__.setdefault("unfilled", set())
    if key not in unfilled:
        return
    unfilled.discard(key)
    for name, value in attributes.items():
        setattr(cls, name, value)


def make_enum(key: str, meta: Any, name: str, bases: Any, members: Any, attributes: Any) -> Any:
    """An enumeration, or the one that this process already knows under `key`."""
    import sys
    import types
    import weakref

    store = sys.modules.setdefault("camshaft_by_value", types.ModuleType("camshaft_by_value"))
    classes = store.__dict__.setdefault("classes", weakref.WeakValueDictionary())
    found = classes.get(key)
    if found is None:
        space = meta.__prepare__(name, bases)
        for member, value in (*attributes.items(), *members):
            space[member] = value
        found = meta(name, bases, space)
        classes[key] = found
        store.__dict__.setdefault("keys", weakref.WeakKeyDictionary())[found] = key
    return found
