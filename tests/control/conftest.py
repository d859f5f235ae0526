"""What the tests of the control plane share: a database each, a store, a result to deliver."""

import pytest

from control.db.pool import open_pool
from core.job import Result
from core.layer import RasterSource
from tests.control.desk import ROOT, Desk
from tests.doubles import MemoryStore
from tests.servers.postgres import running_postgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
async def database(postgres):
    """URL of a migrated database of the test's own."""
    return await postgres.create_database()


@pytest.fixture
async def pool(database):
    async with open_pool(database) as opened:
        yield opened


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def result():
    return Result(
        source=RasterSource(href="stored-data/x/tile.tif", bands=(1, 2, 3), dtype="uint8"),
        bbox=(0.19, 47.98, 0.21, 48.0),
        sample=(0.2, 47.99),
        srs="EPSG:2154",
        size=9,
        objects=("stored-data/x/tile.tif",),
    )


@pytest.fixture
async def desk(pool, tmp_path, monkeypatch):
    monkeypatch.setenv("GEOPF_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    opened = Desk(pool, tmp_path)
    yield opened
    await opened.store.close()
