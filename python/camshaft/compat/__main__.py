"""`python -m camshaft.compat program.py [arguments]`: run a program of any generation as it is, with its imports."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from .hook import install


def main() -> None:
    """Run the program that the command line names."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python -m camshaft.compat program.py [arguments]")
    install(today=True)
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
