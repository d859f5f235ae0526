"""Whether two vector tiles hold the same features, whatever margin each has around it and however each cuts them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from core.errors import BadSource
from tiler.archive.header import GZIP, decompress

_MAX_BYTES = 64 << 20
_SAMPLED = 16
"""Features whose attributes are compared."""


def feature_difference(ours: bytes, theirs: bytes, key: str) -> float:
    """Return the share of the features within two tiles that only one of them has.

    A feature counts when a vertex of it lies in the tile proper, edges included: margins differ.

    Args:
        ours: The platform's tile, of one layer, compressed or not.
        theirs: The peer's.
        key: Attribute that names a feature.

    Raises:
        BadSource: A tile cannot be read or holds nothing, or a feature of both has other attributes in one.
    """
    a, b = dict(_within(ours, "ours", key)), dict(_within(theirs, "the peer's", key))
    both = sorted(a.keys() & b.keys())
    if not both:
        raise BadSource(f"no feature is in both tiles: ours has {len(a)}, the peer's {len(b)}")
    for name in both[:: max(1, len(both) // _SAMPLED)]:
        wrong = [one for one, value in a[name].items() if not _same(value, b[name].get(one))]
        if wrong:
            raise BadSource(
                f"{wrong[0]} of {name} is {a[name][wrong[0]]!r} in ours and {b[name].get(wrong[0])!r} in the peer's"
            )
    return len(a.keys() ^ b.keys()) / max(len(a), len(b))


def unpacked(data: bytes) -> bytes:
    """Return a tile as it was before compression."""
    return decompress(data, GZIP, _MAX_BYTES) if data.startswith(b"\x1f\x8b") else data


def _within(data: bytes, whose: str, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import mapbox_vector_tile

    try:
        layers = mapbox_vector_tile.decode(unpacked(data), default_options={"y_coord_down": True})
    except Exception as err:
        raise BadSource(f"{whose} answer is no vector tile: it begins with {data[:16]!r}") from err
    if len(layers) != 1:
        raise BadSource(f"{whose} tile has {len(layers)} layers, not one")
    (layer,) = layers.values()
    extent = layer["extent"]
    for feature in layer["features"]:
        if any(0 <= x <= extent and 0 <= y <= extent for x, y in _vertices(feature["geometry"]["coordinates"])):
            name = feature["properties"].get(key)
            if name is None:
                raise BadSource(f"a feature of {whose} tile has no {key}")
            yield str(name), feature["properties"]


def _vertices(coordinates: Any) -> Iterator[tuple[float, float]]:
    if coordinates and isinstance(coordinates[0], int | float):
        yield coordinates[0], coordinates[1]
    else:
        for one in coordinates:
            yield from _vertices(one)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-6)
    return bool(a == b)
