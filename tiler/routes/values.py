"""`/tiles/{layer}/point`, `/profile` and `/statistics`: the values of a raster layer as JSON."""

import hashlib
import math
from collections.abc import Awaitable, Callable

import msgspec
import numpy as np
from litestar.types import HTTPScope, Send

from core.asgi import answer, header
from core.errors import BadRequest, LayerNotFound
from core.http import etag_matches
from core.layer import PublishedLayer, RasterSource
from tiler.raster.places import Places
from tiler.routes.asked import (
    MAX_PLACES,
    asked_bbox,
    asked_count,
    asked_places,
    asked_resampling,
    read_query,
)
from tiler.styles import data_style_of
from tiler.values import AreaStatistics, Measured, ValueReader, climb, in_degrees, line_through

_SAMPLES, _SIZE, _BINS = 100, 1024, 10
"""Places along a line, pixels of an area, and bins, when nothing else is asked."""

_MOST_SIZE, _MOST_BINS = 2048, 256


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


class Step(msgspec.Struct, frozen=True, gc=False):
    """A point of a line and what lies there."""

    distance: float
    """From the start along the line, metres."""
    lon: float
    lat: float
    values: tuple[float | None, ...]
    """One of each band, null where it is missing."""


class Profile(msgspec.Struct, frozen=True, gc=False):
    """Values along a line."""

    layer: str
    crs: str
    resolution: tuple[float, float] | None
    resampling: str
    length: float
    """Metres on the ellipsoid of WGS 84."""
    rise: float | None
    """Sum of all steps up, units of the values; null for several bands."""
    fall: float | None
    """Sum of all steps down, at least 0."""
    points: tuple[Step, ...]


class Statistics(AreaStatistics, frozen=True, kw_only=True):
    """What the values of an area of a layer are."""

    layer: str


async def serve_values(
    scope: HTTPScope, send: Send, layer: PublishedLayer, what: str, reader: ValueReader
) -> tuple[int, int]:
    """Answer values of a raster layer; return status and bytes of content.

    Args:
        scope: The request.
        send: Takes the answer.
        layer: The layer.
        what: One of `KINDS_OF_VALUES`.
        reader: Takes the values.

    Raises:
        BadRequest: A parameter is missing or wrong.
        BadSource: A file is missing or damaged.
        LayerNotFound: The layer is no raster.
        NotAcceptable: The style shows colours.
        StyleNotFound: The layer has no such style.
        TooLarge: More files or blocks would have to be read than a request may.
        Unavailable: The store does not answer, or too much is being made.
    """
    if not isinstance(layer.source, RasterSource):
        raise LayerNotFound(f"{layer.name} is no raster and has no values", "GET /layers lists rasters")
    digest = hashlib.sha256(scope["query_string"]).hexdigest()[:16]
    etag = f'"{layer.version}-{what}-{digest}"'
    headers = {"etag": etag, "cache-control": f"public, max-age={layer.max_age}"}
    make = await KINDS_OF_VALUES[what](read_query(scope), layer, layer.source, reader)
    if etag_matches(header(scope, b"if-none-match"), etag):
        await answer(send, 304, headers)
        return 304, 0
    body = msgspec.json.encode(await make())
    headers["content-type"] = "application/json"
    await answer(send, 200, headers, body, head=scope["method"] == "HEAD")
    return 200, len(body)


_Make = Callable[[], Awaitable[msgspec.Struct]]


async def _point(asked: dict[str, str], layer: PublishedLayer, source: RasterSource, reader: ValueReader) -> _Make:
    places, resampling = asked_places(asked), asked_resampling(asked, source.resampling)
    style = data_style_of(layer, asked.get("style", ""))

    async def make() -> PlaceValues:
        found = await reader.at(source, style, places, resampling)
        points = tuple(
            Place(_number(x), _number(y), _row(row))
            for x, y, row in zip(found.places.x, found.places.y, found.values, strict=True)
        )
        return PlaceValues(layer.name, found.places.crs, found.cell, resampling, points)

    return make


async def _profile(asked: dict[str, str], layer: PublishedLayer, source: RasterSource, reader: ValueReader) -> _Make:
    corners, resampling = asked_places(asked), asked_resampling(asked, source.resampling)
    count = asked_count(asked, "samples", _SAMPLES, 2, MAX_PLACES)
    if len(corners.x) < 2:
        raise BadRequest("one point is no line", "give two corners or more, parted by |")
    style = data_style_of(layer, asked.get("style", ""))
    degrees = in_degrees(corners)
    line = line_through(degrees.x, degrees.y, count)

    async def make() -> Profile:
        found: Measured = await reader.at(source, style, Places("EPSG:4326", line.lon, line.lat), resampling)
        single = found.values.shape[1] == 1
        rise, fall = climb(found.values[:, 0]) if single else (None, None)
        points = tuple(
            Step(round(float(distance), 3), round(float(lon), 9), round(float(lat), 9), _row(row))
            for distance, lon, lat, row in zip(line.distance, line.lon, line.lat, found.values, strict=True)
        )
        length = float(line.distance[-1])
        return Profile(layer.name, found.places.crs, found.cell, resampling, length, rise, fall, points)

    return make


async def _statistics(asked: dict[str, str], layer: PublishedLayer, _: RasterSource, reader: ValueReader) -> _Make:
    bbox = asked_bbox(asked, layer.bbox)
    size = asked_count(asked, "max_size", _SIZE, 1, _MOST_SIZE)
    bins = asked_count(asked, "histogram", _BINS, 1, _MOST_BINS)
    style = data_style_of(layer, asked.get("style", ""))

    async def make() -> Statistics:
        found = await reader.statistics(layer, style, bbox, max_size=size, bins=bins)
        return Statistics(**msgspec.structs.asdict(found), layer=layer.name)

    return make


KINDS_OF_VALUES = {"point": _point, "profile": _profile, "statistics": _statistics}
"""What can be asked, by the last segment of the path."""


def _row(values: np.ndarray[tuple[int], np.dtype[np.float32]]) -> tuple[float | None, ...]:
    return tuple(_shortest(value) for value in values)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _shortest(value: np.float32) -> float | None:
    """Return the shortest number that is this float32, None where there is none."""
    return float(str(value)) if math.isfinite(value) else None
