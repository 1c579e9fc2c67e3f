"""Camshaft: interactive parallel computing, with the interface of IPython Parallel and a core in C++.

    import camshaft as ipp
    with ipp.Cluster(n=4) as rc:
        rc[:].apply_sync(lambda: 42)
        rc.load_balanced_view().map_sync(lambda x: x**10, range(32))

Names are imported when they are first used, so that `import camshaft` itself costs next to nothing.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as type checkers read it; typing itself is not worth its import here

__version__ = "0.1.0"
version_info = (0, 1, 0)

_HOME = {
    "Client": "client",
    "FederatedClient": "federation",
    "DirectView": "direct",
    "LoadBalancedView": "balanced",
    "BroadcastView": "broadcast",
    "ViewExecutor": "executor",
    "AsyncResult": "asyncresult",
    "AsyncMapResult": "mapresult",
    "AsyncHubResult": "hubresult",
    "load_result": "saved",
    "Cluster": "cluster",
    "ClusterManager": "cluster",
    "RemoteFunction": "remotefunction",
    "ParallelFunction": "remotefunction",
    "remote": "remotefunction",
    "parallel": "remotefunction",
    "Dependency": "dependency",
    "dependent": "dependency",
    "Property": "demands",
    "RecoveryTask": "recovery",
    "depend": "dependency",
    "require": "dependency",
    "Reference": "serialize",
    "PrePickled": "serialize",
    "can": "serialize",
    "can_map": "serialize",
    "deserialize_object": "serialize",
    "pack_apply_message": "serialize",
    "register_reducer": "serialize",
    "serialize_object": "serialize",
    "uncan": "serialize",
    "uncan_map": "serialize",
    "unpack_apply_message": "serialize",
    "use_cloudpickle": "serialize",
    "use_dill": "serialize",
    "use_pickle": "serialize",
    "SerializationError": "error",
    "interactive": "onengine",
    "bind_kernel": "engine.kernelserver",
    "register_joblib_backend": "joblib",
    "ALL_COMPLETED": "asyncresult",
    "FIRST_COMPLETED": "asyncresult",
    "FIRST_EXCEPTION": "asyncresult",
    "IPythonError": "error",
    "KernelError": "error",
    "EngineError": "error",
    "NoEnginesRegistered": "error",
    "TaskAborted": "error",
    "AbortedTask": "error",
    "TaskTimeout": "error",
    "TimeoutError": "error",
    "UnmetDependency": "error",
    "ImpossibleDependency": "error",
    "DependencyTimeout": "error",
    "InvalidDependency": "error",
    "RemoteError": "error",
    "TaskRejectError": "error",
    "CompositeError": "error",
    "AlreadyDisplayedError": "error",
    "load_jupyter_server_extension": "nbextension",
    "_load_jupyter_server_extension": "nbextension",
    "_jupyter_server_extension_points": "nbextension",
    "_jupyter_server_extension_paths": "nbextension",
    "_jupyter_nbextension_paths": "nbextension",
    "_jupyter_labextension_paths": "nbextension",
    "collect_exceptions": "error",
    "unwrap_exception": "error",
    "wrap_exception": "error",
}
_MODULES = frozenset({"error", "serialize", "cluster", "engine"})

__all__ = [
    "ALL_COMPLETED",
    "AbortedTask",
    "AlreadyDisplayedError",
    "AsyncHubResult",
    "AsyncMapResult",
    "AsyncResult",
    "BroadcastView",
    "Client",
    "Cluster",
    "ClusterManager",
    "CompositeError",
    "Dependency",
    "DependencyTimeout",
    "DirectView",
    "EngineError",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "FederatedClient",
    "IPythonError",
    "ImpossibleDependency",
    "InvalidDependency",
    "KernelError",
    "LoadBalancedView",
    "NoEnginesRegistered",
    "ParallelFunction",
    "PrePickled",
    "Property",
    "RecoveryTask",
    "Reference",
    "RemoteError",
    "RemoteFunction",
    "SerializationError",
    "TaskAborted",
    "TaskRejectError",
    "TaskTimeout",
    "TimeoutError",
    "UnmetDependency",
    "ViewExecutor",
    "__version__",
    "depend",
    "dependent",
    "error",
    "interactive",
    "load_result",
    "parallel",
    "remote",
    "require",
    "version_info",
]

if TYPE_CHECKING:
    from typing import Any

    from . import error
    from .asyncresult import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, AsyncResult
    from .balanced import LoadBalancedView
    from .broadcast import BroadcastView
    from .client import Client
    from .cluster import Cluster, ClusterManager
    from .demands import Property
    from .dependency import Dependency, depend, dependent, require
    from .direct import DirectView
    from .error import (
        AbortedTask,
        AlreadyDisplayedError,
        CompositeError,
        DependencyTimeout,
        EngineError,
        ImpossibleDependency,
        InvalidDependency,
        IPythonError,
        KernelError,
        NoEnginesRegistered,
        RemoteError,
        SerializationError,
        TaskAborted,
        TaskRejectError,
        TaskTimeout,
        TimeoutError,
        UnmetDependency,
    )
    from .executor import ViewExecutor
    from .federation import FederatedClient
    from .hubresult import AsyncHubResult
    from .mapresult import AsyncMapResult
    from .onengine import interactive
    from .recovery import RecoveryTask
    from .remotefunction import ParallelFunction, RemoteFunction, parallel, remote
    from .saved import load_result
    from .serialize import PrePickled, Reference


def __getattr__(name: str) -> Any:
    from importlib import import_module

    home = _HOME.get(name)
    if home is not None:
        value = getattr(import_module(f"{__name__}.{home}"), name)
    elif name in _MODULES:
        value = import_module(f"{__name__}.{name}")
    else:
        # the interpreter shows the nearest name
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
