"""All inputs of a layer drawn into one grid, window by window, later inputs over earlier ones."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import DatasetWriter
from rasterio.transform import from_gcps
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window, from_bounds
from rasterio.windows import bounds as window_bounds

from core.errors import InputRefused, StoreFull
from core.layer import Bounds
from tiler.ingest.raster_grid import MERCATOR, RasterGrid, mercator_bounds
from tiler.ingest.raster_input import GDAL_ERRORS, RasterInput, open_dataset
from tiler.ingest.raster_profile import RasterProfile

WINDOW = 2048
"""Side of a window, pixels: a multiple of the block, small enough for any memory limit."""

Samples = NDArray[Any]


def draw_mosaic(
    inputs: tuple[RasterInput, ...],
    grid: RasterGrid,
    profile: RasterProfile,
    target: Path,
    on_progress: Callable[[float], None],
) -> None:
    """Write the inputs into a tiled GeoTIFF on `grid`, with a mask or a nodata value as `profile` says.

    Args:
        inputs: What to draw; where two overlap the later one is seen.
        grid: The pixels.
        profile: How samples are stored.
        target: GeoTIFF to make.
        on_progress: Told the share of windows done, 0 to 1.

    Raises:
        InputRefused: The pixels of an input cannot be read.
        StoreFull: There is no room for the scratch file.
    """
    windows = list(_windows(grid, mercator_bounds(inputs)))
    creation = {
        "driver": "GTiff",
        "width": grid.width,
        "height": grid.height,
        "count": profile.count,
        "dtype": profile.dtype,
        "nodata": profile.nodata,
        "crs": MERCATOR,
        "transform": grid.transform,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "ZSTD",
        "zstd_level": 1,
        "sparse_ok": True,
        "bigtiff": "IF_SAFER",
    }
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_NUM_THREADS="2", GDAL_CACHEMAX=256 << 20),
        rasterio.open(target, "w", **creation) as output,
        ExitStack() as opened,
    ):
        if profile.count == 3 and profile.dtype == "uint8":
            output.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
        views = [_view(one, grid, profile, opened) for one in inputs]
        boxes = [mercator_bounds((one,)) for one in inputs]
        for done, window in enumerate(windows, start=1):
            box = window_bounds(window, grid.transform)
            samples, valid = _blank(profile, window)
            for one, view, own in zip(inputs, views, boxes, strict=True):
                if own[0] < box[2] and box[0] < own[2] and own[1] < box[3] and box[1] < own[3]:
                    _draw(one, view, window, samples, valid)
            if valid.any():
                _write(output, samples, valid if profile.masked else None, window)
            on_progress(done / len(windows))


def _windows(grid: RasterGrid, bounds: Bounds) -> Iterator[Window]:
    """Yield the windows of the grid that meet the data, block-aligned."""
    data = from_bounds(*bounds, transform=grid.transform)
    first_col, first_row = int(data.col_off) // WINDOW * WINDOW, int(data.row_off) // WINDOW * WINDOW
    for row in range(max(first_row, 0), min(grid.height, int(data.row_off + data.height) + 1), WINDOW):
        for col in range(max(first_col, 0), min(grid.width, int(data.col_off + data.width) + 1), WINDOW):
            yield Window(col, row, min(WINDOW, grid.width - col), min(WINDOW, grid.height - row))


def _view(one: RasterInput, grid: RasterGrid, profile: RasterProfile, opened: ExitStack) -> WarpedVRT:
    """Open an input as if it lay on the grid."""
    dataset = opened.enter_context(open_dataset(one.path))
    options: dict[str, Any] = {}
    if one.gcps:
        options["src_transform"] = from_gcps(dataset.gcps[0])
    missing = one.nodata
    if missing is None and profile.nodata is not None:
        missing = np.nan if np.issubdtype(np.dtype(one.dtypes[0]), np.floating) else None
    return opened.enter_context(
        WarpedVRT(
            dataset,
            src_crs=CRS.from_wkt(one.crs),
            src_nodata=missing,
            nodata=missing,
            crs=MERCATOR,
            transform=grid.transform,
            width=grid.width,
            height=grid.height,
            add_alpha=missing is None and not one.alpha,
            resampling=Resampling[profile.resampling],
            warp_mem_limit=128,
            NUM_THREADS="2",
            **options,
        )
    )


def _write(output: DatasetWriter, samples: Samples, valid: Samples | None, window: Window) -> None:
    """Write a window and its mask.

    Raises:
        StoreFull: The file cannot grow.
    """
    try:
        output.write(samples, window=window)
        if valid is not None:
            output.write_mask(valid, window=window)
    except GDAL_ERRORS as err:
        reason = " ".join(str(err.__cause__ or err).split())[:200]
        raise StoreFull(f"the scratch file could not be written ({reason})", "free disk space and try again") from err


def _draw(one: RasterInput, view: WarpedVRT, window: Window, samples: Samples, valid: Samples) -> None:
    """Draw one input over what the window holds. Modifies `samples` (bands, rows, cols) and `valid` (rows, cols)."""
    numbers = [number for number in range(1, len(one.dtypes) + 1) if number != one.alpha]
    try:
        drawn = view.read(numbers, window=window)
        present = view.dataset_mask(window=window) > 0
    except GDAL_ERRORS as err:
        reason = " ".join(str(err.__cause__ or err).split())[:200]
        raise InputRefused(
            f"{Path(one.path).name} is damaged: its pixels cannot be read ({reason})", "get the file again"
        ) from err
    if one.palette:
        drawn, opaque = _paint(drawn[0], one.palette)
        present &= opaque
    if np.issubdtype(drawn.dtype, np.floating):
        present &= np.isfinite(drawn).all(axis=0)
    samples[:, present] = drawn[:, present]
    valid[present] = 255


def _paint(values: Samples, palette: dict[int, tuple[int, int, int, int]]) -> tuple[Samples, Samples]:
    """Return colours (3, rows, cols) and opacity (rows, cols) of paletted values."""
    table = np.zeros((max(256, max(palette) + 1), 4), np.uint8)
    for value, colour in palette.items():
        table[value] = colour
    painted = table[values]
    return np.moveaxis(painted[..., :3], -1, 0), painted[..., 3] > 0


def _blank(profile: RasterProfile, window: Window) -> tuple[Samples, Samples]:
    shape = (int(window.height), int(window.width))
    fill = 0 if profile.nodata is None else profile.nodata
    return np.full((profile.count, *shape), fill, profile.dtype), np.zeros(shape, np.uint8)
