"""A real PostgreSQL for tests: one server a session, one database a test."""

import asyncio
from contextlib import contextmanager
from itertools import count

import asyncpg

from control.db.embedded import NAME, EmbeddedPostgres
from control.db.migrate import migrate
from control.db.pool import open_pool, transaction
from control.defaults import ensure_defaults

TEMPLATE = "migrated"
_NUMBERS = count(1)


class PostgresServer:
    """Gives databases of one server, empty or migrated."""

    def __init__(self, url):
        self.url = url

    def url_of(self, database):
        return self.url.replace(f"@/{NAME}?", f"@/{database}?")

    async def create_database(self, *, migrated=True):
        """Create a database and return its URL."""
        name = f"test_{next(_NUMBERS)}"
        db = await asyncpg.connect(self.url)
        try:
            await db.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE if migrated else 'template1'}")
        finally:
            await db.close()
        return self.url_of(name)

    async def create_template(self):
        db = await asyncpg.connect(self.url)
        await db.execute(f"CREATE DATABASE {TEMPLATE}")
        await db.close()
        async with open_pool(self.url_of(TEMPLATE)) as pool:
            await migrate(pool)
            async with transaction(pool) as connection:
                await ensure_defaults(connection)


@contextmanager
def running_postgres(folder):
    """Start a server in a folder, quick because it need not survive a loss of power."""
    embedded = EmbeddedPostgres(folder / "postgres", options={"fsync": "off", "full_page_writes": "off"})
    server = PostgresServer(embedded.start())
    try:
        asyncio.run(server.create_template())
        yield server
    finally:
        embedded.stop()
