"""The fields: land between roads and river, divided the way farms divide it, with a crop on each piece."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import split

from deploy.territory.grid import Doubles
from deploy.territory.network import Road
from deploy.territory.relief import Valley, natural
from deploy.territory.surfaces import Surface

Crop = Literal["wheat", "stubble", "maize", "vines", "ploughed", "meadow", "sunflower", "lavender", "orchard",
               "scrub", "wood", "village"]  # fmt: skip

VILLAGE = shapely.Polygon([(560, 760), (760, 745), (950, 760), (1085, 880), (1100, 1010), (1010, 1180),
                           (900, 1215), (700, 1180), (560, 1150), (540, 950)])  # fmt: skip
"""Where gardens take the place of fields."""

_SPREAD: dict[Crop, Surface] = {
    "wheat": Surface(dark=(186, 160, 96), light=(222, 200, 138), mottle=0.16, rows_m=2.4, row_strength=0.05,
                     tramlines=0.18, grass_m=0.5, intensity=1150),
    "stubble": Surface(dark=(190, 170, 118), light=(228, 212, 162), mottle=0.18, rows_m=4.8, row_strength=0.14,
                       intensity=1100),
    "maize": Surface(dark=(52, 86, 34), light=(106, 138, 62), mottle=0.16, rows_m=1.6, row_strength=0.10,
                     tramlines=0.10, grass_m=1.2, intensity=1000),
    "vines": Surface(dark=(168, 144, 108), light=(66, 98, 44), mottle=0.14, grain=0.14, rows_m=2.5, row_strength=0.42,
                     crop_m=1.3, intensity=850),
    "ploughed": Surface(dark=(118, 92, 66), light=(164, 134, 100), mottle=0.26, rows_m=3.0, row_strength=0.08,
                        intensity=650),
    "meadow": Surface(dark=(92, 118, 58), light=(150, 164, 92), mottle=0.30, rows_m=5.0, row_strength=0.05,
                      grass_m=0.3, intensity=1000),
    "sunflower": Surface(dark=(108, 120, 44), light=(206, 184, 62), mottle=0.2, rows_m=1.8, row_strength=0.12,
                         grass_m=1.3, intensity=1050),
    "lavender": Surface(dark=(172, 154, 122), light=(112, 96, 150), mottle=0.10, rows_m=1.9, row_strength=0.45,
                        crop_m=0.6, intensity=800),
    "orchard": Surface(dark=(116, 124, 72), light=(166, 162, 104), mottle=0.25, grass_m=0.2, intensity=950),
    "scrub": Surface(dark=(118, 120, 78), light=(190, 178, 138), mottle=0.42, grass_m=0.4, intensity=800),
    "wood": Surface(dark=(70, 74, 44), light=(118, 110, 74), mottle=0.3, grass_m=0.4, intensity=650),
    "village": Surface(dark=(128, 130, 86), light=(178, 170, 126), mottle=0.35, grass_m=0.2, intensity=900),
}  # fmt: skip

_FLOOR: tuple[tuple[Crop, float], ...] = (
    ("maize", 0.22), ("meadow", 0.22), ("wheat", 0.18), ("sunflower", 0.12), ("orchard", 0.12), ("ploughed", 0.14),
)  # fmt: skip
_SLOPE: tuple[tuple[Crop, float], ...] = (
    ("vines", 0.40), ("wheat", 0.16), ("stubble", 0.12), ("ploughed", 0.10), ("lavender", 0.06), ("meadow", 0.06),
    ("scrub", 0.05), ("wood", 0.05),
)  # fmt: skip
_HEIGHTS: tuple[tuple[Crop, float], ...] = (
    ("wood", 0.44), ("scrub", 0.24), ("vines", 0.20), ("stubble", 0.06), ("meadow", 0.06),
)  # fmt: skip


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of land with one use."""

    outline: shapely.Polygon
    crop: Crop
    heading: float
    """Direction of its long side, radians from east to north."""

    surface: Surface


