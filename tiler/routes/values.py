"""`/tiles/{layer}/point`: the values of a raster layer at places."""

import hashlib
import math
import re
from urllib.parse import parse_qsl

import msgspec
import numpy as np
from litestar.types import HTTPScope, Send

from core.asgi import answer, header
from core.errors import BadRequest, LayerNotFound, NotAcceptable
from core.http import etag_matches
from core.layer import PublishedLayer, RasterSource
from tiler.raster.blocks import Stages
from tiler.raster.expression import run_expression
from tiler.raster.part import KINDS
from tiler.raster.picture import Samples
from tiler.raster.places import PlaceReader, Places
from tiler.raster.style import prepare
from tiler.styles import data_style_of

MAX_PLACES = 5_000
"""Points of one request, as many as IGN's elevations take."""

_CRS = re.compile(r"[A-Za-z]{1,16}:[A-Za-z0-9_.]{1,32}")


class Place(msgspec.Struct, frozen=True, gc=False):
    """A point and what lies there."""

    x: float | None
    """Easting or longitude in the layer's CRS; null where it has no such place."""
    y: float | None
    values: tuple[float | None, ...]
    """One of each band, null where it is missing."""


class PlaceValues(msgspec.Struct, frozen=True, gc=False):
    """Values at places, in their order."""

    layer: str
    crs: str
    resolution: tuple[float, float] | None
    """Width and height of the pixels taken, units of the CRS; null where nothing is."""
    resampling: str
    points: tuple[Place, ...]


async def serve_point(scope: HTTPScope, send: Send, layer: PublishedLayer, reader: PlaceReader) -> tuple[int, int]:
    """Answer values at places; return status and bytes of content.

    Raises:
        BadRequest: A parameter is missing or wrong.
        BadSource: A file is missing or damaged.
        LayerNotFound: The layer is no raster.
        NotAcceptable: The style shows colours.
        TooLarge: The places lie in more files or blocks than a request may read.
    """
    source = layer.source
    if not isinstance(source, RasterSource):
        raise LayerNotFound(f"{layer.name} is no raster and has no values at points", "GET /layers lists rasters")
    asked = _query(scope)
    digest = hashlib.sha256(scope["query_string"]).hexdigest()[:16]
    etag = f'"{layer.version}-point-{digest}"'
    headers = {"etag": etag, "cache-control": f"public, max-age={layer.max_age}"}
    places, resampling = _places(asked), asked.get("resampling", source.resampling)
    if resampling not in KINDS:
        raise BadRequest(f"resampling {resampling[:40]!r} is not known", f"use {', '.join(KINDS)}")
    style = data_style_of(layer, asked.get("style", ""))
    if style.relief is not None:
        raise NotAcceptable(f"style {style.name} looks at more than a point", "ask for a tile as .npy or .tif")
    if (condition := header(scope, b"if-none-match")) and etag_matches(condition, etag):
        await answer(send, 304, headers)
        return 304, 0
    prepared = prepare(style, source)
    stages: Stages = {}
    own, around = await reader.read(source, places, prepared.bands, resampling, stages)
    values = around.values
    if prepared.expression is not None:
        values = run_expression(prepared.expression, Samples(values[None]).values)[0][:, None]
    seen = np.flatnonzero(~np.isnan(around.cell_x))
    cell = (float(around.cell_x[seen[0]]), float(around.cell_y[seen[0]])) if seen.size else None
    points = tuple(
        Place(_number(x), _number(y), tuple(_shortest(value) for value in row))
        for x, y, row in zip(own.x, own.y, values, strict=True)
    )
    body = msgspec.json.encode(PlaceValues(layer.name, own.crs, cell, resampling, points))
    headers["content-type"] = "application/json"
    await answer(send, 200, headers, body, head=scope["method"] == "HEAD")
    return 200, len(body)


def _query(scope: HTTPScope) -> dict[str, str]:
    try:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=32)
    except ValueError as err:
        raise BadRequest("the query has more than 32 parameters", "use lon, lat, crs, x, y, style, resampling") from err
    return {name.lower(): value for name, value in reversed(pairs)}


def _places(asked: dict[str, str]) -> Places:
    """Return the places that a query names: `lon` and `lat`, or `crs` with `x` and `y`; several are parted by `|`."""
    crs = asked.get("crs", "")
    if crs and not _CRS.fullmatch(crs):
        raise BadRequest(f"crs {crs[:60]!r} is not authority:code", "give one as EPSG:2154")
    x, y = (_numbers(asked, name) for name in (("x", "y") if crs else ("lon", "lat")))
    if len(x) != len(y):
        raise BadRequest(f"{len(x)} and {len(y)} coordinates do not make points", "give as many of both")
    if not crs:
        for lon, lat in zip(x, y, strict=True):
            if not (-180 <= lon <= 180 and -90 <= lat <= 90):
                raise BadRequest(f"lon {lon:g}, lat {lat:g} is no place", "lon is -180 to 180, lat -90 to 90")
    else:
        _check_crs(crs)
    return Places(crs or "EPSG:4326", np.array(x), np.array(y))


def _check_crs(crs: str) -> None:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        CRS.from_user_input(crs)
    except CRSError as err:
        raise BadRequest(f"crs {crs} is not known", "give one as EPSG:2154") from err


def _numbers(asked: dict[str, str], name: str) -> list[float]:
    texts = asked.get(name, "").split("|")
    if len(texts) > MAX_PLACES:
        raise BadRequest(f"{len(texts)} points are too many", f"ask for {MAX_PLACES} at a time")
    numbers = []
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise BadRequest(f"{name} {text[:40]!r} is not a number", "give decimal numbers, several parted by |")
        numbers.append(number)
    return numbers


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _shortest(value: np.float32) -> float | None:
    """Return the shortest number that is this float32, None where there is none."""
    return float(str(value)) if math.isfinite(value) else None
