"""The ColorMap of a RasterSymbolizer as a ramp: SLD 1.0 entries, SE 1.1 Categorize and Interpolate."""

import math
from collections.abc import Callable

import msgspec

from core.errors import BadRequest
from core.float32 import float_above
from core.style import FLOAT32_MAX, Ramp, Stop
from core.xml_tree import Element

_CLEAR = Stop(0.0, 0, 0, 0, 0)


def ramp_from_map(colour_map: Element) -> Ramp:
    """Return the ramp of a ColorMap.

    Raises:
        BadRequest: An element or attribute is not known, or its value makes no sense.
    """
    functions = [one for one in colour_map.children if one.name in {"Categorize", "Interpolate"}]
    if functions:
        check_children(colour_map, ("Categorize", "Interpolate"))
        _check_attributes(colour_map, ())
        return _categorize(functions[0]) if functions[0].name == "Categorize" else _interpolate(functions[0])
    _check_attributes(colour_map, ("type", "extended"))
    entries: list[Stop] = []
    for one in colour_map.children:
        if one.name != "ColorMapEntry":
            raise wrong(one.name, "in ColorMap is not known", "use ColorMapEntry, Categorize or Interpolate")
        entries.append(_entry(one))
    kind = colour_map.attributes.get("type", "ramp")
    read = _KINDS.get(kind)
    if read is None:
        raise wrong("ColorMap", f"has type {kind[:40]!r}", f"use {', '.join(_KINDS)}")
    if not entries:
        raise wrong("ColorMap", "has no ColorMapEntry", "give at least one")
    return read(entries)


def _ramp(entries: list[Stop]) -> Ramp:
    return Ramp(stops=tuple(entries))


def _values(entries: list[Stop]) -> Ramp:
    return Ramp(stops=tuple(entries), mode="exact")


def _intervals(entries: list[Stop]) -> Ramp:
    """Return steps: a quantity is where the colour of its entry ends, and nothing is shown from the last on."""
    starts = [-FLOAT32_MAX, *(one.value for one in entries[:-1])]
    steps = [msgspec.structs.replace(one, value=start) for start, one in zip(starts, entries, strict=True)]
    return Ramp(stops=(*steps, msgspec.structs.replace(_CLEAR, value=entries[-1].value)), mode="interval")


_KINDS: dict[str, Callable[[list[Stop]], Ramp]] = {"ramp": _ramp, "intervals": _intervals, "values": _values}


def _categorize(function: Element) -> Ramp:
    """Return the steps of SE 1.1, clause 11.6.1: a value, then thresholds and values in turn."""
    _check_attributes(function, ("fallbackValue", "thresholdsBelongTo", "threshholdsBelongTo"))  # so in the schema
    belongs = function.attributes.get("thresholdsBelongTo") or function.attributes.get("threshholdsBelongTo")
    if belongs not in {None, "succeeding", "preceding"}:
        raise wrong("Categorize", f"has thresholdsBelongTo {str(belongs)[:40]!r}", "use succeeding or preceding")
    steps = _after_lookup(function)
    expected = ["Value", *("Threshold" if at % 2 == 0 else "Value" for at in range(len(steps) - 1))]
    if not steps or [one.name for one in steps] != expected or steps[-1].name != "Value":
        raise wrong("Categorize", f"has {', '.join(one.name for one in steps[:6])}", "give Value, Threshold, Value ...")
    starts = [-FLOAT32_MAX, *(number(one, literal(one)) for one in steps[1::2])]
    if belongs == "preceding":
        starts[1:] = [float_above(one) for one in starts[1:]]
    stops = (Stop(start, *colour(one, literal(one))) for start, one in zip(starts, steps[::2], strict=True))
    return Ramp(stops=tuple(stops), mode="interval")


