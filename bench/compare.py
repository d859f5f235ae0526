"""Whether two answers show the same, before anybody asks which came faster."""

import io

import numpy as np
from numpy.typing import NDArray

from core.errors import BadSource, Unavailable


def mean_difference(ours: bytes, theirs: bytes) -> float:
    """Return the mean absolute difference of two encoded images, 0 to 255.

    Pixels count as seen on white, so that formats with and without transparency compare.

    Raises:
        BadSource: A body is no image, is of one colour only, or the sizes differ.
        Unavailable: Pillow is not installed.
    """
    a, b = _decode(ours, "ours"), _decode(theirs, "the peer's")
    if a.shape != b.shape:
        raise BadSource(f"ours is {a.shape[1]} x {a.shape[0]} pixels, the peer's {b.shape[1]} x {b.shape[0]}")
    return float(np.abs(a - b).mean())


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
