"""Whether two answers show the same, before anybody asks which came faster."""

import io

import numpy as np
from numpy.typing import NDArray

from bench.scenario import Shows
from core.errors import BadSource, Unavailable

_TERRAIN_BASE_M, _TERRAIN_STEP_M = -10_000.0, 0.1
"""Mapbox Terrain-RGB v1."""


def mean_difference(ours: bytes, theirs: bytes, shows: Shows = "colours") -> float:
    """Return the mean absolute difference of two encoded images: metres of heights, 0 to 255 of all else.

    Pixels count as seen on white, so that formats with and without transparency compare.

    Args:
        ours: The platform's answer.
        theirs: The peer's.
        shows: What the images are compared as. Of the light on a relief a peer shows the cosine
            of its angle from -1 to 1, where ours is dark from 0 down.

    Raises:
        BadSource: A body is no image, is of one colour only, or the sizes differ.
        Unavailable: Pillow is not installed.
    """
    a: NDArray[np.floating] = _decode(ours, "ours")
    b: NDArray[np.floating] = _decode(theirs, "the peer's")
    if a.shape != b.shape:
        raise BadSource(f"ours is {a.shape[1]} x {a.shape[0]} pixels, the peer's {b.shape[1]} x {b.shape[0]}")
    if shows == "heights":
        a, b = _heights(a), _heights(b)
    elif shows == "light":
        b = np.maximum(2.0 * b - 255.0, 0.0)
    return float(np.abs(a - b).mean())


def _heights(pixels: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the heights that colours stand for, metres."""
    red, green, blue = np.moveaxis(pixels.astype(np.float64), 2, 0)
    metres: NDArray[np.float64] = (red * 65_536.0 + green * 256.0 + blue) * _TERRAIN_STEP_M + _TERRAIN_BASE_M
    return metres


def _decode(data: bytes, whose: str) -> NDArray[np.float32]:
    """Decode to red, green, blue as float32, shape (rows, cols, 3)."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as err:
        raise Unavailable("Pillow is needed to compare answers", "pip install 'geoplateforme[bench]'") from err
    try:
        with Image.open(io.BytesIO(data)) as image:
            rgba = image.convert("RGBA")
    except (UnidentifiedImageError, OSError) as err:
        raise BadSource(f"{whose} answer is no image: it begins with {data[:16]!r}") from err
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    pixels = np.asarray(Image.alpha_composite(white, rgba).convert("RGB"), dtype=np.float32)
    if np.ptp(pixels) == 0:
        raise BadSource(f"{whose} answer is of one colour, which compares with nothing")
    return pixels
