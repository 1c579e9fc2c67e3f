"""Results of the 2008 interface: PendingResult and ResultList."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from ..error import KernelError
from .error import InvalidDeferredID, translated

if TYPE_CHECKING:
    from ..asyncresult import AsyncResult
    from ..metadata import ExecuteReply

__all__ = ["KnownResult", "PendingResult", "ResultList", "command_result"]


class ResultList(list):  # type: ignore[type-arg]
    """What engines did with a command: a dict for each, shown with the engines' In and Out numbers.

    Keys of the dicts: `id` (engine), `number` (of the command on that engine), `input` ({'raw', 'translated'}), and,
    where there is any, `stdout` (with what the last expression displayed), `stderr`, `pyerr`.
    """

    def __repr__(self) -> str:
        lines = ["<Results List>"]
        for result in self:
            if not isinstance(result, dict):
                lines.append(repr(result))
                continue
            lines.append(f"[{result['id']}] In [{result['number']}]: {result['input']['raw']}")
            for key, title in (("stdout", "Out"), ("stderr", "Err"), ("pyerr", "Err")):
                if result.get(key):
                    lines.append(f"[{result['id']}] {title}[{result['number']}]: {str(result[key]).rstrip()}")
            lines.append("")
        return "\n".join(lines).rstrip("\n")


class PendingResult:
    """A result that may not be here yet."""

    def __init__(self, ar: AsyncResult, method: str, shape: Callable[[list[Any]], Any] = list) -> None:
        self._ar = ar
        self._method = method
        self._shape = shape
        self._flushed = False
        self._taken = False

    @property
    def result_id(self) -> str:
        """The id of its first message."""
        return self._ar.msg_ids[0]

    @property
    def called(self) -> bool:
        """Whether the result is here."""
        return self._ar.done()

    def get_result(self, default: Any = None, block: bool = True) -> Any:
        """The result. With block=False, `default` while it is not here.

        Raises CompositeError if an engine failed, InvalidDeferredID if the result was flushed.
        """
        if self._flushed:
            raise InvalidDeferredID("this result was given up by flush(): take results before you flush")
        if not block and not self._ar.done():
            return default
        try:
            values = self._ar.get()
        except KernelError as failure:
            raise translated(failure, self._method) from None
        finally:
            self._taken = self._ar.done()
        return self._shape(values)

    @property
    def r(self) -> Any:
        """get_result(), as a property."""
        return self.get_result()

    def add_callback(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call f(result, *args, **kwargs) once the result is here, on another thread; not if an engine failed."""

        def call(ar: Any) -> None:
            if ar.successful():
                f(self.get_result(), *args, **kwargs)

        self._ar.add_done_callback(call)

    def __await__(self) -> Generator[Any, None, Any]:
        import asyncio

        with contextlib.suppress(KernelError):  # raised again, as this interface does, below
            yield from asyncio.wrap_future(self._ar).__await__()
        return self.get_result()

    def _flush(self) -> None:
        self._flushed = not self._taken

    def __repr__(self) -> str:
        return f"<PendingResult: {self._method} {'is here' if self.called else 'is pending'}>"


class KnownResult:
    """What the controller has answered already, in the form of a PendingResult."""

    called = True

    def __init__(self, values: list[Any]) -> None:
        self.r = values

    def get_result(self, default: Any = None, block: bool = True) -> Any:
        """The result."""
        return self.r


def command_result(reply: ExecuteReply) -> dict[str, Any]:
    """The dict of ResultList for what one engine did with a command."""
    metadata = reply.metadata
    source = metadata["execute_input"] or ""
    found: dict[str, Any] = {
        "id": metadata["engine_id"],
        "number": reply.execution_count,
        "input": {"raw": source, "translated": _as_python(source)},
    }
    shown = reply.data.get("text/plain", "")
    out = metadata["stdout"] + (shown + "\n" if shown else "")
    for key, value in (("stdout", out), ("stderr", metadata["stderr"]), ("pyerr", metadata["error"])):
        if value:
            found[key] = value
    return found


def _as_python(source: str) -> str:
    """`source` with IPython's own syntax (%magic, !command, name?) put as Python."""
    if not any(mark in source for mark in "%!?"):
        return source
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)
