"""ROK4 styles (JSON): palette, estompage, pente, exposition, terrainrgb and colorize, as IGN's servers read them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from core.errors import BadRequest
from core.float32 import float_below
from core.style import (
    FLOAT32_MAX,
    Aspect,
    ColourToAlpha,
    Hillshade,
    Ramp,
    Relief,
    Slope,
    Stop,
    Style,
    TerrainCode,
)

_Object = dict[str, Any]

_TOP = frozenset({
    "identifier", "title", "abstract", "keywords", "legend", "palette", "estompage", "pente", "exposition",
    "terrainrgb", "colorize",
})  # fmt: skip
_STEPS = ("estompage", "pente", "exposition", "terrainrgb", "colorize")
_BYTES = (0.0, 255.0)
"""Without a palette ROK4 gives the values themselves, as bytes."""


def style_from_rok4(document: _Object) -> Style:
    """Return the style of a ROK4 style document.

    Keywords and the address of a legend say nothing of colours and are left aside. What is
    missing is known by the layer, so `image_nodata` is left aside too.

    Args:
        document: The decoded JSON.

    Raises:
        BadRequest: A key is not known, or its value makes no sense.
    """
    _check_keys(document, "", _TOP)
    steps = [key for key in _STEPS if key in document]
    if len(steps) > 1:
        raise _wrong(steps[1], f"beside {steps[0]}", "give one of them a style")
    told: _Object = {
        "name": _text(document, "", "identifier"),
        "title": _text(document, "", "title"),
        "abstract": _text(document, "", "abstract"),
    }
    palette = _object(document, "palette")
    ramp = None if palette is None else _ramp(palette)
    relief, missing = _relief(document)
    if relief is not None:
        told |= {"relief": relief, "missing": missing}
        if ramp is None:
            told["rescale"] = _BYTES
    terrain, colorize = _object(document, "terrainrgb"), _object(document, "colorize")
    if terrain is not None:
        _check_keys(terrain, "terrainrgb", frozenset({"min_elevation", "step"}))
        base, step = _number(terrain, "terrainrgb", "min_elevation"), _number(terrain, "terrainrgb", "step")
        told["terrain"] = TerrainCode(base=base, step=step)
    if colorize is not None:
        told["transparent"] = _colorize(colorize)
    for key in ("terrainrgb", "colorize"):
        if key in document and ramp is not None:
            raise _wrong(key, "beside a palette", "give one of them a style")
    return Style(**told, ramp=ramp)


def _relief(document: _Object) -> tuple[Relief | None, float | None]:
    """Return the relief, and the value that missing pixels of it are shown as."""
    light, slope, aspect = (_object(document, key) for key in ("estompage", "pente", "exposition"))
    if light is not None:
        known = {"zenith", "azimuth", "z_factor", "interpolation", "image_nodata", "estompage_nodata"}
        missing = _start(light, "estompage", known, "estompage_nodata")
        light_shown = Hillshade(
            azimuth=_number(light, "estompage", "azimuth", 315.0),
            altitude=_number(light, "estompage", "zenith", 45.0),  # by its name the angle from above; used as height
            z_factor=_number(light, "estompage", "z_factor", 1.0),
        )
        return light_shown, missing
    if slope is not None:
        known = {"algo", "unit", "interpolation", "image_nodata", "slope_nodata", "slope_max"}
        missing = _start(slope, "pente", known, "slope_nodata")
        unit = _one_of(slope, "pente", "unit", {"degree": "degree", "pourcent": "percent", "percent": "percent"})
        return Slope(
            unit="percent" if unit == "percent" else "degree",
            highest=_number(slope, "pente", "slope_max", 90.0),
        ), missing
    if aspect is not None:
        known = {"algo", "min_slope", "interpolation", "image_nodata", "aspect_nodata"}
        missing = _start(aspect, "exposition", known, "aspect_nodata")
        return Aspect(min_slope=_number(aspect, "exposition", "min_slope", 1.0)), missing
    return None, None


def _start(relief: _Object, where: str, known: set[str], missing: str) -> float | None:
    """Check what all reliefs have, and return the value of missing pixels."""
    _check_keys(relief, where, frozenset(known))
    _one_of(relief, where, "algo", {"H": "Horn"})
    _one_of(relief, where, "interpolation", {"linear": "linear"})
    _number(relief, where, "image_nodata", 0.0)
    return _number(relief, where, missing) if missing in relief else None


def _ramp(palette: _Object) -> Ramp | None:
    known = {"rgb_continuous", "alpha_continuous", "no_alpha", "max_value", "colours"}
    _check_keys(palette, "palette", frozenset(known))
    colours = palette.get("colours", [])
    if not isinstance(colours, list):
        raise _wrong("palette.colours", "is no list", "give a list of colours")
    opaque = _flag(palette, "palette", "no_alpha")
    stops = sorted((_stop(one, f"palette.colours[{at}]", opaque=opaque) for at, one in enumerate(colours)), key=_value)
    if not stops:
        return None
    for before, after in pairwise(stops):
        if before.value == after.value:
            raise _wrong("palette.colours", f"has two colours at {after.value:g}", "give each value one colour")
    highest = _number(palette, "palette", "max_value", FLOAT32_MAX)
    if stops[-1].value > highest:
        raise _wrong("palette.max_value", f"is below the colour at {stops[-1].value:g}", "leave it out")
    rgb, alpha = (_flag(palette, "palette", key) for key in ("rgb_continuous", "alpha_continuous"))
    if rgb and (alpha or opaque):
        return Ramp(stops=tuple(stops))
    if rgb or (alpha and not opaque):
        return Ramp(stops=_half_mixed(stops, mix_rgb=rgb))
    first = stops[0]
    lowest = Stop(-FLOAT32_MAX, first.red, first.green, first.blue, first.alpha)  # the first colour goes down for ever
    return Ramp(stops=(lowest, *stops), mode="interval")


def _half_mixed(stops: Sequence[Stop], *, mix_rgb: bool) -> tuple[Stop, ...]:
    """Return stops between which either the colours or the alphas are mixed, and the others jump."""
    result = [stops[0]]
    for before, after in pairwise(stops):
        edge = float_below(after.value)
        colour, alpha = (after, before) if mix_rgb else (before, after)
        if edge > before.value:
            result.append(Stop(edge, colour.red, colour.green, colour.blue, alpha.alpha))
        result.append(after)
    return tuple(result)


def _value(stop: Stop) -> float:
    return stop.value


def _stop(colour: Any, where: str, *, opaque: bool) -> Stop:
    _check_keys(colour, where, frozenset({"value", "red", "green", "blue", "alpha"}))
    value = _number(colour, where, "value")
    if abs(value) > FLOAT32_MAX:
        raise _wrong(f"{where}.value", f"is {value}", "give a number that fits 32-bit floats")
    red, green, blue = (_byte(colour.get(key), f"{where}.{key}") for key in ("red", "green", "blue"))
    return Stop(value, red, green, blue, 255 if opaque else _byte(colour.get("alpha"), f"{where}.alpha"))


def _colorize(colorize: _Object) -> ColourToAlpha:
    _check_keys(colorize, "colorize", frozenset({"source", "destination", "tolerance"}))
    source = _bytes(colorize.get("source", [255, 255, 255]), "colorize.source", {3})
    becomes = _bytes(colorize.get("destination", [255, 255, 255, 0]), "colorize.destination", {3, 4})
    return ColourToAlpha(
        colour=(source[0], source[1], source[2]),
        becomes=(becomes[0], becomes[1], becomes[2], becomes[3] if len(becomes) == 4 else 255),
        tolerance=_byte(colorize.get("tolerance", 0), "colorize.tolerance"),
    )


def _check_keys(value: Any, where: str, known: frozenset[str]) -> None:
    if not isinstance(value, dict):
        raise _wrong(where, "is no object", "give its keys and values in {}")
    for key in value:
        if key not in known:
            raise _wrong(f"{where}.{key}" if where else key, "is not known", f"use {', '.join(sorted(known))}")


def _object(document: _Object, key: str) -> _Object | None:
    found = document.get(key)
    if found is not None and not isinstance(found, dict):
        raise _wrong(key, "is no object", "give its keys and values in {}")
    return found


def _text(where: _Object, place: str, key: str) -> str:
    found = where.get(key, "")
    if not isinstance(found, str):
        raise _wrong(f"{place}{key}", f"is {str(found)[:40]}", "give a text")
    return found


def _number(where: _Object, place: str, key: str, default: float | None = None) -> float:
    found = where.get(key, default)
    if isinstance(found, bool) or not isinstance(found, int | float):
        what = "is missing" if found is None else f"is {str(found)[:40]}"
        raise _wrong(f"{place}.{key}", what, "give a number")
    try:
        return float(found)
    except OverflowError as err:
        raise _wrong(f"{place}.{key}", "is too large", "give a number that fits 32-bit floats") from err


def _flag(where: _Object, place: str, key: str) -> bool:
    found = where.get(key, False)
    if not isinstance(found, bool):
        raise _wrong(f"{place}.{key}", f"is {str(found)[:40]}", "give true or false")
    return found


def _byte(found: Any, where: str) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= 255:
        what = "is missing" if found is None else f"is {str(found)[:40]}"
        raise _wrong(where, what, "give a whole number from 0 to 255")
    return found


def _bytes(found: Any, where: str, lengths: set[int]) -> list[int]:
    if not isinstance(found, list) or len(found) not in lengths:
        raise _wrong(where, f"is {str(found)[:40]}", "give red, green and blue in []")
    return [_byte(one, f"{where}[{at}]") for at, one in enumerate(found)]


def _one_of(where: _Object, place: str, key: str, known: dict[str, str]) -> str:
    """Return what a word means; that of the first without one."""
    found = where.get(key, next(iter(known)))
    if not isinstance(found, str) or found not in known:
        raise _wrong(f"{place}.{key}", f"is {str(found)[:40]!r}", f"use {' or '.join(known)}")
    return known[found]


def _wrong(where: str, what: str, remedy: str) -> BadRequest:
    return BadRequest(f"{where} {what}", remedy)
