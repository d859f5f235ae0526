"""The cheapest way to make a raster tile: stored bytes, stored pixels, warped pixels, or GDAL."""

from collections.abc import Sequence

import msgspec

from core.layer import RasterSource
from tiler.raster.blocks import BlockAddress
from tiler.raster.grid import PixelGrid, lattice
from tiler.raster.header import RasterHeader
from tiler.raster.part import Part, plan_parts
from tiler.raster.tiff import Compression, Level, Photometric

PASSTHROUGH, CROP, WARP, MOSAIC, FALLBACK, OUTSIDE = "passthrough", "crop", "warp", "mosaic", "rio-tiler", "outside"
"""Names of the plans in Server-Timing and in the metrics."""


class Painted(msgspec.Struct, frozen=True, gc=False):
    """Make the tile of decoded blocks."""

    name: str
    """`crop`, `warp` or `mosaic`."""
    grid: PixelGrid
    parts: tuple[Part, ...]
    wanted: tuple[tuple[RasterHeader, BlockAddress], ...]


class Passthrough(msgspec.Struct, frozen=True, gc=False):
    """Send the bytes of a block: it is the tile."""

    header: RasterHeader
    address: BlockAddress
    otherwise: Painted
    """What to do when the mask of the block says that pixels are missing."""


class Fallback(msgspec.Struct, frozen=True, gc=False):
    """Leave the tile to rio-tiler."""

    reason: str


Plan = Passthrough | Painted | Fallback | None


def plan_raster(grid: PixelGrid, source: RasterSource, headers: Sequence[RasterHeader], extension: str) -> Plan:
    """Choose how to make a tile; None when no file has pixels in it.

    Args:
        grid: Pixels of the tile, with the border its style needs.
        source: How the layer is shown.
        headers: Files that may have pixels in it, most important first.
        extension: Format of the tile.

    Raises:
        BadSource: A file without overviews would have to be read nearly whole.
    """
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
    files_used = {id(header) for header, _ in wanted}
    name = MOSAIC if len(files_used) > 1 else CROP if parts[0].aligned else WARP
    painted = Painted(name, grid, tuple(parts), wanted)
    if name == CROP and len(wanted) == 1 and _is_tile(grid, parts[0], source, extension):
        return Passthrough(*wanted[0], painted)
    return painted


def _is_tile(grid: PixelGrid, part: Part, source: RasterSource, extension: str) -> bool:
    """Tell whether the one block of a part is the tile, in its format and as it is to be seen."""
    member, address = part.members[0], part.wanted[0][1]
    level = member.header.tiff.levels[member.level]
    left, top = address.col * level.block_width, address.row * level.block_height
    return (
        (level.block_width, level.block_height) == (grid.cols, grid.rows)
        and left + grid.cols <= level.width
        and top + grid.rows <= level.height
        and round(float(part.x[0, 0]) - 0.5) == member.col + left
        and round(float(part.y[0, 0]) - 0.5) == member.row + top
        and source.rescale is None
        and source.bands == tuple(range(1, min(level.bands, 3) + 1))
        and _is_format(level, member.header.tiff.nodata, extension)
    )


def _is_format(level: Level, nodata: float | None, extension: str) -> bool:
    if level.compression == Compression.JPEG:
        seen = level.photometric in {Photometric.YCBCR, Photometric.MIN_IS_BLACK}
        return extension in {"jpg", "jpeg"} and seen and nodata is None
    return level.compression == Compression.WEBP and extension == "webp" and nodata is None
