"""Reads the pickles of original clients and engines: their carrier classes, by their attributes.

The pickles name classes of the package `ipyparallel`; `Unpickler` maps those names to the classes below and never
imports the package.
"""

from __future__ import annotations

import functools
import importlib
import io
import pickle
import sys
import types
from typing import Any

from .reference import Reference

Namespace = dict[str, Any] | None


class Carrier:
    """Something that was wrapped for its journey; `get_object(g)` unwraps it, with `g` as globals."""

    buffers: list[Any]

    def get_object(self, g: Namespace = None) -> Any:
        """The object that was wrapped."""
        raise NotImplementedError


def uncan(obj: Any, g: Namespace = None) -> Any:
    """Unwrap `obj`, or the values of a dict."""
    if isinstance(obj, Carrier | Reference):
        return obj.get_object(g)
    if isinstance(obj, dict):
        return uncan_dict(obj, g)
    return obj


def uncan_dict(obj: Any, g: Namespace = None) -> Any:
    """Unwrap the values of exactly a dict; anything else comes back as it is."""
    return {key: uncan(value, g) for key, value in obj.items()} if type(obj) is dict else obj


class CannedObject(Carrier):
    """An object some of whose attributes (`keys`) are wrapped; `hook(obj, g)` runs after they are unwrapped."""

    def get_object(self, g: Namespace = None) -> Any:
        """As Carrier.get_object."""
        obj: Any = self.obj  # type: ignore[attr-defined]
        for key in self.keys:  # type: ignore[attr-defined]
            setattr(obj, key, uncan(getattr(obj, key), g))
        if isinstance(obj, Dependent):
            obj.dargs = tuple(uncan(value, g) for value in obj.dargs)
            obj.dkwargs = {name: uncan(value, g) for name, value in obj.dkwargs.items()}
        hook = getattr(self, "hook", None)
        if hook is not None:
            uncan(hook, g)(obj, g)
        return obj


class CannedReference(Carrier):
    """A name to be evaluated."""

    def get_object(self, g: Namespace = None) -> Any:
        """As Carrier.get_object."""
        return eval(self.name, {} if g is None else g)  # type: ignore[attr-defined]


class CannedCell(Carrier):
    """A closure cell."""

    def get_object(self, g: Namespace = None) -> Any:
        """As Carrier.get_object."""
        return types.CellType(uncan(self.cell_contents, g))  # type: ignore[attr-defined]


class CannedFunction(Carrier):
    """A function as code; lives in the module it comes from, or in `g` if that is not importable by design."""

    code: types.CodeType
    module: str

    def get_object(self, g: Namespace = None) -> Any:
        """As Carrier.get_object."""
        module = self.module or "__main__"
        if (module, self.code.co_name) in _REPLACED:
            return replaced(module, self.code.co_name)
        if not module.startswith("__"):
            g = module_namespace(module)
        elif g is None:
            g = vars(sys.modules["__main__"])
        state = vars(self)
        defaults = state.get("defaults")
        closure = state.get("closure")
        function = types.FunctionType(
            self.code,
            g,
            state.get("__name__", self.code.co_name),
            tuple(uncan(value, g) for value in defaults) if defaults else None,
            tuple(uncan(cell, g) for cell in closure) if closure else None,
        )
        if state.get("kwdefaults"):
            function.__kwdefaults__ = uncan_dict(state["kwdefaults"], g)
        if state.get("annotations"):
            function.__annotations__ = uncan_dict(state["annotations"], g)
        return function


class CannedPartial(Carrier):
    """A functools.partial; buffers of all its arguments are pooled."""

    def get_object(self, g: Namespace = None) -> Any:
        """As Carrier.get_object."""
        state = vars(self)
        pool = iter(self.buffers or ())
        for value, count in zip(state["args"], state["arg_buffer_counts"], strict=False):
            if count:
                value.buffers = [next(pool) for _ in range(count)]
        for name in sorted(state["keyword_buffer_counts"]):
            value = state["keywords"][name]
            value.buffers = [next(pool) for _ in range(state["keyword_buffer_counts"][name])]
        keywords = {name: uncan(value, g) for name, value in state["keywords"].items()}
        return functools.partial(uncan(state["func"], g), *(uncan(value, g) for value in state["args"]), **keywords)


class CannedClass(Carrier):
    """A class of `__main__`."""

    def get_object(self, g: Namespace = None) -> Any:
        """As Carrier.get_object."""
        state = vars(self)
        parents = [uncan(parent, g) for parent in state["parents"]]
        # the list is the whole method resolution order: keep only classes that no other one of it brings along
        bases = [p for i, p in enumerate(parents) if not any(issubclass(q, p) for q in parents[:i])]
        return types.new_class(
            state["name"], tuple(bases), {}, lambda space: space.update(uncan_dict(state["_canned_dict"], g))
        )


class CannedArray(Carrier):
    """A NumPy array; read-only when it stands on a received buffer."""

    def get_object(self, g: Namespace = None) -> Any:
        """As Carrier.get_object."""
        state = vars(self)
        data = self.buffers[0]
        if state["pickled"]:
            return pickle.loads(data)
        import numpy

        dtype = state["dtype"]
        if isinstance(dtype, list):
            dtype = numpy.dtype([tuple(field) for field in dtype])
        return numpy.frombuffer(data, dtype=dtype).reshape(state["shape"])


class CannedBytes(Carrier):
    """Bytes."""

    def get_object(self, g: Namespace = None) -> Any:
        """As Carrier.get_object."""
        data = self.buffers[0]
        return data if isinstance(data, bytes) else bytes(data)


