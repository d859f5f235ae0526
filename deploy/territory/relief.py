"""The true ground: a valley with its river bed, road beds and levelled plots, on a grid of 1 m.

Every product takes its elevations from this grid, bilinearly, so they agree.
"""

from collections.abc import Iterable

import msgspec
import numpy as np

from deploy.territory.grid import Doubles, Floats, Window, corridor, resample, sample, smoothstep
from deploy.territory.network import BANK_M, RIVER_HALF_WIDTH_M, Road
from deploy.territory.sun import SUN

_FLOOR_M = 110.0
"""Half width of the flat valley floor."""

_BLEND_M = 3.0
"""Width over which a levelled plot meets the ground around it."""


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle levelled for a building."""

    x: float
    y: float
    heading: float
    """Direction of the long side, radians from east to north."""

    half_length: float
    half_width: float
    level_m: float


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Elevation of the bare ground and of the water, metres."""

    window: Window
    """Pixels of 1 m whose centres lie on whole metres."""

    z: Floats
    """Elevation, shape (rows, cols)."""

    light: Floats
    """Relief shading, 1 on flat ground, same shape."""

    def at(self, x: Doubles, y: Doubles) -> Floats:
        """Return the elevation at points, shape (n,)."""
        return sample(self.z, self.window, x, y)

    def over(self, window: Window) -> Floats:
        """Return the elevation at the pixel centres of a window."""
        return resample(self.z, self.window, window)

    def light_over(self, window: Window) -> Floats:
        """Return the relief shading at the pixel centres of a window."""
        return resample(self.light, self.window, window)


class Valley(msgspec.Struct, frozen=True):
    """The river and the line its meanders swing about."""

    river: Doubles
    axis: Doubles
    """Vertices from south to north."""


def valley_of(river: Doubles) -> Valley:
    """Find the axis of a valley by averaging its river over a meander and a half."""
    count = 186
    padded = np.vstack((np.repeat(river[:1], count // 2, 0), river, np.repeat(river[-1:], count // 2, 0)))
    sums = np.cumsum(np.vstack((np.zeros((1, 2)), padded)), axis=0)
    axis = (sums[count:] - sums[:-count]) / count
    return Valley(river, axis[np.argsort(axis[:, 1], kind="stable")])


def natural(valley: Valley, x: Doubles | Floats, y: Doubles | Floats) -> Floats:
    """Return the elevation before river, roads and buildings, metres.

    Args:
        valley: Where the valley runs.
        x: Local metres; broadcast with `y`.
        y: Local metres.
    """
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    axis = np.interp(y, valley.axis[:, 1], valley.axis[:, 0]).astype(np.float32)
    off = x - axis - 25 * np.sin(y / 170 + 0.8)
    west = smoothstep((-off - _FLOOR_M) / 980)
    east = smoothstep((off - _FLOOR_M) / 700)
    slope = np.maximum(west, east)
    hills = (
        9.0 * np.sin(x / 176 + 0.9) * np.cos(y / 141 - 0.3)
        + 6.0 * np.sin((x + 1.3 * y) / 119 + 2.0)
        + 3.2 * np.sin((x - 0.7 * y) / 61 + np.sin(y / 93))
        + 1.2 * np.sin((x + 0.4 * y) / 27 + 1.7) * np.sin((y - 0.3 * x) / 33)
    )
    swell = 0.35 * np.sin(x / 47 + 0.3) * np.sin(y / 53 + 1.1)
    z = 21 + 0.0032 * y + 66 * west + 54 * east + hills * np.minimum(1, 1.6 * slope) + swell
    return np.asarray(z, np.float32)


def water_level(along_m: Floats, total_m: float) -> Floats:
    """Return the elevation of the river's surface at a length along it, metres; it only ever falls."""
    return np.asarray(25.0 - 7.4 * along_m / np.float32(total_m), np.float32)


def make_ground(valley: Valley, roads: Iterable[Road], plots: Iterable[Plot], bounds: tuple[float, ...]) -> Ground:
    """Compute the ground of an area, with 140 m around it.

    Args:
        valley: Where the valley and the river run.
        roads: Roads to lay; bridges leave the ground as it is.
        plots: Rectangles to level.
        bounds: West, south, east, north, local metres.
    """
    west, south, east, north = (round(value) for value in bounds)
    window = Window(west=west - 140.5, north=north + 140.5, cell=1.0, rows=north - south + 281, cols=east - west + 281)
    x, y = window.x[None, :], window.y[:, None]
    z = natural(valley, x, y)
    micro = np.float32(0.05) * np.sin(x / 2.9 + 0.31 * y) * np.sin(y / 3.7 - 0.2 * x)
    soft = np.ones_like(z)
    for road in roads:
        if road.nature == "Pont":
            continue
        distance, _ = corridor(road.line, window, road.width_m / 2 + 5)
        beside = distance - road.width_m / 2
        soft = np.minimum(soft, smoothstep(beside / 1.5))
        if road.marked:
            z -= 0.35 * np.maximum(0, 1 - np.abs(beside - 2.2) / 1.4)
    z += micro * soft
    for plot in plots:
        _level(z, window, plot)
    _carve(z, window, valley.river)
    return Ground(window=window, z=z, light=_shade(z))


def _level(z: Floats, window: Window, plot: Plot) -> None:
    reach = float(np.hypot(plot.half_length, plot.half_width)) + 2 * _BLEND_M
    area = window.slices(plot.x - reach, plot.y - reach, plot.x + reach, plot.y + reach)
    right = (window.x[area[1]] - np.float32(plot.x))[None, :]
    up = (window.y[area[0]] - np.float32(plot.y))[:, None]
    cos, sin = np.float32(np.cos(plot.heading)), np.float32(np.sin(plot.heading))
    past_end = np.maximum(0, np.abs(right * cos + up * sin) - plot.half_length)
    past_side = np.maximum(0, np.abs(up * cos - right * sin) - plot.half_width)
    share = smoothstep(np.asarray(np.hypot(past_end, past_side) - 1.5, np.float32) / _BLEND_M)
    z[area] = np.float32(plot.level_m) * (1 - share) + z[area] * share


def _carve(z: Floats, window: Window, river: Doubles) -> None:
    distance, along = corridor(river, window, RIVER_HALF_WIDTH_M + BANK_M)
    total = float(np.hypot(*np.diff(river, axis=0).T).sum())
    bed = water_level(along, total)
    share = smoothstep((distance - RIVER_HALF_WIDTH_M) / BANK_M)
    near = np.isfinite(distance)
    z[near] = (bed * (1 - share) + z * share)[near]


def _shade(z: Floats) -> Floats:
    east = np.gradient(z, axis=1)
    north = -np.gradient(z, axis=0)
    lit = (SUN[2] - SUN[0] * east - SUN[1] * north) / np.sqrt(1 + east * east + north * north)
    return np.asarray(np.clip(lit / SUN[2], 0.35, 1.5), np.float32)
