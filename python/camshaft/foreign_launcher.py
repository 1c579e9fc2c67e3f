"""Launchers that are Python classes of others, found by the original's entry points or by import string.

To the core such a launcher is a tether: ``python -m camshaft.foreign_launcher`` makes the object, asks it to start the
engines or the controller, passes signals on, asks it to stop, and ends when it says that all has stopped.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Launcher", "chosen", "find", "load", "main", "rendered", "set_size"]

Launcher = tuple[str, dict[str, Any]]
"""The name of a launcher and its options."""

_GROUPS = {False: "ipyparallel.engine_launchers", True: "ipyparallel.controller_launchers"}


def find(launcher: Any, *, controller: bool = False) -> str:
    """Return the name by which the core knows a launcher: 'mpi', or 'module:Class'.

    Parameters
    ----------
    launcher: a short name, the name of an entry point, a class name of the original's, an import string, or a class.
    controller: look for one that starts controllers, not engines.

    Raises ValueError, with the names that are known, for a name that nobody knows.
    """
    from . import _core

    if isinstance(launcher, type):
        if launcher.__module__ == "__main__" or "<locals>" in launcher.__qualname__:
            raise ValueError(f"{launcher.__qualname__} is started in a process of its own: put it into a module")
        launcher = f"{launcher.__module__}:{launcher.__qualname__}"
        if launcher.startswith("ipyparallel."):
            launcher = launcher.replace(":", ".")
    if not isinstance(launcher, str):
        raise TypeError(f"a launcher is a name, an import string or a class, not {launcher!r}")
    try:
        return _core.find_launcher(launcher, controller=controller)
    except ValueError:
        entries = _entry_points(controller)
        if launcher.lower() in entries:
            return entries[launcher.lower()]
        raise


def _entry_points(controller: bool) -> dict[str, str]:
    from importlib.metadata import entry_points

    found = entry_points(group=_GROUPS[controller])
    return {entry.name.lower(): entry.value.replace(" ", "").partition("[")[0] for entry in found}


def chosen(
    short: Any,
    long: Any,
    options: Mapping[str, Any] | None,
    *,
    controller: bool = False,
    configured: Mapping[str, Any] | None = None,
) -> Launcher:
    """Return what the arguments `engines`, `engine_launcher_class` and `engine_options` of a Cluster mean.

    `configured`: what configuration says, by 'Class.trait'; arguments go before it.
    """
    from .cluster.configured import launcher_options

    values = configured or {}
    wanted = short if short is not None else long
    if wanted is None:
        wanted = values.get(f"Cluster.{'controller' if controller else 'engine'}_launcher_class") or "local"
    name = find(wanted, controller=controller)
    return name, {**launcher_options(values, name, controller=controller), **(options or {})}


def rendered(launcher: Launcher, **commands: list[str] | None) -> tuple[str, str]:
    """Return name and options in JSON; `commands` that were given are options, too."""
    name, options = launcher
    return name, json.dumps({**options, **{key: value for key, value in commands.items() if value is not None}})


def set_size(launcher: Launcher, n: int) -> int:
    """Return how many engines a set of this launcher has when `n` were asked for; 0: nobody said."""
    from . import _core

    return _core.engines_in_set(*rendered(launcher), n, len(os.sched_getaffinity(0)))


# -- the tether --------------------------------------------------------------------------------------------------------


def load(name: str) -> Any:
    """Import 'module:Class'. Raises ValueError with one line when it cannot be had."""
    import importlib

    module_name, _, attributes = name.partition(":")
    try:
        value: Any = importlib.import_module(module_name)
        for attribute in attributes.split("."):
            value = getattr(value, attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"launcher {name}: {error}; is its package installed in {sys.executable}?") from None
    return value


def make(spec: Mapping[str, Any], log: logging.Logger) -> Any:
    """Make the launcher object that a specification names, and give it what the specification says."""
    controller = spec["role"] == "controller"
    kwargs: dict[str, Any] = {
        "work_dir": spec["work_dir"] or ".",
        "profile_dir": spec["profile_dir"],
        "cluster_id": spec["cluster_id"],
        "log": log,
    }
    if not controller:
        kwargs["engine_set_id"] = spec["set"]
    launcher = load(spec["launcher"])(**kwargs)
    prefix = "controller" if controller else "engine"
    words = spec["program_words"]
    options = {
        f"{prefix}_cmd": spec["argv"][:words],
        "environment": {**getattr(launcher, "environment", {}), **dict(spec["environment"])},
        **spec["options"],
        f"{prefix}_args": [*getattr(launcher, f"{prefix}_args", []), *spec["argv"][words:]],
    }
    options["environment"] = {**dict(spec["environment"]), **options["environment"]}
    for name, value in options.items():
        if hasattr(launcher, name):
            setattr(launcher, name, value)
        elif name in spec["options"]:
            log.warning("%s has no option %s: it has no effect", spec["launcher"], name)
    return launcher


def exit_code(stop_data: Any) -> int:
    """The exit code that a launcher's stop data means: one process's, or the worst of an engine set's."""
    if isinstance(stop_data, Mapping):
        if "exit_code" in stop_data:
            code = stop_data["exit_code"]
            return 0 if code is None else code if code >= 0 else 128 - code
        return max((exit_code(one) for one in stop_data.values()), default=0)
    return 0


async def _maybe(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def serve(launcher: Any, n: int | None) -> int:
    """Start what the launcher starts, and wait for its end; returns the exit code."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[int] = loop.create_future()
    stopping: asyncio.Event = asyncio.Event()

    def end(code: int) -> None:
        if not over.done():
            over.set_result(code)

    def starter_gone() -> None:
        loop.remove_reader(int(lifeline))
        stopping.set()

    def stopped(data: Any = None) -> None:
        loop.call_soon_threadsafe(end, exit_code(data))

    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        loop.add_signal_handler(number, _relay(launcher, number))
    lifeline = os.environ.pop("CAMSHAFT_LIFELINE_FD", "")
    if lifeline:
        os.set_inheritable(int(lifeline), False)
        loop.add_reader(int(lifeline), starter_gone)
    await _maybe(launcher.start() if n is None else launcher.start(n))
    launcher.on_stop(stopped)
    asked = asyncio.ensure_future(stopping.wait())
    await asyncio.wait((over, asked), return_when=asyncio.FIRST_COMPLETED)
    if not over.done():
        await _maybe(launcher.stop())
        over.cancel()
        return 0
    asked.cancel()
    return over.result()


def _relay(launcher: Any, number: int) -> Callable[[], None]:
    return lambda: launcher.signal(number)


def main() -> int:
    """Be the tether that CAMSHAFT_TETHER describes; with --find, say which class a name means."""
    if sys.argv[1:2] == ["--find"]:
        try:
            print(find(sys.argv[2], controller=sys.argv[3:] == ["controller"]))
        except ValueError:
            return 1  # whoever asks has the better message
        return 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        spec = json.loads(os.environ.pop("CAMSHAFT_TETHER"))
    except (KeyError, ValueError):
        print("ipcluster: this is called by ipcluster and Cluster only: CAMSHAFT_TETHER is missing", file=sys.stderr)
        return 2
    try:
        launcher = make(spec, logging.getLogger(spec["launcher"]))
        return asyncio.run(serve(launcher, None if spec["role"] == "controller" else spec["n"]))
    except Exception as error:
        logging.debug("what happened", exc_info=True)
        print(f"ipcluster: {type(error).__name__}: {error}".partition("\n")[0], file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
