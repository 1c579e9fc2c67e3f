"""What a client still holds of finished messages, by msg_id: `client.results` and `client.metadata`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .metadata import Metadata

if TYPE_CHECKING:
    from .client import Client

__all__ = ["HeldMetadata", "HeldResults", "trim"]

_REMEMBERED = 1_000_000
"""So many ids a history holds; then the older half goes."""


def trim(history: list[str]) -> None:
    """Keep a history of ids from growing for ever."""
    if len(history) > _REMEMBERED:
        del history[: len(history) - _REMEMBERED // 2]


class HeldResults(Mapping[str, Any]):
    """{msg_id: result} of the messages that are done and that nobody has taken yet; errors stand in place of results.

    A message is forgotten once its AsyncResult was read, or when many more have come since (see Client).
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getitem__(self, msg_id: str) -> Any:
        result = self._client._by_id[msg_id]
        request = result._request(msg_id)
        if not request.done:
            raise KeyError(msg_id)
        return result._decode(request)

    def __iter__(self) -> Iterator[str]:
        for msg_id, result in list(self._client._by_id.items()):
            if result._request(msg_id).done:
                yield msg_id

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


class HeldMetadata(Mapping[str, Metadata]):
    """{msg_id: Metadata} of the messages that the client holds; for others, Metadata without entries."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getitem__(self, msg_id: str) -> Metadata:
        result = self._client._by_id.get(msg_id)
        if result is None:
            return Metadata({"msg_id": msg_id})
        return result._metadata()[result.msg_ids.index(msg_id)]

    def __contains__(self, msg_id: object) -> bool:
        return msg_id in self._client._by_id

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._client._by_id))

    def __len__(self) -> int:
        return len(self._client._by_id)
