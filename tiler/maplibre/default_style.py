"""The style that every vector layer has: polygons, lines, points and names, in colours that suit the layer's name."""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from zlib import crc32

import msgspec

from core.layer import ArchiveSource, PublishedLayer, VectorSource
from core.map_style import MapStyle

STANDARD = "standard"
"""Name of the style."""

STANDARD_TITLE = "Standard"
"""What people read."""

LABEL_FONT = ("Source Sans Pro Semibold",)

NAME_FIELDS = (
    "nom", "name", "toponyme", "nom_officiel", "nom_complet", "nom_com", "nom_commune", "nom_voie", "graphie",
    "libelle", "libellé", "label", "intitule", "intitulé", "titre", "title",
)  # fmt: skip
"""Attributes that hold what people call a thing, the best first, in lower case."""


class Theme(msgspec.Struct, frozen=True):
    """Colours of a layer."""

    fill: str
    line: str
    label: str
    cover: float
    """Opacity of polygons, 0 to 1."""


_THEMES = (
    (("bati", "build", "construct"), Theme("#f0a35e", "#a8500d", "#6b3208", 0.5)),
    (("route", "road", "voie", "chemin", "rail", "transport"), Theme("#ffd166", "#d98e04", "#5c3d00", 0.4)),
    (("eau", "hydro", "river", "riviere", "water", "ocean", "lac"), Theme("#5aa9e6", "#1f6fb2", "#0f4c81", 0.45)),
    (
        ("veget", "foret", "forest", "bois", "arbre", "tree", "haie", "landcover", "park"),
        Theme("#7fbf6a", "#3f7d32", "#28561f", 0.35),
    ),
    (
        ("commune", "admin", "depart", "region", "limite", "epci", "canton", "pays", "countr", "boundar"),
        Theme("#8e6cc9", "#6a3fb0", "#43207f", 0.1),
    ),
    (("parcel", "cadast"), Theme("#e0c068", "#8d6b13", "#5a430a", 0.15)),
)
"""Colours by how words of a name begin, without accents."""

_PALETTE = (
    Theme("#e4768a", "#b02a49", "#74152c", 0.35), Theme("#4fb3ae", "#11756f", "#0a4b47", 0.35),
    Theme("#c58fd8", "#84399f", "#58226b", 0.35), Theme("#9aa85a", "#5d6b17", "#3c460c", 0.35),
    Theme("#6f9bd1", "#2d5f9e", "#1a3d69", 0.35), Theme("#e08e5b", "#a94f18", "#6d310c", 0.35),
    Theme("#8c8fa3", "#4c4f66", "#2f3144", 0.35), Theme("#d7b04c", "#8f6c0c", "#5c4506", 0.35),
)  # fmt: skip
"""Colours of all others: one of them by the name, always the same."""

_UNSAID = ("NR", "NC", "Sans objet")
"""What stands in IGN's data for a name that is not known, or that a thing has not."""

_KINDS = {"Polygon": ("Polygon", "MultiPolygon"), "LineString": ("LineString", "MultiLineString"),
          "Point": ("Point", "MultiPoint")}  # fmt: skip

_Layers = list[dict[str, Any]]


class _Drawn(msgspec.Struct, frozen=True):
    """A layer in the tiles, to be drawn."""

    id: str
    fields: Mapping[str, str]
    kinds: tuple[str, ...]
    """Which of polygons, lines and points it may hold."""

    theme: Theme


def default_style(layer: PublishedLayer) -> MapStyle:
    """Return the style of a vector layer, the same for the same layer."""
    drawn = _drawn(layer)
    centre, zoom = _view(layer)
    makers: tuple[Callable[[_Drawn], _Layers], ...] = (_polygons, _lines, _points, _labels)
    document = {
        "center": centre,
        "zoom": zoom,
        "layers": [one for make in makers for part in drawn for one in make(part)],
    }
    return MapStyle(name=STANDARD, title=STANDARD_TITLE, document=msgspec.json.encode(document).decode())


def theme_of(name: str) -> Theme:
    """Return the colours of a layer: by the words in its name, else some that its name always gets."""
    plain = "".join(one for one in unicodedata.normalize("NFD", name) if not unicodedata.combining(one)).lower()
    words = re.findall(r"[a-z]+", plain)
    for begins, theme in _THEMES:
        if any(word.startswith(begins) for word in words):
            return theme
    return _PALETTE[crc32(plain.encode()) % len(_PALETTE)]


def name_field(fields: Mapping[str, str]) -> str:
    """Return the attribute to label features with, empty when none is obvious."""
    by_name = {name.lower(): name for name, kind in fields.items() if kind not in {"Number", "Boolean"}}
    return next((by_name[name] for name in NAME_FIELDS if name in by_name), "")


