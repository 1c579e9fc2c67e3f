"""The 2008 clients for programs with an event loop: the same methods, to be awaited.

    mec = await get_multiengine_client()
    print(await mec.execute("a = 1"))

Where a method of 2008 returned a deferred, these return awaitables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from .multiengine import MultiEngineClient
from .results import PendingResult
from .task import BaseTask
from .taskclient import TaskClient

__all__ = ["AsyncMultiEngineClient", "AsyncTaskClient", "get_multiengine_client", "get_task_client"]

_SENDING = frozenset(
    "execute run push pull zip_pull push_function pull_function push_serialized pull_serialized keys reset scatter "
    "gather map".split()
)


class AsyncMultiEngineClient:
    """MultiEngineClient whose methods give awaitables; further attributes are those of `sync`, the client itself."""

    def __init__(self, sync: MultiEngineClient) -> None:
        self.sync = sync

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.sync, name)
        if name.startswith("_") or not callable(found):
            return found
        if name in _SENDING:
            return partial(_send, found)
        return partial(asyncio.to_thread, found)


async def _send(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    pending = method(*args, **{**kwargs, "block": False})
    return await pending if isinstance(pending, PendingResult) else pending


class AsyncTaskClient:
    """TaskClient whose methods give awaitables; further attributes are those of `sync`, the client itself."""

    def __init__(self, sync: TaskClient) -> None:
        self.sync = sync

    async def run(self, task: BaseTask) -> int:
        """Hand in a task: its number."""
        return self.sync.run(task)

    async def get_task_result(self, taskid: int, block: bool = True) -> Any:
        """As TaskClient.get_task_result."""
        if block:
            for result in self.sync._known(taskid).results:
                await asyncio.wait([asyncio.wrap_future(result)])
                if result.successful():
                    break
        return self.sync.get_task_result(taskid)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.sync, name)
        return partial(asyncio.to_thread, found) if callable(found) and not name.startswith("_") else found


async def get_multiengine_client(*args: Any, **options: Any) -> AsyncMultiEngineClient:
    """Connect; arguments as for MultiEngineClient."""
    return AsyncMultiEngineClient(await asyncio.to_thread(MultiEngineClient, *args, **options))


async def get_task_client(*args: Any, **options: Any) -> AsyncTaskClient:
    """Connect; arguments as for TaskClient."""
    return AsyncTaskClient(await asyncio.to_thread(TaskClient, *args, **options))
