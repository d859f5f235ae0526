"""The trees: woods, hedges, orchards, the banks of the river, avenues and gardens."""

from collections.abc import Sequence

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio import features

from deploy.territory.grid import Doubles, Floats, Window
from deploy.territory.network import BANK_M, RIVER_HALF_WIDTH_M, Road
from deploy.territory.parcels import VILLAGE, Parcel
from deploy.territory.relief import Valley
from deploy.territory.surfaces import HIGH, Surface
from deploy.territory.village import SQUARES, Building, points_inside

OAK, POPLAR, PINE, OLIVE, PLANE, BUSH = range(6)

FOLIAGE: tuple[Surface, ...] = tuple(
    Surface(dark=dark, light=light, mottle=0.12, grain=0.2, las_class=HIGH, intensity=intensity)
    for dark, light, intensity in (
        ((38, 58, 26), (100, 124, 58), 480),
        ((46, 72, 30), (122, 146, 70), 520),
        ((28, 48, 30), (76, 98, 56), 400),
        ((82, 94, 68), (150, 158, 124), 450),
        ((50, 76, 30), (124, 150, 66), 540),
        ((60, 76, 38), (132, 142, 84), 560),
    )
)
"""How the leaves of each species look, in the order of the species."""


class Trees(msgspec.Struct, frozen=True, kw_only=True):
    """All trees as columns of shape (n,)."""

    x: Floats
    """Local metres."""

    y: Floats
    radius: Floats
    """Of the crown, metres."""

    height: Floats
    """Of the top above the ground, metres."""

    species: NDArray[np.uint8]

    tint: Floats
    """Added to the tone of the crown."""


def make_trees(
    rng: np.random.Generator,
    valley: Valley,
    roads: Sequence[Road],
    buildings: Sequence[Building],
    parcels: Sequence[Parcel],
    side_m: float,
) -> Trees:
    """Plant the whole territory, keeping roads, water and buildings free.

    Args:
        rng: Source of all chances taken.
        valley: Where the river runs.
        roads: Roads to keep free, some of them lined with planes.
        buildings: Buildings to keep free; their gardens are planted.
        parcels: Woods, scrub, orchards and hedged fields.
        side_m: Side of the territory.
    """
    stands: list[tuple[Doubles, tuple[float, float], tuple[float, float], tuple[int, ...]]] = []
    for parcel in parcels:
        stands += _planted(rng, parcel)
    river = shapely.LineString(valley.river)
    for distance, crowded in ((RIVER_HALF_WIDTH_M + 4.5, 0.62), (RIVER_HALF_WIDTH_M + BANK_M + 2, 0.6)):
        for offset in (distance, -distance):
            row = _row(rng, shapely.offset_curve(river, offset), 4.2, 1.6)
            stands.append((row[rng.random(len(row)) < crowded], (2.4, 4.6), (7, 17), (POPLAR, POPLAR, OAK)))
    for road in roads:
        line = shapely.LineString(road.line)
        if road.lined:
            for offset in (road.width_m / 2 + 3.4, -road.width_m / 2 - 3.4):
                row = _row(rng, shapely.offset_curve(line, offset), 11.0, 0.3)
                stands.append((row[rng.random(len(row)) < 0.9], (3.4, 4.8), (11, 15), (PLANE,)))
        elif road.nature == "Chemin" and not road.built_up:
            row = _row(rng, shapely.offset_curve(line, float(rng.choice((-4.0, 4.0)))), 5.0, 0.9)
            clumps = np.sin(np.arange(len(row)) / 9.0 + rng.uniform(0, 6)) > 0.1
            stands.append((row[clumps], (1.2, 3.0), (2, 8), (OAK, BUSH, BUSH)))
    for building in buildings:
        if building.garden is not None:
            inside = _scatter(rng, building.garden.buffer(-2.0), 9.0)
            stands.append((inside[rng.random(len(inside)) < 0.6], (1.3, 3.4), (3, 9), (OLIVE, PINE, BUSH, OAK)))
            hedge = _row(rng, building.garden.buffer(-0.6).exterior, 1.2, 0.15)
            stands.append((hedge[rng.random(len(hedge)) < 0.75], (0.75, 1.05), (1.4, 2.4), (BUSH,)))
    for square in SQUARES[:2]:
        stands.append((_scatter(rng, square.buffer(-4.0), 9.5), (3.0, 4.0), (8, 11), (PLANE,)))
    loose = _scatter(rng, VILLAGE, 15.0)
    stands.append((loose[rng.random(len(loose)) < 0.5], (1.6, 4.2), (4, 12), (OAK, OLIVE, PINE, BUSH)))
    free = _free_ground(valley, roads, buildings, side_m)
    return _gather(rng, stands, free, side_m)


