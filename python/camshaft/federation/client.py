"""FederatedClient: a Client of several controllers at once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from ..client import Client
from .core import FederatedCore
from .questions import ask

if TYPE_CHECKING:
    from .._core import ClientCore

__all__ = ["FederatedClient"]


class _Member(Client):
    """A Client that one federation has made for itself."""

    def _activate_first(self) -> None:
        """The magics are the federation's."""


class FederatedClient(Client):
    """One client for the engines of several controllers, so that no controller is the bottleneck.

    It has all of a Client's methods and views. Each message goes to the controller that has its engine; a task of a
    load-balanced view goes to the controller with the most idle engines for each task that waits, as known when it is
    submitted. A controller that dies fails only what it had; the others go on.

    Engine `e` of member `m` has the number `e * len(members) + m`, as long as both live and for every client that names
    the same members in the same order.

    Parameters
    ----------
    members: at least one; each a Client (stays open when this client is closed), a Cluster, the id of a cluster, or
        what Client takes as `connection_info`.
    options: as for Client, for the members that are to be connected. `cluster_id`, the id of one, is refused.

    Raises ValueError for no members, or for two that are the same controller; else as Client.
    """

    members: tuple[Client, ...]
    """A client of each controller, in which the engines have the controller's own numbers."""

    def __init__(self, members: Iterable[Any], **options: Any) -> None:
        if options.get("cluster_id") is not None:
            raise ValueError("a federation names its clusters as its members: FederatedClient(['id of one', ...])")
        debug, profile, timeout = options.get("debug", False), options.get("profile"), options.get("timeout", 10.0)
        made: list[Client] = []
        clients: list[Client] = []
        self._tunnel = None
        try:
            for member in members:
                client = _connected(member, options)
                clients.append(client)
                if client is not member:
                    made.append(client)
            _check(clients)
            self.members = tuple(clients)
            core = FederatedCore(self.members, made)
        except BaseException:
            for client in made:
                client.close()
            raise
        self._begin(cast("ClientCore", core), core.notifier, profile, debug, None, timeout)
        self._activate_first()

    def _ask(self, msg_type: str, content: dict[str, Any]) -> tuple[dict[str, Any], list[memoryview]]:
        self._check_open()
        return ask(cast("FederatedCore", self._core), msg_type, content)

    def _number_in(self, info: dict[str, Any]) -> int:
        """The number here of the engine that `info` of an error names by its controller's number."""
        return self._ids_by_uuid().get(info.get("engine_uuid", ""), info.get("engine_id", -1))

    def __repr__(self) -> str:
        state = "closed" if self._core.closed else f"{len(self)} engines of {len(self.members)} controllers"
        return f"<FederatedClient: {state}>"


def _connected(member: Any, options: dict[str, Any]) -> Client:
    if isinstance(member, Client):
        return member
    file = getattr(member, "connection_file", None)  # of a Cluster
    if file is not None:
        return _Member(file, **options)
    text = os.fspath(member) if isinstance(member, str | os.PathLike) else ""
    if text and "://" not in text and os.sep not in text and not os.path.exists(text):
        return _Member(cluster_id=text, **options)
    return _Member(member, **options)


def _check(clients: list[Client]) -> None:
    if not clients:
        raise ValueError("a federation needs at least one member: name connection files, cluster ids or Clients")
    if any(isinstance(client, FederatedClient) for client in clients):
        raise ValueError("a member of a federation is one controller: name the members of the other federation instead")
    seen: dict[str, int] = {}
    for place, client in enumerate(clients):
        for uuid in client._engines().values():
            if seen.setdefault(uuid, place) != place:
                raise ValueError(f"members {seen[uuid]} and {place} are the same controller: name each once")
