"""Questions to a person, which nobody at an engine could answer: `input()` and `getpass()` say so at once.

Without this, `input()` would fail as if the person had closed the terminal, or wait for one that started the engine.
"""

from __future__ import annotations

import builtins
import sys
from typing import Any


class StdinNotImplementedError(RuntimeError):
    """Code on an engine asked for input. The name is that of Jupyter's error for front ends without input."""


def install() -> None:
    """Replace `input` and `getpass.getpass`."""
    from .afterimport import AfterImport

    def refuse(prompt: Any = "", *_: Any, **__: Any) -> str:
        raise StdinNotImplementedError(
            f"nobody can answer input({str(prompt)!r}) on an engine: ask before, and pass the answer as an argument"
        )

    builtins.input = refuse
    if "getpass" in sys.modules:
        setattr(sys.modules["getpass"], "getpass", refuse)  # noqa: B010
    else:
        AfterImport("getpass", lambda module: setattr(module, "getpass", refuse)).install()
