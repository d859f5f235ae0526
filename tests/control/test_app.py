"""The control plane: starts with or without its database, and finds it again."""

import asyncio
import os
import signal
import time

import pytest
from litestar.testing import AsyncTestClient

from control.app import create_app
from control.db.embedded import EmbeddedPostgres
from control.publish import MANIFEST_KEY
from control.settings import ControlSettings
from core.errors import Unavailable
from core.settings import CoreSettings
from tests.control.rows import add_layer
from tests.doubles import MemoryStore

FIELDS = {"status", "database", "storage", "revision", "published_revision", "version"}


async def wait_for(client, status, path="/api/health", seconds=20):
    deadline = time.monotonic() + seconds
    while (answer := await client.get(path)).status_code != status:
        assert time.monotonic() < deadline, answer.text
        assert answer.status_code in {200, 503}, answer.text
        await asyncio.sleep(0.05)
    return answer


def app_on(database, store, tmp_path, **options):
    control = ControlSettings(database_url=database, upkeep_interval_s=0.1, **options)
    return create_app(CoreSettings(data=tmp_path), control, store)


async def test_an_empty_database_is_made_ready_and_an_empty_publication_written(postgres, store, tmp_path):
    database = await postgres.create_database(migrated=False)
    async with AsyncTestClient(app_on(database, store, tmp_path)) as client:
        health = (await wait_for(client, 200)).json()
        assert set(health) == FIELDS
        assert (health["status"], health["revision"], health["published_revision"]) == ("ok", 1, 1)
        assert (await client.get("/readyz")).status_code == 200
    assert MANIFEST_KEY in store.objects


async def test_a_publication_that_was_not_written_is_made_good(database, pool, store, tmp_path, result):
    async with AsyncTestClient(app_on(database, store, tmp_path)) as client:
        await wait_for(client, 200)
        await add_layer(pool, "ortho", result)
        deadline = time.monotonic() + 10
        while (await client.get("/api/health")).json()["published_revision"] != 2:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_a_store_that_does_not_answer_is_503_with_the_reason(database, store, tmp_path):
    async with AsyncTestClient(app_on(database, store, tmp_path)) as client:
        await wait_for(client, 200)
        store.failing = Unavailable("the bucket does not answer")
        answer = await wait_for(client, 503)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "storage: the bucket does not answer" in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) > 0
        assert (await client.get("/healthz")).status_code == 200
        store.failing = None
        await wait_for(client, 200)


async def test_a_database_newer_than_the_program_is_named_and_nothing_is_touched(database, pool, store, tmp_path):
    await pool.execute("INSERT INTO migration (number, name, digest) VALUES (9999, '9999_future.sql', '')")
    async with AsyncTestClient(app_on(database, store, tmp_path)) as client:
        await asyncio.sleep(0.3)
        answer = await wait_for(client, 503)
        assert "9999_future.sql" in answer.json()["detail"]
    assert store.objects == {}


@pytest.mark.parametrize("path", ["/api/nothing", "/nothing"])
async def test_an_unknown_path_is_problem_details(database, store, tmp_path, path):
    async with AsyncTestClient(app_on(database, store, tmp_path)) as client:
        answer = await client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def test_the_database_may_come_late_be_killed_and_come_back(tmp_path):
    options = {"fsync": "off"}
    app = create_app(CoreSettings(data=tmp_path), ControlSettings(upkeep_interval_s=0.2), MemoryStore())
    async with AsyncTestClient(app) as client:
        assert "database" in (await wait_for(client, 503)).json()["detail"]
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
        server = EmbeddedPostgres(tmp_path / "postgres", options=options)
        await asyncio.to_thread(server.start)
        await wait_for(client, 200)
        os.kill(server.pid, signal.SIGKILL)
        assert "database" in (await wait_for(client, 503)).json()["detail"]
        again = EmbeddedPostgres(tmp_path / "postgres", options=options)
        await asyncio.to_thread(again.start)
        await wait_for(client, 200)
    await asyncio.to_thread(server.stop)
    assert await asyncio.to_thread(again.stop)
