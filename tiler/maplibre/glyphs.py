"""Letters as clients draw them: signed distances to their outlines, 256 characters a file (Mapbox glyphs.proto)."""

import math
import threading
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.sdf import encode_distances
from tiler.maplibre.fonts import fonts
from tiler.protobuf import bytes_field, number_field, zigzag

EM_PIXELS = 24
"""Size that the letters are drawn at, pixels an em; clients scale them."""

BUFFER = 3
"""Pixels around a letter."""

RADIUS = 8.0
"""Distance that takes all steps of a byte, pixels."""

RANGE = 256
"""Characters of a file."""

LAST = 0xFFFF
"""Last character that clients ask for."""

_CURVE = 8
"""Straight pieces of a curve: they are off by less than a hundredth of a pixel."""

_reading = threading.Lock()
"""FreeType lets one thread at a time read from a face."""

_Segments = NDArray[np.float64]


def make_glyphs(names: tuple[str, ...], start: int) -> bytes:
    """Draw the characters of a range.

    Args:
        names: Fonts of ours; of each character the first that has it is taken.
        start: First character, a multiple of 256.

    Returns:
        A message `glyphs` with one `fontstack`, which names the fonts taken; it is empty where they have none.
    """
    with _reading:
        faces = [_face(name) for name in names]
        drawn = [
            bytes_field(3, _glyph(face, character))
            for character in range(start, start + RANGE)
            if (face := next((one for one in faces if one.get_char_index(character)), None)) is not None
        ]
    stack = bytes_field(1, ", ".join(names).encode()) + bytes_field(2, f"{start}-{start + RANGE - 1}".encode())
    return bytes_field(1, stack + b"".join(drawn))


@lru_cache(maxsize=32)
def _face(name: str) -> Any:
    import freetype

    return freetype.Face(str(fonts()[name]))


def _glyph(face: Any, character: int) -> bytes:
    """Return a message `glyph`; a character without an outline, as a space, has no bitmap."""
    import freetype

    scale = EM_PIXELS / face.units_per_EM
    face.load_char(chr(character), freetype.FT_LOAD_NO_SCALE | freetype.FT_LOAD_NO_HINTING)
    advance = round(face.glyph.metrics.horiAdvance * scale)
    segments = outline(face.glyph.outline) * scale
    bitmap, width, height, left, top = b"", 0, 0, 0, 0
    if len(segments):
        left, top = math.floor(segments[:, ::2].min()), math.ceil(segments[:, 1::2].max())
        width, height = math.ceil(segments[:, ::2].max()) - left, top - math.floor(segments[:, 1::2].min())
        pixels = np.empty((height + 2 * BUFFER, width + 2 * BUFFER), np.uint8)
        encode_distances(segments, left - BUFFER, top + BUFFER, RADIUS, pixels)
        bitmap = bytes_field(2, pixels.tobytes())
        top -= math.ceil(face.ascender * scale)
    numbers = ((3, width), (4, height), (5, zigzag(left)), (6, zigzag(top)), (7, advance))
    return b"".join((number_field(1, character), bitmap, *(number_field(field, value) for field, value in numbers)))


def outline(shape: Any) -> _Segments:
    """Return the edges of a FreeType outline, curves as straight pieces: x0, y0, x1, y1, shape (n, 4)."""
    rings: list[list[tuple[float, float]]] = []
    shape.decompose(rings, move_to=_begin, line_to=_line, conic_to=_conic, cubic_to=_cubic)
    edges = [
        np.column_stack((points, np.roll(points, -1, axis=0)))
        for points in (np.array(ring, np.float64) for ring in rings if len(ring) > 2)
    ]
    return np.concatenate(edges) if edges else np.empty((0, 4))


def _begin(to: Any, rings: list[list[tuple[float, float]]]) -> None:
    rings.append([(to.x, to.y)])


def _line(to: Any, rings: list[list[tuple[float, float]]]) -> None:
    rings[-1].append((to.x, to.y))


def _conic(pull: Any, to: Any, rings: list[list[tuple[float, float]]]) -> None:
    x, y = rings[-1][-1]
    _cubic_between(rings[-1], ((x + 2 * pull.x) / 3, (y + 2 * pull.y) / 3),
                   ((to.x + 2 * pull.x) / 3, (to.y + 2 * pull.y) / 3), (to.x, to.y))  # fmt: skip


def _cubic(pull: Any, push: Any, to: Any, rings: list[list[tuple[float, float]]]) -> None:
    _cubic_between(rings[-1], (pull.x, pull.y), (push.x, push.y), (to.x, to.y))


def _cubic_between(
    ring: list[tuple[float, float]], pull: tuple[float, float], push: tuple[float, float], to: tuple[float, float]
) -> None:
    """Add a Bézier curve to a ring; one with one pull is given as its cubic equal."""
    begin = ring[-1]
    for step in range(1, _CURVE + 1):
        t = step / _CURVE
        parts = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        ring.append((_weighted(parts, 0, (begin, pull, push, to)), _weighted(parts, 1, (begin, pull, push, to))))


def _weighted(parts: Iterable[float], axis: int, points: Iterable[tuple[float, float]]) -> float:
    return sum(part * point[axis] for part, point in zip(parts, points, strict=True))
