"""Which styles can be drawn, alone and on a layer."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from core.errors import BadRequest
from core.expression import parse_expression
from core.style import (
    DEFAULT,
    FLOAT32_MAX,
    MAX_STOPS,
    MAX_STYLES,
    Aspect,
    Contours,
    Hillshade,
    Ramp,
    Slope,
    Style,
)

MAX_ALL_STOPS = 8192
"""Stops of all ramps of a layer: every engine holds them in memory."""

MAX_TITLE, MAX_ABSTRACT, MAX_LABEL = 200, 2000, 80
"""Characters of a style's title and abstract, and of a stop's label."""

_MAX_BAND = 65_535  # TIFF 6.0: SamplesPerPixel is a SHORT


def check_style(style: Style) -> Style:
    """Return a style that can be drawn.

    Raises:
        BadRequest: A value makes no sense.
    """
    check_style_name(style.name)
    if len(style.bands) not in {0, 1, 3} or not all(0 < band <= _MAX_BAND for band in style.bands):
        raise _wrong(style, f"bands {list(style.bands)}", "name one band or three, numbered from 1")
    if style.bands and style.expression:
        raise _wrong(style, "both bands and an expression", "give one of them")
    if style.expression:
        try:
            parse_expression(style.expression)
        except BadRequest as err:
            raise BadRequest(f"style {style.name}: {err.message}", err.remedy) from err
    single = style.relief or style.ramp or style.terrain
    if single and len(style.bands) == 3:
        raise _wrong(style, "three bands where one is shown", "name one band")
    if style.terrain and (style.relief or style.ramp or style.rescale or style.transparent or style.opacity != 1):
        raise _wrong(style, "terrain beside other steps", "give terrain alone")
    if style.ramp is not None and style.rescale is not None:
        raise _wrong(style, "both ramp and rescale", "give the ramp's stops in values of the data")
    if isinstance(style.relief, Contours) and (style.ramp or style.rescale or style.missing is not None):
        raise _wrong(style, "contours with a ramp, rescale or missing", "give contours alone")
    if style.missing is not None and not (style.relief or style.ramp):
        raise _wrong(style, "missing without a relief or a ramp", "leave it out")
    _check_words(style)
    _check_numbers(style)
    if style.ramp is not None:
        _check_ramp(style, style.ramp)
    return style


def check_styles(styles: Sequence[Style]) -> tuple[Style, ...]:
    """Return the styles of one layer, the default first.

    Raises:
        BadRequest: One cannot be drawn, two have one name, or there are too many.
    """
    if len(styles) > MAX_STYLES:
        raise BadRequest(f"{len(styles)} styles are too many for a layer", f"give {MAX_STYLES} at most")
    names: set[str] = set()
    for at, style in enumerate(styles):
        check_style(style)
        if style.name in names:
            raise BadRequest(f"two styles are named {style.name}", "give each a name of its own")
        if style.name == DEFAULT and at > 0:
            raise BadRequest(f"the style named {DEFAULT} is not the first", "give it first, or another name")
        names.add(style.name)
    stops = sum(len(style.ramp.stops) for style in styles if style.ramp is not None)
    if stops > MAX_ALL_STOPS:
        raise BadRequest(f"the ramps of the styles have {stops} stops", f"give {MAX_ALL_STOPS} at most")
    return tuple(styles)


def bands_of(style: Style) -> tuple[int, ...]:
    """Return the bands that a style names, growing; empty when it takes those of the layer."""
    return parse_expression(style.expression).bands if style.expression else tuple(sorted(set(style.bands)))


def check_bands(styles: Iterable[Style], *, shown: Sequence[int], count: int) -> None:
    """Check that a raster has what its styles take.

    Args:
        styles: Styles that can be drawn.
        shown: Bands that the layer shows.
        count: Bands that its files have; 0 when that is not known.

    Raises:
        BadRequest: A style takes a band that the files have not, or does not say which of three to take.
    """
    for style in styles:
        highest = max(bands_of(style), default=0)
        if count and highest > count:
            raise _wrong(style, f"band {highest}, and the files have {count}", "name bands that they have")
        if not highest and len(shown) > 1 and (style.relief or style.ramp or style.terrain):
            raise _wrong(style, f"one band to show, and the layer shows {len(shown)}", "name one with `bands`")


def is_style_name(name: str) -> bool:
    """Return whether a style can have this name, which stands in URLs."""
    return name.isascii() and 0 < len(name) <= 64 and all(one.isalnum() or one in "_-." for one in name)


def check_style_name(name: str) -> None:
    """Check the name of a style.

    Raises:
        BadRequest: No style can have it.
    """
    if not is_style_name(name):
        raise BadRequest(f"{name[:80]!r} cannot be the name of a style", "use up to 64 letters, digits, _, - and .")


def _check_words(style: Style) -> None:
    labels = () if style.ramp is None else (stop.label for stop in style.ramp.stops)
    for what, text, limit in (
        ("title", style.title, MAX_TITLE),
        ("abstract", style.abstract, MAX_ABSTRACT),
        *(("label", label, MAX_LABEL) for label in labels),
    ):
        if len(text) > limit:
            raise _wrong(style, f"{what} of {len(text)} characters", f"use {limit} at most")
        if not all(one.isprintable() or one in "\n\t" for one in text):
            raise _wrong(style, f"{what} {text[:40]!r}", "use characters that can be printed")


def _check_numbers(style: Style) -> None:
    if not 0 <= style.opacity <= 1:
        raise _wrong(style, f"an opacity of {style.opacity}", "give 0 to 1")
    if style.missing is not None and not abs(style.missing) <= FLOAT32_MAX:
        raise _wrong(style, f"missing {style.missing}", "give a number that fits 32-bit floats")
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
        case Slope(highest=highest) if highest is not None and not 0 < highest <= FLOAT32_MAX:
            raise _wrong(style, f"a highest slope of {highest}", "use a slope above 0")
        case Aspect(min_slope=least) if not 0 <= least < 90:
            raise _wrong(style, f"a smallest slope of {least} degrees", "use 0 to 90")
        case Hillshade() | Slope() | Aspect() if not (0 < style.relief.z_factor < math.inf):
            raise _wrong(style, f"z factor {style.relief.z_factor}", "use a factor above 0")


def _check_ramp(style: Style, ramp: Ramp) -> None:
    if not 0 < len(ramp.stops) <= MAX_STOPS:
        raise _wrong(style, f"a ramp of {len(ramp.stops)} stops", f"give 1 to {MAX_STOPS}")
    for stop in ramp.stops:
        if not all(0 <= part <= 255 for part in (stop.red, stop.green, stop.blue, stop.alpha)):
            raise _wrong(style, f"a colour at {stop.value:g} that is none", "parts of a colour are 0 to 255")
        if not abs(stop.value) <= FLOAT32_MAX:
            raise _wrong(style, f"a stop at {stop.value:g}", "stops are numbers that fit 32-bit floats")
    for before, after in pairwise(ramp.stops):
        if not before.value < after.value:
            raise _wrong(style, f"a stop at {after.value:g} after {before.value:g}", "give the stops in growing order")


def _finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)


def _wrong(style: Style, what: str, remedy: str) -> BadRequest:
    return BadRequest(f"style {style.name} has {what}", remedy)
