"""Acts on a module at the moment when somebody imports it: what is never used is never loaded."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import types
    from collections.abc import Callable


class AfterImport:
    """Import hook: calls `act(module)` once, after the module `name` was imported for the first time, or at once."""

    def __init__(self, name: str, act: Callable[[types.ModuleType], None]) -> None:
        self._name = name
        self._act = act

    def install(self) -> None:
        """Begin to watch."""
        if (loaded := sys.modules.get(self._name)) is not None:
            self._act(loaded)
            return
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The import system's question."""
        if name != self._name:
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        exec_module = spec.loader.exec_module

        def exec_and_act(module: types.ModuleType) -> None:
            exec_module(module)
            self._act(module)

        spec.loader.exec_module = exec_and_act  # type: ignore[method-assign]
        return spec
