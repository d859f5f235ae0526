"""Migrations: SQL files applied once each, in order, forward only.

`migrations/NNNN_name.sql` files are numbered from 0001 without a gap. The ledger
`migration` keeps the SHA-256 of each applied file, so that an edited one is seen.
Programs that start together wait for each other on an advisory lock.
"""

import hashlib
import re
from pathlib import Path

import msgspec

from control.db.pool import Connection, Pool, connection
from core.errors import Conflict

FOLDER = Path(__file__).parent / "migrations"

LOCK = 0x67656F7066_01
"""Advisory lock of whoever migrates."""

_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

_CREATE_LEDGER = """
    CREATE TABLE IF NOT EXISTS migration (
        number integer PRIMARY KEY,
        name text NOT NULL,
        digest text NOT NULL,
        applied timestamptz NOT NULL DEFAULT now()
    )
"""
_SELECT_LEDGER = """
    SELECT number, name, digest
    FROM migration
    ORDER BY number
"""
_INSERT_LEDGER = """
    INSERT INTO migration (number, name, digest)
    VALUES ($1, $2, $3)
"""
_LOCK = "SELECT pg_advisory_lock($1)"
_UNLOCK = "SELECT pg_advisory_unlock($1)"
_WITHOUT_TIMEOUT = "SET statement_timeout = 0"


class Migration(msgspec.Struct, frozen=True):
    """One step of the schema."""

    number: int
    name: str
    """File name."""
    sql: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file's text, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """Read the migrations of a folder, in order.

    Raises:
        Conflict: A file is not named `NNNN_name.sql`, or a number is missing or given twice.
    """
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match is None or int(match[1]) != len(found) + 1:
            raise Conflict(f"{path} is out of order", f"name the next migration {len(found) + 1:04}_<name>.sql")
        found.append(Migration(int(match[1]), path.name, path.read_text("utf-8")))
    return tuple(found)


async def migrate(pool: Pool, migrations: tuple[Migration, ...] | None = None) -> int:
    """Apply what the database lacks, each migration in a transaction of its own; return how many.

    Raises:
        Conflict: An applied migration was edited, or the database is newer than this program.
        Unavailable: The database does not answer.
    """
    wanted = read_migrations() if migrations is None else migrations
    async with connection(pool) as db:
        await db.execute(_WITHOUT_TIMEOUT)  # the pool resets it when the connection comes back
        await db.execute(_LOCK, LOCK, timeout=600)
        try:
            return await _apply(db, wanted)
        finally:
            if not db.is_closed():
                await db.execute(_UNLOCK, LOCK)


async def _apply(db: Connection, wanted: tuple[Migration, ...]) -> int:
    await db.execute(_CREATE_LEDGER)
    applied = await db.fetch(_SELECT_LEDGER)
    known = {migration.number: migration for migration in wanted}
    for row in applied:
        migration = known.get(row["number"])
        if migration is None:
            raise Conflict(
                f"the database has migration {row['name']}, which this program does not know",
                "start a version at least as new as the one that last used this database",
            )
        if migration.digest != row["digest"]:
            raise Conflict(
                f"migration {migration.name} is not the one that was applied: its text changed",
                "restore the file, and put the change in a new migration",
            )
    done = {row["number"] for row in applied}
    missing = [migration for migration in wanted if migration.number not in done]
    for migration in missing:
        async with db.transaction():
            await db.execute(migration.sql, timeout=3600)
            await db.execute(_INSERT_LEDGER, migration.number, migration.name, migration.digest)
    return len(missing)
