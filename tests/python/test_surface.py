"""Every public name, parameter and default of the original is here too, or stands below with the reason why not."""

from __future__ import annotations

import ast
import inspect
import textwrap
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import camshaft
import camshaft.cluster
import camshaft.error
import ipyparallel
import ipyparallel.cluster
import pytest
import traitlets.config

MODULES = ("", "error", "cluster", "serialize", "joblib", "datapub", "engine.datapub")
"""Modules whose public names are compared; "" is the package."""

NOT_HERE = {
    "MultipleInstanceError": "of traitlets, imported into the package by chance",
    "cluster.AsyncFirst": "a helper of the original's Cluster",
    "cluster.Launcher": "the type of a trait",
    "cluster.abbreviate_profile_dir": "a helper of the original's commands",
    "Client.curve_publickey": "the pair of this side is made afresh by C++",
    "Client.curve_secretkey": "as curve_publickey",
    "Client.curve_serverkey": "an argument, or a field of the connection file: nothing reads it later",
    "Client.create_message_futures": "makes futures that only the original's Client can complete",
    "Cluster.parent": "a Cluster is not part of a tree of configurables: `config=` says what a parent would",
    "Cluster.config": "read once, when the Cluster is made; `load_profile` and `config=` are arguments",
    "Cluster.profile_config": "as Cluster.config",
    "Cluster.log": "problems are exceptions and warnings; processes write logs, see Cluster.logs",
    "ClusterManager.parent": "as Cluster.parent",
    "ClusterManager.config": "as Cluster.config",
    "ClusterManager.log": "as Cluster.log",
    "ViewExecutor.*": "the signatures are those of concurrent.futures.Executor, of which it is one",
    "joblib.IPythonParallelBackend": "the class behind register_joblib_backend; here ViewBackend",
    "engine.datapub.ZMQDataPublisher": "the object behind publish_data; an engine's messages are sent by C++ here",
}
"""Names without a counterpart."""

CONSTRUCTED_OTHERWISE = {
    "AsyncResult": "made by views",
    "AsyncMapResult": "made by views",
    "AsyncHubResult": "made by Client.get_result",
    "DirectView": "made by Client.direct_view",
    "LoadBalancedView": "made by Client.load_balanced_view",
    "BroadcastView": "made by Client.broadcast_view",
    "ClusterManager": "takes no arguments but those of a configurable in the original",
}
"""Classes that users do not call themselves."""

OTHER_PARAMETERS = {
    ("Client", "args"): "positional arguments beyond the first were never read",
    ("Cluster", "cluster_file"): "a property: <profile_dir>/security/cluster-<cluster_id>.json",
    ("Cluster.start_controller", "kwargs"): "options of launchers belong to the Cluster: controller_options",
    ("Cluster.start_engines", "kwargs"): "options of launchers belong to the Cluster: engine_options",
    ("Cluster.start_controller_sync", "kwargs"): "as start_controller",
    ("Cluster.start_engines_sync", "kwargs"): "as start_engines",
    ("Cluster.stop_engine", "engine_id"): "in the original it only raises an error; the id comes first here too",
    ("Cluster.restart_engine", "engine_id"): "as stop_engine",
    ("Cluster.signal_engine", "engine_id"): "as stop_engine",
}
"""Parameters that are missing or have another name."""

OTHER_DEFAULTS = {
    "Cluster": "traits of the original have defaults that it works out later; here None says so",
    "wrap_exception": "None for {}, which nobody should share",
}
"""Callables whose defaults are written differently, and mean the same."""

CONFIGURABLE = set(dir(traitlets.config.LoggingConfigurable))


def original(path: str) -> Any:
    return attribute(ipyparallel, path)


def attribute(root: Any, path: str) -> Any:
    import importlib

    return importlib.import_module(f"{root.__name__}.{path}") if path else root


def public(thing: Any) -> Iterator[str]:
    """The names of a module that it defines or re-exports, or of a class beyond those of every configurable."""
    for name in dir(thing):
        if name.startswith("_") or name in CONFIGURABLE:
            continue
        if inspect.ismodule(thing):
            value = getattr(thing, name)
            home = getattr(value, "__module__", "") or ""
            if inspect.ismodule(value) or not str(home).startswith("ipyparallel"):
                continue
        yield name


def set_by_init(cls: type) -> set[str]:
    """The attributes that methods of a class set on `self`."""
    found: set[str] = set()
    for one in cls.__mro__:
        if one.__module__.startswith("camshaft"):
            for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(one)))):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                    found.add(node.attr)
    return found


