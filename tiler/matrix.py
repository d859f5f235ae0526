"""Tile matrix sets: which tile lies where (OGC 17-083r4, Two Dimensional Tile Matrix Set 2.0).

The sets stand as data in `tile_matrix_sets.json`: those of IGN (PM, WGS84G, the
Lambert-93 and overseas ones). `WebMercatorQuad` is PM under its OGC name.
"""

import math
from functools import cache
from importlib.resources import files

import msgspec

from core.errors import TileMatrixSetNotFound, TileNotFound
from core.layer import Bounds

_PIXEL_M = 0.00028
"""Size of the standardised rendering pixel, metres (OGC 17-083r4, clause 6.1.1.1)."""

_DEGREE_M = math.pi * 6378137.0 / 180.0
"""Length of a degree of the equator on WGS 84, metres."""

_ALIASES = {"WebMercatorQuad": "PM"}


class TileMatrix(msgspec.Struct, frozen=True, gc=False):
    """One level: a grid of tiles whose top-left corner is the point of origin."""

    id: str
    cell_size: float
    """Width and height of a pixel, units of the CRS."""
    origin_x: float
    """West edge of column 0, units of the CRS."""
    origin_y: float
    """North edge of row 0, units of the CRS."""
    tile_size: int
    """Width and height of a tile, pixels."""
    width: int
    """Number of columns."""
    height: int
    """Number of rows."""


class TileMatrixSet(msgspec.Struct, frozen=True):
    """All levels of one tiling scheme, coarsest first."""

    id: str
    crs: str
    """Authority and code; coordinates are always x (east) then y (north) here."""
    axes: tuple[str, str]
    """Names of the axes in the order of the coordinates."""
    matrices: tuple[TileMatrix, ...]
    by_id: dict[str, TileMatrix]
    """The same matrices by identifier."""


class TileLimits(msgspec.Struct, frozen=True, gc=False):
    """The tiles of one level that a bounding box touches, all ends included."""

    min_col: int
    max_col: int
    min_row: int
    max_row: int

    def holds(self, col: int, row: int) -> bool:
        """Tell whether a tile is within the limits."""
        return self.min_col <= col <= self.max_col and self.min_row <= row <= self.max_row


class _Stored(msgspec.Struct, frozen=True):
    """A set as the data file holds it."""

    id: str
    crs: str
    axes: tuple[str, str]
    tile_size: int
    levels: tuple[tuple[str | float, ...], ...]
    """Identifier, cell size, width, height, and the origin where it differs between levels."""
    origin: tuple[float, float] | None = None


@cache
def tile_matrix_sets() -> dict[str, TileMatrixSet]:
    """Return every set by identifier, aliases included."""
    stored = msgspec.json.decode(files("tiler").joinpath("tile_matrix_sets.json").read_bytes(), type=list[_Stored])
    sets = {one.id: _build(one, one.id) for one in stored}
    for alias, known in _ALIASES.items():
        sets[alias] = msgspec.structs.replace(sets[known], id=alias)
    return sets


def tile_matrix_set(identifier: str) -> TileMatrixSet:
    """Return one set.

    Raises:
        TileMatrixSetNotFound: There is no set of this identifier.
    """
    try:
        return tile_matrix_sets()[identifier]
    except KeyError:
        raise TileMatrixSetNotFound(
            f"no tile matrix set is named {identifier[:80]!r}", "PM is Web Mercator; GET /layers lists a layer's sets"
        ) from None


def tile_matrix(tms: TileMatrixSet, identifier: str) -> TileMatrix:
    """Return one level of a set.

    Raises:
        TileNotFound: The set has no such level.
    """
    try:
        return tms.by_id[identifier]
    except KeyError:
        first, last = tms.matrices[0].id, tms.matrices[-1].id
        raise TileNotFound(f"{tms.id} has no level {identifier[:80]!r}", f"levels go from {first} to {last}") from None


def tile_bounds(matrix: TileMatrix, col: int, row: int) -> Bounds:
    """Return west, south, east, north of a tile in the CRS of its set.

    Raises:
        TileNotFound: The tile lies outside the matrix.
    """
    check_place(matrix, col, row)
    side = matrix.tile_size * matrix.cell_size
    west = matrix.origin_x + col * side
    north = matrix.origin_y - row * side
    return west, north - side, west + side, north


def check_place(matrix: TileMatrix, col: int, row: int) -> None:
    """Check that a matrix has a tile.

    Raises:
        TileNotFound: The tile lies outside the matrix.
    """
    if not (0 <= col < matrix.width and 0 <= row < matrix.height):
        raise TileNotFound(
            f"tile column {col}, row {row} lies outside level {matrix.id}",
            f"columns go from 0 to {matrix.width - 1}, rows from 0 to {matrix.height - 1}",
        )


def tile_at(matrix: TileMatrix, x: float, y: float) -> tuple[int, int]:
    """Return column and row of the tile that holds a point, kept inside the matrix.

    A point on an edge belongs to the tile east and south of it.
    """
    side = matrix.tile_size * matrix.cell_size
    col = math.floor((x - matrix.origin_x) / side)
    row = math.floor((matrix.origin_y - y) / side)
    return min(max(col, 0), matrix.width - 1), min(max(row, 0), matrix.height - 1)


def tile_limits(matrix: TileMatrix, bounds: Bounds) -> TileLimits | None:
    """Return the tiles whose inside meets `bounds` (CRS of the set), None when there are none.

    A box that ends exactly on a tile edge does not reach the tile beyond; a
    hair of 1e-6 pixel forgives rounding.
    """
    west, south, east, north = bounds
    side = matrix.tile_size * matrix.cell_size
    hair = 1e-6 / matrix.tile_size
    min_col = math.floor((west - matrix.origin_x) / side + hair)
    max_col = math.ceil((east - matrix.origin_x) / side - hair) - 1
    min_row = math.floor((matrix.origin_y - north) / side + hair)
    max_row = math.ceil((matrix.origin_y - south) / side - hair) - 1
    max_col, max_row = max(max_col, min_col), max(max_row, min_row)
    if max_col < 0 or max_row < 0 or min_col >= matrix.width or min_row >= matrix.height:
        return None
    return TileLimits(
        min_col=max(min_col, 0),
        max_col=min(max_col, matrix.width - 1),
        min_row=max(min_row, 0),
        max_row=min(max_row, matrix.height - 1),
    )


def scale_denominator(tms: TileMatrixSet, matrix: TileMatrix) -> float:
    """Return the scale denominator of a level (OGC 17-083r4, clause 6.1.1.1)."""
    metres = _DEGREE_M if tms.axes[0] == "Lon" else 1.0
    return matrix.cell_size * metres / _PIXEL_M


def _build(stored: _Stored, identifier: str) -> TileMatrixSet:
    matrices = tuple(_matrix(stored, level) for level in stored.levels)
    return TileMatrixSet(
        id=identifier,
        crs=stored.crs,
        axes=stored.axes,
        matrices=matrices,
        by_id={matrix.id: matrix for matrix in matrices},
    )


def _matrix(stored: _Stored, level: tuple[str | float, ...]) -> TileMatrix:
    identifier, cell_size, width, height = level[:4]
    x, y = stored.origin if stored.origin is not None else (float(level[4]), float(level[5]))
    return TileMatrix(
        id=str(identifier),
        cell_size=float(cell_size),
        origin_x=x,
        origin_y=y,
        tile_size=stored.tile_size,
        width=int(width),
        height=int(height),
    )
