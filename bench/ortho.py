"""A synthetic orthophotograph: parcels, roads and texture that compress like the real thing."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_PALETTE = np.array(
    [[96, 118, 70], [150, 140, 100], [70, 96, 60], [176, 164, 128], [120, 132, 84], [140, 120, 96]], dtype=np.float32
)
"""Red, green, blue of the crops, meadows, woods and soils that parcels take, shape (6, 3)."""

_OCTAVES = ((1024, 1.0), (256, 0.6), (64, 0.45), (16, 0.3), (4, 0.3))
"""Size in pixels and weight of the texture's layers of noise."""

_STRIP = 512
"""Rows drawn at a time."""


def draw_ortho(size: int, seed: int = 7) -> NDArray[np.uint8]:
    """Draw the same picture for the same seed.

    Args:
        size: Width and height, pixels, a multiple of 512.
        seed: Of the random numbers.

    Returns:
        Red, green, blue, shape (3, size, size), north up.
    """
    rng = np.random.default_rng(seed)
    textures = [(step, weight, lattice(rng, size, step)) for step, weight in _OCTAVES]
    bend_x, bend_y = lattice(rng, size, 384), lattice(rng, size, 384)
    parcels = rng.integers(0, len(_PALETTE), (size // 96 + 4, size // 96 + 4))
    picture = np.empty((3, size, size), dtype=np.uint8)
    cols = np.arange(size, dtype=np.int32)
    for top in range(0, size, _STRIP):
        rows = np.arange(top, top + _STRIP, dtype=np.int32)
        texture = sum(
            (weight * _sample(noise, step, rows, cols) for step, weight, noise in textures),
            start=np.zeros((_STRIP, size), dtype=np.float32),
        )
        y = rows[:, None] + 160.0 * _sample(bend_y, 384, rows, cols)
        x = cols[None, :] + 160.0 * _sample(bend_x, 384, rows, cols)
        kind = parcels[(y // 96).astype(np.int64) + 1, (x // 96).astype(np.int64) + 1]
        road = ((x % 1365) < 26) | ((y % 1137) < 24)
        for band in range(3):
            value = np.where(road, np.float32(178.0) + 25.0 * texture, _PALETTE[kind, band] + 70.0 * texture)
            value += np.float32(3.0) * rng.standard_normal(value.shape, dtype=np.float32)
            picture[band, top : top + _STRIP] = np.clip(value, 0, 255)
    return picture


def write_cog(
    path: Path,
    picture: NDArray[np.uint8],
    *,
    crs: str,
    west: float,
    north: float,
    cell_size: float,
    block: int,
    quality: int = 85,
) -> None:
    """Write a picture as a JPEG COG with averaged overviews; the file appears whole or not at all.

    Args:
        path: The file.
        picture: Bands, rows, columns.
        crs: Coordinate reference system, authority and code.
        west: West edge, units of the CRS.
        north: North edge, units of the CRS.
        cell_size: Width and height of a pixel, units of the CRS.
        block: Width and height of the blocks, pixels.
        quality: Of the JPEG blocks, 1 to 100.
    """
    import rasterio
    import rasterio.shutil
    from affine import Affine
    from rasterio.io import MemoryFile

    count, height, width = picture.shape
    made = path.with_suffix(".part.tif")
    grid = {"width": width, "height": height, "count": count, "dtype": "uint8"}
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            crs=crs,
            transform=Affine(cell_size, 0.0, west, 0.0, -cell_size, north),
            photometric="RGB",
            **grid,
        ) as plain:
            plain.write(picture)
        rasterio.shutil.copy(
            memory.name,
            made,
            driver="COG",
            BLOCKSIZE=block,
            COMPRESS="JPEG",
            QUALITY=quality,
            OVERVIEW_RESAMPLING="AVERAGE",
        )
    made.replace(path)


def lattice(rng: np.random.Generator, size: int, step: int) -> NDArray[np.float32]:
    """Return noise from -0.5 to 0.5 at every `step` pixels of the picture and one beyond."""
    side = size // step + 2
    return rng.random((side, side), dtype=np.float32) - np.float32(0.5)


def _sample(
    lattice: NDArray[np.float32], step: int, rows: NDArray[np.int32], cols: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Interpolate a lattice of one value every `step` pixels bilinearly, shape (rows, cols)."""
    top, left = rows // step, cols // step
    down = ((rows % step) / step).astype(np.float32)[:, None]
    right = ((cols % step) / step).astype(np.float32)
    near = lattice[top] * (1 - down) + lattice[top + 1] * down
    return (near[:, left] * (1 - right) + near[:, left + 1] * right).astype(np.float32, copy=False)