CLASSES = sorted(
    name for name in public(ipyparallel) if inspect.isclass(getattr(ipyparallel, name)) and hasattr(camshaft, name)
)
FUNCTIONS = sorted(
    name for name in public(ipyparallel) if inspect.isfunction(getattr(ipyparallel, name)) and hasattr(camshaft, name)
)


@pytest.mark.parametrize("path", MODULES)
def test_names_of_modules(path: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = original(path), attribute(camshaft, path)
    prefix = f"{path}." if path else ""
    hooks = "_jupyter", "load_jupyter"  # what an extension of a server exports
    missing = [
        prefix + name
        for name in public(theirs)
        if not hasattr(ours, name) and not hasattr(camshaft, name) and not name.startswith(hooks)
    ]
    assert [name for name in missing if name not in NOT_HERE] == []


@pytest.mark.parametrize("name", CLASSES)
def test_names_of_classes(name: str) -> None:
    theirs, ours = getattr(ipyparallel, name), getattr(camshaft, name)
    if not inspect.isclass(ours):  # depend and its like, classes in name only
        assert callable(ours)
        return
    there = set(dir(ours)) | set_by_init(ours)
    missing = [f"{name}.{member}" for member in public(theirs) if member not in there]
    assert [member for member in missing if member not in NOT_HERE] == []
    bases = {base.__name__ for base in theirs.__mro__ if base.__module__.startswith("ipyparallel")}
    known = {base for base in bases if hasattr(camshaft, base)}
    assert known <= {base.__name__ for base in ours.__mro__}, "a base class is missing"


def compared() -> Iterator[tuple[str, Callable[..., Any], Callable[..., Any]]]:
    for name in FUNCTIONS:
        yield name, getattr(ipyparallel, name), getattr(camshaft, name)
    for name in CLASSES:
        theirs, ours = getattr(ipyparallel, name), getattr(camshaft, name)
        if name not in CONSTRUCTED_OTHERWISE:
            yield name, theirs, ours
        if f"{name}.*" in NOT_HERE or not inspect.isclass(ours):
            continue
        for member in public(theirs):
            their, our = getattr(theirs, member), getattr(ours, member, None)
            if callable(their) and callable(our):
                yield f"{name}.{member}", their, our


def like(default: Any) -> Any:
    """Empty collections are alike, however they are written."""
    return "empty" if default in ([], (), {}, set()) else repr(default)


@pytest.mark.parametrize(("name", "their", "our"), [pytest.param(*one, id=one[0]) for one in compared()])
def test_parameters(name: str, their: Callable[..., Any], our: Callable[..., Any]) -> None:
    try:
        before, now = inspect.signature(their).parameters, inspect.signature(our).parameters
    except ValueError:  # of a builtin class, such as the exceptions without an __init__ of their own
        return
    takes_any = any(one.kind is one.VAR_KEYWORD for one in now.values())
    problems = []
    for parameter in before.values():
        mine = now.get(parameter.name)
        if (name, parameter.name) in OTHER_PARAMETERS or "ipp_f" in parameter.name or "wrapped" in parameter.name:
            continue
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            if not any(one.kind is parameter.kind for one in now.values()):
                problems.append(f"does not take {parameter}")
        elif mine is None:
            if not takes_any or parameter.default is parameter.empty:
                problems.append(f"lacks {parameter}")
        elif like(mine.default) != like(parameter.default) and name not in OTHER_DEFAULTS:
            problems.append(f"{parameter} has the default {mine.default!r}")
    places = [one.name for one in now.values() if one.kind is one.POSITIONAL_OR_KEYWORD]
    wanted = [one.name for one in before.values() if one.kind is one.POSITIONAL_OR_KEYWORD and one.name in places]
    if [one for one in places if one in wanted] != wanted:
        problems.append(f"the order is {places}, but was {wanted}")
    assert problems == []


def test_what_is_listed_is_still_missing() -> None:
    """A name that has come does not stay among the missing."""
    for name in NOT_HERE:
        owner, _, member = name.rpartition(".")
        if inspect.isclass(getattr(camshaft, owner, None)) and member != "*":
            assert member not in set(dir(getattr(camshaft, owner))), name
    for name, parameter in OTHER_PARAMETERS:
        thing: Any = camshaft
        for part in name.split("."):
            thing = getattr(thing, part)
        assert parameter not in inspect.signature(thing).parameters, (name, parameter)
