"""Says once what many engines say alike."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .error import RemoteError

__all__ = ["FOLD_FROM", "fold", "merged", "span"]

FOLD_FROM = 4
"""So many engines must say the same before it is said once for all; fewer are shown one by one."""

_COUNTED = re.compile(r"\bIn ?\[\d+\]|\bipykernel_\d+")
"""What differs between engines in a traceback although the same code failed alike."""

Said = TypeVar("Said", bound=Hashable)


def span(ids: Iterable[Any]) -> str:
    """Engine ids as short text: `0-3,7`. What is no number stands as it is."""
    numbers = sorted({i for i in ids if isinstance(i, int)})
    others = sorted({str(i) for i in ids if not isinstance(i, int)})
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    return ",".join(texts + others)


def fold(said: Sequence[tuple[Any, Said]], threshold: int = FOLD_FROM) -> list[tuple[list[Any], Said]]:
    """[(who, what), ...] as [([who, ...], what), ...], in order of the first who said it.

    What fewer than `threshold` say stays apart, one entry for each.
    """
    groups: dict[Said, list[Any]] = {}
    for who, what in said:
        groups.setdefault(what, []).append(who)
    folded: list[tuple[list[Any], Said]] = []
    placed: set[Said] = set()
    for who, what in said:
        if len(groups[what]) < threshold:
            folded.append(([who], what))
        elif what not in placed:
            placed.add(what)
            folded.append((groups[what], what))
    return folded


def merged(errors: Sequence[tuple[Any, RemoteError]]) -> list[tuple[RemoteError, list[Any]]]:
    """[(engine, error), ...] as [(error, engines), ...]: once where many raised the same at the same place."""
    keys = [
        (index, (error.ename, error.evalue, _COUNTED.sub("", error.traceback)))
        for index, (_, error) in enumerate(errors)
    ]
    return [(errors[indexes[0]][1], [errors[index][0] for index in indexes]) for indexes, _ in fold(keys)]
