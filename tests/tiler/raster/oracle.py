"""Rasters of every kind the engine paints, made by GDAL and warped by GDAL, to compare tiles with."""

import math
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import DatasetReader, MemoryFile
from rasterio.transform import from_origin
from rasterio.vrt import WarpedVRT

from tests.tiler.raster.tiffs import photo
from tiler.matrix import tile_at, tile_bounds, tile_matrix_set
from tiler.raster.grid import PixelGrid

_FOLDER = TemporaryDirectory(prefix="geopf-oracle-")

COLS, ROWS = 700, 520
"""Pixels of a source."""

PLACES = {
    "EPSG:2154": (700_000.0, 6_600_000.0, 0.2),
    "EPSG:3857": (334_111.7, 5_861_533.3, 0.3),
    "EPSG:4326": (3.0, 46.5, 0.0000025),
    "EPSG:32631": (500_000.0, 5_150_000.0, 0.5),
    "EPSG:27572": (600_000.0, 2_200_000.0, 1.0),
    "EPSG:2975": (340_000.0, 7_660_000.0, 0.2),
    "EPSG:3035": (3_800_000.0, 2_600_000.0, 2.0),
}
"""West, north and pixel size of a source by its CRS."""


class Source(NamedTuple):
    """What distinguishes one source from another; all pixels of a kind show the same picture."""

    crs: str = "EPSG:2154"
    dtype: str = "uint8"
    bands: int = 3
    missing: str = "none"
    """`none`, `nodata`, `mask`, `alpha`, `soft` (alpha of any value) or `nan`."""
    block: tuple[int, int] = (128, 128)
    overviews: bool = False
    south_up: bool = False
    sparse: bool = False
    options: tuple[tuple[str, Any], ...] = ()
    """Creation options of GDAL's GTiff driver."""

    @property
    def transform(self) -> Affine:
        west, north, cell = PLACES[self.crs]
        if self.south_up:
            return Affine(cell, 0, west, 0, cell, north - ROWS * cell)
        return from_origin(west, north, cell, cell)

    @property
    def alpha(self) -> bool:
        return self.missing in {"alpha", "soft"}

    @property
    def colours(self) -> tuple[int, ...]:
        """Bands without alpha, from 1."""
        return tuple(range(1, self.bands + 1 - self.alpha))

    @property
    def nodata(self) -> float | None:
        if self.missing != "nodata":
            return None
        return -9999.0 if self.dtype in {"int16", "float32", "float64"} else 0.0


def holes() -> np.ndarray:
    """Return which pixels are missing: a block, a line, a corner and some grain."""
    gone = np.zeros((ROWS, COLS), bool)
    gone[60:190, 90:260] = True
    gone[300:303, :] = True
    gone[400:, 600:] = True
    gone[::41, ::37] = True
    return gone


def samples(source: Source) -> np.ndarray:
    """Return the samples of a source, missing ones told in its own way, shape (bands, rows, cols)."""
    colours = source.bands - source.alpha
    picture = photo(ROWS, COLS, colours).clip(1, 254)
    if source.dtype == "uint8":
        values = picture
    else:
        scale = {"int16": 40.0, "uint16": 200.0, "float32": 3.3, "float64": 3.3}[source.dtype]
        values = (picture.astype(np.float64) * scale + (-4000 if source.dtype == "int16" else 0)).astype(source.dtype)
    gone = holes()
    if source.missing == "nodata":
        values[:, gone] = source.nodata
    elif source.missing == "nan":
        values[:, gone] = np.nan
    elif source.alpha:
        full = 255 if source.dtype == "uint8" else 65535
        cover = np.full((ROWS, COLS), full)
        if source.missing == "soft":
            cover = photo(ROWS, COLS, 1, seed=9)[0].astype(np.int64).clip(1) * (full // 255)
        values = np.concatenate([values, np.where(gone, 0, cover)[None].astype(source.dtype)])
    if source.sparse:
        values[:, 256:384, 128:384] = 0
    return values


@cache
def stored(source: Source) -> Path:
    """Write a source once for all tests of a process."""
    path = Path(_FOLDER.name) / f"{len(list(Path(_FOLDER.name).iterdir())):03}.tif"
    options = {"tiled": True, "blockxsize": source.block[0], "blockysize": source.block[1], **dict(source.options)}
    if source.sparse:
        options |= {"sparse_ok": True}
    if source.alpha:
        options |= {"ALPHA": "YES", **({"PHOTOMETRIC": "RGB"} if source.bands == 4 else {})}
    values = samples(source)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", count=source.bands, height=ROWS, width=COLS, dtype=source.dtype,
            crs=source.crs, transform=source.transform, nodata=source.nodata, **options,
        ) as dataset,
    ):  # fmt: skip
        dataset.write(values)
        if source.missing == "mask":
            dataset.write_mask(np.where(holes(), 0, 255).astype(np.uint8))
    if source.overviews:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
            dataset.build_overviews([2, 4], Resampling.average)
    return path


