"""Where configuration files are, and which of them belong to a program. Imports nothing: engines look here at start."""

from __future__ import annotations

import os
import sys

SYSTEM = ("/usr/local/etc/ipython", "/etc/ipython")

# program -> names of its files without their ending; later ones win
_STEMS = {
    "ipcluster": ("ipython_config", "ipclusterz_config", "ipcluster_config"),
    "ipcontroller": ("ipython_config", "ipcontroller_config"),
    "ipengine": ("ipython_config", "ipengine_config"),
    "iplogger": ("ipython_config", "iplogger_config"),
}
PROGRAMS = tuple(_STEMS)


def places(profile_dir: str) -> list[str]:
    """Return the folders that may hold configuration, the most important one first."""
    return [profile_dir, os.path.join(sys.prefix, "etc", "ipython"), *SYSTEM]


def files_of(program: str, folders: list[str]) -> list[str]:
    """Return the files of `program` that exist, in the order in which they are read: later ones win."""
    found = []
    for stem in _STEMS[program]:
        for folder in reversed(folders):
            for ending in (".py", ".json"):
                path = os.path.join(folder, stem + ending)
                if os.path.isfile(path):
                    found.append(path)
    return found


def says_something(path: str) -> bool:
    """Return False for a Python file of comments and blank lines, with or without ``c = get_config()``."""
    if not path.endswith(".py"):
        return True
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            code = ("".join(line.partition("#")[0].split()) for line in file)
            return any(line not in ("", "c=get_config()") for line in code)
    except OSError:
        return True
