"""The style: how samples of a raster become colours, as data.

    bands or expression  ->  relief  ->  encoding, ramp or stretch  ->  one colour made transparent

Every step but the first is optional. `core.style_check` says what can be drawn, `core.style_read` reads files.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

MAX_STOPS = 2048
"""Stops of a ramp."""

MAX_STYLES = 64
"""Styles of a layer."""

DEFAULT = "default"
"""Name of the style that is taken when none is asked for."""

FLOAT32_MAX = 3.4028234663852886e38
"""Largest value of a stop; that of the lowest stop of a ramp that colours whatever is small."""


class Stop(msgspec.Struct, frozen=True, gc=False):
    """A value and its colour."""

    value: float
    red: int
    green: int
    blue: int
    alpha: int = 255
    label: str = ""
    """What the legend says of it; empty for the value."""


class Ramp(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Colours by value."""

    stops: tuple[Stop, ...]
    """In growing order of the values."""

    mode: Literal["interpolated", "interval", "exact"] = "interpolated"
    """Between stops a mixture of both colours, and beyond the first and the last theirs (interpolated); the colour of
    the last stop at or below the value, nothing below the first (interval); that of a stop of the very value, else
    nothing (exact)."""


class Hillshade(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="hillshade"):
    """Light of the sun on the ground, 0 to 255."""

    azimuth: float = 315.0
    """Where the sun stands, degrees clockwise from north."""
    altitude: float = 45.0
    """Its height over the horizon, degrees."""
    z_factor: float = 1.0
    """How much heights are exaggerated, or metres per unit of the samples."""


class Slope(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="slope"):
    """Steepness of the ground."""

    unit: Literal["degree", "percent"] = "degree"
    z_factor: float = 1.0
    highest: float | None = None
    """Steeper ground is shown as steep as this, in the unit; None for no limit."""


class Aspect(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="aspect"):
    """Where the ground faces, degrees clockwise from north; -1 where it is flat."""

    min_slope: float = 0.0
    """Slope below which the ground is flat, degrees."""
    z_factor: float = 1.0


class Contours(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="contours"):
    """Lines of equal height, on nothing."""

    interval: float
    """Units of the samples between lines."""
    colour: tuple[int, int, int, int] = (140, 90, 40, 255)
    width: float = 1.0
    """Pixels."""
    major_every: int = 5
    """One line in so many is drawn twice as wide; 0 for none."""


Relief = Hillshade | Slope | Aspect | Contours


class ColourToAlpha(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One colour becomes another, or transparent."""

    colour: tuple[int, int, int]
    becomes: tuple[int, int, int, int] = (255, 255, 255, 0)
    tolerance: int = 0
    """How far each of red, green and blue may be off."""


class TerrainCode(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Heights as colours that a viewer turns back into heights: (red·65536 + green·256 + blue)·step + base."""

    base: float = -10_000.0
    step: float = 0.1


MAPBOX = TerrainCode()
"""Mapbox Terrain-RGB v1: decimetres above -10,000 m."""

TERRARIUM = TerrainCode(base=-32_768.0, step=1 / 256)
"""Tilezen's Terrarium: red·256 + green + blue/256 - 32,768 m."""


class Style(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How a layer is shown."""

    name: str
    """Name in URLs: letters, digits, `_`, `-`, `.`."""

    title: str = ""
    """What people read."""

    abstract: str = ""

    bands: tuple[int, ...] = ()
    """Bands to take, numbered from 1: one or three; empty for those of the layer."""

    expression: str = ""
    """One band of an expression on bands, as `(b4-b1)/(b4+b1)`; empty for the bands themselves."""

    relief: Relief | None = None
    """What is seen of heights."""

    rescale: tuple[float, float] | None = None
    """Values shown as black and as white."""

    ramp: Ramp | None = None
    """Colours by value, of one band."""

    terrain: TerrainCode | None = None
    """Heights written into colours."""

    missing: float | None = None
    """Value that missing pixels of a relief or a ramp are shown as; None for nothing, which is transparent."""

    transparent: ColourToAlpha | None = None

    opacity: float = 1.0
    """Of the whole picture, 0 to 1."""

    @property
    def border(self) -> int:
        """Pixels around the tile that are looked at."""
        return 0 if self.relief is None else 1

    @property
    def lossless(self) -> bool:
        """Whether the colours are values, which a lossy format would spoil."""
        return self.terrain is not None


def find_style(styles: Sequence[Style], name: str) -> Style | None:
    """Return the style of a name, None when there is none."""
    return next((style for style in styles if style.name == name), None)
