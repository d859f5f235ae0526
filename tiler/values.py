"""The values of a raster layer as one of its styles measures them: at places, along a line, over an area."""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from core.errors import BadRequest
from core.layer import Bounds, PublishedLayer, RasterSource
from core.style import Contours, Style
from tiler.coverage import bounds_in
from tiler.raster.blocks import Stages
from tiler.raster.engine import RasterEngine
from tiler.raster.expression import run_expression
from tiler.raster.grid import PixelGrid
from tiler.raster.ground import ground_sizes
from tiler.raster.picture import Samples
from tiler.raster.places import PlaceReader, Places, project
from tiler.raster.statistics import BandStatistics, describe_samples
from tiler.raster.style import PreparedStyle, measure, prepare, relief_of

_GEOD = Geod(ellps="WGS84")


class Measured(msgspec.Struct, frozen=True, eq=False):
    """Values at places."""

    places: Places
    """The places in the layer's CRS."""
    values: NDArray[np.float32]
    """NaN where missing, shape (n, bands)."""
    cell: tuple[float, float] | None
    """Width and height of the pixels taken, units of the layer's CRS; None where nothing is."""


class Line(msgspec.Struct, frozen=True, eq=False):
    """Places along a line."""

    lon: NDArray[np.float64]
    """Degrees (WGS 84), shape (n,)."""
    lat: NDArray[np.float64]
    distance: NDArray[np.float64]
    """From the start along the geodesics between the corners, metres, shape (n,)."""


class AreaStatistics(msgspec.Struct, frozen=True):
    """What the values of an area are."""

    crs: str
    """CRS in which they were looked at: the layer's."""
    bounds: Bounds
    """West, south, east, north in it."""
    resolution: float
    """Size of the pixels looked at, units of the CRS."""
    bands: tuple[BandStatistics, ...]
    """One of each band; none where nothing is."""


class ValueReader:
    """Takes values through the directories and decoded blocks that tiles use."""

    def __init__(self, places: PlaceReader, rasters: RasterEngine) -> None:
        self._places = places
        self._rasters = rasters

    async def at(self, source: RasterSource, style: Style, places: Places, resampling: str) -> Measured:
        """Return values at places at full resolution.

        Args:
            source: The layer's files.
            style: What is measured: its bands, its expression or its relief.
            places: Points in any CRS.
            resampling: How samples between pixels are found, one of `tiler.raster.part.KINDS`; a relief looks at the
                pixel that holds the point and those around it.

        Raises:
            BadRequest: The files have not all of the bands.
            BadSource: A file is missing or damaged.
            TooLarge: The places lie in more files or blocks than a request may read.
            Unavailable: The store does not answer, or too much is being made.
        """
        prepared = prepare(style, source)
        stages: Stages = {}
        how = resampling if style.relief is None else "around"
        own, around = await self._places.read(source, places, prepared.bands, how, stages)
        seen = np.flatnonzero(~np.isnan(around.cell_x))
        cell = (float(around.cell_x[seen[0]]), float(around.cell_y[seen[0]])) if seen.size else None
        if style.relief is not None:
            values = _reliefs(around.values, prepared, own, around.cell_x, around.cell_y)
        else:
            values = _expressed(around.values, prepared)
        return Measured(own, values, cell)

    async def statistics(
        self, layer: PublishedLayer, style: Style, bbox: Bounds, *, max_size: int, bins: int
    ) -> AreaStatistics:
        """Return what the values of an area are, looked at through at most `max_size` pixels along its longer side.

        Args:
            layer: A raster layer.
            style: What is measured: its bands, its expression or its relief.
            bbox: West, south, east, north in degrees.
            max_size: Pixels along the longer side.
            bins: Bins of the histograms.

        Raises:
            BadRequest: The area lies outside what the layer's CRS is made for, or files have not all of the bands.
            BadSource: A file is missing or damaged.
            TooLarge: The area takes more files or memory than a request may.
            Unavailable: The store does not answer, or too much is being made.
        """
        source = layer.source
        assert isinstance(source, RasterSource)
        prepared = prepare(style, source)
        crs, finest = await self._rasters.form(source)
        box = bounds_in(bbox, crs)
        if box is None:
            raise BadRequest(f"bbox {list(bbox)} lies outside the CRS of {layer.name}", "ask for a part of the layer")
        grid = _grid_over(crs, box, max_size, finest)

        def work(samples: Samples, _: bytes) -> tuple[BandStatistics, ...]:
            return describe_samples(measure(samples, prepared, grid), bins)

        if style.relief is None:  # values that are there, none between them
            source = msgspec.structs.replace(source, resampling="nearest")
        found, _ = await self._rasters.use(source, grid.widened(style.border), prepared.bands, work, {})
        return AreaStatistics(crs, grid.bounds, grid.cell_x, found or ())