def _drawn(layer: PublishedLayer) -> tuple[_Drawn, ...]:
    source = layer.source
    if isinstance(source, ArchiveSource):
        return tuple(_Drawn(one.id, one.fields, tuple(_KINDS), theme_of(one.id)) for one in source.vector_layers)
    assert isinstance(source, VectorSource)
    return (_Drawn(layer.name, source.fields, _kinds(source.geometry_types), theme_of(layer.name)),)


def _kinds(types: Iterable[str]) -> tuple[str, ...]:
    """Return which of polygons, lines and points there are; all of them when types do not tell."""
    plain = {one.removesuffix(" Z") for one in types}
    found = tuple(kind for kind, names in _KINDS.items() if plain & {*names})
    return found if found and not plain - {name for names in _KINDS.values() for name in names} else tuple(_KINDS)


def _view(layer: PublishedLayer) -> tuple[tuple[float, float], float]:
    """Return where a map that knows no better begins: over the whole layer, else over a place that has data."""
    source = layer.source
    assert isinstance(source, VectorSource | ArchiveSource)
    west, south, east, north = layer.bbox
    fits = math.log2(360 / max(east - west, (north - south) * 1.5, 1e-9))
    if fits < source.min_zoom:
        return layer.sample, float(source.min_zoom)
    return ((west + east) / 2, (south + north) / 2), round(min(fits, source.max_zoom), 2)


def _base(part: _Drawn, what: str, kind: str, drawn_as: str) -> dict[str, Any]:
    return {
        "id": f"{part.id}/{what}",
        "type": drawn_as,
        "source-layer": part.id,
        "filter": ["match", ["geometry-type"], list(_KINDS[kind]), True, False],
    }


def _growing(low: float, high: float) -> list[Any]:
    """Return a size that grows from level 6 to level 18 as on paper maps, ever faster."""
    return ["interpolate", ["exponential", 1.5], ["zoom"], 6, low, 18, high]


def _polygons(part: _Drawn) -> _Layers:
    if "Polygon" not in part.kinds:
        return []
    theme = part.theme
    return [
        {**_base(part, "fill", "Polygon", "fill"), "paint": {"fill-color": theme.fill, "fill-opacity": theme.cover}},
        {
            **_base(part, "outline", "Polygon", "line"),
            "layout": {"line-join": "round"},
            "paint": {"line-color": theme.line, "line-width": _growing(0.5, 2.0), "line-opacity": 0.95},
        },
    ]


def _lines(part: _Drawn) -> _Layers:
    if "LineString" not in part.kinds:
        return []
    layout = {"line-cap": "round", "line-join": "round"}
    casing = {"line-color": "#ffffff", "line-width": _growing(1.6, 9.0), "line-opacity": 0.85}
    return [
        {**_base(part, "casing", "LineString", "line"), "layout": layout, "paint": casing},
        {
            **_base(part, "line", "LineString", "line"),
            "layout": layout,
            "paint": {"line-color": part.theme.line, "line-width": _growing(0.8, 6.0)},
        },
    ]


def _points(part: _Drawn) -> _Layers:
    if "Point" not in part.kinds:
        return []
    paint = {
        "circle-color": part.theme.fill,
        "circle-radius": _growing(1.8, 7.0),
        "circle-stroke-color": part.theme.line,
        "circle-stroke-width": _growing(0.5, 1.5),
    }
    return [{**_base(part, "point", "Point", "circle"), "paint": paint}]


def _labels(part: _Drawn) -> _Layers:
    field = name_field(part.fields)
    if not field:
        return []
    return [_label(part, field, kind) for kind in part.kinds]


def _label(part: _Drawn, field: str, kind: str) -> dict[str, Any]:
    layout: dict[str, Any] = {
        "symbol-placement": "line" if kind == "LineString" else "point",
        "text-field": ["match", ["get", field], list(_UNSAID), "", ["to-string", ["get", field]]],
        "text-font": list(LABEL_FONT),
        "text-size": ["interpolate", ["linear"], ["zoom"], 8, 11, 18, 15],
        "text-max-width": 8,
        "text-padding": 6,
    }
    if kind == "Point":
        layout |= {"text-offset": [0, 0.8], "text-anchor": "top"}
    paint = {"text-color": part.theme.label, "text-halo-color": "rgba(255, 255, 255, 0.9)", "text-halo-width": 1.6}
    return {**_base(part, f"label-{kind.lower()}", kind, "symbol"), "layout": layout, "paint": paint}
