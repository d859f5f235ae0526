"""The style: how samples of a raster become colours, as data.

    bands or expression  ->  relief  ->  encoding, ramp or stretch  ->  one colour made transparent

Every step but the first is optional. Readers of other languages (ROK4 styles, SLD) give this struct.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from core.errors import BadRequest

MAX_STOPS = 2048
"""Stops of a ramp."""

MAX_EXPRESSION = 500
"""Characters of an expression."""

MAX_STYLES = 64
"""Styles of a layer."""

DEFAULT = "default"
"""Name of the style that is taken when none is asked for."""

_MAX_BAND = 65_535  # TIFF 6.0: SamplesPerPixel is a SHORT
_FLOAT32_MAX = 3.4028234663852886e38


class Stop(msgspec.Struct, frozen=True, gc=False):
    """A value and its colour."""

    value: float
    red: int
    green: int
    blue: int
    alpha: int = 255


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

    transparent: ColourToAlpha | None = None

    @property
    def border(self) -> int:
        """Pixels around the tile that are looked at."""
        return 0 if self.relief is None else 1

    @property
    def lossless(self) -> bool:
        """Whether the colours are values, which a lossy format would spoil."""
        return self.terrain is not None


def check_style(style: Style) -> Style:
    """Return a style that can be drawn.

    Raises:
        BadRequest: A value makes no sense.
    """
    _check_name(style.name)
    if len(style.bands) not in {0, 1, 3} or not all(0 < band <= _MAX_BAND for band in style.bands):
        raise _wrong(style, f"bands {list(style.bands)}", "name one band or three, numbered from 1")
    if len(style.expression) > MAX_EXPRESSION:
        raise _wrong(
            style, f"an expression of {len(style.expression)} characters", f"{MAX_EXPRESSION} characters at most"
        )
    if style.bands and style.expression:
        raise _wrong(style, "both bands and an expression", "give one of them")
    single = style.relief or style.ramp or style.terrain
    if single and len(style.bands) == 3:
        raise _wrong(style, "three bands where one is shown", "name one band")
    if style.terrain is not None and (style.relief or style.ramp or style.rescale or style.transparent):
        raise _wrong(style, "terrain beside other steps", "give terrain alone")
    if style.ramp is not None and style.rescale is not None:
        raise _wrong(style, "both ramp and rescale", "give the ramp's stops in values of the data")
    if isinstance(style.relief, Contours) and (style.ramp or style.rescale):
        raise _wrong(style, "contours with a ramp or rescale", "give contours alone")
    _check_numbers(style)
    if style.ramp is not None:
        _check_ramp(style, style.ramp)
    return style


def find_style(styles: Sequence[Style], name: str) -> Style | None:
    """Return the style of a name, None when there is none."""
    return next((style for style in styles if style.name == name), None)


def _check_name(name: str) -> None:
    plain = name.isascii() and 0 < len(name) <= 64 and all(one.isalnum() or one in "_-." for one in name)
    if not plain:
        raise BadRequest(f"{name[:80]!r} cannot be the name of a style", "use up to 64 letters, digits, _, - and .")


def _check_numbers(style: Style) -> None:
    if style.rescale is not None and not (_finite(*style.rescale) and style.rescale[0] < style.rescale[1]):
        raise _wrong(style, f"rescale {list(style.rescale)}", "give black, then a larger white")
    if style.terrain is not None and not (_finite(style.terrain.base) and 0 < style.terrain.step < math.inf):
        raise _wrong(style, f"terrain step {style.terrain.step}", "give a base and a step above 0")
    if style.transparent is not None:
        colours = (*style.transparent.colour, *style.transparent.becomes, style.transparent.tolerance)
        if not all(0 <= part <= 255 for part in colours):
            raise _wrong(style, f"colour {list(style.transparent.colour)}", "parts of a colour are 0 to 255")
    match style.relief:
        case Hillshade(azimuth=azimuth, altitude=altitude) if not (_finite(azimuth) and 0 <= altitude <= 90):
            raise _wrong(style, f"a sun at {azimuth}, {altitude} degrees", "altitude is 0 to 90 degrees")
        case Contours(interval=interval, width=width, colour=colour, major_every=major):
            if not (0 < interval < math.inf and 0 < width <= 16 and major >= 0 and all(0 <= c <= 255 for c in colour)):
                raise _wrong(style, f"contours every {interval}, {width} pixels wide", "use values above 0")
        case Hillshade() | Slope() | Aspect() if not (0 < style.relief.z_factor < math.inf):
            raise _wrong(style, f"z factor {style.relief.z_factor}", "use a factor above 0")


def _check_ramp(style: Style, ramp: Ramp) -> None:
    if not 0 < len(ramp.stops) <= MAX_STOPS:
        raise _wrong(style, f"a ramp of {len(ramp.stops)} stops", f"give 1 to {MAX_STOPS}")
    for stop in ramp.stops:
        if not all(0 <= part <= 255 for part in (stop.red, stop.green, stop.blue, stop.alpha)):
            raise _wrong(style, f"a colour at {stop.value:g} that is none", "parts of a colour are 0 to 255")
        if not abs(stop.value) <= _FLOAT32_MAX:
            raise _wrong(style, f"a stop at {stop.value:g}", "stops are numbers that fit 32-bit floats")
    for before, after in pairwise(ramp.stops):
        if not before.value < after.value:
            raise _wrong(style, f"a stop at {after.value:g} after {before.value:g}", "give the stops in growing order")


def _finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)


def _wrong(style: Style, what: str, remedy: str) -> BadRequest:
    return BadRequest(f"style {style.name} has {what}", remedy)