def make_parcels(rng: np.random.Generator, valley: Valley, roads: Sequence[Road], side_m: float) -> list[Parcel]:
    """Divide the territory into parcels that follow roads and river.

    Args:
        rng: Source of all chances taken.
        valley: Relief and river, which tell the crops apart.
        roads: Edges no parcel crosses.
        side_m: Side of the whole territory.
    """
    frame = shapely.box(-60, -60, side_m + 60, side_m + 60)
    edges = [frame.exterior, shapely.LineString(valley.river), *(shapely.LineString(road.line) for road in roads)]
    wholes = list(shapely.polygonize([shapely.unary_union(edges)]).geoms)
    parcels: list[Parcel] = []
    for whole in wholes:
        if not frame.buffer(1).contains(whole):
            continue
        for outer in (whole.difference(VILLAGE), whole.intersection(VILLAGE)):
            village = bool(VILLAGE.buffer(1).contains(outer))
            for piece in _polygons(outer):
                fields = _divide(rng, piece, (500, 2200) if village else (7e3, 3.6e4))
                parcels.extend(_use(rng, valley, field, village=village) for field in fields)
    return parcels


def _polygons(shape: BaseGeometry) -> list[shapely.Polygon]:
    return [part for part in shapely.get_parts(shape) if isinstance(part, shapely.Polygon) and part.area > 20]


def _divide(rng: np.random.Generator, piece: shapely.Polygon, enough_m2: tuple[float, float]) -> list[shapely.Polygon]:
    if piece.area < rng.uniform(*enough_m2):
        return [piece]
    length, width, heading, (cx, cy) = _box_of(piece)
    across = heading + np.pi / 2 if length > 1.35 * width or rng.random() < 0.5 else heading
    across += rng.normal(0, 0.05) if piece.area < 1.2e5 else rng.uniform(-0.7, 0.7)
    shift = rng.normal(0, 0.10) * length
    cx, cy = cx + shift * np.cos(heading), cy + shift * np.sin(heading)
    dx, dy = 3000 * np.cos(across), 3000 * np.sin(across)
    knife = shapely.LineString([(cx - dx, cy - dy), (cx + dx, cy + dy)])
    halves = _polygons(split(piece, knife))
    return [field for half in halves for field in (_divide(rng, half, enough_m2) if len(halves) > 1 else [half])]


def _box_of(shape: shapely.Polygon) -> tuple[float, float, float, tuple[float, float]]:
    corners: Doubles = shapely.get_coordinates(shapely.minimum_rotated_rectangle(shape))
    sides = np.diff(corners[:3], axis=0)
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    long = int(np.argmax(lengths))
    heading = float(np.arctan2(sides[long, 1], sides[long, 0]))
    middle = corners[:4].mean(axis=0)
    return float(lengths[long]), float(lengths[1 - long]), heading, (float(middle[0]), float(middle[1]))


def _use(rng: np.random.Generator, valley: Valley, field: shapely.Polygon, *, village: bool) -> Parcel:
    heading = _box_of(field)[2]
    spot = field.representative_point()
    z = float(natural(valley, np.array([spot.x]), np.array([spot.y]))[0]) - 0.0032 * spot.y
    choices = _FLOOR if z < 26 else _SLOPE if z < 55 else _HEIGHTS
    names, weights = zip(*choices, strict=True)
    total = float(sum(weights))
    crop: Crop = "village" if village else names[int(rng.choice(len(names), p=[w / total for w in weights]))]
    return Parcel(outline=field, crop=crop, heading=heading, surface=_tinted(rng, _SPREAD[crop], heading))


def _tinted(rng: np.random.Generator, surface: Surface, heading: float) -> Surface:
    bright, warm = rng.normal(1, 0.06), rng.normal(0, 6)

    def tint(colour: tuple[int, int, int]) -> tuple[int, int, int]:
        red, green, blue = (float(np.clip(value * bright, 0, 250)) for value in colour)
        return round(red + warm), round(green), round(blue - warm)

    return msgspec.structs.replace(surface, dark=tint(surface.dark), light=tint(surface.light), heading=heading)
