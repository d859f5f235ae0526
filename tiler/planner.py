"""The cheapest way to make a raster tile: stored bytes, stored pixels, warped pixels, or GDAL."""

from collections.abc import Sequence

import msgspec

from core.errors import TooLarge
from core.layer import RasterSource
from tiler.raster.blocks import BlockAddress
from tiler.raster.grid import PixelGrid, lattice, same_crs
from tiler.raster.header import RasterHeader
from tiler.raster.part import SAME_PX, Part, plan_parts
from tiler.raster.tiff import Compression, Level, Photometric, Tiff

PASSTHROUGH, CROP, WARP, MOSAIC, FALLBACK, OUTSIDE = "passthrough", "crop", "warp", "mosaic", "rio-tiler", "outside"
"""Names of the plans in Server-Timing and in the metrics."""


MAX_DECODED_BYTES = 256 << 20
"""Memory that the decoded blocks of one tile, and the image put together from them, may take."""


class Painted(msgspec.Struct, frozen=True, gc=False):
    """Make the tile of decoded blocks."""

    name: str
    """`crop`, `warp` or `mosaic`."""
    grid: PixelGrid
    parts: tuple[Part, ...]
    wanted: tuple[tuple[RasterHeader, BlockAddress], ...]


class Passthrough(msgspec.Struct, frozen=True, gc=False):
    """Send the bytes of a block: it is the tile, unless its mask says that pixels are missing."""

    header: RasterHeader
    address: BlockAddress


class Fallback(msgspec.Struct, frozen=True, gc=False):
    """Leave the tile to rio-tiler."""

    reason: str


Plan = Passthrough | Painted | Fallback | None


def plan_raster(
    grid: PixelGrid, source: RasterSource, headers: Sequence[RasterHeader], extension: str, *, pass_blocks: bool
) -> Plan:
    """Choose how to make a tile; None when no file has pixels in it.

    Args:
        grid: Pixels of the tile, with the border its style needs.
        source: How the layer is shown.
        headers: Files that may have pixels in it, most important first.
        extension: Format of the tile.
        pass_blocks: Whether a stored block may be the tile, as samples are shown as they are.

    Raises:
        BadSource: A file without overviews would have to be read nearly whole.
        TooLarge: The blocks of the tile would take too much memory.
    """
    if pass_blocks:
        stored = _stored_tile(grid, source, headers, extension)
        if stored is not None:
            return stored
    by_crs: dict[str, list[RasterHeader]] = {}
    for header in headers:
        crs = source.crs or header.tiff.crs
        if header.trouble or not crs:
            return Fallback(f"{header.name}: {header.trouble or 'its CRS is not known'}")
        by_crs.setdefault(crs, []).append(header)
    parts: list[Part] = []
    for crs, files in by_crs.items():
        places = lattice(grid, crs)
        if places is not None:
            parts.extend(plan_parts(grid, places, crs, files, source.resampling))
    if not parts:
        return None
    wanted = tuple((part.members[index].header, address) for part in parts for index, address in part.wanted)
    size = sum(decoded_bytes(header, address) for header, address in wanted) + max(map(_window_bytes, parts))
    if size > MAX_DECODED_BYTES:
        raise TooLarge(
            f"a tile of this level takes {size >> 20} MiB of pixels, {MAX_DECODED_BYTES >> 20} MiB at most",
            f"ask for level {source.min_zoom} of WebMercatorQuad or a finer one",
        )
    files_used = {id(header) for header, _ in wanted}
    name = MOSAIC if len(files_used) > 1 else CROP if parts[0].aligned else WARP
    return Painted(name, grid, tuple(parts), wanted)


def decoded_bytes(header: RasterHeader, address: BlockAddress) -> int:
    """Return the memory that a block takes once it is decoded, bytes."""
    level = header.tiff.levels[address.level]
    sample = 1 if level.dtype == "uint8" else 4
    return level.block_width * level.block_height * level.bands * sample


def _window_bytes(part: Part) -> int:
    level = part.members[0].header.tiff.levels[0]
    west, north, east, south = part.window
    return (east - west) * (south - north) * (level.bands if level.dtype == "uint8" else 4 * level.bands)


def _stored_tile(
    grid: PixelGrid, source: RasterSource, headers: Sequence[RasterHeader], extension: str
) -> Passthrough | None:
    """Return the block that is the tile, if the most important file that meets the tile has one."""
    for header in headers:
        tiff = header.tiff
        crs = source.crs or tiff.crs
        if header.trouble or tiff.placement is None or not crs or tiff.nodata is not None:
            return None
        if not same_crs(crs, grid.crs):
            return None
        west, south, east, north = tiff.bounds()
        box = grid.bounds
        if not (west < box[2] and box[0] < east and south < box[3] and box[1] < north):
            continue
        for index, level in enumerate(tiff.levels):
            place = _block_at(grid, tiff, level)
            if place is not None:
                shown = source.bands == tuple(range(1, min(level.bands, 3) + 1)) and _is_format(level, extension)
                return Passthrough(header, BlockAddress(header.href, header.etag, index, *place)) if shown else None
        return None
    return None


def _block_at(grid: PixelGrid, tiff: Tiff, level: Level) -> tuple[int, int] | None:
    """Return column and row of the block of a level that has just the pixels of a grid."""
    full, place = tiff.levels[0], tiff.placement
    assert place is not None
    cell_x, cell_y = place.cell_x * full.width / level.width, place.cell_y * full.height / level.height
    drift = max(abs(grid.cell_x / cell_x - 1) * grid.cols, abs(grid.cell_y / cell_y - 1) * grid.rows)
    if drift > SAME_PX or (level.block_width, level.block_height) != (grid.cols, grid.rows):
        return None
    left, top = (grid.west - place.west) / cell_x, (place.north - grid.north) / cell_y
    col, off_col = divmod(round(left), grid.cols)
    row, off_row = divmod(round(top), grid.rows)
    if off_col or off_row or max(abs(left - round(left)), abs(top - round(top))) > SAME_PX:
        return None
    inside = col >= 0 and row >= 0 and round(left) + grid.cols <= level.width and round(top) + grid.rows <= level.height
    return (col, row) if inside else None


def _is_format(level: Level, extension: str) -> bool:
    if level.compression == Compression.JPEG:
        return extension in {"jpg", "jpeg"} and level.photometric in {Photometric.YCBCR, Photometric.MIN_IS_BLACK}
    return level.compression == Compression.WEBP and extension == "webp"
