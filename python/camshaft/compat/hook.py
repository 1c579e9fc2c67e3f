"""The import hook: modules of earlier generations, as views of ours."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["install"]

_KERNEL = {
    "": "camshaft.kernel",
    ".client": "camshaft.kernel.client",
    ".api": "camshaft.kernel.client",
    ".error": "camshaft.kernel.error",
    ".multiengineclient": "camshaft.kernel.multiengine",
    ".taskclient": "camshaft.kernel.taskclient",
    ".task": "camshaft.kernel.task",
    ".asyncclient": "camshaft.kernel.asyncclient",
    ".asynclient": "camshaft.kernel.asyncclient",
}
_PARALLEL = {
    "": "camshaft.compat.parallel",
    ".error": "camshaft.error",
    ".util": "camshaft.compat.parallel",
    ".client": "camshaft.compat.parallel",
    ".client.client": "camshaft.compat.parallel",
    ".client.view": "camshaft.compat.parallel",
    ".client.asyncresult": "camshaft.compat.parallel",
    ".client.remotefunction": "camshaft.remotefunction",
    ".controller": "camshaft",
    ".controller.dependency": "camshaft.dependency",
}
_TODAY = {
    **dict.fromkeys(("", ".client", ".client.client", ".client.view", ".client.asyncresult"), "camshaft.compat.today"),
    **dict.fromkeys((".util", ".controller"), "camshaft.compat.today"),
    ".client.remotefunction": "camshaft.remotefunction",
    ".client.map": "camshaft.partition",
    ".client.magics": "camshaft.magics",
    ".cluster": "camshaft.cluster",
    ".cluster.cluster": "camshaft.cluster",
    ".controller.dependency": "camshaft.dependency",
    ".datapub": "camshaft.datapub",
    ".engine": "camshaft.engine",
    ".engine.datapub": "camshaft.engine.datapub",
    ".error": "camshaft.error",
    ".joblib": "camshaft.joblib",
    **dict.fromkeys((".serialize", ".serialize.serialize", ".serialize.canning"), "camshaft.serialize"),
}
_HOMES = {
    "ipython1": "camshaft",
    **{f"ipython1.kernel{name}": home for name, home in _KERNEL.items()},
    **{f"IPython.kernel{name}": home for name, home in _KERNEL.items()},
    **{f"IPython.parallel{name}": home for name, home in _PARALLEL.items()},
}


class _View(Loader):
    """Makes a module that has the attributes of ours."""

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        home = import_module(_HOMES[module.__name__])
        module.__doc__ = f"{home.__name__}, under the name {module.__name__} that it once had."

        def attribute(name: str) -> Any:
            if name.startswith("__") and name != "__version__":
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            return getattr(home, name)

        module.__dict__["__getattr__"] = attribute
        module.__dict__["__all__"] = list(getattr(home, "__all__", ()))


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _HOMES:
            return None
        package = any(name.startswith(f"{fullname}.") for name in _HOMES)
        return ModuleSpec(fullname, _View(), is_package=package)


def install(today: bool = False) -> None:
    """Put the hook in front of all others; once is enough.

    With `today`, `ipyparallel` is Camshaft too, installed or not. ImportError when that was imported before.
    """
    if today and "ipyparallel.error" not in _HOMES:
        if "ipyparallel" in sys.modules:
            raise ImportError("ipyparallel was imported already: call camshaft.compat.install(today=True) before that")
        _HOMES.update({f"ipyparallel{name}": home for name, home in _TODAY.items()})
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
