"""Tree crowns stamped on a cover, from a few shapes made once for a pixel size."""

from functools import lru_cache

import numpy as np

from deploy.territory.cover import Cover
from deploy.territory.grid import Floats
from deploy.territory.sun import SUN
from deploy.territory.trees import BUSH, PINE, POPLAR, Trees

_RADIUS_STEP_M = 0.25
_SHAPES = 5


def stamp_trees(cover: Cover, trees: Trees, first_surface: int) -> None:
    """Let the trees of the window stand on the cover; where crowns meet, the higher one shows.

    Args:
        cover: Modified.
        trees: All trees of the territory.
        first_surface: Index of the surface of the first species.
    """
    window = cover.window
    west, south, east, north = window.bounds
    near = (trees.x > west - 6) & (trees.x < east + 6) & (trees.y > south - 6) & (trees.y < north + 6)
    for k in np.flatnonzero(near):
        species = int(trees.species[k])
        size = max(1, round(float(trees.radius[k]) / _RADIUS_STEP_M))
        shape, light, tone = _crown(window.cell, size, int(k) % _SHAPES, species)
        row = int((window.north - trees.y[k]) / window.cell) - shape.shape[0] // 2
        col = int((trees.x[k] - window.west) / window.cell) - shape.shape[1] // 2
        first_row, first_col = max(0, row), max(0, col)
        last_row, last_col = min(window.rows, row + shape.shape[0]), min(window.cols, col + shape.shape[1])
        if first_row >= last_row or first_col >= last_col:
            continue
        area = slice(first_row, last_row), slice(first_col, last_col)
        part = slice(first_row - row, last_row - row), slice(first_col - col, last_col - col)
        height = shape[part] * trees.height[k]
        wins = (height > cover.height[area]) & (height > 0)
        np.copyto(cover.height[area], height, where=wins)
        np.copyto(cover.surface[area], np.uint16(first_surface + species), where=wins)
        np.copyto(cover.light[area], light[part], where=wins)
        np.copyto(cover.tone[area], tone[part] + trees.tint[k], where=wins)


@lru_cache(maxsize=1024)
def _crown(cell: float, size: int, shape: int, species: int) -> tuple[Floats, Floats, Floats]:
    """Return height (share of the top's, 0 outside), light and tone of a crown, square rasters."""
    rng = np.random.default_rng((size, shape, species))
    radius = size * _RADIUS_STEP_M
    half = int(np.ceil(radius * 1.2 / cell)) + 1
    at = np.arange(-half, half + 1, dtype=np.float32) * np.float32(cell)
    x, y = at[None, :], -at[:, None]
    angle = np.arctan2(y, x)
    edge = 1 + sum(rng.uniform(0.02, 0.08) * np.sin(n * angle + rng.uniform(0, 6.3)) for n in (2, 3, 5, 7))
    out = np.hypot(x, y) / (radius * edge)
    foot = {PINE: 0.25, POPLAR: 0.30, BUSH: 0.15}.get(species, 0.45)
    dome = foot + (1 - foot) * np.sqrt(np.clip(1 - out**2, 0, 1))
    tufts = np.zeros_like(dome)
    for _ in range(max(3, int(radius * radius * 1.6))):
        turn, away = rng.uniform(0, 6.3), radius * np.sqrt(rng.uniform(0, 0.85))
        wide = rng.uniform(0.45, 0.9)
        tuft = np.exp(-((x - away * np.cos(turn)) ** 2 + (y - away * np.sin(turn)) ** 2) / (wide * wide))
        tufts = np.maximum(tufts, rng.uniform(0.5, 1.0) * tuft)
    bumpy = np.where(out < 1, dome * (0.86 + 0.14 * tufts), 0)
    metres = (dome * radius * 1.15 + 0.75 * tufts).astype(np.float32)
    east, north = np.gradient(metres, axis=1) / cell, -np.gradient(metres, axis=0) / cell
    lit = (SUN[2] - SUN[0] * east - SUN[1] * north) / np.sqrt(1 + east**2 + north**2) / SUN[2]
    tone = 0.22 + 0.42 * tufts + rng.normal(0, 0.05, dome.shape)
    return bumpy.astype(np.float32), np.clip(lit, 0.42, 1.25).astype(np.float32), tone.astype(np.float32)
