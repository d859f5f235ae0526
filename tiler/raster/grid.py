"""The pixels of a tile, and where they lie in the CRS of a source: on a lattice, exact to a fraction of a pixel."""

import math
from collections.abc import Callable
from functools import lru_cache
from threading import local
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from core.layer import Bounds
from kernels.projection import CONIC, GEOGRAPHIC, MERCATOR, conic_parameters, project_lattice

STEP = 16
"""Pixels between the nodes of a lattice where the projection is smooth enough."""

TOLERANCE_PX = 0.02
"""Largest error between nodes, pixels of the tile; a finer lattice is taken where it would be larger."""

FINER = 1.1
"""A level or a file is taken as long as its pixels are no more than this much larger than those of the tile."""

_AGREEMENT_M = 1e-3
"""How far a closed form may be from PROJ, metres."""


class PixelGrid(msgspec.Struct, frozen=True, gc=False):
    """A north-up grid of pixels in a CRS, x then y."""

    crs: str
    west: float
    """Outer edge of the first column, units of the CRS."""
    north: float
    """Outer edge of the first row."""
    cell_x: float
    """Width of a pixel, > 0."""
    cell_y: float
    """Height of a pixel, > 0."""
    cols: int
    rows: int

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north, units of the CRS."""
        return self.west, self.north - self.rows * self.cell_y, self.west + self.cols * self.cell_x, self.north

    def widened(self, border: int) -> "PixelGrid":
        """Return the grid with `border` pixels more on each side."""
        if border == 0:
            return self
        return PixelGrid(
            self.crs,
            self.west - border * self.cell_x,
            self.north + border * self.cell_y,
            self.cell_x,
            self.cell_y,
            self.cols + 2 * border,
            self.rows + 2 * border,
        )


class Lattice(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Source coordinates at every `step`-th pixel of a grid."""

    x: NDArray[np.float64]
    """Shape (ceil((rows-1)/step)+1, ceil((cols-1)/step)+1), at least 2 by 2; NaN where the source's CRS has no such
    place."""
    y: NDArray[np.float64]
    step: int
    cell: float
    """Size of the grid's pixels in the source, units of its CRS: the geometric mean of both ways, at the middle."""
    cell_x: float
    """Width of the box around such a pixel in the source, at the middle."""
    cell_y: float
    """Height of that box."""

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north of all that the pixels touch, units of the source's CRS."""
        reach = 2 * self.cell
        return (
            float(np.fmin.reduce(self.x, axis=None)) - reach,
            float(np.fmin.reduce(self.y, axis=None)) - reach,
            float(np.fmax.reduce(self.x, axis=None)) + reach,
            float(np.fmax.reduce(self.y, axis=None)) + reach,
        )


