"""Stand-ins for the package `ipyparallel` on engines that do not have it.

Code that original clients ship imports from that package. `install` puts a finder at the end of sys.meta_path, so that
a real one wins; the finder makes modules with the names that such code uses, taken from us. Two modules are always
ours, because the original's would look for the original's engine.
"""

from __future__ import annotations

import importlib
import sys
import types
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

from .afterimport import AfterImport

if TYPE_CHECKING:
    from collections.abc import Collection

_ROOT = "ipyparallel"
_CARRIERS = "camshaft.serialize.carriers"

_HOMES: dict[str, tuple[str, ...]] = {
    # module below the root: where its names come from, the first that has one wins
    "": ("camshaft",),
    "client": (),
    "client.client": ("camshaft.client",),
    "client.asyncresult": ("camshaft.asyncresult", "camshaft.mapresult", "camshaft.hubresult"),
    "client.map": ("camshaft.partition",),
    "client.remotefunction": ("camshaft.remotefunction",),
    "client.view": ("camshaft.direct", "camshaft.balanced", _CARRIERS),
    "controller": (),
    "controller.dependency": ("camshaft.dependency",),
    "datapub": ("camshaft.engine.datapub",),
    "engine": (),
    "engine.datapub": ("camshaft.engine.datapub",),
    "error": ("camshaft.error",),
    "serialize": (_CARRIERS, "camshaft.serialize"),
    "serialize.canning": (_CARRIERS,),
    "serialize.codeutil": (_CARRIERS,),
    "serialize.serialize": (_CARRIERS, "camshaft.serialize"),
    "util": ("camshaft.onengine", _CARRIERS),
}
_ALWAYS_OURS = frozenset({"datapub", "engine.datapub"})


class _StandIn(types.ModuleType):
    """A module whose names are looked up, when asked for, in modules of ours."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            for home in _HOMES[self.__name__[len(_ROOT) + 1 :]]:
                try:
                    value = getattr(importlib.import_module(home), name)
                except AttributeError:
                    continue
                setattr(self, name, value)
                return value
        raise AttributeError(
            f"camshaft's stand-in for the module {self.__name__!r} has no {name!r}: install ipyparallel on the engines"
        )


class Finder:
    """Finds and makes the stand-ins for `modules` (names below the root)."""

    def __init__(self, modules: Collection[str]) -> None:
        self._modules = modules

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The import system's question."""
        root, _, rest = name.partition(".")
        if root != _ROOT or rest not in self._modules:
            return None
        return ModuleSpec(name, self, origin="stand-in of camshaft", is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        """A module without contents."""
        return _StandIn(spec.name, "Camshaft's stand-in: names that code of original clients uses.")

    def exec_module(self, module: types.ModuleType) -> None:
        """Contents come when asked for."""


def install() -> None:
    """Make `import ipyparallel` work where that package is not installed. Once in a process."""
    sys.meta_path.insert(0, Finder(_ALWAYS_OURS))  # type: ignore[arg-type]
    sys.meta_path.append(Finder(_HOMES))  # type: ignore[arg-type]
    # where the real one is installed, its bind_kernel would look for the original's engine
    AfterImport(_ROOT, lambda package: setattr(package, "bind_kernel", _bind_kernel)).install()


def _bind_kernel(**options: Any) -> str:
    from .kernelserver import bind_kernel

    return bind_kernel(**options)
