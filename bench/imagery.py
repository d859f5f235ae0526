"""The imagery of the raster scenario: one picture as three sources, and the tiles that lie in each."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from bench.ortho import draw_ortho, write_cog
from bench.scenario import TileRequest
from core.layer import Bounds
from tiler.matrix import TileLimits, tile_at, tile_bounds, tile_limits, tile_matrix_set

MERCATOR, LAMBERT, MOSAIC = "bench-ortho", "bench-lambert", "bench-mosaic"
"""Names: on the grid of Web Mercator; in Lambert-93 at 0.2 m; the same cut into 16 files."""

SIZE = 8192
"""Width and height of the picture, pixels."""

BLOCK = 512
_CUTS = 4
"""Files of the mosaic along each side."""

PLACE = 4.85, 45.75
"""Longitude and latitude in the tile of level 14 that the first source fills: its blocks are tiles of level 18."""

_PLACE_LEVEL = "14"
_CELL = 0.2
_WEST, _NORTH = 842_000.0, 6_520_000.0
"""Corner of the sources in Lambert-93, near the same place."""


def prepare_imagery(folder: Path, say: Callable[[str], None]) -> Mapping[str, Path]:
    """Write the sources that are not there yet; the mosaic is a folder of files."""
    paths = {
        MERCATOR: folder / f"{MERCATOR}-{SIZE}.tif",
        LAMBERT: folder / f"{LAMBERT}-{SIZE}.tif",
        MOSAIC: folder / f"{MOSAIC}-{SIZE}",
    }
    if all(path.exists() for path in paths.values()):
        return paths
    say(f"drawing {SIZE} by {SIZE} pixels of imagery")
    folder.mkdir(parents=True, exist_ok=True)
    picture = draw_ortho(SIZE)
    west, _, east, north = _mercator_bounds()
    cell = (east - west) / SIZE
    write_cog(paths[MERCATOR], picture, crs="EPSG:3857", west=west, north=north, cell_size=cell, block=BLOCK)
    write_lambert = partial(write_cog, crs="EPSG:2154", cell_size=_CELL, block=BLOCK)
    write_lambert(paths[LAMBERT], picture, west=_WEST, north=_NORTH)
    made = paths[MOSAIC].with_suffix(".part")
    made.mkdir(exist_ok=True)
    side = SIZE // _CUTS
    for row in range(_CUTS):
        for col in range(_CUTS):
            piece = np.ascontiguousarray(picture[:, row * side : (row + 1) * side, col * side : (col + 1) * side])
            west, north = _WEST + col * side * _CELL, _NORTH - row * side * _CELL
            write_lambert(made / f"{row}{col}.tif", piece, west=west, north=north)
    made.rename(paths[MOSAIC])
    return paths


def tiles(
    source: str,
    level: str,
    *,
    tms: str = "PM",
    extension: str = "jpg",
    size: int = 256,
    resampling: str = "bilinear",
    s3: bool = False,
) -> tuple[TileRequest, ...]:
    """Return the tiles of a level that lie wholly within a source, row by row."""
    limits = _inside(source, tms, level)
    return tuple(
        TileRequest(
            source=source,
            tms=tms,
            z=int(level),
            x=col,
            y=row,
            extension=extension,
            size=size,
            resampling=resampling,
            s3=s3,
        )
        for row in range(limits.min_row, limits.max_row + 1)
        for col in range(limits.min_col, limits.max_col + 1)
    )


def box_of(source: str) -> tuple[str, Bounds]:
    """Return CRS and box of a source."""
    if source == MERCATOR:
        return "EPSG:3857", _mercator_bounds()
    return "EPSG:2154", (_WEST, _NORTH - SIZE * _CELL, _WEST + SIZE * _CELL, _NORTH)


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files of a source, itself or those of its folder."""
    return tuple(sorted(path.glob("*.tif"))) if path.is_dir() else (path,)


@lru_cache(maxsize=1)
def _mercator_bounds() -> Bounds:
    """Return west, south, east, north of the first source, metres of EPSG:3857."""
    from pyproj import Transformer

    matrix = tile_matrix_set("PM").by_id[_PLACE_LEVEL]
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True).transform(*PLACE)
    return tile_bounds(matrix, *tile_at(matrix, float(x), float(y)))


def _inside(source: str, tms: str, level: str) -> TileLimits:
    """Return the tiles of a level that lie wholly within a source."""
    from rasterio.warp import transform_bounds

    crs, box = box_of(source)
    sets = tile_matrix_set(tms)
    matrix = sets.by_id[level]
    west, south, east, north = transform_bounds(crs, sets.crs, *box)
    touched = tile_limits(matrix, (west, south, east, north))
    assert touched is not None, "the source lies within the set"
    if crs == sets.crs:
        return touched
    # In the other CRS the square stands askew: keep clear of its edges by the width of its tilt.
    side = matrix.tile_size * matrix.cell_size
    margin = int(0.05 * (east - west) / side) + 1
    return TileLimits(
        min_col=touched.min_col + margin,
        max_col=touched.max_col - margin,
        min_row=touched.min_row + margin,
        max_row=touched.max_row - margin,
    )
