"""Progress bars: tqdm when it is installed, a plain line otherwise."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable


def by_default() -> bool:
    """Whether progress and output are shown while they change: unless $IPP_NONINTERACTIVE says otherwise."""
    return os.environ.get("IPP_NONINTERACTIVE", "") in ("", "0")


def show_progress(
    title: str,
    unit: str,
    total: int,
    progress: Callable[[], int],
    over: Callable[[], bool],
    pause: Callable[[float], object],
    interval: float,
    timeout: float | None,
) -> bool:
    """Draw until `over()`; `pause(seconds)` may return early. False if `timeout` seconds passed first."""
    deadline = None if timeout is None else time.monotonic() + timeout
    bar = _bar(title, unit, total)
    try:
        while True:
            finished = over()
            bar.show(progress())
            if finished:
                return True
            left = interval if deadline is None else min(interval, deadline - time.monotonic())
            if left <= 0:
                return False
            pause(left)
    finally:
        bar.close()


class _PlainBar:
    """`title: 3/8 tasks`, redrawn in place on a terminal."""

    def __init__(self, title: str, unit: str, total: int) -> None:
        self._title = title
        self._unit = unit
        self._total = total
        self._shown = -1

    def show(self, count: int) -> None:
        if count == self._shown or not sys.stderr.isatty():
            return
        self._shown = count
        print(f"\r{self._title}: {count}/{self._total} {self._unit}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._shown >= 0:
            print(file=sys.stderr)


class _TqdmBar:
    def __init__(self, bar: object) -> None:
        self._bar = bar

    def show(self, count: int) -> None:
        self._bar.update(count - self._bar.n)  # type: ignore[attr-defined]

    def close(self) -> None:
        self._bar.close()  # type: ignore[attr-defined]


def _bar(title: str, unit: str, total: int) -> _PlainBar | _TqdmBar:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _PlainBar(title, unit, total)
    return _TqdmBar(tqdm(total=total, desc=title, unit=unit))
