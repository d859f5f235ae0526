"""Claims: held as long as the owner lives, whatever happens to its connection."""

import asyncio

from control.db.pool import connection
from control.reap import reap
from tests.control.desk import until


async def test_a_delivery_outlives_the_loss_of_its_connections(desk, tmp_path, monkeypatch):
    monkeypatch.setattr("control.stored_data.claim._CHECK_S", 0.05)
    task = asyncio.create_task(desk.deliver(f"wait {tmp_path / 'go'}"))
    await until(desk.objects)
    locks = (
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
        " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
    )
    async with connection(desk.pool) as db:
        assert await db.fetchval(locks) == 2
        await db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await asyncio.sleep(0.5)
        assert await db.fetchval(locks) == 2
    assert await reap(desk.pool, desk.store, desk.core.data, return_s=0) == 0
    (tmp_path / "go").touch()
    layer = await task
    assert await desk.published() == {"ortho": layer}