def _planted(
    rng: np.random.Generator, parcel: Parcel
) -> list[tuple[Doubles, tuple[float, float], tuple[float, float], tuple[int, ...]]]:
    field = parcel.outline
    if parcel.crop == "wood":
        pines = rng.random() < 0.35
        mix = (PINE, PINE, PINE, OAK) if pines else (OAK, OAK, OAK, POPLAR, PINE)
        return [(_scatter(rng, field.buffer(-1.0), 4.6), (2.0, 4.2), (7, 17), mix)]
    if parcel.crop == "scrub":
        spots = _scatter(rng, field, 4.4)
        drift = np.sin(spots[:, 0] / 23) * np.cos(spots[:, 1] / 19) + np.sin((spots[:, 0] + spots[:, 1]) / 41)
        near = rng.random(len(spots)) < 0.35 + 0.3 * drift
        return [(spots[near], (0.7, 2.2), (0.9, 4.5), (BUSH, OAK, BUSH, PINE))]
    if parcel.crop == "orchard":
        return [(_lattice(field.buffer(-4), parcel.heading, 5.5), (1.5, 2.1), (3, 4.6), (OLIVE,))]
    if parcel.crop != "village" and rng.random() < 0.34:
        edge = shapely.get_coordinates(field.exterior)
        count = int(rng.integers(1, max(2, len(edge) // 3)))
        first = int(rng.integers(0, len(edge) - 1))
        chain = np.take(edge[:-1], range(first, first + count + 1), axis=0, mode="wrap")
        row = _row(rng, shapely.LineString(chain), 3.0, 0.7)
        return [(row[rng.random(len(row)) < 0.9], (1.3, 3.4), (2.5, 9), (OAK, BUSH, OAK))]
    return []


def _scatter(rng: np.random.Generator, area: shapely.Polygon, spacing_m: float) -> Doubles:
    if area.is_empty:
        return np.empty((0, 2))
    west, south, east, north = area.bounds
    x, y = np.meshgrid(np.arange(west, east, spacing_m), np.arange(south, north, spacing_m))
    spots = np.stack((x.ravel(), y.ravel()), axis=1)
    spots += rng.uniform(-0.48, 0.48, spots.shape) * spacing_m
    return spots[points_inside(area, spots)]


def _lattice(area: shapely.Polygon, heading: float, spacing_m: float) -> Doubles:
    if area.is_empty:
        return np.empty((0, 2))
    middle = np.array([area.centroid.x, area.centroid.y])
    steps = np.arange(-60, 61) * spacing_m
    along, aside = np.meshgrid(steps, steps)
    cos, sin = np.cos(heading), np.sin(heading)
    turned = np.stack(((along * cos - aside * sin).ravel(), (along * sin + aside * cos).ravel()), axis=1)
    spots: Doubles = np.asarray(turned + middle, np.float64)
    return spots[points_inside(area, spots)]


def _row(rng: np.random.Generator, line: shapely.LineString, spacing_m: float, stray_m: float) -> Doubles:
    at = np.arange(spacing_m / 2, line.length, spacing_m)
    spots = np.asarray(shapely.get_coordinates(shapely.line_interpolate_point(line, at)), np.float64)
    return np.asarray(spots + rng.normal(0, stray_m, spots.shape), np.float64)


def _free_ground(
    valley: Valley, roads: Sequence[Road], buildings: Sequence[Building], side_m: float
) -> tuple[NDArray[np.uint8], Window]:
    window = Window(west=-60, north=side_m + 60, cell=0.5, rows=int(2 * side_m) + 240, cols=int(2 * side_m) + 240)
    shapes = [shapely.LineString(road.line).buffer(road.width_m / 2 + 1.0) for road in roads]
    shapes += [building.footprint.buffer(1.6) for building in buildings]
    shapes.append(shapely.LineString(valley.river).buffer(RIVER_HALF_WIDTH_M - 0.5))
    mask: NDArray[np.uint8] = features.rasterize(
        shapes, out_shape=(window.rows, window.cols), transform=window.transform, default_value=1, dtype="uint8"
    )
    return mask, window


def _gather(
    rng: np.random.Generator,
    stands: list[tuple[Doubles, tuple[float, float], tuple[float, float], tuple[int, ...]]],
    free: tuple[NDArray[np.uint8], Window],
    side_m: float,
) -> Trees:
    mask, window = free
    columns: list[Floats] = []
    for places, radii, heights, mix in stands:
        spots = places[((places > -40) & (places < side_m + 40)).all(axis=1)]
        row = ((window.north - spots[:, 1]) / window.cell).astype(np.int64)
        col = ((spots[:, 0] - window.west) / window.cell).astype(np.int64)
        spots = spots[mask[row, col] == 0]
        size = rng.beta(2, 2, len(spots))
        height = heights[0] + (heights[1] - heights[0]) * np.clip(size + rng.normal(0, 0.12, len(spots)), 0, 1)
        radius = radii[0] + (radii[1] - radii[0]) * size
        species = np.asarray(mix)[rng.integers(0, len(mix), len(spots))]
        tint = rng.normal(0, 0.09, len(spots))
        columns.append(np.stack((*spots.T, radius, height, species, tint)).astype(np.float32))
    x, y, wide, tall, kind, shade = np.ascontiguousarray(np.concatenate(columns, axis=1))
    return Trees(x=x, y=y, radius=wide, height=tall, species=kind.astype(np.uint8), tint=shade)
