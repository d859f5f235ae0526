"""Claims: who delivers holds session-level advisory locks, which the server frees when the owner dies.

One lock is on the stored data, so that cleaning leaves them alone; one on the
layer's name, so that two deliveries of a name do not run side by side. A claim
lives on one connection; when the database is restarted it is taken again.
"""

import asyncio
import contextlib
import hashlib
import logging
from uuid import UUID

from control.db.pool import CONNECT_S, Connection, Pool, connection
from core.errors import Conflict, Unavailable

_CHECK_S = 2.0
"""How often the connection is tried; well under the grace of cleaning after a restart."""

_TRY = "SELECT pg_try_advisory_lock($1)"
_PING = "SELECT 1"

_log = logging.getLogger(__name__)


def data_key(stored_data: UUID) -> int:
    """Return the advisory lock of stored data: the first 64 bits of their identifier."""
    return int.from_bytes(stored_data.bytes[:8], "big", signed=True)


def name_key(name: str) -> int:
    """Return the advisory lock of a layer's name."""
    return int.from_bytes(hashlib.sha256(b"layer " + name.encode()).digest()[:8], "big", signed=True)


class Claim:
    """The locks of one delivery.

    Args:
        pool: Where its connection comes from.
        stored_data: What is being made.
        name: Name of the layer it will be.
    """

    def __init__(self, pool: Pool, stored_data: UUID, name: str) -> None:
        self._pool = pool
        self._name = name
        self._keys = (name_key(name), data_key(stored_data))
        self._held = contextlib.AsyncExitStack()
        self._db: Connection | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def take(self) -> None:
        """Take the locks, and hold on to them until `release`.

        Raises:
            Conflict: Another delivery of this name is under way.
            Unavailable: The database does not answer.
        """
        await self._lock()
        self._keeper = asyncio.create_task(self._keep())

    async def release(self) -> None:
        """Free the locks."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._drop()

    async def _lock(self) -> None:
        db = await self._held.enter_async_context(connection(self._pool))
        try:
            for key in self._keys:
                if not await db.fetchval(_TRY, key, timeout=CONNECT_S):
                    raise Conflict(f"another delivery of layer {self._name} is under way", "wait until it has ended")
        except BaseException:
            await self._drop()
            raise
        self._db = db

    async def _drop(self) -> None:
        self._db = None
        held, self._held = self._held, contextlib.AsyncExitStack()
        with contextlib.suppress(Unavailable):
            await held.aclose()  # the pool frees all advisory locks of a connection given back

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_S)
            try:
                if self._db is None:
                    await self._lock()
                else:
                    await self._db.fetchval(_PING, timeout=CONNECT_S)
            except Exception as err:  # noqa: BLE001 - whatever broke it, the locks are taken again
                _log.warning("claim lost", extra={"layer": self._name, "reason": str(err)})
                await self._drop()
