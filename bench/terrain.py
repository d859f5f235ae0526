"""The relief of the raster scenario: a terrain model on the grid of Web Mercator, and what its styles show."""

import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.imagery import PLACE
from bench.relief import draw_relief, write_heights
from bench.scenario import TileRequest
from core.layer import Bounds
from tiler.matrix import tile_at, tile_bounds, tile_limits, tile_matrix_set

RELIEF = "bench-relief"
"""Name of the source."""

RAMP = "elevation"
"""Style of ours that shows heights as colours."""

SIZE = 4096
"""Width and height of the relief, pixels: it fills a tile of level 13, its pixels are those of level 17."""

BLOCK = 512
_PLACE_LEVEL, _LEVEL = "13", "17"
_EARTH_M = 6_378_137.0


def prepare_relief(folder: Path, say: Callable[[str], None]) -> Path:
    """Write the relief if it is not there yet."""
    path = folder / f"{RELIEF}-{SIZE}.tif"
    if not path.exists():
        say(f"drawing {SIZE} by {SIZE} heights")
        folder.mkdir(parents=True, exist_ok=True)
        west, _, east, north = relief_box()
        cell_size = (east - west) / SIZE
        write_heights(
            path, draw_relief(SIZE), crs="EPSG:3857", west=west, north=north, cell_size=cell_size, block=BLOCK
        )
    return path


@lru_cache(maxsize=1)
def relief_box() -> Bounds:
    """Return west, south, east, north of the relief, metres of EPSG:3857."""
    from pyproj import Transformer

    matrix = tile_matrix_set("PM").by_id[_PLACE_LEVEL]
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True).transform(*PLACE)
    return tile_bounds(matrix, *tile_at(matrix, float(x), float(y)))


def relief_tiles(style: str) -> tuple[TileRequest, ...]:
    """Return the tiles of the relief's own pixels in a style, row by row."""
    matrix = tile_matrix_set("PM").by_id[_LEVEL]
    limits = tile_limits(matrix, relief_box())
    assert limits is not None, "the relief lies within the set"
    return tuple(
        TileRequest(source=RELIEF, tms="PM", z=int(_LEVEL), x=col, y=row, extension="png", style=style)
        for row in range(limits.min_row, limits.max_row + 1)
        for col in range(limits.min_col, limits.max_col + 1)
    )


def ground_cell(request: TileRequest) -> float:
    """Return the size of a tile's pixels on the ground at its middle, metres; Web Mercator stretches them."""
    matrix = tile_matrix_set(request.tms).by_id[str(request.z)]
    _, south, _, north = tile_bounds(matrix, request.x, request.y)
    return matrix.cell_size / math.cosh((south + north) / 2 / _EARTH_M)


@lru_cache(maxsize=8)
def shown_limits(path: Path) -> tuple[float, float]:
    """Return the lowest and the highest height that have colours of their own, as ours finds them."""
    import rasterio

    from tiler.ingest.raster_view import find_rescale

    with rasterio.open(path) as dataset:
        limits = find_rescale(dataset, (1,))
    assert limits is not None, "heights are no picture"
    return limits


def ramp_colours(path: Path) -> list[tuple[int, ...]]:
    """Return our elevation ramp as 256 colours from the lowest to the highest height."""
    from core.layer import PublishedLayer, RasterSource
    from core.style import Ramp
    from tiler.styles import style_of

    limits = shown_limits(path)
    source = RasterSource(href=path.name, bands=(1,), dtype="float32", rescale=limits)
    layer = PublishedLayer(
        name=RELIEF, title="", offering="", source=source, bbox=(0, 0, 1, 1), sample=(0, 0), version=""
    )
    ramp = style_of(layer, RAMP).ramp
    assert isinstance(ramp, Ramp)
    values = np.linspace(*limits, 256)
    at = [stop.value for stop in ramp.stops]
    parts = [[getattr(stop, part) for stop in ramp.stops] for part in ("red", "green", "blue", "alpha")]
    return [
        tuple(round(one) for one in colour) for colour in zip(*(np.interp(values, at, p) for p in parts), strict=True)
    ]
