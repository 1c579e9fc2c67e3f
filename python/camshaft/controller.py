"""``python -m camshaft.controller``: ipcontroller in a Python process, so that a task scheme can be written in Python.

    python -m camshaft.controller --scheme=mymodule:choose --hwm=0 [any option of ipcontroller]
    python -m camshaft.controller --include      # the folder of camshaft/scheme.h, for schemes in C

`choose(loads)` gets how many unanswered tasks each engine has that may take the task, least recently used first, and
returns an index. With more parameters it also gets `counts`, the tasks that each was given since it came, and
`engines`, a small number of each that stays its own while it is connected.
`Cluster(scheme=choose)` does all this for you.
"""

from __future__ import annotations

import base64
import importlib
import inspect
import os
import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["include_dir", "main"]

Scheme = Callable[..., int]

_PICKLED = "--scheme-pickle="
_LONGEST = 96 << 10  # the system takes 128 KiB for one argument


def include_dir() -> str:
    """The folder to give a C compiler with -I for `#include <camshaft/scheme.h>`."""
    here = Path(__file__).resolve().parent
    for folder in (here / "include", here.parents[1] / "include"):
        if (folder / "camshaft" / "scheme.h").exists():
            return str(folder)
    raise FileNotFoundError(f"camshaft/scheme.h is not beside {here}: install camshaft again")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a controller until it is stopped; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--include"]:
        print(include_dir())
        return 0
    if "" not in sys.path:
        sys.path.insert(0, "")  # where the user's modules are
    try:
        rest, name, scheme = _take_scheme(arguments)
    except _UsageError as error:
        print(f"ipcontroller: {error}", file=sys.stderr)
        return 2
    from . import _core

    return _core.run_controller(rest, scheme, name)


def command(scheme: Any) -> tuple[list[str], list[str]]:
    """For Cluster: program (empty: ipcontroller itself) and arguments of a controller with this scheme.

    `scheme` is what --scheme takes, or a function. Raises TypeError or ValueError for others.
    """
    if isinstance(scheme, str):
        return ([] if _is_native(scheme) else [sys.executable, "-m", __name__], [f"--scheme={scheme}"])
    if not callable(scheme):
        raise TypeError(f"scheme must be a name, 'module:function' or a function, not {type(scheme).__name__}")
    _parameters(scheme)
    from .serialize import byvalue

    text = base64.b64encode(byvalue.dumps(scheme)).decode()
    if len(text) > _LONGEST:
        raise ValueError(f"the scheme has {len(text)} bytes when pickled: put it into a module and name that")
    return [sys.executable, "-m", __name__], [_PICKLED + text]


class _UsageError(Exception):
    """One line for the user."""


def _is_native(scheme: str) -> bool:
    """One of the controller's own schemes, or LIBRARY:FUNCTION."""
    place = scheme.rpartition(":")[0]
    return not place or "/" in place or place.endswith(".so") or ".so." in place


def _take_scheme(arguments: list[str]) -> tuple[list[str], str, Scheme | None]:
    """Takes a scheme in Python out of the arguments: (the others, its name, the function or None)."""
    rest, name, scheme = [], "", None
    waiting = iter(arguments)
    for argument in waiting:
        option, equals, value = argument.partition("=")
        if argument.startswith(_PICKLED):
            scheme = pickle.loads(base64.b64decode(argument[len(_PICKLED) :]))
            name = getattr(scheme, "__qualname__", type(scheme).__name__)
        elif option in ("--scheme", "--TaskScheduler.scheme_name"):
            value = value if equals else next(waiting, "")
            if _is_native(value):
                rest.append(f"{option}={value}")
            else:
                name, scheme = value, _import(value)
        else:
            rest.append(argument)
    return rest, name, None if scheme is None else _adapted(scheme)


def _import(place: str) -> Scheme:
    module, _, path = place.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise _UsageError(f"option '--scheme': cannot import '{module}' ({error})") from None
    for part in path.split("."):
        if not hasattr(found, part):
            raise _UsageError(f"option '--scheme': module '{module}' has no function '{path}'")
        found = getattr(found, part)
    if not callable(found):
        raise _UsageError(f"option '--scheme': '{place}' is not a function")
    return found


def _parameters(scheme: Scheme) -> int:
    """How many of (loads, counts, engines) the function wants."""
    for number in (3, 2, 1):
        try:
            inspect.signature(scheme).bind(*range(number))
        except TypeError:
            continue
        except ValueError:  # a builtin that does not tell
            return 1
        return number
    raise ValueError(f"scheme {scheme!r} must take (loads), (loads, counts) or (loads, counts, engines)")


def _adapted(scheme: Scheme) -> Scheme:
    try:
        wanted = _parameters(scheme)
    except ValueError as error:
        raise _UsageError(str(error)) from None
    if wanted == 3:
        return scheme
    if wanted == 2:
        return lambda loads, counts, _: scheme(loads, counts)
    return lambda loads, *_: scheme(loads)


def _run() -> NoReturn:
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # nothing of the user's is left to be waited for


if __name__ == "__main__":
    _run()
