"""Functions that this interface sends to engines.

They travel by value and run with the engine's namespace as globals, so they name nothing of camshaft.
"""

from __future__ import annotations

from typing import Any

from ..onengine import interactive
from ..serialize import PrePickled


def _plain(f: Any) -> PrePickled:
    f = interactive(f)
    f.__annotations__ = {}
    return PrePickled(f)


def _clear() -> None:
    space = globals()
    for name in [n for n in space if not n.startswith("_") and n not in ("In", "Out", "get_ipython", "exit", "quit")]:
        del space[name]


def _run_string(code: Any, push: Any, pull: Any, clear_before: Any, clear_after: Any, clear: Any) -> Any:
    space = globals()
    if clear_before:
        clear()
    try:
        space.update(push)
        exec(compile(code, "<task>", "exec"), space)
        return {name: eval(name, space) for name in pull}
    finally:
        if clear_after:
            clear()


def _run_call(f: Any, args: Any, kwargs: Any, clear_before: Any, clear_after: Any, clear: Any) -> Any:
    if clear_before:
        clear()
    try:
        return f(*args, **kwargs)
    finally:
        if clear_after:
            clear()


def _load(**pickles: Any) -> None:
    import pickle

    globals().update({name: pickle.loads(data) for name, data in pickles.items()})


def _dump(names: Any) -> Any:
    import pickle

    return [pickle.dumps(eval(name, globals()), 4) for name in names]


def _keys() -> Any:
    return [name for name in globals() if not name.startswith("_") and name not in ("In", "Out", "get_ipython")]


def _function(name: Any) -> Any:
    found = eval(name, globals())
    if not callable(found):
        raise TypeError(f"{name} is no function, but {type(found).__name__}")
    return found


CLEAR = interactive(_clear)
CLEAR.__annotations__ = {}
RUN_STRING = _plain(_run_string)
RUN_CALL = _plain(_run_call)
LOAD = _plain(_load)
DUMP = _plain(_dump)
KEYS = _plain(_keys)
FUNCTION = _plain(_function)
