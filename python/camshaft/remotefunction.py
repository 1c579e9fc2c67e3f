"""Functions that run on a view when they are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import onengine
from .partition import distribution, sliceable
from .serialize import PrePickled
from .view import deliver, name_of

if TYPE_CHECKING:
    from .view import View

__all__ = ["ParallelFunction", "RemoteFunction", "parallel", "remote"]


def remote(view: View, block: bool | None = None, **flags: Any) -> Callable[[Callable[..., Any]], RemoteFunction]:
    """Decorator: calling the function calls it through `view`."""
    return lambda f: RemoteFunction(view, f, block=block, **flags)


def parallel(
    view: View, dist: str = "b", block: bool | None = None, ordered: bool = True, **flags: Any
) -> Callable[[Callable[..., Any]], ParallelFunction]:
    """Decorator: calling the function on sequences calls it on parts of them, on the engines of `view`."""
    return lambda f: ParallelFunction(view, f, dist=dist, block=block, ordered=ordered, **flags)


class _SignatureOfFunction:
    """`__signature__` of an object that calls its `func`; the class keeps its own."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            raise AttributeError("__signature__")
        import inspect

        return inspect.signature(instance.func)


class RemoteFunction:
    """`func` called through `view`, with `flags` set for the call; `block` None follows the view's."""

    __signature__ = _SignatureOfFunction()

    def __init__(self, view: View, f: Callable[..., Any], block: bool | None = None, **flags: Any) -> None:
        self.view = view
        self.func = f
        self.block = block
        self.flags = flags
        self.__name__ = name_of(f)
        documentation = getattr(f, "__doc__", None)
        if documentation:
            self.__doc__ = f"{type(self).__name__} wrapping:\n{documentation}"

    def _blocks(self) -> bool:
        return self.view.block if self.block is None else self.block

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it on the view's engines."""
        with self.view.temp_flags(block=self._blocks(), **self.flags):
            return self.view.apply(self.func, *args, **kwargs)


class ParallelFunction(RemoteFunction):
    """`func` called on parts of sequences, in parallel; `map` calls it on their items.

    `dist`: how sequences are divided ('b', 'r'); `chunksize`: items in a part (load-balanced views; default 1).
    """

    def __init__(
        self,
        view: View,
        f: Callable[..., Any],
        dist: str = "b",
        block: bool | None = None,
        chunksize: int | None = None,
        ordered: bool = True,
        return_exceptions: bool = False,
        **flags: Any,
    ) -> None:
        super().__init__(view, f, block=block, **flags)
        self.dist = dist
        self.chunksize = chunksize
        self.ordered = ordered
        self.return_exceptions = return_exceptions
        self.mapObject = distribution(dist)

    def __call__(self, *sequences: Any, **kwargs: Any) -> Any:
        """func(*parts) for the parts of `sequences`, which must be equally long (ValueError); joined to one list."""
        if kwargs:
            raise TypeError(f"Unexpected keyword arguments: {kwargs}")
        whole = [sliceable(seq) for seq in sequences]
        lengths = [len(seq) for seq in whole]
        if lengths and min(lengths) != max(lengths):
            raise ValueError(f"all sequences must have equal length, but have {lengths}")
        return self._run(PrePickled(self.func), whole)

    def map(self, *sequences: Any) -> Any:
        """func(*items) for the items of `sequences`, up to the shortest."""
        return self._run(onengine.mapper(self.func), [sliceable(seq) for seq in sequences])

    def _run(self, function: PrePickled, sequences: list[Any]) -> Any:
        from .balanced import LoadBalancedView

        count = min(map(len, sequences), default=0)
        if count == 0:
            return []
        with self.view.temp_flags(**self.flags):
            options: dict[str, Any] = {
                "fname": self.__name__,
                "ordered": self.ordered,
                "return_exceptions": self.return_exceptions,
            }
            if isinstance(self.view, LoadBalancedView):
                parts = -(-count // (self.chunksize or 1))
                calls = (
                    tuple(self.mapObject.getPartition(seq, index, parts, count) for seq in sequences)
                    for index in range(parts)
                )
                result = self.view._map_calls(function, calls, chunked=True, partition=self.mapObject, **options)
            else:
                if self.chunksize:
                    import warnings

                    warnings.warn("`chunksize` is ignored unless load balancing", UserWarning, stacklevel=3)
                result = self.view._map_parts(function, sequences, count, self.dist, **options)  # type: ignore[attr-defined]
        return deliver(result, self._blocks()) if not isinstance(result, list) else result
