"""Arguments that every call reads alike: limits of time, numbers, positions in a history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION
from typing import Any

__all__ = ["at", "check_return_when", "limit", "whole_number"]


def limit(timeout: float | None) -> float | None:
    """Seconds to wait, None for ever: as `timeout`, where None and negative numbers set no limit.

    TypeError for what is no number, ValueError for what is not one (nan).
    """
    if timeout is None:
        return None
    try:
        if isinstance(timeout, str | bytes):
            raise TypeError
        seconds = float(timeout)
    except (TypeError, ValueError):
        raise TypeError(f"timeout must be a number of seconds or None, not {timeout!r}") from None
    if math.isnan(seconds):
        raise ValueError("timeout must be a number of seconds or None, not nan")
    return None if seconds < 0 or seconds == math.inf else seconds


def whole_number(what: str, value: Any, least: int) -> int:
    """`value` as an int. TypeError, which calls it `what`, if it is none; ValueError if it is below `least`."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = value.__index__()
    except (AttributeError, TypeError):
        raise TypeError(f"{what} must be a whole number, not {value!r}") from None
    if number < least:
        raise ValueError(f"{what} must be at least {least}, but is {number}")
    return int(number)


def at(history: Sequence[str], index: int) -> str:
    """The message with that index in a history. IndexError that says how many there are."""
    try:
        return history[index]
    except IndexError:
        if not history:
            raise IndexError("nothing has been submitted yet: there is no message in the history") from None
        raise IndexError(f"no message {index} in the history: it has {len(history)}") from None


def check_return_when(return_when: str) -> None:
    """ValueError unless it is one of the three that concurrent.futures.wait knows."""
    if return_when not in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        raise ValueError(f"return_when is ALL_COMPLETED, FIRST_COMPLETED or FIRST_EXCEPTION, not {return_when!r}")
