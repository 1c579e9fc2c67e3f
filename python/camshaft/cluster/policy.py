"""How many engines a cluster should have for the work that waits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..limits import whole_number


@dataclass
class Policy:
    """Decides by the length of the queue; pure: time is what `decide` is told.

    More engines are wanted at once; fewer only when that was so for `patience` seconds, and then as many as the busiest
    moment of these needed.
    """

    minimum: int
    maximum: int
    tasks_per_engine: float = 1.0
    """So many unfinished tasks justify one engine."""
    patience: float = 10.0
    """Seconds."""
    _low: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.minimum = whole_number("adapt: minimum", self.minimum, 1)  # without an engine nothing can be submitted
        self.maximum = whole_number("adapt: maximum", self.maximum, 1)
        if self.minimum > self.maximum:
            raise ValueError(f"adapt(minimum={self.minimum}, maximum={self.maximum}): minimum is above maximum")
        if self.tasks_per_engine <= 0 or self.patience < 0:
            raise ValueError("tasks_per_engine must be positive, and patience not negative")

    def decide(self, now: float, engines: int, unfinished: int) -> int:
        """How many engines there should be.

        Parameters
        ----------
        now: seconds, from any origin, never less than before.
        engines: how many there are.
        unfinished: tasks that wait or run.
        """
        needed = min(self.maximum, max(self.minimum, math.ceil(unfinished / self.tasks_per_engine)))
        if needed >= engines:
            self._low.clear()
            return needed
        if engines > self.maximum:
            self._low.clear()
            return self.maximum
        self._low.append((now, needed))
        if now - self._low[0][0] < self.patience:
            return engines
        wanted = max(count for _, count in self._low)
        self._low.clear()
        return wanted


def choose_to_leave(loads: dict[int, int], count: int) -> list[int]:
    """The `count` engines to give up, of {id: unfinished requests}: those with least to do, and of these the newest."""
    return sorted(loads, key=lambda engine: (loads[engine], -engine))[: max(0, count)]
