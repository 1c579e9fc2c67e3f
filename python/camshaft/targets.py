"""Which engines a user means, and in which codec to talk to them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from . import error
from .serialize import CODEC

_OURS = "camshaft-py"
_MINE = f"{_OURS}{sys.version_info[0]}{sys.version_info[1]}-"


def resolve(targets: Any, engines: Mapping[int, str]) -> list[int]:
    """The ids that `targets` means, in order.

    None or 'all': every engine; an int (negative: from the end); a slice over the ordered ids; a collection of ids.
    Raises NoEnginesRegistered, IndexError (an int that is no engine), KeyError (within a collection), TypeError.
    """
    if not engines:
        raise error.NoEnginesRegistered()
    if targets is None or isinstance(targets, str):
        if targets is None or targets.lower() == "all":
            return list(engines)
        raise TypeError(f"targets must be 'all', an engine id or a collection of ids, not {targets!r}")
    if hasattr(targets, "__index__"):
        return [_one(targets.__index__(), engines)]
    if isinstance(targets, slice):
        return list(engines)[targets]
    if isinstance(targets, Iterable):
        ids = []
        for target in targets:
            if not hasattr(target, "__index__"):
                raise TypeError(f"engine ids are integers, not {target!r}")
            if target not in engines:
                raise KeyError(f"no engine {target}: registered are {_listing(engines)}")
            ids.append(int(target))
        if not ids:
            raise error.NoEnginesRegistered("the list of targets is empty: name at least one engine")
        return ids
    raise TypeError(f"targets must be 'all', an engine id, a slice or a collection of ids, not {targets!r}")


def _one(target: int, engines: Mapping[int, str]) -> int:
    if target < 0:
        ids = list(engines)
        if -target <= len(ids):
            return ids[target]
    elif target in engines:
        return target
    raise IndexError(f"no engine {target}: registered are {_listing(engines)}")


def _listing(engines: Mapping[int, str]) -> str:
    ids = list(engines)
    return ", ".join(map(str, ids)) if len(ids) <= 16 else f"{ids[0]} ... {ids[-1]} ({len(ids)} engines)"


def other_pythons(engines: Mapping[int, str]) -> str | None:
    """One sentence that names the engines whose Python is not this one's minor version; None when there are none."""
    others: dict[str, list[int]] = {}
    for number, uuid in engines.items():
        if uuid.startswith(_OURS) and not uuid.startswith(_MINE):
            others.setdefault(uuid[len(_OURS) :].partition("-")[0], []).append(number)
    if not others:
        return None
    from .folding import span

    listing = ", ".join(f"{span(ids)}: Python {version[:1]}.{version[1:]}" for version, ids in others.items())
    mine = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return (
        f"this client runs Python {mine}, but engines do not ({listing}), so functions cannot be sent to them: "
        "start client and engines with the same minor version of Python"
    )


def choose_codec(engines: Iterable[tuple[int, str]]) -> str | None:
    """The codec that all of `engines` (pairs of id and uuid) read: ours, or None for the original's.

    Raises SerializationError when one of them is known to run another minor version of Python.
    """
    codec: str | None = CODEC
    for number, uuid in engines:
        if uuid.startswith(_MINE):
            continue
        if uuid.startswith(_OURS):
            version = uuid[len(_OURS) :].partition("-")[0]
            raise error.SerializationError(
                f"engine {number} runs Python {version[:1]}.{version[1:]}, this client Python "
                f"{sys.version_info[0]}.{sys.version_info[1]}: functions travel as byte code, so start the client and "
                "the engines with the same minor version of Python"
            )
        codec = None
    return codec
