"""Functions as conditions on engines: ``where=lambda p: p["cores"] >= 8``.

The controller runs no Python. So the client calls the function with each engine's properties and marks the engines
where it says yes with a property of its own making; the task asks for that mark. While such tasks are under way, a
thread calls the function again for engines that come and for properties that change.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .threads import start_waiting

if TYPE_CHECKING:
    from .asyncresult import AsyncResult
    from .client import Client

__all__ = ["Predicates", "is_mark"]

_EVERY = 0.5
"""Seconds between two looks at the engines' properties; engines that come or go are seen at once."""
_MARK = "?"


def is_mark(name: str) -> bool:
    """Whether a property is a mark of ours and no business of users."""
    return name.startswith(_MARK)


class _Mark:
    """One function, the property that stands for it, and the tasks that wait for it."""

    def __init__(self, name: str, predicate: Callable[[dict[str, Any]], Any]) -> None:
        self.name = name
        self.predicate = predicate
        self.results: list[weakref.ref[AsyncResult]] = []

    def holds(self, properties: Mapping[str, Any]) -> bool:
        try:
            return bool(self.predicate({name: value for name, value in properties.items() if not is_mark(name)}))
        except Exception:  # a function that fails for an engine does not want it
            return False

    def over(self) -> bool:
        """Whether its tasks, of which there were some, have ended."""
        living = [result for result in (reference() for reference in self.results) if result is not None]
        return bool(self.results) and all(result.done() for result in living)


class Predicates:
    """The functions that one client's tasks have as conditions."""

    def __init__(self, client: Client) -> None:
        self._client = weakref.ref(client)
        self._marks: dict[int, _Mark] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def mark(self, predicate: Callable[[dict[str, Any]], Any]) -> str:
        """The name of the property that engines have where `predicate` holds; asks the controller."""
        client = self._client()
        assert client is not None
        with self._lock:
            mark = self._marks.get(id(predicate))
            if mark is None:
                mark = _Mark(f"{_MARK}{client.session[:16]}-{next(self._numbers)}", predicate)
                self._marks[id(predicate)] = mark
            self._set(client, [mark])
        return mark.name

    def used(self, predicate: Any, result: AsyncResult) -> None:
        """`result` is of tasks with this condition: it is kept up to date until they have ended."""
        with self._lock:
            mark = self._marks.get(id(predicate))
            if mark is None:
                return
            mark.results.append(weakref.ref(result))
            if self._thread is None:
                client = result._client
                self._thread = start_waiting(_watch, client._core, weakref.ref(self), name="camshaft-predicates")

    def readable(self, text: str) -> str:
        """`text` with names of functions in place of marks."""
        for mark in list(self._marks.values()):
            text = text.replace(mark.name, getattr(mark.predicate, "__name__", "where"))
        return text

    def _set(self, client: Client, marks: list[_Mark]) -> int:
        """Calls the functions for all engines and sets what is different; returns the version of what it has read."""
        reply = client._ask("properties_request", {"targets": None})[0] if client._engines() else {}
        for mark in marks:
            wanted: dict[bool, list[int]] = {True: [], False: []}
            for number, properties in reply.get("properties", {}).items():
                holds = mark.holds(properties)
                if holds != (mark.name in properties):
                    wanted[holds].append(int(number))
            for holds, engines in wanted.items():
                if engines:
                    changes = {mark.name: True if holds else None}
                    client._ask("properties_request", {"targets": engines, "changes": changes})
        return reply.get("version", -1)

    def refresh(self) -> bool:
        """Looks at all engines again; False when there is nothing left to look for."""
        client = self._client()
        if client is None or client._core.closed:
            return False
        with self._lock:
            for key, mark in list(self._marks.items()):
                if mark.over():
                    del self._marks[key]
                    if client._engines():
                        client._ask("properties_request", {"targets": None, "changes": {mark.name: None}})
            if not self._marks:
                self._thread = None
                return False
            self._set(client, list(self._marks.values()))
        return True

    def pause(self) -> None:
        """Until engines come or go, or it is time to look again."""
        client = self._client()
        if client is not None and not client._core.closed:
            client._core.wait_generation(client._core.generation, _EVERY)


def _watch(reference: weakref.ref[Predicates]) -> None:
    while True:
        predicates = reference()
        if predicates is None:
            return
        try:
            predicates.pause()
            if not predicates.refresh():
                return
        except Exception:  # the controller is away or gone: the tasks end with an error of their own
            predicates._thread = None
            return
        del predicates