def line_through(lon: NDArray[np.float64], lat: NDArray[np.float64], count: int) -> Line:
    """Return places at equal distances along a line, its ends among them.

    Args:
        lon: Corners, degrees, shape (m,), m at least 2.
        lat: The same.
        count: Places, at least 2.

    Raises:
        BadRequest: The line has no length.
    """
    azimuth, _, length = _GEOD.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
    ends = np.concatenate([[0.0], np.cumsum(length)])
    if not ends[-1] > 0:
        raise BadRequest(f"the line at {lon[0]:g}, {lat[0]:g} has no length", "give corners that differ")
    distance = np.linspace(0.0, ends[-1], count)
    segment = np.clip(np.searchsorted(ends, distance, side="right") - 1, 0, len(length) - 1)
    x, y, _ = _GEOD.fwd(lon[segment], lat[segment], azimuth[segment], distance - ends[segment])
    return Line(np.asarray(x), np.asarray(y), distance)


def in_degrees(places: Places) -> Places:
    """Return places as longitude and latitude.

    Raises:
        BadRequest: One has none.
    """
    degrees = project(places, "EPSG:4326")
    lost = np.flatnonzero(np.isnan(degrees.x))
    if lost.size:
        at = int(lost[0])
        raise BadRequest(f"{places.x[at]:g}, {places.y[at]:g} is no place of {places.crs}", "check the CRS")
    return degrees


def climb(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return how much values rise and how much they fall along a line, both at least 0; missing ones are left out."""
    steps = np.diff(values[~np.isnan(values)].astype(np.float64))
    return float(steps[steps > 0].sum()), float(-steps[steps < 0].sum())


def _expressed(values: NDArray[np.float32], prepared: PreparedStyle) -> NDArray[np.float32]:
    if prepared.expression is None:
        return values
    return np.asarray(run_expression(prepared.expression, np.ascontiguousarray(values[None]))[0][:, None])


def _reliefs(
    around: NDArray[np.float32],
    prepared: PreparedStyle,
    places: Places,
    cell_x: NDArray[np.float64],
    cell_y: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the relief at places from the 3 by 3 heights around each, shape (n, 1)."""
    relief = prepared.style.relief
    assert relief is not None
    assert not isinstance(relief, Contours), "contours are no values"
    heights = around
    if prepared.expression is not None:
        heights = run_expression(prepared.expression, around.reshape(-1, 3, around.shape[3])).reshape(-1, 3, 3, 1)
    result = np.full((len(heights), 1), np.nan, np.float32)
    widths, tall = ground_sizes(places.crs, places.y, cell_x, cell_y)
    for at in np.flatnonzero(~np.isnan(cell_x)).tolist():
        three = np.ascontiguousarray(heights[at, :, :, 0])
        result[at] = relief_of(three, relief, widths[at : at + 1], tall[at : at + 1])[0]
    return result


def _grid_over(crs: str, box: Bounds, max_size: int, finest: float) -> PixelGrid:
    """Return square pixels over a box, no finer than those of the files."""
    width, height = box[2] - box[0], box[3] - box[1]
    cell = max(width / max_size, height / max_size, finest)
    cols, rows = max(1, math.ceil(width / cell - 1e-6)), max(1, math.ceil(height / cell - 1e-6))
    return PixelGrid(crs, box[0], box[3], cell, cell, cols, rows)
