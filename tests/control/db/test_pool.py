"""Connections: lost ones become errors of ours, and come back by themselves."""

import asyncio

import asyncpg
import pytest

from control.db.pool import connection, open_pool, transaction
from core.errors import Unavailable


async def test_a_connection_cut_by_the_server_is_unavailable_and_the_next_one_works(pool):
    with pytest.raises(Unavailable, match="database does not answer"):
        async with connection(pool) as db:
            async with connection(pool) as other:
                await other.execute("SELECT pg_terminate_backend($1)", db.get_server_pid())
            await db.fetchval("SELECT 1")
    async with connection(pool) as db:
        assert await db.fetchval("SELECT 1") == 1


async def test_a_pool_that_is_used_up_is_unavailable_after_its_patience(database, monkeypatch):
    async with open_pool(database, connections=1) as pool, connection(pool):
        monkeypatch.setattr("control.db.pool.CONNECT_S", 0.1)
        with pytest.raises(Unavailable):
            async with connection(pool):
                pass


async def test_an_error_rolls_the_transaction_back(pool):
    with pytest.raises(asyncpg.CheckViolationError):
        async with transaction(pool) as db:
            await db.execute("UPDATE revision SET current = 50")
            await db.execute("UPDATE revision SET one = false")
    assert await pool.fetchval("SELECT current FROM revision") == 1


async def test_the_address_is_asked_at_each_connection(database):
    asked = []

    def address():
        asked.append(database)
        return database

    async with open_pool(address) as pool, connection(pool) as one, connection(pool) as two:
        assert await asyncio.gather(one.fetchval("SELECT 1"), two.fetchval("SELECT 2")) == [1, 2]
    assert len(asked) == 2
