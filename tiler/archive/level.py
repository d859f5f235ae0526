"""The levels of a picture archive as the raster planner sees images: grids of equal blocks on Web Mercator."""

from functools import lru_cache

import msgspec

from core.errors import TooLarge
from core.layer import ArchiveSource
from tiler.archive.archives import Archive
from tiler.planner import MAX_DECODED_BYTES
from tiler.raster.blocks import BlockAddress
from tiler.raster.grid import PixelGrid, lattice
from tiler.raster.header import RasterHeader
from tiler.raster.part import Part, plan_parts
from tiler.raster.tiff import Affine2, Compression, Level, Photometric, Tiff, empty_table

MERCATOR = "EPSG:3857"
EDGE_M = 20037508.342789244
"""Half the width of the world in Web Mercator, metres."""

MAX_TILES = 100
"""Stored tiles that are put together for one."""

MAX_REDUCTION = 8.8
"""How much coarser than the first level a tile may be: three levels, and a little for sets that are not aligned."""


def plan_tiles(grid: PixelGrid, source: ArchiveSource, archive: Archive, *, coarser: int = 0) -> Part | None:
    """Return which stored tiles a grid of pixels takes, None when it lies off the archive.

    Args:
        grid: Pixels of the tile.
        source: The layer.
        archive: Its archive.
        coarser: How many levels above the best one to look.

    Raises:
        TooLarge: They are more than a tile may take.
    """
    places = lattice(grid, MERCATOR)
    if places is None:
        return None
    side = source.tile_size
    first_cell = 2 * EDGE_M / (side << source.min_zoom)
    too_large = TooLarge(
        f"a tile of this level takes more than {MAX_TILES} stored tiles",
        f"ask for level {source.min_zoom} of WebMercatorQuad or a finer one",
    )
    if places.cell > MAX_REDUCTION * first_cell:
        raise too_large
    if coarser:
        places = msgspec.structs.replace(places, cell=places.cell * 2**coarser)
    header = _as_raster(archive.href, archive.etag, source.min_zoom, source.max_zoom, side)
    parts = plan_parts(grid, places, MERCATOR, [header], source.resampling)
    if not parts:
        return None
    if len(parts[0].wanted) > MAX_TILES or len(parts[0].wanted) * side * side * 4 > MAX_DECODED_BYTES:
        raise too_large
    return parts[0]


def zoom_at(source: ArchiveSource, address: BlockAddress) -> int:
    """Return the level of the archive that a block belongs to."""
    return source.max_zoom - address.level


@lru_cache(maxsize=256)
def _as_raster(href: str, etag: str, min_zoom: int, max_zoom: int, side: int) -> RasterHeader:
    """Return an archive as if it were one image of the world with its reductions; where blocks lie is not in it."""
    nothing = empty_table()
    levels = tuple(
        Level(
            width=side << zoom,
            height=side << zoom,
            block_width=side,
            block_height=side,
            tiled=True,
            bands=3,
            dtype="uint8",
            compression=Compression.NONE,
            photometric=Photometric.RGB,
            offsets=nothing,
            counts=nothing,
        )
        for zoom in range(max_zoom, min_zoom - 1, -1)
    )
    cell = 2 * EDGE_M / (side << max_zoom)
    tiff = Tiff(
        levels=levels,
        masks=(None,) * len(levels),
        placement=Affine2(-EDGE_M, EDGE_M, cell, cell),
        crs=MERCATOR,
        nodata=None,
        scaled=False,
    )
    return RasterHeader(href, etag, tiff, "")
