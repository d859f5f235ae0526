"""Connections to the database: bounded, timed, and with errors of ours when it does not answer."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from core.errors import Unavailable

# As text: asyncpg's classes take parameters in their stubs only.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

CONNECT_S = 5.0
"""How long a connection may take to be made or to come free, seconds."""

_STATEMENT_S = 30.0

_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
"""What asyncpg raises when the server is gone, going, starting or full, and not for what was asked of it."""


def open_pool(url: str | Callable[[], str], *, connections: int = 10) -> Pool:
    """Return a pool, to be opened by `async with` or `await`.

    No connection is made before one is needed, so the database may come later.

    Args:
        url: Address of the database, or what gives it at each connection: the
            embedded server's may change when it is started again.
        connections: Most connections open at a time.
    """

    async def connect(*_: object, **arguments: object) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(url if isinstance(url, str) else url(), **arguments)  # type: ignore[call-overload, no-any-return]  # passed through

    return asyncpg.create_pool(
        connect=connect,
        min_size=0,
        max_size=connections,
        timeout=CONNECT_S,
        command_timeout=_STATEMENT_S + CONNECT_S,
        server_settings={
            "application_name": "geoplateforme",
            "statement_timeout": f"{_STATEMENT_S:.0f}s",
            "idle_in_transaction_session_timeout": "60s",
            "timezone": "UTC",
            "jit": "off",
        },
    )


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """Lend a connection of the pool. The block holds queries and nothing else that waits.

    Raises:
        Unavailable: The database does not answer, or no connection comes free.
    """
    try:
        async with pool.acquire(timeout=CONNECT_S) as db:
            yield db
    except _LOST as err:
        raise _unavailable(err) from err


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """Lend a connection within a transaction: committed at the end of the block, rolled back by an error.

    Raises:
        Unavailable: The database does not answer. It may have committed if the
            answer to the commit is what was lost.
    """
    async with connection(pool) as db, db.transaction():
        yield db


def _unavailable(error: BaseException) -> Unavailable:
    text = " ".join(str(error).split()) or type(error).__name__
    return Unavailable(f"the database does not answer ({text[:300]})", "see that PostgreSQL runs: geopf doctor")
