"""FederatedRequests: the requests of one call that several members share, in the order of the call."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._core import Request, Requests

__all__ = ["FederatedRequests"]


class FederatedRequests:
    """A sequence of Request with the members of `Requests`, made of blocks that are Requests of one member each."""

    def __init__(self) -> None:
        self._blocks: list[tuple[int, Requests]] = []
        self._starts: list[int] = []
        self._size = 0

    def add(self, place: int, block: Requests) -> None:
        """Append what the member at `place` has sent."""
        self._blocks.append((place, block))
        self._starts.append(self._size)
        self._size += len(block)

    def groups(self) -> list[tuple[int, Any]]:
        """(member, its requests), block by block."""
        return list(self._blocks)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Request]:
        return chain.from_iterable(block for _, block in self._blocks)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return [self[index] for index in range(*key.indices(self._size))]
        index = key + self._size if key < 0 else key
        if not 0 <= index < self._size:
            raise IndexError("request index out of range")
        at = bisect_right(self._starts, index) - 1
        return self._blocks[at][1][index - self._starts[at]]

    def all_done(self) -> bool:
        """Whether all replies are here."""
        return all(block.all_done() for _, block in self._blocks)

    def all_ok(self) -> bool:
        """Whether all have ended well."""
        return all(block.all_ok() for _, block in self._blocks)

    def done_count(self) -> int:
        """How many replies are here."""
        return sum(block.done_count() for _, block in self._blocks)

    def msg_ids(self) -> list[str]:
        """The id of each."""
        return [msg_id for _, block in self._blocks for msg_id in block.msg_ids()]

    def small_results(self) -> list[bytes | None]:
        """As of Requests."""
        return [result for _, block in self._blocks for result in block.small_results()]
