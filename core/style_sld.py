"""SLD 1.0 (OGC 02-070) and SE 1.1 (OGC 05-077r4) documents with one RasterSymbolizer.

What cannot be drawn is refused by the name of its element; names, titles and abstracts are kept, pictures of
legends left aside. `VendorOption` is GeoServer's and QGIS's way to say limits of a stretch and the place of the sun.
"""

from collections.abc import Iterable

from core.style import Hillshade, Style
from core.style_sld_map import (
    attribute,
    check_children,
    literal,
    number,
    ramp_from_map,
    wrong,
)
from core.xml_tree import Element

_NAMESPACES = frozenset({"", "http://www.opengis.net/sld", "http://www.opengis.net/se"})

_INSIDE: dict[str, tuple[str, ...]] = {
    "StyledLayerDescriptor": ("NamedLayer", "UserLayer"),
    "NamedLayer": ("UserStyle",),
    "UserLayer": ("UserStyle",),
    "UserStyle": ("FeatureTypeStyle", "CoverageStyle"),
    "FeatureTypeStyle": ("Rule",),
    "CoverageStyle": ("Rule",),
    "Rule": ("RasterSymbolizer",),
}
"""Elements on the way to the symbolizer, each of which may be the root."""

_SAYERS = (
    "UserStyle", "FeatureTypeStyle", "CoverageStyle", "RasterSymbolizer", "Rule", "NamedLayer", "UserLayer",
    "StyledLayerDescriptor",
)  # fmt: skip
"""Whose name, title and abstract are the style's, the first that has one."""

_SAID = ("Name", "Title", "Abstract", "Description")
_ASIDE = frozenset({"IsDefault", "LegendGraphic", "SemanticTypeIdentifier", "FeatureTypeName", "CoverageName"})
"""What says nothing of colours."""

_DRAWN = ("Opacity", "ChannelSelection", "ColorMap", "ContrastEnhancement", "ShadedRelief")
_CHANNELS = ("RedChannel", "GreenChannel", "BlueChannel")

_Limits = tuple[float, float] | None


def style_from_sld(root: Element, fallback_name: str) -> Style:
    """Return the style of an SLD or SE document.

    Args:
        root: The document.
        fallback_name: Name of the style where the document has none that can stand in a URL.

    Raises:
        BadRequest: An element is not known, or its value makes no sense.
    """
    path = _way_to_symbolizer(root)
    sayers = sorted(path, key=lambda element: _SAYERS.index(element.name))
    names, titles, abstracts = (
        [said for element in sayers if (said := _said(element, what))] for what in ("Name", "Title", "Abstract")
    )
    name = next((one for one in names if _is_plain(one)), fallback_name)
    title = next(iter(titles or names), "")
    return _read_symbolizer(path[-1], name, title, next(iter(abstracts), ""))


def _way_to_symbolizer(root: Element) -> list[Element]:
    """Return the elements from the root to the only symbolizer."""
    if root.name not in {*_INSIDE, "RasterSymbolizer"} or root.namespace not in _NAMESPACES:
        raise wrong(root.name, "is no SLD or SE document", "give a StyledLayerDescriptor with a RasterSymbolizer")
    path = [root]
    while path[-1].name != "RasterSymbolizer":
        here = path[-1]
        inside = [one for one in here.children if one.name in _INSIDE[here.name]]
        for one in here.children:
            if one.name not in _INSIDE[here.name]:
                _check_beside(one, here)
        if len(inside) != 1:
            _refuse_vectors(here)
            wanted = " or ".join(_INSIDE[here.name])
            raise wrong(here.name, f"has {len(inside)} of {wanted}", "give one: a layer is drawn by one symbolizer")
        path.append(inside[0])
    return path


def _refuse_vectors(element: Element) -> None:
    """Refuse the symbolizers of vectors, whose documents have many rules."""
    for one in element.children:
        if one.name in {"PolygonSymbolizer", "LineSymbolizer", "PointSymbolizer", "TextSymbolizer"}:
            raise wrong(one.name, "draws vectors", "give a RasterSymbolizer")
        _refuse_vectors(one)


def _check_beside(one: Element, parent: Element) -> None:
    if one.namespace not in _NAMESPACES:
        raise wrong(f"{one.name} of {one.namespace[:80]}", "is not known", "leave it out")
    if one.name in _SAID or one.name in _ASIDE:
        return
    if one.name == "LayerFeatureConstraints" and not any(inner.children for inner in one.children):
        return  # QGIS writes an empty one
    if one.name.endswith("Symbolizer"):
        raise wrong(one.name, "draws vectors", "give a RasterSymbolizer")
    remedy = "leave it out"
    if one.name.endswith("ScaleDenominator"):
        remedy = "leave it out: a style is drawn at all scales"
    raise wrong(one.name, f"in {parent.name} is not known", remedy)


def _said(element: Element, what: str) -> str:
    """Return the name, title or abstract of an element; SE 1.1 puts the last two into a description."""
    places: Iterable[Element] = element.children
    if what != "Name":
        places = [*element.children, *(one for d in element.children if d.name == "Description" for one in d.children)]
    return next((" ".join(one.text.split()) for one in places if one.name == what), "")


