"""The module `__main__` of user code, and what of IPython it finds there before IPython is loaded."""

from __future__ import annotations

import builtins
import sys
import types
from typing import TYPE_CHECKING, Any

from .afterimport import AfterImport

if TYPE_CHECKING:
    from .host import Host


def make_main_module() -> types.ModuleType:
    """A fresh `__main__` for user code; whatever is pickled by reference to `__main__` resolves there."""
    module = types.ModuleType("__main__", "The namespace of code that clients send to this engine.")
    module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = module
    return module


class ShellStandIn:
    """What get_ipython() gives before IPython is loaded: the namespaces; anything else loads the shell."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def user_ns(self) -> dict[str, Any]:
        """The namespace of user code."""
        return self._host.namespace

    user_global_ns = user_ns

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._host.shell(), name)


_SHELL_MODULE = "IPython.core.interactiveshell"


def _answer_with_engine_shell(cls: Any, host: Host) -> None:
    """Let the first question whether a shell runs make the engine's."""
    initialized = cls.__dict__.get("initialized")

    def with_engine_shell(owner: Any) -> bool:
        if initialized is None:
            del cls.initialized
        else:
            cls.initialized = initialized
        if not host.making_shell:
            host.shell()
        return owner.initialized()

    cls.initialized = classmethod(with_engine_shell)


def install_shell_hook(host: Host) -> None:
    """Make display(), get_ipython() and friends work in plain calls, without loading IPython before they are used."""

    def hook(module: types.ModuleType) -> None:
        if not host.making_shell:
            _answer_with_engine_shell(module.InteractiveShell, host)  # type: ignore[attr-defined]

    AfterImport(_SHELL_MODULE, hook).install()  # or at once, in an engine whose template has loaded it
