"""A pickler that sends functions and classes of `__main__` by value.

What it writes names only the standard library, so that any Python of the same minor version reads it with plain
pickle.loads. Functions find their globals in the reader's `__main__` (the engine's namespace); code of importable
modules goes by reference; code that cannot be imported by name goes by value, bound to its module.
"""

from __future__ import annotations

import functools
import importlib
import io
import marshal
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

from . import choice, shipped
from .reference import PrePickled, Reference

OUT_OF_BAND = 4096
"""Buffers of at least this many bytes travel as frames of their own, without being copied."""

Callback = Callable[[pickle.PickleBuffer], Any] | None


class Call:
    """Pickles as the call `function(*args)`, made by the reader."""

    __slots__ = ("args", "function")

    def __init__(self, function: Any, *args: Any) -> None:
        self.function = function
        self.args = args

    def __call__(self, *args: Any) -> Any:
        """Never: pickle insists on a callable where the reader will find one."""
        raise NotImplementedError("made by the reader of the pickle")


def attribute_of(module: str, name: str) -> Call:
    """The object `name` of `module`, looked up by the reader; the writer need not have it."""
    return Call(getattr, Call(importlib.import_module, module), name)


# Imports made by C code look for __builtins__ in the globals.
_BUILTINS = Call(vars, Call(importlib.import_module, "builtins"))


def _shipped(function: Any) -> Call:
    code = Call(marshal.loads, marshal.dumps(function.__code__))
    return Call(attribute_of("types", "FunctionType"), code, {"__builtins__": _BUILTINS})


# Shared instances: the pickler's memo then writes each at most once.
MAIN_NAMESPACE = Call(vars, Call(importlib.import_module, "__main__"))
_FUNCTION = attribute_of("types", "FunctionType")
_FILL_FUNCTION = _shipped(shipped.fill_function)
_MAKE_CLASS = _shipped(shipped.make_class)
_FILL_CLASS = _shipped(shipped.fill_class)
_MAKE_ENUM = _shipped(shipped.make_enum)
_CELL = attribute_of("types", "CellType")
_NAMED_TYPES = {kind: name for name, kind in vars(types).items() if isinstance(kind, type) and name[0].isupper()}
_OURS = (Call, Reference, PrePickled)
_others: dict[str, Any] = {}
_PLAIN_PICKLE = {type(None), type(...), type(NotImplemented)}


class ByValuePickler(pickle.Pickler):
    """Protocol 5 pickler; see the module. `cells` and `spaces` keep one stand-in for each shared cell and namespace."""

    def __init__(self, file: Any, protocol: int = 5, *, buffer_callback: Callback = None) -> None:
        super().__init__(file, protocol, buffer_callback=buffer_callback)
        self._cells: dict[int, tuple[Any, Call]] = {}
        self._spaces: dict[int, tuple[Any, dict[str, Any]]] = {}

    def reducer_override(self, obj: Any) -> Any:
        """How pickle asks for our way to write `obj`; NotImplemented means pickle's own."""
        kind = type(obj)
        if not choice.is_empty() and (wanted := choice.reduce_as_registered(obj)) is not NotImplemented:
            return wanted
        handler = _HANDLERS.get(kind)
        if handler is not None:
            return handler(self, obj)
        if isinstance(obj, type):
            return _reduce_class(obj)
        if kind.__module__ == "dataclasses":
            return _reduce_dataclass_marker(obj)
        if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
            return _reduce_array(obj)
        return NotImplemented

    def cell(self, cell: types.CellType) -> Call:
        """An empty cell in the place of `cell`: contents follow once the function exists, which allows cycles."""
        found = self._cells.get(id(cell))
        if found is None:
            found = self._cells[id(cell)] = (cell, Call(_CELL))
        return found[1]

    def space(self, function: types.FunctionType) -> tuple[Any, dict[str, Any] | None]:
        """(globals for the reader, entries to add to them): see `_reduce_function`."""
        # by the dict, not by __module__: decorators copy that from the function that they wrap
        space = function.__globals__
        home = space.get("__name__")
        if isinstance(home, str) and home in sys.modules and vars(sys.modules[home]) is space:
            if home == "__main__":
                return MAIN_NAMESPACE, None
            return Call(vars, Call(importlib.import_module, home)), None
        module = function.__module__ or "__main__"
        if module == "__main__":
            return MAIN_NAMESPACE, None
        found = self._spaces.get(id(space))
        if found is None:
            found = self._spaces[id(space)] = (space, {})
        used = _names_of(function.__code__)
        own = {name: space[name] for name in sorted(used) if name in space and name != "__builtins__"}
        return found[1], {"__builtins__": _BUILTINS, "__name__": space.get("__name__", module), **own}


