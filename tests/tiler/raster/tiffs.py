"""TIFF files for tests, written by GDAL."""

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

DATA = Path(__file__).parents[4] / "shared" / "data" / "raster"
"""Reference rasters beside the project; tests that use them skip where they are absent."""


def photo(rows: int, cols: int, bands: int = 3, seed: int = 1) -> np.ndarray:
    """Return smooth colours with some grain, shape (bands, rows, cols), uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:cols]
    waves = [
        127 + 70 * np.sin(x / (31 + 7 * band) + band) * np.cos(y / (23 + 5 * band)) + random.normal(0, 6, (rows, cols))
        for band in range(bands)
    ]
    return np.clip(np.stack(waves), 0, 255).astype(np.uint8)


def write_tiff(
    path: Path,
    values: np.ndarray,
    *,
    west: float = 1000.0,
    north: float = 9000.0,
    cell: float = 1.0,
    crs: str | None = "EPSG:3857",
    mask: np.ndarray | None = None,
    nodata: float | None = None,
    **options: Any,
) -> Path:
    """Write a plain GeoTIFF; `options` are creation options of GDAL's GTiff driver."""
    bands, rows, cols = values.shape
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", count=bands, height=rows, width=cols, dtype=values.dtype, crs=crs,
            transform=from_origin(west, north, cell, cell), nodata=nodata, **options,
        ) as dataset,
    ):  # fmt: skip
        dataset.write(values)
        if mask is not None:
            dataset.write_mask(mask)
    return path


def write_cog(
    path: Path,
    values: np.ndarray,
    *,
    west: float = 1000.0,
    north: float = 9000.0,
    cell: float = 1.0,
    crs: str | None = "EPSG:3857",
    mask: np.ndarray | None = None,
    nodata: float | None = None,
    palette: dict[int, tuple[int, int, int, int]] | None = None,
    **options: Any,
) -> Path:
    """Write a Cloud-Optimized GeoTIFF; `options` are creation options of GDAL's COG driver."""
    bands, rows, cols = values.shape
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
        with memory.open(
            driver="GTiff", count=bands, height=rows, width=cols, dtype=values.dtype, crs=crs,
            transform=from_origin(west, north, cell, cell), nodata=nodata, tiled=True,
        ) as dataset:  # fmt: skip
            dataset.write(values)
            if palette is not None:
                dataset.write_colormap(1, palette)
            if mask is not None:
                dataset.write_mask(mask)
        with memory.open() as dataset:
            rasterio.shutil.copy(dataset, path, driver="COG", **options)
    return path
