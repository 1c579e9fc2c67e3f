"""Functions that the client ships to engines for its own operations.

They travel by value and run with the engine's namespace as globals, so they name nothing of camshaft and work on
engines of the original too.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from .serialize import PrePickled


def _push(**values: Any) -> None:
    space = globals()
    for name, value in values.items():
        if name.isidentifier():
            space[name] = value
        else:
            space["_camshaft_value"] = value
            try:  # any target of an assignment, also one that binds several names
                exec(compile(f"{name} = _camshaft_value", f"<push of {name!r}>", "exec"), space)
            finally:
                del space["_camshaft_value"]


def _pull(names: Any) -> Any:
    def value(name: str) -> Any:
        return eval(compile(name, f"<pull of {name!r}>", "eval"), globals())

    return value(names) if isinstance(names, str) else [value(name) for name in names]


def _import(name: str, fromlist: Any, level: int, bindings: Any) -> None:
    import sys

    space = globals()
    module = __import__(name, space, None, fromlist, level)
    if "*" in fromlist:
        public = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
        space.update({n: getattr(module, n) for n in public})
        return
    if not bindings:  # not a statement that could be read: as the plain form would do
        bindings = [(n, n) for n in fromlist] if fromlist else [("", name.partition(".")[0])]
    for attribute, target in bindings:
        if fromlist:
            space[target] = getattr(module, attribute)
        else:  # import a.b stores a; import a.b as c stores b
            space[target] = module if attribute == "" else sys.modules[name]


def interactive(f: Any) -> Any:
    """Make a function or class count as defined in `__main__`: its globals are then the engine's namespace.

    Use it for functions of imported modules that shall see names living on the engines. Returns a new function with
    the same code and defaults (a class is marked in place).
    """
    if isinstance(f, types.FunctionType):
        twin = types.FunctionType(f.__code__, vars(sys.modules["__main__"]), f.__name__, f.__defaults__, f.__closure__)
        twin.__kwdefaults__ = f.__kwdefaults__
        twin.__annotations__ = dict(f.__annotations__)
        twin.__dict__.update(f.__dict__)
        twin.__doc__ = f.__doc__
        twin.__qualname__ = f.__qualname__
        f = twin
    f.__module__ = "__main__"
    return f


def _mine(f: Any) -> Any:
    f = interactive(f)
    f.__annotations__ = {}
    return f


def mapper(f: Any) -> PrePickled:
    """A function that maps `f` (a callable or a Reference) over parts of sequences, to a list."""
    if isinstance(f, PrePickled):
        f = f.obj

    def map_part(*parts: Any) -> list[Any]:
        return list(map(f, *parts))

    map_part.__qualname__ = f"map.{getattr(f, '__module__', '')}.{getattr(f, '__qualname__', '')}"
    return PrePickled(_mine(map_part))


def _choose(name: Any) -> None:
    try:
        from camshaft.serialize import choice
    except ImportError:
        import ipyparallel.serialize  # an engine of the original

        getattr(ipyparallel.serialize, f"use_{name}")()
    else:
        choice.use(name)


PUSH = PrePickled(_mine(_push), own=True)
PULL = PrePickled(_mine(_pull), own=True)
IMPORT = PrePickled(_mine(_import), own=True)
CHOOSE = PrePickled(_mine(_choose), own=True)