def dumps(obj: Any, buffer_callback: Callback = None) -> bytes:
    """Pickle `obj` by value, protocol 5; with the pickler that the user chose."""
    file = io.BytesIO()
    if choice.chosen() != "pickle":
        _other_pickler()(file, 5, buffer_callback=buffer_callback).dump(obj)
        return file.getvalue()
    ByValuePickler(file, 5, buffer_callback=buffer_callback).dump(obj)
    return file.getvalue()


def _other_pickler() -> Any:
    """The chosen package's pickler, which leaves to us what only we know."""
    name = choice.chosen()
    made = _others.get(name)
    if made is None:
        base: Any = importlib.import_module(name).Pickler

        class Other(base):
            def reducer_override(self, obj: Any) -> Any:
                wanted = choice.reduce_as_registered(obj)
                if wanted is not NotImplemented:
                    return wanted
                if type(obj) in _OURS or type(obj).__module__.startswith("camshaft.serialize"):
                    return _HANDLERS[type(obj)](self, obj) if type(obj) in _HANDLERS else NotImplemented
                inherited = getattr(super(), "reducer_override", None)
                return NotImplemented if inherited is None else inherited(obj)

        made = _others[name] = Other
    return made


def by_reference(obj: Any) -> bool:
    """Whether readers can import `obj` by its module and qualified name."""
    module = getattr(obj, "__module__", None)
    if module is None or module == "__main__":
        return False
    found: Any = sys.modules.get(module)
    if found is None:
        return False
    try:
        for part in obj.__qualname__.split("."):
            found = getattr(found, part)
    except AttributeError:
        return False
    return found is obj