def warp(path: Path, grid: PixelGrid, resampling: str, *, level: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Warp one level of a file with GDAL; return values (rows, cols, bands) and validity.

    Float and 16-bit samples come as float32; the alpha band, if any, as validity.
    """
    with rasterio.open(path, OVERVIEW_LEVEL="NONE" if level == 0 else level - 1) as dataset:
        alpha = ColorInterp.alpha in dataset.colorinterp
        floats = dataset.dtypes[0] != "uint8"
        missing: Any = dataset.nodata
        if missing is None and dataset.dtypes[0].startswith("float"):
            missing = math.nan
        options: dict[str, Any] = {"dtype": "float32"} if floats and not alpha else {}
        across, down = reductions(dataset, grid)
        with WarpedVRT(
            dataset, crs=grid.crs, resampling=Resampling[resampling], width=grid.cols, height=grid.rows,
            transform=from_origin(grid.west, grid.north, grid.cell_x, grid.cell_y), tolerance=1e-4,
            src_nodata=missing, nodata=missing, add_alpha=not alpha and missing is None,
            XSCALE=1 / across, YSCALE=1 / down, **options,
        ) as vrt:  # fmt: skip
            picture = vrt.read()
            valid = picture[-1] if alpha or missing is None else vrt.dataset_mask()
    bands = picture[:-1] if alpha or missing is None else picture
    return np.moveaxis(bands, 0, 2), valid


def reductions(dataset: DatasetReader, grid: PixelGrid) -> tuple[float, float]:
    """Return columns and rows of a file per pixel in the middle of a grid.

    GDAL would guess them from what of the file lies under the grid, wrongly where that is a part of it alone.
    """
    x, y = grid.west + grid.cols / 2 * grid.cell_x, grid.north - grid.rows / 2 * grid.cell_y
    there = Transformer.from_crs(grid.crs, dataset.crs.to_wkt(), always_xy=True)
    xs, ys = there.transform([x, x + grid.cell_x, x], [y, y, y + grid.cell_y])
    (c0, r0), (c1, r1), (c2, r2) = (~dataset.transform * place for place in zip(xs, ys, strict=True))
    return abs(c1 - c0) + abs(c2 - c0), abs(r1 - r0) + abs(r2 - r0)


def tile_of(tms_id: str, crs: str, reduction: float, across: float, down: float, scale: int = 1) -> PixelGrid:
    """Return the tile at a place of a source, on the level whose pixels are nearest to `reduction` of the source's.

    Args:
        tms_id: Tile matrix set.
        crs: CRS of the source.
        reduction: Source pixels per pixel of the tile.
        across: Place in the source, 0 at its west and 1 at its east edge.
        down: 0 at its north and 1 at its south edge.
        scale: Pixels per pixel of the set.
    """
    west, north, cell = PLACES[crs]
    x, y = west + across * COLS * cell, north - down * ROWS * cell
    tms = tile_matrix_set(tms_id)
    there = Transformer.from_crs(crs, tms.crs, always_xy=True)
    (x0, y0), (x1, y1), (x2, y2) = (there.transform(*place) for place in ((x, y), (x + cell * 9, y), (x, y - cell * 9)))
    side = math.sqrt(abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0))) / 9
    matrix = min(tms.matrices, key=lambda one: abs(math.log(one.cell_size / scale / side / reduction)))
    left, _, _, top = tile_bounds(matrix, *tile_at(matrix, x0, y0))
    size = matrix.tile_size * scale
    return PixelGrid(tms.crs, left, top, matrix.cell_size / scale, matrix.cell_size / scale, size, size)


def in_memory(data: bytes) -> MemoryFile:
    """Open bytes as a file of GDAL's."""
    return MemoryFile(data)
