"""Waiting for engines to come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from . import error
from .limits import limit, whole_number
from .progress import by_default

if TYPE_CHECKING:
    from ._core import ClientCore

__all__ = ["EngineWait"]


class EngineWait:
    """The part of Client that waits for engines. Needs what Client has: _core, _engines, cluster, ..."""

    cluster: Any
    _core: ClientCore
    _generation: int
    _engines: Any
    _check_open: Any

    def wait_for_engines(
        self,
        n: int | None = None,
        *,
        timeout: float | None = -1,
        block: bool = True,
        interactive: bool | None = None,
        widget: bool | None = None,
    ) -> Future[None] | None:
        """Wait until at least `n` engines are registered (default: as many as the `cluster` has).

        `timeout` in seconds (negative or None: no limit). `interactive` shows a progress bar (default: within IPython).
        With block=False, returns a Future. Raises TimeoutError; EngineError when an engine leaves meanwhile; TypeError
        when `n` is unknown.
        """
        if n is None:
            n = getattr(self.cluster, "n", None)
            if n is None:
                raise TypeError("wait_for_engines() needs n, the number of engines, when there is no cluster")
        n = whole_number("n, the number of engines,", n, 0)
        limit(timeout)
        if not block:
            return _in_thread(self._core, lambda: self._await_engines(n, timeout, False))
        if interactive is None:
            interactive = "IPython" in sys.modules and by_default()
            interactive = interactive and sys.modules["IPython"].get_ipython() is not None
        self._await_engines(n, timeout, interactive)
        return None

    def _await_engines(self, n: int, timeout: float | None, interactive: bool) -> None:
        longest = limit(timeout)
        deadline = None if longest is None else time.monotonic() + longest
        seen = set(self._engines())

        def over() -> bool:
            self._check_open()
            now = set(self._engines())
            if seen - now:
                raise error.EngineError(f"engine {min(seen - now)} left while {n} engines were waited for")
            seen.update(now)
            return len(now) >= n

        def pause(seconds: float) -> None:
            self._core.wait_generation(self._generation, seconds)

        if interactive and not over():
            from .progress import show_progress

            in_time = show_progress(
                "engines", "engine", n, lambda: min(n, len(self._engines())), over, pause, 0.5, longest
            )
        else:
            in_time = over()
            while not in_time and (deadline is None or time.monotonic() < deadline):
                pause(1.0 if deadline is None else min(1.0, deadline - time.monotonic()))
                in_time = over()
        if not in_time:
            raise error.TimeoutError(
                f"{n} engines not ready in {longest:g} s, {len(self._engines())} are: "
                "look at the engines' log, or start more"
            )


def _in_thread(core: ClientCore, work: Callable[[], None]) -> Future[None]:
    from .threads import start_waiting

    future: Future[None] = Future()

    def run() -> None:
        try:
            work()
        except BaseException as failure:
            future.set_exception(failure)
        else:
            future.set_result(None)

    start_waiting(run, core, name="camshaft-wait")
    return future
