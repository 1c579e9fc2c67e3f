"""``python -m camshaft.logger``: iplogger, which collects the logs of controllers and engines."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from ._binaries import find

__all__ = ["main"]


def main(argv: list[str] | None = None) -> NoReturn:
    """Become the program iplogger; `argv` (default: that of this process) has no program name in front."""
    try:
        program = find("iplogger")
    except FileNotFoundError as error:
        sys.exit(f"iplogger: {error}")
    os.execv(program, [program, *(sys.argv[1:] if argv is None else argv)])


if __name__ == "__main__":
    main()
