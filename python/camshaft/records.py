"""What a client still holds of finished messages, by msg_id: `client.results` and `client.metadata`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from .metadata import Metadata

if TYPE_CHECKING:
    from .asyncresult import AsyncResult
    from .client import Client

__all__ = ["Held", "HeldMetadata", "HeldResults", "registered", "trim"]

_KEPT = 10_000
"""So many finished messages are kept while nobody takes their results; older ones are left to the controller."""
_REMEMBERED = 1_000_000
"""So many ids a history holds; then the older half goes."""


def trim(history: list[str]) -> None:
    """Keep a history of ids from growing for ever."""
    if len(history) > _REMEMBERED:
        del history[: len(history) - _REMEMBERED // 2]


def registered(result: AsyncResult) -> list[str]:
    """The ids by which the client knows `result`."""
    if result._ids is not None:
        return result._ids
    return [request.msg_id for request in result._requests]


class Held:
    """The part of Client that holds results until they are taken. Needs what Client has."""

    history: list[str]
    _by_id: dict[str, AsyncResult]
    _kept = _KEPT

    def _register(self, result: AsyncResult) -> list[str]:
        """Remember a result by the ids of its messages; returns them."""
        requests = result._requests
        if type(requests) is tuple and len(requests) == 1:  # a million of these may wait: no list is kept for each
            msg_id = requests[0].msg_id
            self._register_task(msg_id, result)
            return [msg_id]
        ids = result.msg_ids
        self.history += ids
        trim(self.history)
        self._by_id.update(dict.fromkeys(ids, result))
        if len(self._by_id) > self._kept:
            self._prune()
        return ids

    def _register_task(self, msg_id: str, result: AsyncResult) -> None:
        """As _register, for a result of one message."""
        self.history.append(msg_id)
        trim(self.history)
        self._by_id[msg_id] = result
        if len(self._by_id) > self._kept:
            self._prune()

    def _prune(self) -> None:
        done: dict[int, bool] = {}
        for result in self._by_id.values():
            if id(result) not in done:
                done[id(result)] = result.done()
        surplus = len(self._by_id) - _KEPT // 2
        old = islice((i for i, result in self._by_id.items() if done[id(result)]), max(0, surplus))
        for msg_id in list(old):
            del self._by_id[msg_id]
        self._kept = max(_KEPT, 2 * len(self._by_id))

    def _forget_task(self, msg_id: str, result: AsyncResult) -> None:
        """As _forget, for a result of one message."""
        if self._by_id.get(msg_id) is result:
            del self._by_id[msg_id]

    def _forget(self, result: AsyncResult) -> None:
        """The owner has taken the result: it need not be kept."""
        for msg_id in registered(result):
            if result._ids is not None or self._by_id.get(msg_id) is result:
                self._by_id.pop(msg_id, None)


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
