"""Imagery tiles from an orthophotograph in Web Mercator: cut along its own grid, and warped to Lambert-93."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.ortho import draw_ortho, write_cog
from bench.scenario import Race, Target, TileRequest
from core.layer import Bounds
from tiler.matrix import TileLimits, tile_at, tile_bounds, tile_limits, tile_matrix_set

PEERS = ("titiler",)

_SOURCE = "bench-ortho"
_SIZE = 8192
"""Width and height of the orthophotograph, pixels."""

_LON, _LAT = 4.85, 45.75
"""A place in the tile of level 14 that the orthophotograph fills: its 512 px blocks are tiles of level 18."""

_PLACE_LEVEL, _FULL_LEVEL = "14", "19"
_LAMBERT, _LAMBERT_LEVEL = "2154_10cm", "20"
"""0.2 m, next to the 0.208 m that a pixel measures on the ground."""

_BLOCK = 512
_COLD_REQUESTS = 256


def prepare(folder: Path, say: Callable[[str], None]) -> Mapping[str, Path]:
    """Write the orthophotograph, once."""
    path = folder / f"{_SOURCE}-{_SIZE}.tif"
    if not path.exists():
        say(f"drawing {path}")
        folder.mkdir(parents=True, exist_ok=True)
        west, _, east, north = _bounds()
        write_cog(
            path,
            draw_ortho(_SIZE),
            crs="EPSG:3857",
            west=west,
            north=north,
            cell_size=(east - west) / _SIZE,
            block=_BLOCK,
        )
    return {_SOURCE: path}


def races() -> tuple[Race, ...]:
    """Return the rows that mean something for a server that decodes and warps every tile.

    The ratios are the targets over TiTiler's figures on the reference machine: 850 to 88.6, 340 to 25.2.
    """
    return (
        Race(
            id="crop-256-cold",
            what="256 px JPEG tile on the grid of an orthophotograph in 512 px JPEG blocks, no block asked twice",
            target=Target(value=850.0, ratio=9.6),
            requests=_one_a_block(),
            warmup=_requests("PM", "17", _inside("PM", "17"))[:8],
            bound=4.0,
        ),
        Race(
            id="warp-256-cold",
            what="256 px JPEG tile warped between Web Mercator and Lambert-93, bilinear, no tile asked twice",
            target=Target(value=340.0, ratio=13.5),
            requests=_shuffled(_requests(_LAMBERT, _LAMBERT_LEVEL, _inside(_LAMBERT, _LAMBERT_LEVEL))),
            warmup=_requests(_LAMBERT, "18", _inside(_LAMBERT, "18"))[:8],
            bound=6.0,
        ),
    )


def _bounds() -> Bounds:
    """Return west, south, east, north of the orthophotograph, metres of EPSG:3857."""
    matrix = tile_matrix_set("PM").by_id[_PLACE_LEVEL]
    return tile_bounds(matrix, *tile_at(matrix, *_project("EPSG:3857", _LON, _LAT)))


def _one_a_block() -> tuple[TileRequest, ...]:
    """Return one of the four tiles of each block, a different one from block to block."""
    limits = _inside("PM", _FULL_LEVEL)
    tiles = (one for one in _requests("PM", _FULL_LEVEL, limits) if (one.x % 2, one.y % 2) == _quarter(one))
    return _shuffled(tuple(tiles))


def _quarter(tile: TileRequest) -> tuple[int, int]:
    turn = (tile.x // 2 + tile.y // 2) % 4
    return turn % 2, turn // 2


def _inside(tms: str, level: str) -> TileLimits:
    """Return the tiles of a level that lie wholly within the orthophotograph."""
    from rasterio.warp import transform_bounds

    sets = tile_matrix_set(tms)
    west, south, east, north = transform_bounds("EPSG:3857", sets.crs, *_bounds())
    matrix = sets.by_id[level]
    touched = tile_limits(matrix, (west, south, east, north))
    assert touched is not None, "the orthophotograph lies within the set"
    if tms == "PM":
        return touched
    # In Lambert-93 the square stands askew: keep clear of its edges by the width of its tilt.
    side = matrix.tile_size * matrix.cell_size
    margin = int(0.05 * (east - west) / side) + 1
    return TileLimits(
        min_col=touched.min_col + margin,
        max_col=touched.max_col - margin,
        min_row=touched.min_row + margin,
        max_row=touched.max_row - margin,
    )


def _requests(tms: str, level: str, limits: TileLimits) -> tuple[TileRequest, ...]:
    return tuple(
        TileRequest(source=_SOURCE, tms=tms, z=int(level), x=col, y=row, extension="jpg")
        for row in range(limits.min_row, limits.max_row + 1)
        for col in range(limits.min_col, limits.max_col + 1)
    )


def _shuffled(tiles: tuple[TileRequest, ...]) -> tuple[TileRequest, ...]:
    return tuple(random.Random(7).sample(tiles, min(len(tiles), _COLD_REQUESTS)))


def _project(crs: str, lon: float, lat: float) -> tuple[float, float]:
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    return float(x), float(y)
