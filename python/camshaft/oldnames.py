"""Names that earlier generations of the interface had for what Camshaft calls otherwise.

They cost nothing and stay: programs of 2011 to 2015 find what they call. What they do is told where the modern name is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .direct import DirectView
    from .remotefunction import ParallelFunction

__all__ = ["ClientNames", "NotReady", "ResultMethod", "SessionId"]


class NotReady(RuntimeError, AssertionError):
    """A result was asked how it ended before it has: RuntimeError today, AssertionError until 2012."""


class SessionId(str):
    """The id of a client's session; also under the name that it has in the original, where a session is an object."""

    @property
    def session(self) -> str:
        """The id."""
        return str(self)


class ResultMethod:
    """`AsyncResult.result`: a method, as of any Future; the value itself for clients made with the old imports.

    Clients say which of both by their attribute `result_is_value`; see camshaft.compat.
    """

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self._method
        if getattr(instance._client, "result_is_value", False):
            return instance.get()
        return self._method.__get__(instance, owner)


class ClientNames:
    """The part of Client that only has other names for things. Needs what Client has."""

    result_is_value = False
    """Whether `result` of AsyncResults is the value (as in 2011), not a method (as of a Future)."""
    direct_view: Any
    load_balanced_view: Any

    def view(self, targets: Any = "all", balanced: bool = False, **flags: Any) -> Any:
        """direct_view(targets), or load_balanced_view(targets) if `balanced`."""
        return self.load_balanced_view(targets, **flags) if balanced else self.direct_view(targets, **flags)

    def map(
        self,
        f: Callable[..., Any],
        *sequences: Iterable[Any],
        balanced: bool = False,
        targets: Any = "all",
        **options: Any,
    ) -> Any:
        """view(targets, balanced).map(f, *sequences, **options): in equal blocks, or one by one to whoever is free."""
        return self.view(targets, balanced).map(f, *sequences, **options)

    def parallel(
        self, dist: str = "b", balanced: bool = False, targets: Any = "all", block: bool | None = None, **flags: Any
    ) -> Callable[[Callable[..., Any]], ParallelFunction]:
        """Decorator: view(targets, balanced).parallel(dist, block, **flags)."""
        return self.view(targets, balanced).parallel(dist=dist, block=block, **flags)

    def remote(
        self, block: bool | None = None, targets: Any = "all", **flags: Any
    ) -> Callable[[Callable[..., Any]], Any]:
        """Decorator: view(targets).remote(block, **flags)."""
        view: DirectView = self.view(targets)
        return view.remote(block=block, **flags)

    def spin(self) -> None:
        """Nothing: replies are taken in as they arrive. Once it had to be called."""

    def spin_thread(self, interval: float = 1) -> None:
        """Nothing, as `spin`: there is a thread that takes replies in, always."""

    def stop_spin_thread(self) -> None:
        """Nothing, as `spin_thread`."""
