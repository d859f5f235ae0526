"""What the ground is covered with: how a surface looks from above and answers a laser."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from deploy.territory.grid import Floats

Colour = tuple[int, int, int]

GROUND, LOW, MEDIUM, HIGH, BUILDING, WATER, BRIDGE, OTHER = 2, 3, 4, 5, 6, 9, 17, 1
"""Classes of the LAS 1.4 specification, table 17."""


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of cover."""

    dark: Colour
    light: Colour
    """The two colours the tone of a pixel mixes."""

    mottle: float = 0.15
    """Share of the tone from stains of some metres."""

    grain: float = 0.12
    """Share of the tone from pixel to pixel."""

    rows_m: float = 0.0
    """Distance between rows of a crop, metres; 0 for none."""

    heading: float = 0.0
    """Direction of the rows, radians from east to north."""

    row_strength: float = 0.0
    """Share of the tone from the rows."""

    tramlines: float = 0.0
    """How much the wheel tracks every 24 m lighten the tone."""

    crop_m: float = 0.0
    """Height of the plants on the rows, metres."""

    grass_m: float = 0.0
    """Height of the plants that some pulses meet, metres."""

    las_class: int = GROUND
    """Class of points on the surface; those on plants are classed by height."""

    intensity: int = 800
    """Mean intensity of a return."""


class SurfaceTable(msgspec.Struct, frozen=True, kw_only=True):
    """Surfaces as columns, to be looked up by pixel. All of shape (n,) but colours, (n, 3)."""

    dark: Floats
    spread: Floats
    """Light minus dark."""

    mottle: Floats
    grain: Floats
    rows_per_m: Floats
    """Rows met a metre, 0 for none."""

    heading: Floats
    row_strength: Floats
    tramlines: Floats
    crop_m: Floats
    grass_m: Floats
    las_class: NDArray[np.uint8]
    intensity: Floats


def table_of(surfaces: Sequence[Surface]) -> SurfaceTable:
    """Turn surfaces into columns."""

    def column(name: str) -> Floats:
        return np.array([getattr(surface, name) for surface in surfaces], np.float32)

    spacing = column("rows_m")
    return SurfaceTable(
        dark=column("dark"),
        spread=column("light") - column("dark"),
        mottle=column("mottle"),
        grain=column("grain"),
        rows_per_m=np.where(spacing > 0, 1 / np.maximum(spacing, 1e-3), 0).astype(np.float32),
        heading=column("heading"),
        row_strength=column("row_strength"),
        tramlines=column("tramlines"),
        crop_m=column("crop_m"),
        grass_m=column("grass_m"),
        las_class=column("las_class").astype(np.uint8),
        intensity=column("intensity"),
    )


(
    MEADOW,
    VERGE,
    RIVER,
    BANK,
    ASPHALT,
    PAINT,
    TRACK,
    GRAVEL,
    LAWN,
    YARD,
    SQUARE,
    POOL,
    COPING,
    DECK,
    CHIMNEY,
    SOLAR,
    CAR,
) = range(17)
"""Indices of the surfaces that are not one parcel's, one roof's or one tree's own."""

COVERS: tuple[Surface, ...] = (
    Surface(dark=(88, 108, 58), light=(148, 156, 92), mottle=0.3, grass_m=0.3, intensity=950),
    Surface(dark=(96, 106, 62), light=(158, 152, 102), mottle=0.3, grass_m=0.4, intensity=900),
    Surface(dark=(38, 56, 48), light=(98, 116, 92), mottle=0.1, grain=0.05, las_class=WATER, intensity=90),
    Surface(dark=(92, 98, 62), light=(172, 160, 122), mottle=0.4, grass_m=0.4, intensity=700),
    Surface(dark=(108, 108, 110), light=(150, 148, 146), mottle=0.14, grain=0.08, intensity=420),
    Surface(dark=(196, 196, 192), light=(232, 232, 228), grain=0.2, intensity=1700),
    Surface(dark=(150, 134, 104), light=(204, 190, 158), mottle=0.2, intensity=900),
    Surface(dark=(168, 156, 134), light=(212, 202, 182), mottle=0.2, intensity=950),
    Surface(dark=(78, 106, 52), light=(128, 146, 82), mottle=0.3, grass_m=0.12, intensity=1000),
    Surface(dark=(146, 138, 108), light=(190, 180, 150), mottle=0.35, intensity=900),
    Surface(dark=(176, 166, 150), light=(206, 198, 184), mottle=0.1, grain=0.1, intensity=760),
    Surface(dark=(58, 158, 182), light=(132, 214, 222), mottle=0.12, grain=0.06, las_class=WATER, intensity=90),
    Surface(dark=(204, 196, 182), light=(228, 222, 210), intensity=1000),
    Surface(dark=(128, 126, 124), light=(162, 160, 156), grain=0.08, las_class=BRIDGE, intensity=480),
    Surface(dark=(150, 120, 100), light=(196, 170, 150), las_class=BUILDING, intensity=700),
    Surface(dark=(26, 32, 52), light=(56, 64, 92), mottle=0.05, grain=0.05, las_class=BUILDING, intensity=300),
    Surface(dark=(40, 44, 52), light=(236, 236, 238), mottle=0, grain=0.04, las_class=OTHER, intensity=600),
)