def _names_of(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_of(constant)
    return names


def _reduce_function(pickler: ByValuePickler, function: types.FunctionType) -> Any:
    if by_reference(function):
        return NotImplemented
    code = function.__code__
    space, own_globals = pickler.space(function)
    cells = function.__closure__ or ()
    closure = tuple(pickler.cell(cell) for cell in cells) or None
    args = (Call(marshal.loads, marshal.dumps(code)), space, function.__name__, None, closure)
    attributes: dict[str, Any] = {}
    if function.__defaults__:
        attributes["__defaults__"] = function.__defaults__
    if function.__kwdefaults__:
        attributes["__kwdefaults__"] = function.__kwdefaults__
    if function.__annotations__:
        attributes["__annotations__"] = function.__annotations__
    if function.__qualname__ != function.__name__:
        attributes["__qualname__"] = function.__qualname__
    documentation = code.co_consts[0] if code.co_consts and isinstance(code.co_consts[0], str) else None
    if function.__doc__ != documentation:
        attributes["__doc__"] = function.__doc__
    own_name = None
    if space is MAIN_NAMESPACE:
        if function.__module__ is None:
            attributes["__module__"] = "__main__"
        name = function.__name__
        if function.__globals__.get(name) is function and name in _names_of(code):
            own_name = name
    elif own_globals is not None:
        attributes["__module__"] = function.__module__
    filled = [
        (stand_in, cell.cell_contents)
        for stand_in, cell in zip(closure or (), cells, strict=False)
        if not _is_empty(cell)
    ]
    if not (filled or own_globals or own_name):
        # pickle's BUILD does this without our helper
        plain = function.__dict__ or None
        return _FUNCTION, args, (plain, attributes) if plain or attributes else None
    stand_ins, contents = zip(*filled, strict=False) if filled else ((), ())
    state = (attributes, function.__dict__, stand_ins, contents, own_globals, own_name)
    return _FUNCTION, args, state, None, None, _FILL_FUNCTION


def _is_empty(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return True
    return False


def _class_key(cls: type) -> str:
    import uuid
    import weakref

    store = sys.modules.setdefault("camshaft_by_value", types.ModuleType("camshaft_by_value")).__dict__
    keys = store.setdefault("keys", weakref.WeakKeyDictionary())
    key = keys.get(cls)
    if key is None:
        key = keys[cls] = uuid.uuid4().hex
        store.setdefault("classes", weakref.WeakValueDictionary())[key] = cls
    return key


def _reduce_class(cls: type) -> Any:
    if cls in _PLAIN_PICKLE or by_reference(cls):
        return NotImplemented
    name = _NAMED_TYPES.get(cls)
    if name is not None:
        return getattr, (Call(importlib.import_module, "types"), name)
    if not cls.__flags__ & (1 << 9):  # not made by a class statement: nothing that we could rebuild
        return NotImplemented
    if "enum" in sys.modules and isinstance(cls, sys.modules["enum"].EnumMeta):
        return _reduce_enum(cls)
    space = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}
    space.pop("_abc_impl", None)
    slots: dict[str, Any] = {}
    if "__slots__" in space:
        slots["__slots__"] = space.pop("__slots__")
        declared = slots["__slots__"]
        for slot in [declared] if isinstance(declared, str) else list(declared):
            mangled = slot if not slot.startswith("__") or slot.endswith("__") else f"_{cls.__name__.lstrip('_')}{slot}"
            space.pop(mangled, None)
    key = _class_key(cls)
    args = (key, type(cls), cls.__name__, cls.__bases__, slots)
    space.setdefault("__qualname__", cls.__qualname__)
    return _MAKE_CLASS, args, (key, space), None, None, _FILL_CLASS


def _reduce_enum(cls: Any) -> Any:
    # The machinery of enum adds its own entries to the class: send what a class body could have contained.
    members = [(name, member.value) for name, member in cls.__members__.items()]
    names = {name for name, _ in members}
    attributes = {}
    for name, value in cls.__dict__.items():
        if name in names or name in ("__new__", "__doc__", "__module__"):
            continue
        if (
            isinstance(value, types.FunctionType)
            and (value.__module__ or "") != "enum"
            or isinstance(value, property | staticmethod | classmethod)
        ):
            attributes[name] = value
    attributes |= {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return _MAKE_ENUM, (_class_key(cls), type(cls), cls.__name__, cls.__bases__, members, attributes)


def _reduce_dataclass_marker(obj: Any) -> Any:
    # dataclasses compares these by identity
    import dataclasses

    for name in ("MISSING", "KW_ONLY", "_HAS_DEFAULT_FACTORY", "_FIELD", "_FIELD_CLASSVAR", "_FIELD_INITVAR"):
        if getattr(dataclasses, name, None) is obj:
            return getattr, (Call(importlib.import_module, "dataclasses"), name)
    return NotImplemented


def _reduce_array(array: Any) -> Any:
    # numpy copies strided arrays into the pickle; a contiguous copy at least travels out of band
    flags = array.flags
    if flags.c_contiguous or flags.f_contiguous or array.nbytes < OUT_OF_BAND or array.dtype.hasobject:
        return NotImplemented
    import numpy

    return numpy.ascontiguousarray(array).__reduce_ex__(5)


def _reduce_memoryview(_: ByValuePickler, view: memoryview) -> Any:
    if not view.c_contiguous:
        return memoryview, (view.tobytes(),)
    if view.format in ("B", "b", "c") and view.ndim == 1:
        return memoryview, (pickle.PickleBuffer(view),)
    flat = Call(memoryview, pickle.PickleBuffer(view.cast("B")))
    return memoryview.cast, (flat, view.format, list(view.shape or ()))


def _reduce_cached_property(_: ByValuePickler, obj: Any) -> Any:
    return functools.cached_property, (obj.func,), {"attrname": obj.attrname}


def _reduce_lru_cache(_: ByValuePickler, obj: Any) -> Any:
    if by_reference(obj):
        return NotImplemented
    options = obj.cache_parameters()
    return Call(functools.lru_cache, options["maxsize"], options["typed"]), (obj.__wrapped__,)


def _reduce_module(_: ByValuePickler, module: types.ModuleType) -> Any:
    return importlib.import_module, (module.__name__,)


def _reduce_method(_: ByValuePickler, method: types.MethodType) -> Any:
    if getattr(method.__self__, method.__func__.__name__, None) == method:
        return NotImplemented
    return attribute_of("types", "MethodType"), (method.__func__, method.__self__)


_HANDLERS: dict[type, Callable[[ByValuePickler, Any], Any]] = {
    types.FunctionType: _reduce_function,
    types.CodeType: lambda _, code: (marshal.loads, (marshal.dumps(code),)),
    types.CellType: lambda _, cell: (_CELL, () if _is_empty(cell) else (cell.cell_contents,)),
    types.ModuleType: _reduce_module,
    types.MethodType: _reduce_method,
    type: lambda _, cls: _reduce_class(cls),
    memoryview: _reduce_memoryview,
    types.MappingProxyType: lambda _, proxy: (attribute_of("types", "MappingProxyType"), (dict(proxy),)),
    property: lambda _, p: (property, (p.fget, p.fset, p.fdel, p.__doc__)),
    staticmethod: lambda _, method: (staticmethod, (method.__func__,)),
    classmethod: lambda _, method: (classmethod, (method.__func__,)),
    functools.cached_property: _reduce_cached_property,
    functools._lru_cache_wrapper: _reduce_lru_cache,
    Call: lambda _, call: (call.function, call.args),
    Reference: lambda _, reference: (eval, (reference.name, MAIN_NAMESPACE)),
    PrePickled: lambda _, ready: (pickle.loads, (dumps(ready.obj),)),
}
