"""Conditions for running a task: on other tasks (Dependency), or on the engine (depend, require)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

from .asyncresult import AsyncResult
from .demands import Condition, Property
from .onengine import interactive

__all__ = ["Condition", "Dependency", "Property", "depend", "dependent", "require"]


class Dependency(set[str]):
    """A set of msg_ids that a task depends on.

    `dependencies`: msg_ids, AsyncResults, a collection of them, or the dict from `as_dict`. `all`: every one must be
    done, or any; `success` and `failure`: which outcomes count. ValueError when neither counts,
    TypeError for other things.
    """

    all: bool
    success: bool
    failure: bool

    def __init__(
        self,
        dependencies: str | AsyncResult | Iterable[str | AsyncResult] | Mapping[str, Any] = (),
        all: bool = True,
        success: bool = True,
        failure: bool = False,
    ) -> None:
        if isinstance(dependencies, Mapping):
            for name in dependencies:
                if name not in ("dependencies", "all", "success", "failure"):
                    raise ValueError(
                        f"a dependency as a dict has no {name!r}: only dependencies, all, success, failure"
                    )
            all = dependencies.get("all", True)
            success = dependencies.get("success", success)
            failure = dependencies.get("failure", failure)
            dependencies = dependencies.get("dependencies", ())
        elif isinstance(dependencies, Dependency):
            all, success, failure = dependencies.all, dependencies.success, dependencies.failure
        ids: list[str] = []
        if isinstance(dependencies, str | AsyncResult):
            dependencies = [dependencies]
        if not isinstance(dependencies, Iterable):
            raise TypeError(f"a task can depend on msg_ids and AsyncResults, not on {dependencies!r}")
        for item in dependencies:
            if isinstance(item, str):
                ids.append(item)
            elif isinstance(item, AsyncResult):
                ids += item.msg_ids
            else:
                raise TypeError(f"a task can depend on msg_ids and AsyncResults, not on {type(item).__name__}")
        if not (success or failure):
            raise ValueError("Must depend on at least one of successes or failures!")
        super().__init__(ids)
        self.all = all
        self.success = success
        self.failure = failure

    def check(self, completed: set[str], failed: set[str] | None = None) -> bool:
        """Whether it is met, given the tasks that succeeded and those that failed."""
        if not self:
            return True
        done = (completed if self.success else set()) | ((failed or set()) if self.failure else set())
        return self <= done if self.all else not self.isdisjoint(done)

    def unreachable(self, completed: set[str], failed: set[str] | None = None) -> bool:
        """Whether it can never be met any more."""
        if not self:
            return False
        bad = (set() if self.success else completed) | (set() if self.failure else failed or set())
        return not self.isdisjoint(bad) if self.all else self <= bad

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"dependencies": sorted(self), "all": self.all, "success": self.success, "failure": self.failure}


class dependent:
    """A function with a check that an engine must pass to run it: df(*dargs, **dkwargs) must not return False.

    Pickles as a plain function, so that engines need nothing installed.
    """

    def __init__(self, f: Callable[..., Any], df: Callable[..., Any], /, *dargs: Any, **dkwargs: Any) -> None:
        self.f = f
        self.df = df
        self.dargs = dargs
        self.dkwargs = dkwargs
        self.__name__ = getattr(f, "__name__", "f")

    def check_dependency(self) -> None:
        """Raise UnmetDependency if the check says False."""
        if self.df(*self.dargs, **self.dkwargs) is False:
            from .error import UnmetDependency

            raise UnmetDependency()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, here, without the check."""
        return self.f(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return _checked_factory, (self.f, self.df, self.dargs, self.dkwargs)


def _factory(f: Any, df: Any, dargs: Any, dkwargs: Any) -> Any:
    def checked(*args: Any, **kwargs: Any) -> Any:
        if df(*dargs, **dkwargs) is False:
            # peers know the error by the name of its class alone
            raise type("UnmetDependency", (Exception,), {})(getattr(df, "__name__", ""))
        return f(*args, **kwargs)

    checked.__name__ = getattr(f, "__name__", "f")
    return checked


_checked_factory = interactive(_factory)


def depend(f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Callable[[Callable[..., Any]], dependent]:
    """Decorator: the function runs only on engines where f(*args, **kwargs) does not return False."""
    return lambda wrapped: dependent(wrapped, f, *args, **kwargs)


def _require(modules: Any, objects: Any) -> bool:
    space = globals()
    for name in modules:
        try:
            exec(f"import {name}", space)
        except ImportError:
            raise type("UnmetDependency", (Exception,), {})(name) from None
    space.update(objects)
    return True


def require(*objects: Any, **mapping: Any) -> Callable[[Callable[..., Any]], dependent]:
    """Decorator: prepares the engine's namespace before the function runs.

    Imports modules (given as names or modules), and defines functions (by their name) and other objects (by keyword).
    TypeError for a positional object without a name.
    """
    modules = []
    for item in objects:
        if isinstance(item, ModuleType):
            item = item.__name__
        if isinstance(item, str):
            modules.append(item)
        elif hasattr(item, "__name__"):
            mapping[item.__name__] = item
        else:
            raise TypeError(f"objects other than modules and functions must be given by keyword, not {type(item)}")
    return depend(interactive(_require), modules, mapping)
