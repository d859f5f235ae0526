"""The terrain model: the true ground on the grid of IGN's products."""

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine

from deploy.territory.grid import Window
from deploy.territory.relief import Ground

CELL_M = 0.5
NODATA = -9999.0


def write_elevation(
    path: Path, ground: Ground, corner: tuple[float, float], side_m: int, origin: tuple[float, float]
) -> None:
    """Write a tile whose pixel centres lie on multiples of half a metre.

    Args:
        path: GeoTIFF to make, float32 metres, nodata -9999.
        ground: The true ground.
        corner: West and north of the tile, local metres; the centre of the first pixel lies there.
        side_m: Side of the tile.
        origin: Projected coordinates (EPSG:2154) of the local ones' zero.
    """
    west, north = corner[0] - CELL_M / 2, corner[1] + CELL_M / 2
    count = round(side_m / CELL_M)
    z = ground.over(Window(west=west, north=north, cell=CELL_M, rows=count, cols=count))
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=count,
        height=count,
        count=1,
        dtype="float32",
        crs="EPSG:2154",
        nodata=NODATA,
        transform=Affine(CELL_M, 0, west + origin[0], 0, -CELL_M, north + origin[1]),
        tiled=True,
        compress="deflate",
        predictor=3,
        zlevel=1,
    ) as tile:
        tile.write(np.round(z, 3), 1)
