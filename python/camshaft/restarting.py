"""Engines that are started again at the wish of a client."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from . import error

if TYPE_CHECKING:
    from .client import Client

_ANSWER = 10.0
"""Seconds for an engine to answer; its answer does not wait for what it runs."""
_START = 60.0
"""Seconds for the engines to come back."""


def restart_engines(client: Client, targets: Any, block: bool) -> None:
    """See Client.shutdown."""
    ids = client._resolve(targets)
    engines = dict(client._engines())
    foreign = [engine for engine in ids if not engines[engine].startswith("camshaft-")]
    if foreign:
        raise RuntimeError(
            f"engine {foreign[0]} is the original's, which cannot be started again from here: "
            "stop it, and start a new one where it ran"
        )
    before = set(client._ids_by_uuid())
    result = client._control("shutdown_request", {"restart": True}, ids, "shutdown")
    result.wait(_ANSWER)
    for failure in result._decoded_now():
        # an engine that leaves before its answer arrives has done what it was asked to
        if isinstance(failure, error.RemoteError) and failure.ename != "EngineError":
            raise failure
    if not block:
        return
    deadline = time.monotonic() + _START
    while True:
        now = set(client._engines().values())
        if len(now - before) >= len(ids) and not now & {engines[engine] for engine in ids}:
            return
        if time.monotonic() > deadline:
            raise error.TimeoutError(
                f"{len(now - before)} of {len(ids)} engines have come back within {_START:g} s: look at their logs"
            )
        client._core.wait_generation(client._generation, 0.5)
