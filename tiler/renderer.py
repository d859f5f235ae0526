"""From a layer and a tile address to encoded bytes, by the cheapest way the engine has."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from core.cache import ByteCache
from core.counts import counts
from core.errors import BadRequest, LayerNotFound, NotAcceptable, TileNotFound
from core.layer import ArchiveSource, PublishedLayer, RasterSource, TiledSource, VectorSource
from core.style import Style
from tiler.archive.engine import ArchiveEngine, Wanted
from tiler.compression import Coding, compress
from tiler.coverage import layer_limits
from tiler.matrix import TileMatrix, TileMatrixSet, tile_bounds, tile_matrix, tile_matrix_set
from tiler.pool import RenderPool
from tiler.raster.blocks import Stages
from tiler.raster.data import DATA_TYPES
from tiler.raster.encode import LOSSLESS, PICTURE_TYPES, SEEDED_TYPES
from tiler.raster.engine import RasterEngine
from tiler.raster.grid import PixelGrid
from tiler.styles import StyleBook, data_style_of, style_of
from tiler.vector import tile as vector_tile
from tiler.vector.select import EVERYTHING, Selection, rows_that_hold
from tiler.vector.source import VectorSources

RASTER_TYPES = PICTURE_TYPES | DATA_TYPES
"""Media types of raster tiles by extension, pictures first."""

VECTOR_TYPES = {"mvt": "application/vnd.mapbox-vector-tile", "pbf": "application/vnd.mapbox-vector-tile"}
"""Media types of vector tiles by extension."""

ARCHIVE_TYPES = PICTURE_TYPES | VECTOR_TYPES | {"avif": "image/avif"}
"""Media types of stored tiles by extension."""

ENCODING = "5"
"""Part of every ETag: changed whenever the engine encodes the same tile in another way."""


COMPOSITE = "composite"
"""Name of the plan that joins the tiles of several layers."""

TileKey = tuple[str, Coding]
"""Entity tag of a tile, and how it is compressed: by this it is kept."""


class TileAddress(msgspec.Struct, frozen=True, gc=False):
    """A tile that exists in its set and a format its layer has."""

    layer: PublishedLayer
    tms: TileMatrixSet
    matrix: TileMatrix
    col: int
    row: int
    extension: str
    media_type: str
    scale: int = 1
    """Pixels of the answer per pixel of the set, 2 for dense screens."""
    style: Style | None = None
    """How a raster is shown."""
    selection: Selection = EVERYTHING
    """What is shown of a vector layer."""

    @property
    def etag(self) -> str:
        """Entity tag of the identity encoding, known before any read."""
        style = self.style.name if self.style is not None else ""
        if self.selection is not EVERYTHING:
            style = hashlib.sha256(msgspec.json.encode(self.selection)).hexdigest()[:16]
        place = f"{self.tms.id}-{self.matrix.id}-{self.col}-{self.row}"
        return f'"{self.layer.version}-{ENCODING}-{style}-{place}-{self.scale}.{self.extension}"'

    @property
    def max_age(self) -> int:
        """How long a client may keep the tile, seconds."""
        return self.layer.max_age


class EncodedTile(msgspec.Struct, frozen=True, gc=False):
    """What goes out."""

    data: bytes
    """Empty when the tile has no data."""
    plan: str
    """How it was made: `cache`, `outside` or the name of a plan."""
    seconds: float
    """Time it took, waiting included."""
    stages: Stages
    """Time of its stages, seconds."""


def address(
    layer: PublishedLayer, tms_id: str, z: str, x: str, y: str, extension: str, style_name: str = ""
) -> TileAddress:
    """Check a tile's address.

    Args:
        layer: The layer.
        tms_id: Identifier of the tile matrix set.
        z: Identifier of the level.
        x: Column.
        y: Row; of a raster `@2x` after it asks for twice the pixels.
        extension: Format.
        style_name: Name of the style; empty for the default.

    Raises:
        LayerNotFound: The layer is a point cloud.
        StyleNotFound: The layer has no such style.
        TileMatrixSetNotFound: There is no such set.
        TileNotFound: The level, column or row does not exist in the set.
        BadRequest: No tile has this format.
        NotAcceptable: The layer, or the style, has no tiles in this format.
    """
    if not isinstance(layer.source, TiledSource):
        raise LayerNotFound(f"{layer.name} is a point cloud and has no tiles", f"see /points/{layer.name}/info")
    types = tile_types(layer.source)
    media_type = types.get(extension)
    if extension not in RASTER_TYPES and extension not in ARCHIVE_TYPES:
        raise BadRequest(f".{extension[:20]} is not a tile format", f"use .{' or .'.join(types)}")
    if media_type is None and extension in SEEDED_TYPES and isinstance(layer.source, RasterSource):
        raise NotAcceptable(f"{layer.name} gives .{extension} in seeded archives alone", "use .webp")
    if media_type is None:
        raise NotAcceptable(f"{layer.name} has no .{extension[:20]} tiles", f"use .{' or .'.join(types)}")
    style = _style(layer, style_name, extension)
    tms = tile_matrix_set(tms_id)
    matrix = tile_matrix(tms, z)
    row_text, at, density = y.partition("@")
    if at and (density != "2x" or extension in VECTOR_TYPES):
        raise BadRequest(f"@{density[:20]} is not offered", "leave it out, or ask for @2x of a raster")
    col, row = _index(x), _index(row_text)
    tile_bounds(matrix, col, row)
    return TileAddress(layer, tms, matrix, col, row, extension, media_type, 2 if at else 1, style)


def _style(layer: PublishedLayer, name: str, extension: str) -> Style | None:
    """Return the style of a tile, None for a vector tile without one."""
    if extension in DATA_TYPES:
        return data_style_of(layer, name)
    style = style_of(layer, name) if name or isinstance(layer.source, RasterSource) else None
    if style is not None and style.lossless and extension not in LOSSLESS:
        raise NotAcceptable(
            f".{extension[:20]} would spoil the values of style {style.name}", f"use .{' or .'.join(sorted(LOSSLESS))}"
        )
    return style


def tile_types(source: TiledSource) -> dict[str, str]:
    """Return the media types in which a layer has tiles, by extension."""
    if isinstance(source, RasterSource):
        return RASTER_TYPES
    if isinstance(source, VectorSource) or source.tile_type == "mvt":
        return VECTOR_TYPES
    types = PICTURE_TYPES
    if source.encoding:
        types = {name: media for name, media in types.items() if name in LOSSLESS}
    return types | {source.tile_type: ARCHIVE_TYPES[source.tile_type]}


class Renderer:
    """Makes tiles, keeps the encoded ones in memory, and makes each of them once at a time."""

    def __init__(
        self,
        pool: RenderPool,
        cache: ByteCache[TileKey],
        rasters: RasterEngine,
        vectors: VectorSources,
        styles: StyleBook,
        archives: ArchiveEngine,
    ) -> None:
        self._pool = pool
        self._cache = cache
        self._rasters = rasters
        self._vectors = vectors
        self._styles = styles
        self._archives = archives

    async def tile(self, wanted: TileAddress, *, coding: Coding = "") -> EncodedTile:
        """Return one tile.

        Args:
            wanted: Its checked address.
            coding: How to compress it (vector tiles; images gain nothing): those of archives in gzip or not at all.

        Raises:
            BadSource: The stored file is missing or damaged.
            TileMatrixSetNotFound: The layer is an archive of vector tiles, and the set not Web Mercator.
            TileNotFound: The layer is an archive of vector tiles without this level.
            TooLarge: The tile would take more files, stored tiles or memory than a tile may.
            Unavailable: Too many tiles are being made, or the store does not answer.
        """
        start = time.perf_counter()
        limits = layer_limits(wanted.layer.bbox, wanted.tms.id, wanted.matrix.id)
        if limits is None or not limits.holds(wanted.col, wanted.row):
            return self._done(b"", "outside", start, {})
        key = (wanted.etag, coding)
        made: list[str] = []
        stages: Stages = {}

        async def make() -> bytes:
            if isinstance(wanted.layer.source, ArchiveSource):
                data, plan = await self._stored(wanted.layer.source, wanted, stages, gzipped=coding == "gzip")
                made.append(plan)
                return data
            data, plan = await self._make(wanted, stages, coding)
            made.append(plan)
            return data

        data = await self._cache.get(key, make)
        return self._done(data, made[0] if made else "cache", start, stages)

    async def joined(
        self,
        etag: str,
        wanted: Sequence[TileAddress],
        join: Callable[[Sequence[bytes]], bytes],
        *,
        coding: Coding = "",
    ) -> EncodedTile:
        """Return several vector tiles as one, each of them and the whole kept in memory.

        Args:
            etag: Entity tag of the whole, not compressed.
            wanted: The checked addresses.
            join: Makes one of them, in their order; empty tiles are of layers with nothing there.
            coding: How to compress it.

        Raises:
            BadSource: A stored file is missing or damaged.
            TileMatrixSetNotFound: One is of an archive of vector tiles, and the set not Web Mercator.
            TileNotFound: All are of archives of vector tiles without this level.
            Unavailable: Too many tiles are being made, or the store does not answer.
        """
        start = time.perf_counter()
        made: list[str] = []

        async def make() -> bytes:
            made.append(COMPOSITE)
            tiles = await asyncio.gather(*(self._unless_beyond(one) for one in wanted))
            missing = [one for one in tiles if isinstance(one, TileNotFound)]
            if len(missing) == len(tiles):
                raise missing[0]
            data = [b"" if isinstance(one, TileNotFound) else one for one in tiles]
            return await self._pool.run(lambda: _packed(join(data), coding))

        data = await self._cache.get((etag, coding), make)
        return self._done(data, made[0] if made else "cache", start, {})

    async def _unless_beyond(self, wanted: TileAddress) -> bytes | TileNotFound:
        """Return a tile, or what an archive says that has not its level."""
        try:
            return (await self.tile(wanted)).data
        except TileNotFound as err:
            return err

    async def _make(self, wanted: TileAddress, stages: Stages, coding: Coding) -> tuple[bytes, str]:
        source = wanted.layer.source
        if isinstance(source, RasterSource):
            grid = _grid(wanted)
            prepared = self._styles.get(wanted.layer, wanted.style or style_of(wanted.layer))
            source = source.on(wanted.tms.id, wanted.tms.crs)
            return await self._rasters.tile(source, prepared, grid, wanted.extension, stages)
        assert isinstance(source, VectorSource)
        crs = wanted.tms.crs
        vectors = await self._vectors.get(source, crs)
        encoded = await self._pool.run(_draw, vectors, source, wanted, coding)
        return encoded, vector_tile.PLAN if vectors.grid.crs == crs else vector_tile.FOREIGN_PLAN

    async def _stored(
        self, source: ArchiveSource, wanted: TileAddress, stages: Stages, *, gzipped: bool
    ) -> tuple[bytes, str]:
        asked = Wanted(
            tms=wanted.tms,
            matrix=wanted.matrix,
            col=wanted.col,
            row=wanted.row,
            extension=wanted.extension,
            scale=wanted.scale,
            grid=_grid(wanted),
            gzipped=gzipped,
        )
        return await self._archives.tile(source, asked, stages)

    @staticmethod
    def _done(data: bytes, plan: str, start: float, stages: Stages) -> EncodedTile:
        counts().plan(plan)
        return EncodedTile(data, plan, time.perf_counter() - start, stages)


def _grid(wanted: TileAddress) -> PixelGrid:
    west, _, _, north = tile_bounds(wanted.matrix, wanted.col, wanted.row)
    side, cell = wanted.matrix.tile_size * wanted.scale, wanted.matrix.cell_size / wanted.scale
    return PixelGrid(wanted.tms.crs, west, north, cell, cell, side, side)


def _draw(vectors: vector_tile.TileSource, source: VectorSource, wanted: TileAddress, coding: Coding) -> bytes:
    """Draw a vector tile and compress it."""
    bounds = tile_bounds(wanted.matrix, wanted.col, wanted.row)
    selection = wanted.selection
    data = vector_tile.encode_tile(
        vectors,
        wanted.layer.name,
        bounds=bounds,
        crs=wanted.tms.crs,
        keys=None if selection.keys is None else frozenset(selection.keys),
        holds=partial(rows_that_hold, selection, source.fields, vectors.values) if selection.filter else None,
    )
    return _packed(data, coding)


def _packed(data: bytes, coding: Coding) -> bytes:
    """Compress a tile; one with nothing in it stays so."""
    return compress(data, coding) if data else data


def _index(text: str) -> int:
    """Return a column or row; anything but a short run of ASCII digits is outside every matrix."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else -1
