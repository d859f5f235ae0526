"""Migrations: once each, in order, never edited."""

import asyncio

import asyncpg
import pytest

from control.db.migrate import Migration, migrate, read_migrations
from control.db.pool import open_pool
from core.errors import Conflict, Unavailable

FIRST = Migration(1, "0001_first.sql", "CREATE TABLE first (x integer); INSERT INTO first VALUES (1);")
SECOND = Migration(2, "0002_second.sql", "INSERT INTO first VALUES (2);")


@pytest.fixture
async def empty(postgres):
    async with open_pool(await postgres.create_database(migrated=False)) as pool:
        yield pool


async def test_applies_each_once_and_in_order(empty):
    assert await migrate(empty, (FIRST,)) == 1
    assert await migrate(empty, (FIRST, SECOND)) == 1
    assert await migrate(empty, (FIRST, SECOND)) == 0
    assert [row["x"] for row in await empty.fetch("SELECT x FROM first ORDER BY x")] == [1, 2]


async def test_programs_that_start_together_apply_them_once(empty):
    slow = Migration(1, "0001_first.sql", FIRST.sql + " SELECT pg_sleep(0.1);")
    assert sorted(await asyncio.gather(*(migrate(empty, (slow, SECOND)) for _ in range(4)))) == [0, 0, 0, 2]
    assert await empty.fetchval("SELECT count(*) FROM first") == 2


async def test_an_edited_migration_is_refused(empty):
    await migrate(empty, (FIRST,))
    edited = Migration(1, "0001_first.sql", FIRST.sql + " ")
    with pytest.raises(Conflict, match=r"0001_first\.sql is not the one that was applied"):
        await migrate(empty, (edited,))


async def test_a_database_newer_than_the_program_is_refused(empty):
    await migrate(empty, (FIRST, SECOND))
    with pytest.raises(Conflict, match=r"0002_second\.sql, which this program does not know"):
        await migrate(empty, (FIRST,))


async def test_one_that_fails_leaves_no_trace_and_can_be_mended(empty):
    broken = Migration(2, "0002_second.sql", "INSERT INTO first VALUES (2); SELECT * FROM nowhere;")
    with pytest.raises(asyncpg.UndefinedTableError):
        await migrate(empty, (FIRST, broken))
    assert await empty.fetchval("SELECT count(*) FROM first") == 1
    assert await migrate(empty, (FIRST, SECOND)) == 1


async def test_a_database_that_does_not_run_is_unavailable(tmp_path):
    async with open_pool(f"postgresql://geoplateforme@/geoplateforme?host={tmp_path}") as pool:
        with pytest.raises(Unavailable):
            await migrate(pool)


def test_a_gap_in_the_numbers_is_refused(tmp_path):
    (tmp_path / "0001_first.sql").write_text("SELECT 1")
    (tmp_path / "0003_third.sql").write_text("SELECT 1")
    with pytest.raises(Conflict, match="0002_"):
        read_migrations(tmp_path)


async def test_the_platforms_own_need_no_extension_and_find_layers_by_place(pool, result):
    from tests.control.rows import add_layer

    stored_data = await add_layer(pool, "ortho", result)
    assert {row["extname"] for row in await pool.fetch("SELECT extname FROM pg_extension")} == {"plpgsql"}
    around = "SELECT id FROM stored_data WHERE bbox && box(point($1, $2), point($3, $4))"
    assert await pool.fetchval(around, 0.2, 47.0, 1.0, 49.0) == stored_data
    assert await pool.fetchval(around, 2.0, 47.0, 3.0, 49.0) is None
