"""Windows of pixels over the territory, and the two field computations everything else is made of.

Coordinates are local: metres east and north of the territory's south-west corner,
so that float32 holds them to less than a millimetre.
"""

import msgspec
import numpy as np
from affine import Affine
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
"""Vertices of lines are float64, shape (n, 2), x then y."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A north-up rectangle of square pixels."""

    west: float
    """Outer edge, local metres."""

    north: float
    """Outer edge, local metres."""

    cell: float
    """Pixel size, metres."""

    rows: int
    cols: int

    @property
    def x(self) -> Floats:
        """Pixel centres from west to east, shape (cols,)."""
        return (self.west + (np.arange(self.cols) + 0.5) * self.cell).astype(np.float32)

    @property
    def y(self) -> Floats:
        """Pixel centres from north to south, shape (rows,)."""
        return (self.north - (np.arange(self.rows) + 0.5) * self.cell).astype(np.float32)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north: outer edges, local metres."""
        south = self.north - self.rows * self.cell
        return self.west, south, self.west + self.cols * self.cell, self.north

    @property
    def transform(self) -> Affine:
        """From (col, row) to local metres."""
        return Affine(self.cell, 0.0, self.west, 0.0, -self.cell, self.north)

    def slices(self, west: float, south: float, east: float, north: float) -> tuple[slice, slice]:
        """Rows and columns that meet a rectangle; empty when none does."""
        first_row = max(0, int(np.floor((self.north - north) / self.cell)))
        last_row = min(self.rows, int(np.ceil((self.north - south) / self.cell)))
        first_col = max(0, int(np.floor((west - self.west) / self.cell)))
        last_col = min(self.cols, int(np.ceil((east - self.west) / self.cell)))
        return slice(first_row, max(first_row, last_row)), slice(first_col, max(first_col, last_col))

    def grown(self, pixels: int) -> "Window":
        """Return the window with a margin on its four sides."""
        return Window(
            west=self.west - pixels * self.cell,
            north=self.north + pixels * self.cell,
            cell=self.cell,
            rows=self.rows + 2 * pixels,
            cols=self.cols + 2 * pixels,
        )


def smoothstep(t: Floats) -> Floats:
    """Return the cubic ramp from 0 at t <= 0 to 1 at t >= 1."""
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def corridor(line: Doubles, window: Window, reach_m: float) -> tuple[Floats, Floats]:
    """Measure the pixels around a line.

    Args:
        line: Vertices, local metres, shape (n, 2).
        window: Where to measure.
        reach_m: Pixels farther than this are not measured.

    Returns:
        Distance to the line (inf where not measured) and length along the line of
        the nearest point, metres, both of shape (rows, cols).
    """
    nearest = np.full((window.rows, window.cols), np.inf, np.float32)
    along = np.zeros((window.rows, window.cols), np.float32)
    west, south, east, north = window.bounds
    start, step = line[:-1], np.diff(line, axis=0)
    length = np.hypot(step[:, 0], step[:, 1])
    travelled = np.concatenate(([0.0], np.cumsum(length)))
    low = np.minimum(start, line[1:]) - reach_m
    high = np.maximum(start, line[1:]) + reach_m
    met = (low[:, 0] < east) & (high[:, 0] > west) & (low[:, 1] < north) & (high[:, 1] > south)
    x, y = window.x, window.y
    for k in np.flatnonzero(met & (length > 0)):
        area = window.slices(low[k, 0], low[k, 1], high[k, 0], high[k, 1])
        right = (x[area[1]] - np.float32(start[k, 0]))[None, :]
        up = (y[area[0]] - np.float32(start[k, 1]))[:, None]
        dx, dy = np.float32(step[k, 0]), np.float32(step[k, 1])
        share = np.clip((right * dx + up * dy) * np.float32(1.0 / length[k] ** 2), 0.0, 1.0)
        distance = np.hypot(right - share * dx, up - share * dy)
        better = (distance < nearest[area]) & (distance <= reach_m)
        np.copyto(nearest[area], distance, where=better)
        np.copyto(along[area], share * np.float32(length[k]) + np.float32(travelled[k]), where=better)
    return nearest, along


def resample(values: Floats, source: Window, target: Window) -> Floats:
    """Interpolate a grid bilinearly at the pixel centres of another window, which it must cover.

    Args:
        values: Samples at the pixel centres of `source`, shape (rows, cols).
        source: Where the samples lie.
        target: Where they are wanted.

    Returns:
        Shape (target.rows, target.cols).
    """
    row, down = _position((source.north - target.y.astype(np.float64)) / source.cell - 0.5, source.rows)
    col, right = _position((target.x.astype(np.float64) - source.west) / source.cell - 0.5, source.cols)
    bands = values[row] * (1 - down)[:, None] + values[row + 1] * down[:, None]
    return np.asarray(bands[:, col] * (1 - right) + bands[:, col + 1] * right, np.float32)


def sample(values: Floats, source: Window, x: Doubles, y: Doubles) -> Floats:
    """Interpolate a grid bilinearly at points.

    Args:
        values: Samples at the pixel centres of `source`, shape (rows, cols).
        source: Where the samples lie; it must cover the points.
        x: Local metres, shape (n,).
        y: Local metres, shape (n,).

    Returns:
        Shape (n,).
    """
    row, down = _position((source.north - y) / source.cell - 0.5, source.rows)
    col, right = _position((x - source.west) / source.cell - 0.5, source.cols)
    at = row * source.cols + col
    flat = values.ravel()
    top = flat[at] * (1 - right) + flat[at + 1] * right
    bottom = flat[at + source.cols] * (1 - right) + flat[at + source.cols + 1] * right
    return np.asarray(top * (1 - down) + bottom * down, np.float32)


def _position(index: Doubles, count: int) -> tuple[NDArray[np.int64], Floats]:
    whole = np.clip(np.floor(index).astype(np.int64), 0, count - 2)
    return whole, (index - whole).astype(np.float32)
