"""The least an ASGI program can do: answer bytes it holds, without a route, a header or a thought more than it needs.

Tiles are made by the raster engine, or read from an archive, the first time they are asked
for, so that the bytes are ours; the warm-up of a race asks for all of them.
"""

import os
from pathlib import Path
from typing import Any

import msgspec

from bench.asgi import answer, live
from bench.stored_tiles import stored_tile
from core.directory import DirectoryStore
from core.layer import RasterSource
from core.style import Style
from tiler.matrix import tile_bounds, tile_matrix_set
from tiler.pool import RenderPool
from tiler.raster.blocks import BlockCache
from tiler.raster.engine import RasterEngine
from tiler.raster.grid import PixelGrid
from tiler.raster.header import RasterHeaders
from tiler.raster.mosaic import MosaicIndexes
from tiler.raster.style import prepare

SOURCES = "BENCH_SOURCES"
"""Environment variable: path of each source by name, as JSON."""

Scope = dict[str, Any]


class BareApp:
    """Answers `/{source}/{tms}/{z}/{x}/{y}.{ext}` with a tile of a file that is one source."""

    def __init__(self, paths: dict[str, str]) -> None:
        self._paths = {name: Path(path) for name, path in paths.items()}
        self._kept: dict[str, bytes] = {}
        self._pool = RenderPool(1, 256)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await live(receive, send)
            return
        path = scope["path"]
        body = self._kept.get(path)
        if body is None:
            body = self._kept[path] = b"ok" if path == "/ready" else await self.make(path)
        await answer(send, body, gzipped=path.endswith(".mvt"))

    async def make(self, path: str) -> bytes:
        """Make the tile of a path."""
        _, name, tms_id, z, x, file = path.split("/")
        y, _, extension = file.partition(".")
        if extension == "mvt":
            return await stored_tile(self._paths[name], int(z), int(x), int(y))
        tms = tile_matrix_set(tms_id)
        matrix = tms.by_id[z]
        west, _, _, north = tile_bounds(matrix, int(x), int(y))
        grid = PixelGrid(tms.crs, west, north, matrix.cell_size, matrix.cell_size, 256, 256)
        source = self._paths[name]
        store = DirectoryStore(source.parent)
        engine = RasterEngine(
            store,
            self._pool,
            headers=RasterHeaders(store, 1 << 24),
            blocks=BlockCache(store, self._pool, 1 << 24),
            indexes=MosaicIndexes(store, 1 << 20),
        )
        shown = RasterSource(href=source.name, bands=(1, 2, 3), dtype="uint8")
        return (await engine.tile(shown, prepare(Style(name="bare"), shown), grid, extension, {}))[0]


def create_app() -> BareApp:
    """Build the program from the environment."""
    return BareApp(msgspec.json.decode(os.environ[SOURCES], type=dict[str, str]))
