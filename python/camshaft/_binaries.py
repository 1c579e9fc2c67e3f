"""Finds our C++ programs: beside the Python that runs, in a development tree, or in PATH."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_ELF = b"\x7fELF"
"""The original's scripts have the same names; ours are machine code."""


def find(name: str) -> str:
    """Return the path of our program `name` ('ipcontroller', 'ipcluster' or 'iplogger').

    Looks in $CAMSHAFT_BIN, else in the build folder of the source tree that this package lies in, in the scripts
    folders of this Python, and in PATH. Raises FileNotFoundError when it is nowhere.
    """
    places = []
    for folder in _folders():
        path = folder / name
        places.append(str(folder))
        if _is_ours(path):
            return str(path)
    in_path = shutil.which(name)
    if in_path is not None and _is_ours(Path(in_path)):
        return in_path
    raise FileNotFoundError(
        f"camshaft's {name} is neither in {', '.join(places)} nor in PATH: build it with 'make build' or "
        "'pip install .', or set CAMSHAFT_BIN"
    )


def _folders() -> Iterator[Path]:
    chosen = os.environ.get("CAMSHAFT_BIN")
    if chosen:
        yield Path(chosen)
        return
    tree = Path(__file__).resolve().parents[2]
    if (tree / "CMakeLists.txt").is_file():
        yield tree / "build" / "dev" / "bin"
        yield tree / "build" / "release" / "bin"
        yield tree / "build" / "bin"
    for scheme in (None, "posix_user"):
        scripts = sysconfig.get_path("scripts") if scheme is None else sysconfig.get_path("scripts", scheme)
        if scripts:
            yield Path(scripts)


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_ELF)) == _ELF and os.access(path, os.X_OK)
    except OSError:
        return False
