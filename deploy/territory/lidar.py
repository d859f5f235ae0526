"""The laser survey: pulses over a window, what they meet, and LAZ tiles like those of LiDAR HD."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deploy.territory import surfaces as s
from deploy.territory.cover import Cover
from deploy.territory.grid import Doubles, Floats, Window
from deploy.territory.scene import SIDE_M, Scene

Points = NDArray[np.void]
"""Records of LAS point format 6, with local coordinates in hundredths of a metre."""

SCALE_M = 0.01

_STRIP_M = 400.0
"""Distance between flight lines, metres; they run north and south in turn."""

_SWATH_RAD = np.arctan(_STRIP_M / 2 / 900.0)
_SECONDS_A_LINE = 0.0065
_FIRST_SECOND = 210_000.0
"""Of the GPS week; the header says that times are weekly."""

_ANGLE_UNIT = np.deg2rad(0.006)

RECORD = np.dtype(
    [
        ("X", "<i4"), ("Y", "<i4"), ("Z", "<i4"), ("intensity", "<u2"), ("bit_fields", "u1"),
        ("classification_flags", "u1"), ("classification", "u1"), ("user_data", "u1"), ("scan_angle", "<i2"),
        ("point_source_id", "<u2"), ("gps_time", "<f8"),
    ]
)  # fmt: skip
"""LAS 1.4 specification, table 15."""


def scan(scene: Scene, cover: Cover, area: Window, pulses_per_m2: float) -> Points:
    """Survey a window.

    Args:
        scene: The truth.
        cover: What stands in the window, and at least a pixel around it.
        area: Where pulses fall.
        pulses_per_m2: Mean number of pulses.

    Returns:
        The returns, in no order.
    """
    rng = np.random.default_rng((scene.seed, 21, round(area.north + 1000), round(area.west + 1000)))
    x, y, line, share = _pulses(rng, area.bounds, pulses_per_m2)
    ground = scene.ground.at(x, y)
    row = ((cover.window.north - y) / cover.window.cell).astype(np.int64)
    col = ((x - cover.window.west) / cover.window.cell).astype(np.int64)
    at = row * cover.window.cols + col
    surface, height = cover.surface.ravel()[at], cover.height.ravel()[at]
    kind = scene.surfaces.las_class[surface]
    hard = (kind == s.BUILDING) | (kind == s.BRIDGE)
    # A roof or deck is known above the pixel's ground; give it back the elevation of the pixel itself.
    height = np.where(hard, height + cover.ground.ravel()[at] - ground, height)
    heard = (kind != s.WATER) | (rng.random(x.size) < 0.3)
    pulse, z, number, count = _returns(rng, height, kind, scene.surfaces.grass_m[surface], heard)
    classes = _classes(kind[pulse], z, surface[pulse])
    lift = np.where(classes == s.OTHER, 0, rng.normal(0, 0.025, z.size))
    mean = scene.surfaces.intensity[surface[pulse]] / np.sqrt(count)
    mean *= np.where((classes == s.GROUND) & (number > 1), 0.7, 1.0)
    points = np.zeros(z.size, RECORD)
    points["X"] = _hundredths(x[pulse])
    points["Y"] = _hundredths(y[pulse])
    points["Z"] = np.round((ground[pulse] + z + lift) / SCALE_M)
    points["intensity"] = np.clip(mean * rng.normal(1, 0.12, z.size), 1, 65535)
    points["bit_fields"] = number | (count << 4)
    points["classification"] = classes
    strip = np.clip(x // _STRIP_M, 0, SIDE_M // _STRIP_M - 1).astype(np.int64)[pulse]
    points["scan_angle"] = np.round((share[pulse] - 0.5) * 2 * _SWATH_RAD / _ANGLE_UNIT)
    points["point_source_id"] = 4101 + strip
    spacing = pulses_per_m2**-0.5
    lines = int(SIDE_M / spacing)
    flown = np.where(strip % 2, lines - line[pulse], line[pulse])
    points["gps_time"] = _FIRST_SECOND + 240 * strip + (flown + share[pulse] * 0.9) * _SECONDS_A_LINE
    return points


def _pulses(
    rng: np.random.Generator, bounds: tuple[float, float, float, float], pulses_per_m2: float
) -> tuple[Doubles, Doubles, NDArray[np.int64], Doubles]:
    """Aim along scan lines across the flight: x, y, number of the line from the south, share of the swath."""
    west, south, east, north = bounds
    spacing = pulses_per_m2**-0.5
    line = np.arange(int(np.ceil(south / spacing)), int(np.ceil(north / spacing)))
    mark = np.arange(int(np.ceil(west / spacing)), int(np.ceil(east / spacing)))
    lines = np.repeat(line, mark.size).astype(np.int64)
    marks = np.tile(mark, line.size).astype(np.int64)
    x: Doubles = (marks + 0.5 * (lines & 1)) * spacing + rng.normal(0, 0.07, marks.size)
    # A line is swept while the aircraft flies on, so it lies a little askew.
    share: Doubles = np.mod(x, _STRIP_M) / _STRIP_M
    y: Doubles = (lines + share * 0.9) * spacing + rng.normal(0, 0.07, marks.size)
    np.clip(x, west, east - SCALE_M, out=x)
    np.clip(y, south + SCALE_M, north, out=y)
    # To the hundredth a file holds, so that the ground is taken where the point will be.
    return np.asarray(_hundredths(x) * SCALE_M), np.asarray(_hundredths(y) * SCALE_M), lines, share


def _hundredths(metres: Doubles) -> NDArray[np.int64]:
    return np.round(metres / SCALE_M).astype(np.int64)


def _returns(
    rng: np.random.Generator,
    height: Floats,
    kind: NDArray[np.uint8],
    grass: Floats,
    heard: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], Floats, NDArray[np.uint8], NDArray[np.uint8]]:
    """Split each pulse into what it meets on its way down.

    Returns:
        The pulse, height above the ground, return number and number of returns of each return.
    """
    leafy = heard & (kind == s.HIGH)
    single = np.flatnonzero(heard & ~leafy)
    through = (rng.random(single.size) > 0.14) & (kind[single] == s.GROUND)
    plant = np.maximum(height[single], grass[single] * rng.random(single.size))
    solid = np.where(kind[single] == s.GROUND, np.where(through, 0, plant), height[single])
    pulses, heights = [single], [solid.astype(np.float32)]
    numbers, counts = [np.ones(single.size, np.uint8)], [np.ones(single.size, np.uint8)]
    crown = np.flatnonzero(leafy)
    wanted = rng.choice(np.array([1, 2, 3, 4], np.uint8), crown.size, p=[0.42, 0.33, 0.18, 0.07])
    wanted[height[crown] < 2] = np.minimum(wanted[height[crown] < 2], 2)
    reaches = rng.random(crown.size) < 0.62
    for number in (1, 2, 3, 4):
        here = wanted >= number
        top, last = height[crown[here]], number == wanted[here]
        deep = np.float32(number - 1) / wanted[here]
        share = np.clip(1 - deep - rng.uniform(0, 0.16, deep.size), 0.05, 1)
        ends = last & reaches[here] & (wanted[here] > 1)
        pulses.append(crown[here])
        heights.append(np.where(ends, 0, share * top).astype(np.float32))
        numbers.append(np.full(top.size, number, np.uint8))
        counts.append(wanted[here])
    return np.concatenate(pulses), np.concatenate(heights), np.concatenate(numbers), np.concatenate(counts)


def _classes(kind: NDArray[np.uint8], z: Floats, surface: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Class a return: vegetation by its height (0.5 m and 1.5 m part the classes), the rest by its surface."""
    plant = np.where(z > 1.5, s.HIGH, np.where(z > 0.5, s.MEDIUM, np.where(z > 0.02, s.LOW, s.GROUND)))
    grows = (kind == s.GROUND) | (kind == s.HIGH)
    return np.where(grows & (surface != s.CAR), plant, kind).astype(np.uint8)


def write_tile(path: Path, unsorted: Points, origin: tuple[float, float]) -> int:
    """Write a tile of the survey in the order it was flown.

    Args:
        path: LAZ file to make.
        unsorted: Its points, in any order.
        origin: Projected coordinates (EPSG:2154) of the local ones' zero, whole metres.

    Returns:
        The number of points.
    """
    import datetime as dt

    import laspy
    from pyproj import CRS

    points = unsorted[np.lexsort((unsorted["bit_fields"] & 15, unsorted["gps_time"]))]
    points["X"] += round(origin[0] / SCALE_M)
    points["Y"] += round(origin[1] / SCALE_M)
    header = laspy.LasHeader(point_format=6, version="1.4")
    header.scales = np.full(3, SCALE_M)
    header.offsets = np.zeros(3)
    header.add_crs(CRS.from_epsg(2154))
    header.generating_software = "geopf demo"
    header.system_identifier = "synthetic"
    header.creation_date = dt.date(2024, 6, 15)
    record = laspy.ScaleAwarePointRecord(points, header.point_format, header.scales, header.offsets)
    cloud = laspy.LasData(header, record)
    cloud.write(str(path))
    return int(points.size)
