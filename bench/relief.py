"""A synthetic relief: heights that are rough at every scale but the smallest, as those of a terrain model."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.ortho import lattice

CELL_M = 0.83
"""Size of a pixel on the ground for which the slopes are those of a hilly country, metres."""

_OCTAVES = tuple(2**power for power in range(11, 3, -1))
"""Sizes of the layers of noise, pixels: a terrain model is smooth over a dozen metres."""

_ROUGHNESS = 0.35
"""Height of a layer of noise over its size."""

_LOWEST_M = 400.0
_STRIP = 512


def draw_relief(size: int, seed: int = 5) -> NDArray[np.float32]:
    """Draw the same relief for the same seed.

    Args:
        size: Width and height, pixels, a multiple of 512.
        seed: Of the random numbers.

    Returns:
        Heights, metres, shape (size, size), north up.
    """
    rng = np.random.default_rng(seed)
    layers = [(step, np.float32(_ROUGHNESS * step * CELL_M), lattice(rng, size, step)) for step in _OCTAVES]
    heights = np.empty((size, size), np.float32)
    cols = np.arange(size, dtype=np.int32)
    for top in range(0, size, _STRIP):
        rows = np.arange(top, top + _STRIP, dtype=np.int32)
        strip = np.full((_STRIP, size), _LOWEST_M, np.float32)
        for step, height, noise in layers:
            strip += height * _smooth(noise, step, rows, cols)
        heights[top : top + _STRIP] = strip
    return heights


def write_heights(
    path: Path, heights: NDArray[np.float32], *, crs: str, west: float, north: float, cell_size: float, block: int
) -> None:
    """Write heights as a COG, LERC to a centimetre; the file appears whole or not at all.

    Args:
        path: The file.
        heights: Rows, columns; metres.
        crs: Coordinate reference system, authority and code.
        west: West edge, units of the CRS.
        north: North edge, units of the CRS.
        cell_size: Width and height of a pixel, units of the CRS.
        block: Width and height of the blocks, pixels.
    """
    import rasterio
    import rasterio.shutil
    from affine import Affine
    from rasterio.io import MemoryFile

    rows, cols = heights.shape
    made = path.with_suffix(".part.tif")
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            crs=crs,
            transform=Affine(cell_size, 0.0, west, 0.0, -cell_size, north),
            width=cols,
            height=rows,
            count=1,
            dtype="float32",
        ) as plain:
            plain.write(heights, 1)
        rasterio.shutil.copy(
            memory.name,
            made,
            driver="COG",
            BLOCKSIZE=block,
            COMPRESS="LERC_ZSTD",
            MAX_Z_ERROR=0.01,
            OVERVIEW_RESAMPLING="AVERAGE",
        )
    made.replace(path)


def _smooth(
    noise: NDArray[np.float32], step: int, rows: NDArray[np.int32], cols: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Interpolate noise without creases, shape (rows, cols)."""
    top, left = rows // step, cols // step
    down, right = (_eased(((at % step) / step).astype(np.float32)) for at in (rows, cols))
    near = noise[top] * (1 - down[:, None]) + noise[top + 1] * down[:, None]
    return (near[:, left] * (1 - right) + near[:, left + 1] * right).astype(np.float32, copy=False)


def _eased(share: NDArray[np.float32]) -> NDArray[np.float32]:
    return share * share * (3 - 2 * share)
