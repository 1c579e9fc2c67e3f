"""The awaitable twin of each call of a Cluster that waits: `m` beside `m_sync`."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from .scaling import ClusterScaling

if TYPE_CHECKING:
    from typing import Self

    from ..client import Client


class ClusterTwins(ClusterScaling):
    """The part of Cluster that is awaited. A twin runs its call on a thread, so the loop goes on."""

    async def start_controller(self) -> None:
        """See `start_controller_sync`."""
        await asyncio.to_thread(self.start_controller_sync)

    async def start_engines(self, n: int | None = None, engine_set_id: str | None = None) -> str:
        """See `start_engines_sync`."""
        return await asyncio.to_thread(self.start_engines_sync, n, engine_set_id)

    async def start_cluster(self, n: int | None = None) -> Self:
        """See `start_cluster_sync`."""
        return await asyncio.to_thread(self.start_cluster_sync, n)

    async def start_and_connect(self, n: int | None = None, activate: bool = False) -> Client:
        """See `start_and_connect_sync`."""
        return await asyncio.to_thread(self.start_and_connect_sync, n, activate)

    async def connect_client(self, **options: Any) -> Client:
        """See `connect_client_sync`."""
        return await asyncio.to_thread(functools.partial(self.connect_client_sync, **options))

    async def stop_engines(self, engine_set_id: str | None = None) -> None:
        """See `stop_engines_sync`."""
        await asyncio.to_thread(self.stop_engines_sync, engine_set_id)

    async def restart_engines(self, engine_set_id: str | None = None) -> None:
        """See `restart_engines_sync`."""
        await asyncio.to_thread(self.restart_engines_sync, engine_set_id)

    async def signal_engines(self, signum: int | str, engine_set_id: str | None = None) -> None:
        """See `signal_engines_sync`."""
        self.signal_engines_sync(signum, engine_set_id)

    async def stop_controller(self) -> None:
        """See `stop_controller_sync`."""
        await asyncio.to_thread(self.stop_controller_sync)

    async def stop_cluster(self) -> None:
        """See `stop_cluster_sync`."""
        await asyncio.to_thread(self.stop_cluster_sync)

    async def stop_engine(self, engine: int) -> None:
        """See `stop_engine_sync`."""
        await asyncio.to_thread(self.stop_engine_sync, engine)

    async def restart_engine(self, engine: int) -> int:
        """See `restart_engine_sync`."""
        return await asyncio.to_thread(self.restart_engine_sync, engine)

    async def signal_engine(self, engine: int, signum: int | str) -> None:
        """See `signal_engine_sync`."""
        await asyncio.to_thread(self.signal_engine_sync, engine, signum)

    async def scale(self, n: int, *, drain: bool = True, timeout: float | None = None) -> list[int]:
        """See `scale_sync`."""
        return await asyncio.to_thread(functools.partial(self.scale_sync, n, drain=drain, timeout=timeout))
