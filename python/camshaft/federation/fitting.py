"""Whether an engine meets what a task asks for, as a federation needs to know before it chooses a controller."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["fits"]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def fits(properties: Mapping[str, Any], where: Iterable[Any], resources: Mapping[str, float]) -> bool:
    """Whether all conditions of `where` ([name, operator, value] items) hold, and `resources` are there at all."""
    return all(_meets(properties, *clause) for clause in where) and all(
        _is_number(properties.get(name)) and properties[name] >= amount for name, amount in resources.items()
    )


def _meets(properties: Mapping[str, Any], name: str, how: str, value: Any) -> bool:
    if how == "has":
        return (properties.get(name) is not None) == bool(value)
    return name in properties and _holds(properties[name], how, value)


def _holds(found: Any, how: str, value: Any) -> bool:
    if how == "in":
        return isinstance(value, list) and found in value
    if how == "contains":
        return (
            isinstance(found, list | dict | str)
            and (not isinstance(found, str) or isinstance(value, str))
            and (not isinstance(found, dict) or isinstance(value, str))
            and value in found
        )
    if how in _ORDER:
        alike = (_is_number(found) and _is_number(value)) or (isinstance(found, str) and isinstance(value, str))
        return alike and _ORDER[how](found, value)
    return (found == value) == (how == "==")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
