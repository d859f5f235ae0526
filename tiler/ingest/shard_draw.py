"""Inputs drawn into the grid of a shard, window by window, later inputs over earlier ones."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.transform import from_gcps
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window
from rasterio.windows import bounds as window_bounds

from core.errors import InputRefused
from core.layer import Bounds
from tiler.ingest.pyramid import Shard
from tiler.ingest.raster_grid import bounds_in
from tiler.ingest.raster_input import GDAL_ERRORS, RasterInput, open_dataset
from tiler.ingest.raster_profile import RasterProfile
from tiler.ingest.shard_write import ShardWriter

WINDOW = 2048
"""Side of a window, pixels: a multiple of the block, small enough for any memory limit."""

_TOLERANCE_PX = 0.01
"""How far GDAL may be off where it interpolates between places it has transformed; neighbours meet this closely."""

Samples = NDArray[Any]


def draw_shard(inputs: tuple[RasterInput, ...], shard: Shard, profile: RasterProfile, output: ShardWriter) -> None:
    """Draw inputs on the pixels of a shard.

    Args:
        inputs: What to draw; where two overlap the later one is seen.
        shard: The pixels.
        profile: How samples are stored.
        output: Given each window in which something lies.

    Raises:
        InputRefused: The pixels of an input cannot be read.
        StoreFull: There is no room for the scratch file.
    """
    crs = CRS.from_user_input(shard.tier.crs)
    boxes = [bounds_in(one, crs) for one in inputs]
    with ExitStack() as opened:
        views = [_view(one, shard, crs, profile, opened) for one in inputs]
        for window in _windows(shard):
            box = window_bounds(window, shard.transform)
            seen = [(one, view) for one, view, own in zip(inputs, views, boxes, strict=True) if _meet(own, box)]
            if not seen:
                continue
            samples, valid = _blank(profile, window)
            for one, view in seen:
                _draw(one, view, window, profile, samples, valid)
            output.write(samples, valid, window)


def _windows(shard: Shard) -> Iterator[Window]:
    for row in range(0, shard.size, WINDOW):
        for col in range(0, shard.size, WINDOW):
            yield Window(col, row, min(WINDOW, shard.size - col), min(WINDOW, shard.size - row))


def _meet(one: Bounds, other: Bounds) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _view(one: RasterInput, shard: Shard, crs: CRS, profile: RasterProfile, opened: ExitStack) -> WarpedVRT:
    """Open an input as if it lay on the shard's grid."""
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
            crs=crs,
            transform=shard.transform,
            width=shard.size,
            height=shard.size,
            add_alpha=missing is None and not one.alpha,
            resampling=Resampling[profile.resampling],
            tolerance=_TOLERANCE_PX,
            warp_mem_limit=128,
            **options,
        )
    )


def _draw(
    one: RasterInput, view: WarpedVRT, window: Window, profile: RasterProfile, samples: Samples, valid: Samples
) -> None:
    """Draw one input over what the window holds. Modifies `samples` (bands, rows, cols) and `valid` (rows, cols)."""
    numbers = [number for number in range(1, len(one.dtypes) + 1) if number != one.alpha]
    try:
        drawn = view.read(numbers, window=window)
        present = _present(view, window)
    except GDAL_ERRORS as err:
        reason = " ".join(str(err.__cause__ or err).split())[:200]
        raise InputRefused(
            f"{Path(one.path).name} is damaged: its pixels cannot be read ({reason})", "get the file again"
        ) from err
    if one.palette:
        painted, opaque = _paint(drawn[0], one.palette)
        present &= opaque
        drawn = drawn if profile.palette else painted
    if np.issubdtype(drawn.dtype, np.floating):
        present &= np.isfinite(drawn).all(axis=0)
    samples[:, present] = drawn[:, present]
    valid[present] = 255


def _present(view: WarpedVRT, window: Window) -> NDArray[np.bool_]:
    """Return where a view has pixels, by its alpha band: GDAL takes only one of bytes for a mask."""
    alphas = [number for number, meaning in enumerate(view.colorinterp, start=1) if meaning == ColorInterp.alpha]
    there: NDArray[np.bool_] = (
        view.read(alphas[-1], window=window) if alphas else view.dataset_mask(window=window)
    ) > 0
    return there


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
