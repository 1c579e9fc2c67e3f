"""FederatedCore: what a ClientCore is, on top of several."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .fitting import fits
from .requests import FederatedRequests
from .spread import Spread

if TYPE_CHECKING:
    from .._core import ClientCore, Request
    from ..client import Client

__all__ = ["FederatedCore"]

_SLICE = 0.05
"""Seconds that news of one controller may wait for, while a thread listens to another one."""
_ROUTES_KEPT = 64
_PROPERTIES_LIVE = 0.5
"""Seconds for which properties of engines are taken for known."""


class FederatedCore:
    """Sends each request by the core of the member that it is meant for; has the members of a ClientCore.

    Engines of member `m` have the numbers `local * n + m`, where `n` is the number of members.
    """

    def __init__(self, clients: Sequence[Client], owned: Sequence[Client]) -> None:
        """`owned`: those to be closed with this one."""
        self.clients = tuple(clients)
        self.cores: tuple[ClientCore, ...] = tuple(client._core for client in clients)
        self._owned = tuple(owned)
        self._sessions = {core.session: place for place, core in enumerate(self.cores)}
        self._spread = Spread(self.cores)
        self._closed = False
        self._homes: tuple[int, dict[str, int]] = (-1, {})
        self._routes: dict[str, tuple[Any, dict[int, str]]] = {}
        self._arrival = threading.Condition()
        self._awaited: set[str] = set()
        self.notifier = FederatedNotifier(self)

    # -- members ------------------------------------------------------------------------------------------------------

    @property
    def session(self) -> str:
        """The sessions of the members, with '+' between."""
        return "+".join(self._sessions)

    @property
    def task_scheme(self) -> str:
        """The members' scheme; 'pure' when one has it, since it takes the fewest flags."""
        schemes = [core.task_scheme for core in self.cores]
        return "pure" if "pure" in schemes else schemes[0]

    @property
    def closed(self) -> bool:
        """Whether it, or every member, was closed."""
        return self._closed or all(core.closed for core in self.cores)

    def living(self) -> list[int]:
        """The members whose controllers were not given up; all, when there are none."""
        places = [k for k, core in enumerate(self.cores) if not core.closed and core.reach != "lost"]
        return places or list(range(len(self.cores)))

    def number(self, place: int, local: int) -> int:
        """The number of a member's engine."""
        return local * len(self.cores) + place

    def by_member(self, numbers: Iterable[int]) -> dict[int, list[int]]:
        """{member: its own numbers} for engines."""
        parts: dict[int, list[int]] = {}
        for number in numbers:
            local, place = divmod(number, len(self.cores))
            parts.setdefault(place, []).append(local)
        return parts

    def owner_of(self, msg_id: str) -> int | None:
        """The member by which this client has sent a message; None for messages of others."""
        return self._sessions.get(msg_id.partition("_")[0])

    def _owner(self, request: Request) -> int:
        place = self.owner_of(request.msg_id)
        if place is None:
            raise TypeError(f"{request.msg_id} is not of this client")
        return place

    def close(self) -> None:
        """Close the members that were made for this one. Idempotent."""
        self._closed = True
        for client in self._owned:
            client.close()

    # -- engines ------------------------------------------------------------------------------------------------------

    def engines(self) -> dict[int, str]:
        """{number: uuid} of the engines of all members that were not given up."""
        found: dict[int, str] = {}
        for place, core in enumerate(self.cores):
            if not core.closed and core.reach != "lost":
                found.update((self.number(place, local), uuid) for local, uuid in core.engines().items())
        return dict(sorted(found.items()))

    @property
    def generation(self) -> int:
        """Grows with each change in one of the members."""
        return sum(core.generation + core.closed for core in self.cores)

    def wait_generation(self, seen: int, timeout: float) -> int:
        """As of a ClientCore."""
        deadline = time.monotonic() + timeout
        for place in itertools.cycle(range(len(self.cores))):
            left = deadline - time.monotonic()
            if self.generation != seen or left <= 0 or self.closed:
                break
            core = self.cores[place]
            if not core.closed:
                core.wait_generation(core.generation, min(left, _SLICE))
        return self.generation

    def _home(self, uuid: str) -> int:
        """The member that has an engine, or had it last."""
        generation, homes = self._homes
        now = self.generation
        if generation != now:
            for place, core in enumerate(self.cores):
                homes.update(dict.fromkeys(core.engines().values(), place))
            self._homes = (now, homes)
        return homes.get(uuid, 0)

    # -- sending ------------------------------------------------------------------------------------------------------

    def submit(
        self,
        channel: str,
        msg_type: str,
        content: str = "{}",
        metadata: str = "{}",
        buffers: Sequence[Any] = (),
        *,
        engine: str | None = None,
        track: bool = False,
    ) -> Request:
        """As of a ClientCore; 'query' is not for a federation: see questions.ask."""
        if channel == "task":
            route = self._route(metadata)
            place = self._spread.choose(route)
            return self.cores[place].submit(channel, msg_type, content, route[place], buffers, track=track)
        if engine is None:
            raise ValueError("a federation sends requests to engines: 'mux' and 'control' need one, 'query' has none")
        core = self.cores[self._home(engine)]
        return core.submit(channel, msg_type, content, metadata, buffers, engine=engine, track=track)

    def submit_tasks(self, metadata: str, calls: Iterable[Sequence[Any]]) -> FederatedRequests:
        """As of a ClientCore. Blocks of calls, a round of its engines each, go to the member with the least to do."""
        route = self._route(metadata)
        made = FederatedRequests()
        rest = iter(calls)
        while True:
            place = self._spread.choose(route)
            block = list(itertools.islice(rest, self._spread.block(place, len(made))))
            if not block:
                return made
            made.add(place, self.cores[place].submit_tasks(route[place], block))

    def known_calls(self, engine: str | None) -> FederatedCalls:
        """As of a ClientCore; without an engine, for tasks that any member may get."""
        return FederatedCalls(self, engine)

    def submit_broadcast(
        self,
        msg_type: str,
        content: str,
        metadata: str,
        buffers: Sequence[Any],
        engines: Sequence[str],
        coalescing: bool,
    ) -> list[Request]:
        """As of a ClientCore; engines of several members answer one by one, even if `coalescing`."""
        by_place: dict[int, list[str]] = {}
        for uuid in engines:
            by_place.setdefault(self._home(uuid), []).append(uuid)
        if len(by_place) > 1:
            coalescing = False
        found: dict[str, Request] = {}
        requests: list[Request] = []
        for place, uuids in by_place.items():
            told = json.loads(metadata)
            told["targets"] = [[uuid, number // len(self.cores)] for uuid, number in told["targets"] if uuid in uuids]
            told["is_coalescing"] = coalescing
            requests = self.cores[place].submit_broadcast(
                msg_type, content, json.dumps(told), buffers, uuids, coalescing
            )
            found.update(zip(uuids, requests, strict=False))
        return requests if coalescing else [found[uuid] for uuid in engines]

    def _route(self, metadata: str) -> dict[int, str]:
        """{member: what to tell it} for the members that may get a task with this metadata."""
        known = self._routes.get(metadata)
        if known is None or (
            known[0] is not None and known[0] != (self.generation, time.monotonic() // _PROPERTIES_LIVE)
        ):
            if len(self._routes) >= _ROUTES_KEPT:
                self._routes.clear()
            known = self._routes[metadata] = self._find_route(metadata)
        return known[1]

    def forget_routes(self) -> None:
        """Engines have other properties now."""
        self._routes.clear()

    def _find_route(self, metadata: str) -> tuple[Any, dict[int, str]]:
        """(when it was found, if that matters; the route)."""
        told = json.loads(metadata)
        route = dict.fromkeys(range(len(self.cores)), metadata)
        if told.get("targets"):
            by_place: dict[int, list[str]] = {}
            for uuid in told["targets"]:
                by_place.setdefault(self._home(uuid), []).append(uuid)
            route = {place: json.dumps({**told, "targets": uuids}) for place, uuids in by_place.items()}
        needed = {
            place
            for name in ("after", "follow")
            for msg_id in (told.get(name) or {}).get("dependencies", ())
            if (place := self.owner_of(msg_id)) is not None
        }
        if len(needed) > 1 or not needed <= route.keys():
            raise ValueError(
                "a controller knows only its own tasks, but this one depends on tasks of another: send tasks that "
                "depend on one another through a view of one member, rc.members[0].load_balanced_view(), or wait for "
                "the results"
            )
        if needed:
            route = {place: route[place] for place in needed}
        if not (told.get("where") or told.get("resources")) or len(route) == 1:
            return None, route
        found_at = self.generation, time.monotonic() // _PROPERTIES_LIVE
        fitting = {place: told for place, told in route.items() if self._has_engine_for(place, told)}
        return found_at, fitting or route  # where no engine fits, the task waits for one

    def _has_engine_for(self, place: int, metadata: str) -> bool:
        told = json.loads(metadata)
        local = self.cores[place].engines()
        if not local:
            return False
        reply, _ = self.clients[place]._ask("properties_request", {"targets": None, "changes": None})
        targets = told.get("targets")
        return any(
            fits(properties, told.get("where") or (), told.get("resources") or {})
            for number, properties in reply["properties"].items()
            if not targets or local.get(int(number)) in targets
        )

    # -- waiting ------------------------------------------------------------------------------------------------------

    def wait(self, requests: Any, timeout: float | None = None, *, outputs: bool = False, any: bool = False) -> bool:
        """As of a ClientCore; `any` with outputs is not offered."""
        groups = requests.groups() if isinstance(requests, FederatedRequests) else self._groups(requests)
        if len(groups) == 1:
            place, group = groups[0]
            return self.cores[place].wait(group, timeout, outputs=outputs, any=any)
        if any:
            return self._wait_for_one(list(requests), timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        for place, group in groups:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not self.cores[place].wait(group, left, outputs=outputs):
                return False
        return True

    def _groups(self, requests: Sequence[Request]) -> list[tuple[int, Any]]:
        groups: dict[int, list[Request]] = {}
        for request in requests:
            groups.setdefault(self._owner(request), []).append(request)
        return list(groups.items())

    def _wait_for_one(self, requests: list[Request], timeout: float | None) -> bool:
        if not requests:
            return True
        with self._arrival:
            for request in requests:
                if not request.done and request.msg_id not in self._awaited:
                    self._awaited.add(request.msg_id)
                    self.notifier.watch(request, self._arrived)
            return self._arrival.wait_for(lambda: next((True for r in requests if r.done), False), timeout)

    def _arrived(self, request: Request) -> None:
        with self._arrival:
            self._awaited.discard(request.msg_id)
            self._arrival.notify_all()


class FederatedCalls:
    """What KnownCalls is: those of each member, one of which is chosen for each call."""

    def __init__(self, core: FederatedCore, engine: str | None) -> None:
        self._core = core
        self._engine = engine
        self._places = range(len(core.cores)) if engine is None else [core._home(engine)]
        self._members = {place: core.cores[place].known_calls(engine) for place in self._places}

    def learn(self, function: Any, generation: int, metadata: str, pickle: bytes) -> None:
        """As of KnownCalls, unless engines came or went since `generation`, or not every member may get the task."""
        generations = [core.generation for core in self._core.cores]
        anywhere = self._engine or self._core._route(metadata) == dict.fromkeys(self._places, metadata)
        if anywhere and self._core.generation == generation:
            for place, calls in self._members.items():
                calls.learn(function, generations[place], metadata, pickle)

    def submit(self, function: Any, args: tuple[Any, ...]) -> Request | None:
        """As of KnownCalls."""
        place = self._core._spread.choose(self._places) if self._engine is None else self._places[0]
        return self._members[place].submit(function, args)


class FederatedNotifier:
    """What a Notifier is: calls back once for each watched request, from threads of the members, one at a time."""

    def __init__(self, core: FederatedCore) -> None:
        self._core = core
        self._one_at_a_time = threading.RLock()

    def watch(self, request: Request, callback: Callable[[Request], None]) -> None:
        """Call `callback(request)` when `request` is done; soon, if it is done already."""

        def in_turn(done: Request) -> None:
            with self._one_at_a_time:
                callback(done)

        self._core.clients[self._core._owner(request)]._notifier.watch(request, in_turn)
