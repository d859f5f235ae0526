"""Icons and patterns that every style may use, drawn here: a picture and where each lies in it (MapLibre sprite)."""

import math
from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.errors import NotFound
from kernels.sdf import encode_distances
from tiler.raster.png import encode_png

SPRITE = "geopf"
"""Name of the one sprite."""

ICON = 24
"""Width and height of an icon, pixels at density 1, its border included."""

PATTERN = 16
"""Width and height of a pattern, which fits itself on all sides, pixels at density 1."""

_HALF = 9.0
"""From the middle of an icon to the edge of its drawing, pixels at density 1."""

_RADIUS = 8.0
"""Distance that takes all steps of a byte, pixels at density 1."""

_INK = (70, 70, 70)
"""Colour of patterns; icons have none of their own, they take `icon-color`."""

_Ring = list[tuple[float, float]]
_Grid = NDArray[np.float64]


class Place(msgspec.Struct, frozen=True, rename={"pixel_ratio": "pixelRatio"}, omit_defaults=True):
    """Where an icon lies in the picture of a sprite."""

    x: int
    y: int
    width: int
    height: int
    pixel_ratio: int
    sdf: bool = False
    """Its alpha is a signed distance: it can be given any colour and a halo."""


def _circle(radius: float, y: float = 0.0, *, begin: float = 0.0, end: float = 360.0, steps: int = 48) -> _Ring:
    """Return points of a circle, counterclockwise from east where `end` is beyond `begin`, degrees."""
    turns = [math.radians(begin + (end - begin) * step / steps) for step in range(steps + (abs(end - begin) < 360))]
    return [(radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]


def _rays(radii: tuple[float, ...], count: int) -> _Ring:
    """Return a ring whose corners lie at these radii in turn, the first to the north."""
    turns = [math.tau * at / count + math.pi / 2 for at in range(count)]
    return [(radii[at % len(radii)] * math.cos(turn), radii[at % len(radii)] * math.sin(turn))
            for at, turn in enumerate(turns)]  # fmt: skip


_PLUS = 0.3
ICONS: dict[str, list[_Ring]] = {
    "dot": [_circle(0.8)],
    "ring": [_circle(0.9), _circle(0.55, begin=360.0, end=0.0)],
    "square": [[(-0.75, -0.75), (0.75, -0.75), (0.75, 0.75), (-0.75, 0.75)]],
    "triangle": [[(-0.9, -0.7), (0.9, -0.7), (0.0, 0.86)]],
    "diamond": [_rays((0.95,), 4)],
    "cross": [[
        (-_PLUS, -0.9), (_PLUS, -0.9), (_PLUS, -_PLUS), (0.9, -_PLUS), (0.9, _PLUS), (_PLUS, _PLUS),
        (_PLUS, 0.9), (-_PLUS, 0.9), (-_PLUS, _PLUS), (-0.9, _PLUS), (-0.9, -_PLUS), (-_PLUS, -_PLUS),
    ]],
    "star": [_rays((1.0, 0.42), 10)],
    "pin": [[(0.0, -1.0), *_circle(0.65, 0.35, begin=-20.0, end=200.0)], _circle(0.25, 0.35, begin=360.0, end=0.0)],
}  # fmt: skip
"""Rings of each icon, holes clockwise, x and y from -1 to 1 with y upwards."""


def _stripes(across: _Grid, spacing: float) -> _Grid:
    """Return how far the nearest of parallel lines is."""
    return np.abs((across + spacing / 2) % spacing - spacing / 2)


_DIAGONAL = PATTERN / 2 / math.sqrt(2)
PATTERNS: dict[str, Callable[[_Grid, _Grid], _Grid]] = {
    "hatch": lambda x, y: _stripes((x + y) / math.sqrt(2), _DIAGONAL) - 0.7,
    "hatch-back": lambda x, y: _stripes((x - y) / math.sqrt(2), _DIAGONAL) - 0.7,
    "cross-hatch": lambda x, y: np.minimum(PATTERNS["hatch"](x, y), PATTERNS["hatch-back"](x, y)),
    "lines": lambda x, y: _stripes(y - 2 + 0 * x, PATTERN / 4) - 0.6,
    "dots": lambda x, y: np.hypot(_stripes(x - 4, PATTERN / 2), _stripes(y - 4, PATTERN / 2)) - 1.4,
}
"""How far places of a pattern lie from its ink, negative on it, pixels at density 1."""


def names_of_images() -> frozenset[str]:
    """Return the names of all icons and patterns."""
    return frozenset((*ICONS, *PATTERNS))


def sprite_index(name: str, ratio: int) -> bytes:
    """Return the JSON that tells where each icon and pattern lies.

    Args:
        name: Name of the sprite.
        ratio: Pixels of the picture a pixel at density 1: 1 or 2.

    Raises:
        NotFound: There is no such sprite.
    """
    _check(name)
    size, pattern = ICON * ratio, PATTERN * ratio
    places = {icon: Place(at * size, 0, size, size, ratio, sdf=True) for at, icon in enumerate(ICONS)}
    places |= {one: Place(at * pattern, size, pattern, pattern, ratio) for at, one in enumerate(PATTERNS)}
    return msgspec.json.encode(places)


def sprite_picture(name: str, ratio: int) -> bytes:
    """Return the PNG that holds the icons and, below them, the patterns; arguments are those of `sprite_index`.

    Raises:
        NotFound: There is no such sprite.
    """
    _check(name)
    size, pattern = ICON * ratio, PATTERN * ratio
    sheet = np.zeros((size + pattern, max(size * len(ICONS), pattern * len(PATTERNS)), 4), np.uint8)
    for at, rings in enumerate(ICONS.values()):
        sheet[:size, at * size : (at + 1) * size, 3] = _icon(rings, ratio)
    for at, away in enumerate(PATTERNS.values()):
        sheet[size:, at * pattern : (at + 1) * pattern] = _pattern(away, ratio)
    return encode_png(sheet)


def _icon(rings: list[_Ring], ratio: int) -> NDArray[np.uint8]:
    shapes = [np.array(ring) * (_HALF * ratio) for ring in rings]
    segments = np.concatenate([np.column_stack((one, np.roll(one, -1, axis=0))) for one in shapes])
    out = np.empty((ICON * ratio, ICON * ratio), np.uint8)
    middle = ICON * ratio / 2
    encode_distances(segments, -middle, middle, _RADIUS * ratio, out)
    return out


def _pattern(away: Callable[[_Grid, _Grid], _Grid], ratio: int) -> NDArray[np.uint8]:
    centres = (np.arange(PATTERN * ratio) + 0.5) / ratio
    share = np.clip(0.5 - away(centres[None, :], centres[:, None]) * ratio, 0, 1)
    ink = np.broadcast_to(np.array(_INK, np.uint8), (*share.shape, 3))
    return np.dstack((ink, np.rint(share * 255).astype(np.uint8)))


def _check(name: str) -> None:
    if name != SPRITE:
        raise NotFound(f"no sprite is named {name[:80]!r}", f"take {SPRITE}")
