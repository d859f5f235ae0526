"""A producer's desk: deliveries by a fake job program to a platform whose objects are in a folder."""

import asyncio
import time
from pathlib import Path

from control.delivery import Delivery, deliver
from control.publish import read_manifest
from control.settings import ControlSettings
from core.open_store import open_store
from core.settings import CoreSettings
from core.snapshot import decode_layers

FAKE = dict.fromkeys(("raster", "vector", "points"), "tests.control.fake_job")
ROOT = Path(__file__).parents[2]


class Desk:
    """Delivers to one platform, whose objects are in a folder."""

    def __init__(self, pool, folder):
        self.pool = pool
        self.core = CoreSettings(data=folder / "data")
        self.store = open_store(self.core)
        self.input = folder / "input.txt"
        self.seen = []

    async def deliver(self, behaviour="result", *, name="ortho", kind="raster", store=None, as_is=True, **options):
        self.input.write_text(behaviour)
        delivery = Delivery(kind=kind, name=name, inputs=(str(self.input),), as_is=as_is, **options)
        return await deliver(
            self.pool, store or self.store, self.core, ControlSettings(), delivery, self.seen.append, programs=FAKE
        )

    def objects(self):
        root = self.core.data / "objects"
        return sorted(
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.is_file() and path.relative_to(root).parts[0] == "stored-data"
        )

    def scratch(self):
        return list((self.core.data / "scratch").glob("*"))

    def logs(self):
        return list((self.core.data / "logs" / "jobs").glob("*.log"))

    async def rows(self):
        return [row["status"] for row in await self.pool.fetch("SELECT status FROM stored_data")]

    async def published(self):
        manifest = await read_manifest(self.store)
        if manifest is None:
            return {}
        part = await self.store.get(manifest.parts[0].key)
        return {layer.name: layer for layer in decode_layers(manifest.parts[0], part.data)}

    async def assert_nothing_left(self):
        assert await self.rows() == []
        assert self.objects() == []
        assert self.scratch() == []


async def until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
