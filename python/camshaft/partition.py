"""How a sequence is divided among engines, and put together again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import chain
from typing import Any


class Map:
    """Contiguous blocks ('b'): the first `len % n` parts are one item longer."""

    def getPartition(self, seq: Sequence[Any], p: int, q: int, n: int | None = None) -> Any:
        """Part `p` (0 <= p < q) of `q` parts of `seq` (of its first `n` items). ValueError for another p."""
        n = self._length(seq, p, q, n)
        size, longer = divmod(n, q)
        start = p * size + min(p, longer)
        return seq[start : start + size + (p < longer)]

    def joinPartitions(self, parts: Sequence[Any]) -> Any:
        """The whole, from all its parts in order: an array if they are arrays, else a list."""
        parts = list(parts)
        if not parts:
            return []
        if _is_array(parts[0]):
            return self._join_arrays(parts)
        if isinstance(parts[0], list | tuple | range) or hasattr(parts[0], "__len__"):
            return self._join_lists(parts)
        return parts

    @staticmethod
    def _length(seq: Sequence[Any], p: int, q: int, n: int | None) -> int:
        if not 0 <= p < q:
            raise ValueError(f"part must be in 0..{q - 1}, not {p}")
        return len(seq) if n is None else n

    def _join_arrays(self, parts: list[Any]) -> Any:
        return sys.modules["numpy"].concatenate(parts)

    def _join_lists(self, parts: list[Any]) -> list[Any]:
        return list(chain.from_iterable(parts))


class RoundRobinMap(Map):
    """Strided parts ('r'): part p holds the items p, p + q, p + 2q, ..."""

    def getPartition(self, seq: Sequence[Any], p: int, q: int, n: int | None = None) -> Any:
        """As `Map.getPartition`."""
        n = self._length(seq, p, q, n)
        return seq[p:n:q]

    def _join_arrays(self, parts: list[Any]) -> Any:
        numpy = sys.modules["numpy"]
        whole = numpy.empty((sum(map(len, parts)), *parts[0].shape[1:]), dtype=numpy.result_type(*parts))
        for p, part in enumerate(parts):
            whole[p :: len(parts)] = part
        return whole

    def _join_lists(self, parts: list[Any]) -> list[Any]:
        whole: list[Any] = [None] * sum(map(len, parts))
        for p, part in enumerate(parts):
            whole[p :: len(parts)] = part
        return whole


dists: dict[str, type[Map]] = {"b": Map, "r": RoundRobinMap}


def distribution(dist: str) -> Map:
    """The distribution called `dist`: 'b' or 'r'; ValueError for another name."""
    try:
        return dists[dist]()
    except KeyError:
        raise ValueError(f"unknown distribution {dist!r}: use 'b' (contiguous blocks) or 'r' (round robin)") from None


def sliceable(seq: Any) -> Any:
    """`seq` itself if it has a length and slices, else its items as a list (dicts, sets, generators, ...).

    TypeError for what has no items.
    """
    if hasattr(seq, "__len__") and hasattr(seq, "__getitem__") and not isinstance(seq, dict):
        return seq
    check_iterable(seq)
    return list(seq)


def check_iterable(seq: Any) -> None:
    """TypeError, in one line, unless `seq` has items."""
    if not (hasattr(seq, "__iter__") or hasattr(seq, "__getitem__")):
        raise TypeError(f"a sequence is needed, or something else with items, not {seq!r} ({type(seq).__name__})")


def _is_array(obj: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(obj, numpy.ndarray) and obj.ndim > 0
