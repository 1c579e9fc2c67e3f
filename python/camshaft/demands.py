"""What a task asks of the scheduler beyond a place to run: priority, resources, conditions on engines, a time limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["Condition", "Property", "clauses", "read_flag"]

OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "in", "contains", "has")
_LARGEST = 2**31 - 1


class Condition:
    """Conditions on an engine's properties that must all hold; `&` joins two of them."""

    def __init__(self, clauses: Iterable[tuple[str, str, Any]]) -> None:
        self.clauses = list(clauses)

    def __and__(self, other: Condition) -> Condition:
        if not isinstance(other, Condition):
            return NotImplemented
        return Condition([*self.clauses, *other.clauses])

    def __bool__(self) -> bool:
        raise TypeError(
            "conditions are joined with &, not with `and`: (Property('cores') >= 8) & (Property('gpus') > 0)"
        )

    def __repr__(self) -> str:
        return " & ".join(f"({name} {op} {value!r})" for name, op, value in self.clauses)


class Property:
    """A property of an engine, for conditions: ``where=(Property("cores") >= 8) & Property("host").one_of(["a"])``.

    Comparisons (== != < <= > >=), `one_of`, `contains` and `exists` make a Condition; an engine without the property
    meets none of them.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self.name = name

    def _clause(self, op: str, value: Any) -> Condition:
        return Condition([(self.name, op, value)])

    def __eq__(self, value: Any) -> Condition:  # type: ignore[override]
        return self._clause("==", value)

    def __ne__(self, value: Any) -> Condition:  # type: ignore[override]
        return self._clause("!=", value)

    def __lt__(self, value: Any) -> Condition:
        return self._clause("<", value)

    def __le__(self, value: Any) -> Condition:
        return self._clause("<=", value)

    def __gt__(self, value: Any) -> Condition:
        return self._clause(">", value)

    def __ge__(self, value: Any) -> Condition:
        return self._clause(">=", value)

    def one_of(self, values: Iterable[Any]) -> Condition:
        """It is one of `values`."""
        return self._clause("in", list(values))

    def contains(self, value: Any) -> Condition:
        """It is a list, a text or a dictionary that holds `value`."""
        return self._clause("contains", value)

    def exists(self) -> Condition:
        """The engine has it."""
        return self._clause("has", True)


def clauses(where: Any) -> list[list[Any]]:
    """`where` as it is sent: [[name, operator, value], ...].

    TypeError or ValueError, in one line, for what is no condition; callables are for predicates.py.
    """
    if isinstance(where, Condition):
        found = list(where.clauses)
    elif isinstance(where, Mapping):
        found = [(name, *value) if _is_comparison(value) else (name, "==", value) for name, value in where.items()]
    elif isinstance(where, list | tuple):
        found = [tuple(item) if isinstance(item, list | tuple) else item for item in where]
    else:
        raise TypeError(
            "where is a dict such as {'cores': ('>=', 8)}, a Condition, [name, operator, value] items or a function of "
            f"an engine's properties, not {type(where).__name__}"
        )
    for item in found:
        if not (isinstance(item, tuple) and len(item) == 3 and isinstance(item[0], str)):
            raise ValueError(f"where: a condition is (name, operator, value), not {item!r}")
        if item[1] not in OPERATORS:
            raise ValueError(f"where: no operator {item[1]!r}: there are {', '.join(OPERATORS)}")
        check_json(f"where: the value for {item[0]!r}", item[2])
    return [list(item) for item in found]


def _is_comparison(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def check_json(what: str, value: Any) -> None:
    """TypeError, which calls it `what`, for a value that JSON cannot say."""
    import json

    try:
        json.dumps(value)
    except (TypeError, ValueError) as failure:
        raise TypeError(f"{what} must be something that JSON can say: {failure}") from None


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, not {value!r}")
    return value


def _priority(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"priority must be an int (higher goes first, 0 is usual), not {value!r}")
    if abs(value) > _LARGEST:
        raise ValueError(f"priority must be between {-_LARGEST} and {_LARGEST}, but is {value}")
    return value


def _resources(value: Any) -> dict[str, float] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TypeError(f"resources must be a dict such as {{'gpu': 1}}, not {value!r}")
    for name, amount in value.items():
        if not isinstance(name, str):
            raise TypeError(f"resources: names are strings, not {name!r}")
        if _number(f"resources: the amount of {name!r}", amount) <= 0:
            raise ValueError(f"resources: the amount of {name!r} must be above 0, but is {amount!r}")
    return dict(value)


def _seconds(name: str, value: Any, *, zero: bool) -> float | None:
    if value is None:
        return None
    if _number(name, value) < 0 or (value == 0 and not zero):
        raise ValueError(f"{name} must be {'0 or more' if zero else 'above 0'} seconds, but is {value!r}")
    return value


def _where(value: Any) -> Any:
    if value is not None and not callable(value):
        clauses(value)
    return value


def _retries(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"retries must be an int, not {type(value).__name__}")
    if value < 0:
        raise ValueError(f"retries must not be negative, but is {value}")
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "priority": _priority,
    "resources": _resources,
    "where": _where,
    "time_limit": lambda value: _seconds("time_limit", value, zero=False),
    "kill_after": lambda value: _seconds("kill_after", value, zero=True),
    "retries": _retries,
}


def read_flag(name: str, value: Any) -> Any:
    """The value of a flag, checked. TypeError or ValueError with one line; other names pass as they are."""
    reader = _READERS.get(name)
    return value if reader is None else reader(value)


def as_metadata(view: Any) -> dict[str, Any]:
    """The keys that the flags of a load-balanced view add to a request; `where` only when it is no function."""
    found: dict[str, Any] = {}
    if (view.priority, view.resources, view.where, view.time_limit, view.retries) == (0, None, None, None, 0):
        return found  # most tasks ask for nothing
    for name in ("priority", "resources", "time_limit", "kill_after", "retries"):
        value = read_flag(name, getattr(view, name))
        if value:
            found[name] = value
    if view.kill_after == 0 and view.time_limit:
        found["kill_after"] = 0
    if view.where is not None and not callable(view.where):
        conditions = clauses(view.where)
        if conditions:
            found["where"] = conditions
    return found
