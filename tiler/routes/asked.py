"""What a query asks of values: places, resampling, a box; checked, with a remedy for whatever is wrong."""

import math
import re
from urllib.parse import parse_qsl

import numpy as np
from litestar.types import HTTPScope

from core.errors import BadRequest
from core.layer import Bounds
from tiler.raster.part import KINDS
from tiler.raster.places import Places

MAX_PLACES = 5_000
"""Points of one request, as many as IGN's elevations take."""

_CRS = re.compile(r"[A-Za-z]{1,16}:[A-Za-z0-9_.]{1,32}")


def read_query(scope: HTTPScope) -> dict[str, str]:
    """Return the parameters of a request by name in lower case, the first of each.

    Raises:
        BadRequest: There are too many.
    """
    try:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=32)
    except ValueError as err:
        raise BadRequest("the query has more than 32 parameters", "use lon, lat, crs, x, y, style, resampling") from err
    return {name.lower(): value for name, value in reversed(pairs)}


def asked_places(asked: dict[str, str]) -> Places:
    """Return the places that a query names: `lon` and `lat`, or `crs` with `x` and `y`; several are parted by `|`.

    Raises:
        BadRequest: They are none, too many, or lie nowhere.
    """
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


def asked_resampling(asked: dict[str, str], own: str) -> str:
    """Return how samples between pixels are to be found.

    Raises:
        BadRequest: There is no such way.
    """
    resampling = asked.get("resampling", own)
    if resampling not in KINDS:
        raise BadRequest(f"resampling {resampling[:40]!r} is not known", f"use {', '.join(KINDS)}")
    return resampling


def asked_count(asked: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    """Return a whole number of a query.

    Raises:
        BadRequest: It is none, or outside its limits.
    """
    text = asked.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 9 and least <= int(text) <= most):
        raise BadRequest(f"{name} {text[:40]!r} cannot be used", f"give {least} to {most}")
    return int(text)


def asked_bbox(asked: dict[str, str], own: Bounds) -> Bounds:
    """Return the box of a query, degrees.

    Raises:
        BadRequest: It is none.
    """
    text = asked.get("bbox", "")
    if not text:
        return own
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        west, south, east, north = (math.nan,) * 4
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise BadRequest(f"bbox {text[:80]!r} is none", "give west,south,east,north in degrees")
    return west, south, east, north


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