def _interpolate(function: Element) -> Ramp:
    """Return the mixtures of SE 1.1, clause 11.6.2."""
    _check_attributes(function, ("fallbackValue", "mode", "method"))
    for name, only in (("mode", "linear"), ("method", "color")):
        if function.attributes.get(name, only) != only:
            raise wrong("Interpolate", f"has {name} {function.attributes[name][:40]!r}", f"use {only}")
    stops: list[Stop] = []
    for point in _after_lookup(function):
        if point.name != "InterpolationPoint":
            raise wrong(point.name, "in Interpolate is not known", "use InterpolationPoint")
        parts = check_children(point, ("Data", "Value"))
        if len(parts) != 2:
            raise wrong("InterpolationPoint", f"has {', '.join(parts) or 'nothing'}", "give Data and Value")
        value = number(parts["Data"], literal(parts["Data"]))
        stops.append(Stop(value, *colour(parts["Value"], literal(parts["Value"]))))
    if not stops:
        raise wrong("Interpolate", "has no InterpolationPoint", "give at least one")
    return Ramp(stops=tuple(stops))


def _after_lookup(function: Element) -> list[Element]:
    """Return what comes after the value that is looked up, which is that of the raster."""
    children = function.children
    if children and children[0].name == "LookupValue":
        looked_up = literal(children[0])
        if looked_up.lower() != "rasterdata":
            raise wrong("LookupValue", f"is {looked_up[:40]!r}", "use Rasterdata")
        return children[1:]
    return children


def _entry(entry: Element) -> Stop:
    _check_attributes(entry, ("color", "quantity", "opacity", "label"))
    check_children(entry, ())
    opacity = number(entry, entry.attributes.get("opacity", "1"))
    if not 0 <= opacity <= 1:
        raise wrong("opacity of ColorMapEntry", f"is {opacity:g}", "give 0 to 1")
    red, green, blue = colour(entry, attribute(entry, "color"))
    label = " ".join(entry.attributes.get("label", "").split())
    return Stop(number(entry, attribute(entry, "quantity")), red, green, blue, round(opacity * 255), label)


def colour(element: Element, text: str) -> tuple[int, int, int]:
    """Return red, green and blue of `#rrggbb`.

    Raises:
        BadRequest: It is none.
    """
    digits = text[1:]
    if len(text) != 7 or text[0] != "#" or not all(one in "0123456789abcdefABCDEF" for one in digits):
        raise wrong(element.name, f"has colour {text[:40]!r}", "give it as #rrggbb")
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def number(element: Element, text: str) -> float:
    """Return a number that fits 32-bit floats.

    Raises:
        BadRequest: It is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= FLOAT32_MAX or "_" in text:
        raise wrong(element.name, f"has {text[:40]!r}", "give a number that fits 32-bit floats")
    return value


def literal(element: Element) -> str:
    """Return the text of an element, which may stand in an `ogc:Literal` inside it."""
    match element.children:
        case []:
            return element.text
        case [Element(name="Literal", children=[], text=text)] if not element.text:
            return text
    raise wrong(element.children[0].name, f"in {element.name} is not known", "give a literal")


def attribute(element: Element, name: str) -> str:
    """Return an attribute that must be there."""
    try:
        return element.attributes[name]
    except KeyError:
        raise wrong(element.name, f"has no {name}", "give it") from None


def check_children(element: Element, known: tuple[str, ...]) -> dict[str, Element]:
    """Return the children of an element by name, each of which may stand there once.

    Raises:
        BadRequest: One is not known, or there twice.
    """
    found: dict[str, Element] = {}
    for one in element.children:
        if one.name not in known:
            raise wrong(one.name, f"in {element.name} is not known", f"use {', '.join(known) or 'nothing'}")
        if one.name in found:
            raise wrong(one.name, f"stands in {element.name} twice", "give one")
        found[one.name] = one
    return found


def wrong(where: str, what: str, remedy: str) -> BadRequest:
    """Return the error for an element that cannot be drawn."""
    return BadRequest(f"{where} {what}", remedy)


def _check_attributes(element: Element, known: tuple[str, ...]) -> None:
    for name in element.attributes:
        if name not in known:
            raise wrong(f"{name} of {element.name}", "is not known", f"use {', '.join(known) or 'none'}")