class CannedMemoryView(Carrier):
    """A memoryview."""

    def get_object(self, g: Namespace = None) -> Any:
        """As Carrier.get_object."""
        return memoryview(self.buffers[0])


class Dependent:
    """A function together with the check that an engine must pass to run it."""

    f: Any
    df: Any
    dargs: tuple[Any, ...] = ()
    dkwargs: dict[str, Any] = {}

    def check_dependency(self) -> None:
        """Raise UnmetDependency if the check says False."""
        if self.df(*self.dargs, **self.dkwargs) is False:
            from ..error import UnmetDependency

            raise UnmetDependency()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.f(*args, **kwargs)


def code_ctor(*args: Any) -> types.CodeType:
    """A code object; `args` as for types.CodeType."""
    return types.CodeType(*args)


def get_ipython() -> Any:
    """The engine's shell, for functions of the original that ask for it; without one, a stand-in for `__main__`."""
    if "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        if shell is not None:
            return shell
    space = vars(sys.modules["__main__"])
    return types.SimpleNamespace(user_ns=space, user_global_ns=space)


def use_cloudpickle() -> None:
    """The original's client is about to send functions as cloudpickle does: all that takes is the package."""
    importlib.import_module("cloudpickle")


def use_dill() -> None:
    """The original's client is about to send functions as dill does: all that takes is the package."""
    importlib.import_module("dill")


def use_pickle() -> None:
    """The original's client is back to pickles: we never left."""


def _uncan_dependent_hook(dep: Any, g: Namespace = None) -> None:
    dep.check_dependency()


_CANNING = {
    "CannedObject": CannedObject,
    "Reference": CannedReference,
    "CannedCell": CannedCell,
    "CannedFunction": CannedFunction,
    "CannedPartial": CannedPartial,
    "CannedClass": CannedClass,
    "CannedArray": CannedArray,
    "CannedBytes": CannedBytes,
    "CannedMemoryView": CannedMemoryView,
    "CannedBuffer": CannedMemoryView,
    "_uncan_dependent_hook": _uncan_dependent_hook,
    "uncan": uncan,
    "uncan_dict": uncan_dict,
    "use_cloudpickle": use_cloudpickle,
    "use_dill": use_dill,
    "use_pickle": use_pickle,
}
_NAMES: dict[str, dict[str, Any]] = {
    "ipyparallel.serialize.canning": _CANNING,
    "ipyparallel.serialize": _CANNING,
    "ipyparallel.serialize.codeutil": {"code_ctor": code_ctor},
    "ipyparallel.controller.dependency": {"dependent": Dependent},
}
_MODULES = {
    "ipyparallel.error": "camshaft.error",
    "ipyparallel.engine.datapub": "camshaft.engine.datapub",
    "ipyparallel.datapub": "camshaft.engine.datapub",
}
_DASK = ("become_dask", "stop_distributed")
_REPLACED = {
    ("ipyparallel.engine.datapub", "publish_data"): "camshaft.engine.datapub",
    ("ipyparallel.datapub", "publish_data"): "camshaft.engine.datapub",
    **{("ipyparallel.util", f"{name}_worker"): "camshaft.engine.daskworker" for name in _DASK},
    **{("ipyparallel.serialize.canning", name): __name__ for name in ("use_cloudpickle", "use_dill", "use_pickle")},
}
_ORIGINALS = frozenset("client cluster controller datapub engine error joblib serialize util".split())
"""Parts of the original whose functions are its client's own operations; others (its tests) are user code."""


def module_namespace(module: str) -> dict[str, Any]:
    """The globals for a received function of `module`; functions of the original get what they use from us."""
    root, _, rest = module.partition(".")
    if root != "ipyparallel" or (rest and rest.partition(".")[0] not in _ORIGINALS):
        return vars(importlib.import_module(module))
    if module in _MODULES:
        return vars(importlib.import_module(_MODULES[module]))
    return vars(sys.modules[__name__])


def replaced(module: str, name: str) -> Any:
    """Our own for a function whose code would look for the insides of the original."""
    return getattr(importlib.import_module(_REPLACED[module, name]), name)


class Unpickler(pickle.Unpickler):
    """Reads a pickle of the original, with names of its package resolved here and `__main__` = `namespace`."""

    def __init__(self, data: Any, namespace: Namespace) -> None:
        super().__init__(io.BytesIO(data))
        self._namespace = namespace

    @classmethod
    def read(cls, data: Any, namespace: Namespace) -> Any:
        """The object in `data`."""
        return cls(data, namespace).load()

    def find_class(self, module: str, name: str) -> Any:
        """pickle's look-up of a name."""
        if module.startswith("ipyparallel"):
            return self._official(module, name)
        space = self._namespace
        if space is not None:
            if module == "builtins" and name == "vars":
                return lambda home: space if home is sys.modules["__main__"] else vars(home)
            if module == "__main__" and name in space:
                return space[name]
        if module == "importlib" and name == "import_module":
            return _import_module
        return super().find_class(module, name)

    def _official(self, module: str, name: str) -> Any:
        known = _NAMES.get(module)
        if known is not None and name in known:
            return known[name]
        return super().find_class(_MODULES.get(module, module), name)


def _import_module(name: str) -> Any:
    # carriers that we wrote for original peers, read by ourselves
    known = _NAMES.get(name)
    return importlib.import_module(name) if known is None else types.SimpleNamespace(**known)