Locate = Callable[[PixelGrid, int], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Gives source coordinates of every n-th pixel centre of a grid."""


@lru_cache(maxsize=32)
def lattice(grid: PixelGrid, crs: str) -> Lattice | None:
    """Return where the pixels of a grid lie in another CRS, None when none of them does.

    Linear interpolation errs with the square of the step: the error of the lattice is a
    quarter of that of the same lattice without every other node, which is what is looked at.
    """
    if same_crs(grid.crs, crs):  # linear: the corners tell all
        step = max(grid.cols, grid.rows, 2) - 1
        x, y = _own_places(grid, step)
        return Lattice(x, y, step, math.sqrt(grid.cell_x * grid.cell_y), grid.cell_x, grid.cell_y)
    locate = locator(grid.crs, crs)
    step = STEP
    while True:
        x, y = locate(grid, step)
        cell = _cell(x, y, step)
        if cell is None:
            return None
        if step == 1 or _bend(x, y) / 4 <= TOLERANCE_PX * cell:
            return Lattice(x, y, step, cell, _side(x, step) or cell, _side(y, step) or cell)
        step //= 2


@lru_cache(maxsize=1024)
def locator(crs: str, target: str) -> Locate:
    """Return what places the pixels of grids of one CRS in another: a closed form where one agrees with PROJ."""
    if crs == target:
        return _own_places
    one, other = _closed(crs), _closed(target)
    exact = _through_proj(crs, target)
    if one is not None and other is not None:
        formula = _through_formulas(one, other)
        if _agree(formula, exact, crs, target):
            return formula
    return exact


@lru_cache(maxsize=1024)
def same_crs(one: str, other: str) -> bool:
    """Tell whether coordinates of two CRSs are the same numbers: IGNF:LAMB93 is EPSG:2154 under its older name."""
    if one == other:
        return True
    first, second = CRS.from_user_input(one), CRS.from_user_input(other)
    if first.is_geographic != second.is_geographic or _unit(first) != _unit(second):
        return False
    return _agree(_own_places, _through_proj(one, other), one, other)


def _unit(crs: CRS) -> float:
    return float(crs.axis_info[0].unit_conversion_factor) if crs.axis_info else 0.0


def _own_places(grid: PixelGrid, step: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    cols, rows = _nodes(grid.cols, step), _nodes(grid.rows, step)
    x, y = np.empty((rows, cols)), np.empty((rows, cols))
    x[:] = grid.west + (np.arange(cols) * step + 0.5) * grid.cell_x
    y[:] = (grid.north - (np.arange(rows) * step + 0.5) * grid.cell_y)[:, None]
    return x, y


def _through_formulas(one: tuple[int, Any], other: tuple[int, Any]) -> Locate:
    def locate(grid: PixelGrid, step: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        shape = (_nodes(grid.rows, step), _nodes(grid.cols, step))
        x, y = np.empty(shape), np.empty(shape)
        project_lattice(*one, *other, grid.west, grid.north, grid.cell_x, grid.cell_y, step, x, y)
        return x, y

    return locate


def _through_proj(crs: str, target: str) -> Locate:
    kept = local()  # a transformer belongs to one thread

    def locate(grid: PixelGrid, step: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        transformer = getattr(kept, "transformer", None)
        if transformer is None:
            transformer = kept.transformer = Transformer.from_crs(crs, target, always_xy=True)
        x, y = _own_places(grid, step)
        x, y = transformer.transform(x, y)
        missing = ~(np.isfinite(x) & np.isfinite(y))
        if missing.any():
            x[missing] = y[missing] = np.nan
        return np.ascontiguousarray(x), np.ascontiguousarray(y)

    return locate


@lru_cache(maxsize=256)
def _closed(crs: str) -> tuple[int, NDArray[np.float64]] | None:
    """Return kind and parameters of a CRS that has a closed form here."""
    known = CRS.from_user_input(crs)
    ellipsoid = known.ellipsoid
    if ellipsoid is None or known.prime_meridian is None or known.prime_meridian.longitude != 0:
        return None
    parameters = np.zeros(8)
    parameters[0] = ellipsoid.semi_major_metre
    if known.is_geographic:
        return GEOGRAPHIC, parameters
    operation = known.coordinate_operation
    if operation is None or known.axis_info[0].unit_conversion_factor != 1.0:
        return None
    value = {item.code: float(item.value) for item in operation.params}
    flattening = 1.0 / ellipsoid.inverse_flattening if ellipsoid.inverse_flattening else 0.0
    shape = (float(ellipsoid.semi_major_metre), math.sqrt(flattening * (2.0 - flattening)))
    match str(operation.method_code):
        case "1024":  # Popular Visualisation Pseudo-Mercator
            return MERCATOR, parameters
        case "9802":  # Lambert conic conformal, two standard parallels
            parallels = value["8823"], value["8824"], 1.0
            return CONIC, conic_parameters(
                *shape, value["8822"], value["8821"], *parallels, value["8826"], value["8827"]
            )
        case "9801":  # Lambert conic conformal, one standard parallel
            parallels = value["8801"], value["8801"], value["8805"]
            return CONIC, conic_parameters(
                *shape, value["8802"], value["8801"], *parallels, value["8806"], value["8807"]
            )
    return None


def _agree(formula: Locate, exact: Locate, crs: str, target: str) -> bool:
    """Compare a closed form with PROJ at places all over the areas of use: another datum shows here."""
    area = _common_area(crs, target)
    to_crs = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    try:
        west, south, east, north = to_crs.transform_bounds(*area)
    except ProjError:
        return False
    if not all(math.isfinite(value) for value in (west, south, east, north)):
        return False
    grid = PixelGrid(crs, west, north, (east - west) / 8, (north - south) / 8, 8, 8)
    (x, y), (x_proj, y_proj) = formula(grid, 1), exact(grid, 1)
    allowed = _AGREEMENT_M / (111_319.0 if CRS.from_user_input(target).is_geographic else 1.0)
    seen = np.isfinite(x_proj)
    return bool(seen.any()) and bool(
        (np.abs(x - x_proj)[seen] <= allowed).all() and (np.abs(y - y_proj)[seen] <= allowed).all()
    )


def _common_area(crs: str, target: str) -> Bounds:
    """Return degrees where both CRSs may be used, the smaller one's when they do not meet."""
    west, south, east, north = -179.0, -80.0, 179.0, 80.0
    for one in (crs, target):
        area = CRS.from_user_input(one).area_of_use
        if area is not None and area.west < area.east:
            west, south = max(west, area.west), max(south, area.south)
            east, north = min(east, area.east), min(north, area.north)
    return (west, south, east, north) if west < east and south < north else (-5.0, 42.0, 8.0, 51.0)


def _nodes(pixels: int, step: int) -> int:
    """Return the nodes along a side: two at least, as one alone would not tell how large a pixel is."""
    return max(-(-(pixels - 1) // step), 1) + 1


def _cell(x: NDArray[np.float64], y: NDArray[np.float64], step: int) -> float | None:
    """Return the size of a pixel in the middle of a lattice, None when no node has a place."""
    row, col = (x.shape[0] - 1) // 2, (x.shape[1] - 1) // 2
    area = _area(x, y, row, col)
    if not math.isfinite(area) or area <= 0:
        down, right = min(row + 1, x.shape[0] - 1), min(col + 1, x.shape[1] - 1)
        with np.errstate(invalid="ignore"):
            everywhere = _area(x, y, slice(None, -1), slice(None, -1)) if down and right else np.array([np.nan])
        areas = everywhere[np.isfinite(everywhere) & (everywhere > 0)]
        if areas.size == 0:
            return None
        area = float(np.median(areas))
    return math.sqrt(area) / step


def _side(nodes: NDArray[np.float64], step: int) -> float:
    """Return how much a coordinate changes over a pixel, both ways together, in the middle; 0 where it is nowhere."""
    if min(nodes.shape) < 2:
        return 0.0
    sides = np.abs(nodes[:-1, 1:] - nodes[:-1, :-1]) + np.abs(nodes[1:, :-1] - nodes[:-1, :-1])
    row, col = (sides.shape[0] - 1) // 2, (sides.shape[1] - 1) // 2
    middle = float(sides[row, col])
    if not math.isfinite(middle):
        known = sides[np.isfinite(sides)]
        middle = float(np.median(known)) if known.size else 0.0
    return middle / step


def _area(x: NDArray[np.float64], y: NDArray[np.float64], row: Any, col: Any) -> Any:
    down = slice(1, None) if isinstance(row, slice) else row + 1
    right = slice(1, None) if isinstance(col, slice) else col + 1
    return abs(
        (x[row, right] - x[row, col]) * (y[down, col] - y[row, col])
        - (x[down, col] - x[row, col]) * (y[row, right] - y[row, col])
    )


def _bend(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return how far the nodes in between lie from the middle of their neighbours, units of the source's CRS."""
    worst = 0.0
    for nodes in (x, y):
        across = np.abs(nodes[:, 2:] + nodes[:, :-2] - 2 * nodes[:, 1:-1])
        down = np.abs(nodes[2:] + nodes[:-2] - 2 * nodes[1:-1])
        for bends in (across, down):
            if bends.size:
                largest = float(np.fmax.reduce(bends, axis=None))
                worst = max(worst, largest / 2 if math.isfinite(largest) else math.inf)
    return worst
