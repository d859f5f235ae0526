"""The legend of a style: which colours stand for what, before anything is drawn."""

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np

from core.layer import RasterSource
from core.style import FLOAT32_MAX, Aspect, Contours, Hillshade, Ramp, Relief, Slope, Stop, Style
from tiler.raster.encode import encode_picture
from tiler.raster.grid import PixelGrid
from tiler.raster.picture import Samples
from tiler.raster.style import draw, prepare

MAX_ROWS = 256
"""Rows of a legend; what is beyond them is left out, and that is said."""

_HILL_PX = 96
_WHITE, _BLACK = (255, 255, 255, 255), (0, 0, 0, 255)

Colour = tuple[int, int, int, int]
"""Red, green, blue, alpha."""


class LegendRow(msgspec.Struct, frozen=True, gc=False):
    """A colour and what it stands for."""

    colour: Colour
    label: str
    line: float = 0.0
    """Width of a line of the colour, pixels; 0 for an area."""


class Legend(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a legend shows, from top to bottom."""

    title: str
    notes: tuple[str, ...] = ()
    """Formulas."""
    picture: bytes = b""
    """PNG of a hill as the style shows it, `_HILL_PX` wide and high; empty without."""
    bar: tuple[LegendRow, ...] = ()
    """Colours between which the others are mixed, growing."""
    rows: tuple[LegendRow, ...] = ()
    """Colours by themselves."""
    left_out: int = 0
    """Rows beyond `MAX_ROWS`."""


def legend_of(style: Style, source: RasterSource, palette: bytes = b"") -> Legend:
    """Return the legend of a layer's style.

    Args:
        style: The style.
        source: The layer's files.
        palette: Red, green, blue of each value, where the files have a palette; empty without.
    """
    prepared = prepare(style, source)
    unit = _unit(style.relief)
    bar: Sequence[LegendRow] = ()
    rows: Sequence[LegendRow] = ()
    if isinstance(style.relief, Contours):
        rows = _lines(style.relief)
    elif style.ramp is not None:
        bar, rows = _of_ramp(style.ramp, style.missing, unit)
    elif palette and prepared.unchanged:
        rows = _of_palette(palette)
    elif (style.terrain is None and len(prepared.bands) == 1) or style.expression:
        low, high = prepared.rescale or (0.0, 255.0)
        bar = (LegendRow(_BLACK, _number(low) + unit), LegendRow(_WHITE, _number(high) + unit))
    elif style.terrain is None:
        rows = [
            LegendRow(colour, f"b{band}")
            for colour, band in zip(((255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)), prepared.bands, strict=True)
        ]
    if style.transparent is not None:
        one = style.transparent
        around = f" ± {one.tolerance}" if one.tolerance else ""
        rows = (*rows, LegendRow(one.becomes, "#{:02x}{:02x}{:02x}".format(*one.colour) + around))
    return Legend(
        title=style.title or style.name,
        notes=_notes(style),
        picture=_hill(style) if isinstance(style.relief, Hillshade | Aspect) else b"",
        bar=tuple(_faded(row, style.opacity) for row in bar),
        rows=tuple(_faded(row, style.opacity) for row in rows[:MAX_ROWS]),
        left_out=max(0, len(rows) - MAX_ROWS),
    )


def _of_ramp(ramp: Ramp, missing: float | None, unit: str) -> tuple[list[LegendRow], list[LegendRow]]:
    """Return the colours that are mixed, and those that stand by themselves."""
    stops = [stop for stop in ramp.stops if stop.value != missing]
    blank = [LegendRow(_colour(stop), stop.label or "∅") for stop in ramp.stops if stop.value == missing and stop.alpha]
    match ramp.mode:
        case "exact":
            return [], [_row(stop, _number(stop.value) + unit) for stop in stops] + blank
        case "interval":
            ends = [*(stop.value for stop in stops[1:]), math.inf]
            shown = [(stop, end) for stop, end in zip(stops, ends, strict=True) if stop.alpha or stop.label]
            return [], [_row(stop, _range(stop.value, end, unit)) for stop, end in shown] + blank
    steps = _steps(stops)
    if steps:
        return [], [_row(start, _range(start.value, end.value, unit)) for start, end in steps] + blank
    return [_row(stop, _number(stop.value) + unit) for stop in stops], blank


def _steps(stops: Sequence[Stop]) -> list[tuple[Stop, Stop]]:
    """Return the flat parts of a ramp that goes in steps, none when colours are mixed over more than what is between.

    ROK4 writes classes so: two stops of one colour for each, and a mixture from one class to the next.
    """
    flat = [_colour(before) == _colour(after) for before, after in pairwise(stops)]
    if sum(flat) < 2 or any(not one and not other for one, other in pairwise(flat)):
        return []
    return [pair for pair, is_flat in zip(pairwise(stops), flat, strict=True) if is_flat]


def _of_palette(palette: bytes) -> list[LegendRow]:
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    used = np.flatnonzero(colours.any(axis=1))  # black fills what is left of a palette
    count = int(used[-1]) + 1 if used.size else 1
    return [LegendRow((*colour, 255), str(at)) for at, colour in enumerate(colours[:count].tolist())]


def _lines(relief: Contours) -> list[LegendRow]:
    rows = [LegendRow(relief.colour, _number(relief.interval), relief.width)]
    if relief.major_every > 0:
        rows.append(LegendRow(relief.colour, _number(relief.interval * relief.major_every), 2 * relief.width))
    return rows


def _notes(style: Style) -> tuple[str, ...]:
    if style.expression:
        return (style.expression,)
    if style.terrain is not None:
        sign = "\N{MINUS SIGN}" if style.terrain.base < 0 else "+"
        return (f"(R · 65536 + G · 256 + B) · {_number(style.terrain.step)} {sign} {_number(abs(style.terrain.base))}",)
    return ()


def _hill(style: Style) -> bytes:
    """Return a round hill as the style shows it, as PNG."""
    relief = style.relief
    assert isinstance(relief, Hillshade | Aspect)
    shown = msgspec.structs.replace(
        style, relief=msgspec.structs.replace(relief, z_factor=1.0), bands=(), expression=""
    )
    at = np.arange(_HILL_PX + 2) - (_HILL_PX + 1) / 2
    away = np.minimum(np.hypot(at[:, None], at[None, :]) / (0.45 * _HILL_PX), 1.0)
    heights = (0.22 * _HILL_PX * (1 + np.cos(np.pi * away))).astype(np.float32)
    grid = PixelGrid("EPSG:2154", 700_000.0, 6_600_000.0, 1.0, 1.0, _HILL_PX, _HILL_PX)
    source = RasterSource(href="", bands=(1,), dtype="float32", rescale=(0.0, 255.0))
    return encode_picture(draw(Samples(heights[..., None]), prepare(shown, source), grid), "png")


def _unit(relief: Relief | None) -> str:
    match relief:
        case Slope(unit="percent"):
            return " %"
        case Slope() | Aspect():
            return "°"
    return ""


def _row(stop: Stop, label: str) -> LegendRow:
    return LegendRow(_colour(stop), stop.label or label)


def _colour(stop: Stop) -> Colour:
    return stop.red, stop.green, stop.blue, stop.alpha


def _faded(row: LegendRow, opacity: float) -> LegendRow:
    red, green, blue, alpha = row.colour
    return row if opacity == 1 else msgspec.structs.replace(row, colour=(red, green, blue, round(alpha * opacity)))


def _range(start: float, end: float, unit: str) -> str:
    if start == -FLOAT32_MAX:
        return f"< {_number(end)}{unit}" if end != math.inf else ""
    return f"≥ {_number(start)}{unit}" if end == math.inf else f"{_number(start)} – {_number(end)}{unit}"


def _number(value: float) -> str:
    return f"{value:.7g}".replace("-", "\N{MINUS SIGN}")
