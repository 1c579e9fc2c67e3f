"""`python -m camshaft.cluster`: the command ipcluster."""

from __future__ import annotations

import os
import sys

from .._binaries import find


def main() -> None:
    """Become ipcluster, with the same arguments."""
    try:
        program = find("ipcluster")
    except FileNotFoundError as error:
        sys.exit(str(error))
    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()