def _is_plain(name: str) -> bool:
    return name.isascii() and len(name) <= 64 and all(one.isalnum() or one in "_-." for one in name)


def _read_symbolizer(symbolizer: Element, name: str, title: str, abstract: str) -> Style:
    parts = check_children(symbolizer, (*_DRAWN, *_SAID))
    opacity = number(parts["Opacity"], literal(parts["Opacity"])) if "Opacity" in parts else 1.0
    if not 0 <= opacity <= 1:
        raise wrong("Opacity", f"is {opacity:g}", "give 0 to 1")
    bands, limits = _read_channels(parts.get("ChannelSelection"))
    own = _read_contrast(parts.get("ContrastEnhancement"))
    if limits is not None and own is not None and limits != own:
        raise wrong("ContrastEnhancement", "is given for channels and for all", "give one of them")
    rescale = limits or own
    ramp = None if "ColorMap" not in parts else ramp_from_map(parts["ColorMap"])
    relief = _read_relief(parts.get("ShadedRelief"))
    if ramp is not None and rescale is not None:
        raise wrong("ContrastEnhancement", "beside ColorMap", "give the map's quantities in values of the data")
    if relief is not None and (ramp is not None or rescale is not None):
        raise wrong("ShadedRelief", "beside ColorMap or ContrastEnhancement", "give a style for each")
    return Style(
        name=name,
        title=title,
        abstract=abstract,
        bands=bands,
        relief=relief,
        rescale=rescale,
        ramp=ramp,
        opacity=opacity,
    )


def _read_channels(selection: Element | None) -> tuple[tuple[int, ...], _Limits]:
    """Return the bands, and the limits of their stretch where channels have one."""
    if selection is None:
        return (), None
    parts = check_children(selection, (*_CHANNELS, "GrayChannel"))
    if set(parts) == {"GrayChannel"}:
        channels = [parts["GrayChannel"]]
    elif set(parts) == set(_CHANNELS):
        channels = [parts[channel] for channel in _CHANNELS]
    else:
        raise wrong("ChannelSelection", f"has {', '.join(parts) or 'nothing'}", "give red, green and blue, or grey")
    bands: list[int] = []
    limits: list[_Limits] = []
    for channel in channels:
        inner = check_children(channel, ("SourceChannelName", "ContrastEnhancement"))
        named = literal(inner["SourceChannelName"]) if "SourceChannelName" in inner else ""
        if not (named.isascii() and named.isdigit() and len(named) <= 5):
            raise wrong(f"SourceChannelName of {channel.name}", f"is {named[:40]!r}", "give the band's number, from 1")
        bands.append(int(named))
        limits.append(_read_contrast(inner.get("ContrastEnhancement")))
    if any(other != limits[0] for other in limits):
        raise wrong("ContrastEnhancement", "differs from channel to channel", "give all the same limits")
    return tuple(bands), limits[0]


def _read_contrast(contrast: Element | None) -> _Limits:
    if contrast is None:
        return None
    parts = check_children(contrast, ("Normalize", "GammaValue"))
    if "GammaValue" in parts and number(parts["GammaValue"], literal(parts["GammaValue"])) != 1:
        raise wrong("GammaValue", f"is {literal(parts['GammaValue'])[:40]}", "leave it out")
    if "Normalize" not in parts:
        return None
    options = _read_options(parts["Normalize"], ("algorithm", "minValue", "maxValue"))
    algorithm = options.get("algorithm", "StretchToMinimumMaximum")
    if algorithm != "StretchToMinimumMaximum":
        raise wrong("VendorOption algorithm", f"is {algorithm[:40]!r}", "use StretchToMinimumMaximum")
    if not {"minValue", "maxValue"} <= set(options):
        raise wrong("Normalize", "has no limits", "give VendorOption minValue and maxValue")
    low, high = (number(parts["Normalize"], options[key]) for key in ("minValue", "maxValue"))
    return low, high


def _read_relief(relief: Element | None) -> Hillshade | None:
    if relief is None:
        return None
    options = _read_options(relief, ("azimuth", "altitude"), beside=("BrightnessOnly", "ReliefFactor"))
    parts = {one.name: one for one in relief.children if one.name != "VendorOption"}
    if "BrightnessOnly" in parts and literal(parts["BrightnessOnly"]) not in {"0", "false"}:
        raise wrong("BrightnessOnly", "shades what lies below, which a tile does not know", "leave it out")
    factor = parts.get("ReliefFactor")
    return Hillshade(
        azimuth=number(relief, options.get("azimuth", "315")),
        altitude=number(relief, options.get("altitude", "45")),
        z_factor=1.0 if factor is None else number(factor, literal(factor)),
    )


def _read_options(parent: Element, known: tuple[str, ...], *, beside: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the vendor options of an element by name."""
    options: dict[str, str] = {}
    for one in parent.children:
        if one.name in beside:
            continue
        if one.name != "VendorOption":
            raise wrong(one.name, f"in {parent.name} is not known", "leave it out")
        name = attribute(one, "name")
        if name not in known or name in options:
            raise wrong(f"VendorOption {name[:40]}", f"in {parent.name} is not known", f"use {', '.join(known)}")
        options[name] = literal(one)
    return options
