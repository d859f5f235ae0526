"""The pixels a layer is stored in: a piece of a Web Mercator level, cut on the tile grid."""

import math

import msgspec
from affine import Affine
from rasterio.crs import CRS
from rasterio.transform import from_gcps
from rasterio.warp import transform, transform_bounds

from core.layer import Bounds
from tiler.ingest.raster_input import RasterInput, open_dataset
from tiler.matrix import tile_limits, tile_matrix_set

MERCATOR = CRS.from_epsg(3857)
_TILE = 256


class RasterGrid(msgspec.Struct, frozen=True):
    """A north-up grid in EPSG:3857 whose edges are tile edges `reductions` levels above."""

    zoom: int
    """Level whose pixels these are."""
    reductions: int
    """How often the grid can be halved with its edges still on tile edges."""
    west: float
    """Metres."""
    north: float
    """Metres."""
    cell_size: float
    """Metres of Web Mercator."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""

    @property
    def transform(self) -> Affine:
        """From column and row to easting and northing."""
        return Affine(self.cell_size, 0.0, self.west, 0.0, -self.cell_size, self.north)


def choose_grid(inputs: tuple[RasterInput, ...]) -> RasterGrid:
    """Choose the level nearest to the finest input and the tiles that hold all inputs.

    The edges lie on tile edges of the level at which the layer is about one tile
    wide, so that every overview is aligned too; blocks without data take no room.
    """
    tms = tile_matrix_set("PM")
    finest = min(mercator_cell(one) for one in inputs)
    top, last = tms.matrices[0].cell_size, len(tms.matrices) - 1
    zoom = min(max(round(math.log2(top / finest)), 0), last)
    matrix = tms.by_id[str(zoom)]
    bounds = mercator_bounds(inputs)
    limits = tile_limits(matrix, bounds)
    assert limits is not None, "the inputs lie within Web Mercator"
    tiles = max(limits.max_col - limits.min_col, limits.max_row - limits.min_row) + 1
    reductions = min(math.ceil(math.log2(tiles)), zoom)
    step = 2**reductions
    col, row = limits.min_col // step * step, limits.min_row // step * step
    side = matrix.cell_size * _TILE
    return RasterGrid(
        zoom=zoom,
        reductions=reductions,
        west=matrix.origin_x + col * side,
        north=matrix.origin_y - row * side,
        cell_size=matrix.cell_size,
        width=((limits.max_col // step + 1) * step - col) * _TILE,
        height=((limits.max_row // step + 1) * step - row) * _TILE,
    )


def mercator_bounds(inputs: tuple[RasterInput, ...]) -> Bounds:
    """Return the box around all inputs, metres of EPSG:3857."""
    boxes = [transform_bounds(CRS.from_epsg(4326), MERCATOR, *one.bbox) for one in inputs]
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def mercator_cell(one: RasterInput) -> float:
    """Return the size of an input's pixels in Web Mercator at the middle of the input, metres."""
    with open_dataset(one.path) as dataset:
        affine = from_gcps(dataset.gcps[0]) if one.gcps else dataset.transform
    west, south, east, north = one.bbox
    crs = CRS.from_wkt(one.crs)
    (x,), (y,) = transform(CRS.from_epsg(4326), crs, [(west + east) / 2], [(south + north) / 2])
    xs, ys = transform(crs, MERCATOR, [x, x + affine.a, x + affine.b], [y, y + affine.d, y + affine.e])
    area = abs((xs[1] - xs[0]) * (ys[2] - ys[0]) - (xs[2] - xs[0]) * (ys[1] - ys[0]))
    return math.sqrt(area) if math.isfinite(area) and area > 0 else 1.0
