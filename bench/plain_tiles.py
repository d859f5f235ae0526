"""Tiles the plain way: features found by shapely's tree, cut by shapely, encoded by mapbox-vector-tile."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import shapely
from isal import igzip

from bench.asgi import Make, TileApp, place_of
from tiler.matrix import tile_bounds, tile_matrix_set
from tiler.vector.grid import EXTENT
from tiler.vector.space import BUFFER

SOURCE = "BENCH_SOURCE"
"""Environment variable: the GeoParquet file."""

CRS = "EPSG:3857"


class PlainLayer:
    """A layer in memory, in Web Mercator."""

    def __init__(self, parquet: Path, crs: str) -> None:
        from pyproj import Transformer

        table = pq.read_table(parquet)
        way = Transformer.from_crs(crs, CRS, always_xy=True)
        read = shapely.from_wkb(table["geometry"].to_numpy())
        moved = shapely.transform(read, way.transform, interleaved=False)
        self._geometries = np.asarray(moved, object)
        self._tree = shapely.STRtree(self._geometries)
        self._rows = table.drop_columns(["geometry", "bbox"])

    def encode(self, z: int, x: int, y: int) -> bytes:
        """Return a tile."""
        import mapbox_vector_tile

        bounds = tile_bounds(tile_matrix_set("PM").by_id[str(z)], x, y)
        west, south, east, north = bounds
        margin = (east - west) * BUFFER / EXTENT
        reach = (west - margin, south - margin, east + margin, north + margin)
        found = np.sort(self._tree.query(shapely.box(*reach)))
        cut = shapely.clip_by_rect(self._geometries[found], *reach)
        features: list[dict[str, Any]] = [
            {"geometry": geometry, "properties": {name: one for name, one in row.items() if one is not None}}
            for geometry, row in zip(cut, self._rows.take(found).to_pylist(), strict=True)
            if not geometry.is_empty
        ]
        options = {"quantize_bounds": bounds, "extents": EXTENT}
        return bytes(mapbox_vector_tile.encode([{"name": "plain", "features": features}], default_options=options))


def create_app() -> TileApp:
    """Build the program; the layer is named by the environment."""
    from bench.buildings import CRS as GIVEN

    async def begin() -> Make:
        layer = PlainLayer(Path(os.environ[SOURCE]), GIVEN)

        async def make(path: str) -> bytes:
            return bytes(igzip.compress(layer.encode(*place_of(path)), 1, mtime=0))

        return make

    return TileApp(begin)
