"""Spread: which member gets the next task."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._core import ClientCore, Request

__all__ = ["Spread"]

_EVERY = 0.5
"""Seconds between two looks at what other clients have in the members' queues."""
_LARGEST_BLOCK = 1024


class Spread:
    """Chooses the member with the fewest messages for each engine: this client's own, and those of other clients.

    Own messages are counted here and now; others are asked for in passing, without waiting for the answer, so they are
    known as of the last half second in which tasks were sent.
    """

    def __init__(self, cores: Sequence[ClientCore]) -> None:
        self._members = [_Member(core) for core in cores]
        self._next_look = 0.0

    def choose(self, candidates: Collection[int]) -> int:
        """The place of one of `candidates` (not empty): those whose controllers are connected come first."""
        if len(candidates) == 1:
            chosen = next(iter(candidates))
        else:
            now = time.monotonic()
            if now >= self._next_look:
                self._next_look = now + _EVERY
                for member in self._members:
                    member.look()
            chosen = min(candidates, key=lambda place: self._members[place].rank())
        self._members[chosen].given += 1
        return chosen

    def block(self, place: int, sent: int) -> int:
        """How many tasks of one call, of which `sent` have left, the chosen member may get at once.

        A round of its engines; later about a sixtieth of what was sent, so that members stay equally loaded.
        """
        size = max(1, self._members[place].engines(), min(sent // 64, _LARGEST_BLOCK))
        self._members[place].given += size - 1
        return size


class _Member:
    """What is known of one member's load."""

    def __init__(self, core: ClientCore) -> None:
        self._core = core
        self._engines = (-1, 0)
        self._question: Request | None = None
        self._own_then = 0
        self.given = 0  # so many tasks were meant for it, ever
        self.foreign = 0

    def engines(self) -> int:
        generation = self._core.generation
        if self._engines[0] != generation:
            self._engines = (generation, len(self._core.engines()))
        return self._engines[1]

    def rank(self) -> tuple[int, float]:
        """The smaller, the better."""
        engines = self.engines()
        reach = self._core.reach
        trouble = 3 if self._core.closed or reach == "lost" else 2 if reach == "away" else 0 if engines else 1
        asked = self._question is not None and not self._question.done
        return trouble, (self._core.pending - asked + self.foreign + 1) / max(1, engines)

    def look(self) -> None:
        """Take the answer to the last question, if it is here, and ask again."""
        question = self._question
        if question is not None:
            if not question.done:
                return
            self._take(question)
        if self._core.closed or self._core.reach != "here":
            self.foreign = 0
            self._question = None
            return
        self._own_then = self._core.pending - self.given
        self._question = self._core.submit("query", "queue_request", '{"targets": null, "verbose": false}')

    def _take(self, question: Request) -> None:
        told = json.loads(question.content)
        if told.pop("status", None) != "ok":
            return
        total = told.pop("unassigned", 0)
        for engine in told.values():
            if isinstance(engine, dict):
                total += engine.get("queue", 0) + engine.get("tasks", 0)
        # What this client had then, and all that it has sent since, may be part of the total.
        self.foreign = max(0, total - (self._own_then + self.given))
