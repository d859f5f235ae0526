"""A shard written: windows of pixels into a scratch file, then a COG whose blocks are tiles."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from core.errors import StoreFull
from tiler.ingest.pyramid import Shard
from tiler.ingest.raster_input import GDAL_ERRORS
from tiler.ingest.raster_profile import RasterProfile

GDAL = {"GDAL_TIFF_INTERNAL_MASK": True, "GDAL_CACHEMAX": 256 << 20}
"""Options of GDAL while shards are made."""

_REMEDY = "free disk space and try again"


class ShardWriter:
    """Takes windows in any order; what is never written, or holds nothing, takes no room.

    Works within `GDAL`, the environment of the thread.

    Args:
        shard: The pixels.
        profile: How samples are stored.
        folder: Where the scratch files go; the name of the shard is theirs.
    """

    def __init__(self, shard: Shard, profile: RasterProfile, folder: Path) -> None:
        self._shard = shard
        self._profile = profile
        stem = f"{shard.tier.tms}-{shard.tier.matrices[0].id}-{shard.col}_{shard.row}"
        self._drawn, self._made = folder / f"{stem}.drawn.tif", folder / f"{stem}.tif"
        self._opened = ExitStack()
        self._output: DatasetWriter | None = None

    def write(self, samples: NDArray[Any], valid: NDArray[np.uint8], window: Window) -> None:
        """Write a window.

        Args:
            samples: Shape (bands, rows, cols).
            valid: 0 where there is nothing, shape (rows, cols).
            window: Where it lies, on block edges.

        Raises:
            StoreFull: The scratch file cannot grow.
        """
        if not valid.any():
            return
        try:
            output = self._output or self._open()
            output.write(samples, window=window)
            if self._profile.masked:
                output.write_mask(valid, window=window)
        except GDAL_ERRORS as err:
            raise StoreFull(f"the scratch file could not be written ({_reason(err)})", _REMEDY) from err

    def finish(self) -> Path | None:
        """Return the COG, None when nothing was written.

        Raises:
            StoreFull: There is no room for it.
        """
        if self._output is None:
            return None
        try:
            self._opened.close()
            rasterio.shutil.copy(self._drawn, self._made, driver="COG", **self._options())
            self._drawn.unlink()
            _read_back(self._made)
        except GDAL_ERRORS as err:
            raise StoreFull(f"a COG could not be written ({_reason(err)})", _REMEDY) from err
        return self._made

    def close(self) -> None:
        """Remove the scratch files."""
        self._opened.close()
        for path in (self._drawn, self._made):
            path.unlink(missing_ok=True)

    def _open(self) -> DatasetWriter:
        profile, shard = self._profile, self._shard
        block = shard.tier.matrices[0].tile_size
        output: DatasetWriter = self._opened.enter_context(
            rasterio.open(
                self._drawn,
                "w",
                driver="GTiff",
                width=shard.size,
                height=shard.size,
                count=profile.count,
                dtype=profile.dtype,
                nodata=profile.nodata,
                crs=CRS.from_user_input(shard.tier.crs),
                transform=shard.transform,
                tiled=True,
                blockxsize=block,
                blockysize=block,
                compress="ZSTD",
                zstd_level=1,
                sparse_ok=True,
                bigtiff="IF_SAFER",
            )
        )
        if profile.palette:
            output.write_colormap(1, profile.palette)
        elif profile.count == 3 and profile.dtype == "uint8":
            output.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
        self._output = output
        return output

    def _options(self) -> dict[str, Any]:
        levels, nearest = len(self._shard.tier.matrices), self._profile.resampling == "nearest"
        overviews: dict[str, Any] = {"OVERVIEWS": "NONE"}
        if levels > 1:
            overviews = {
                "OVERVIEWS": "AUTO",
                "OVERVIEW_COUNT": levels - 1,
                "OVERVIEW_RESAMPLING": "NEAREST" if nearest else "AVERAGE",
            }
        block = self._shard.tier.matrices[0].tile_size
        return {
            **self._profile.compression,
            **overviews,
            "BLOCKSIZE": block,
            "SPARSE_OK": "YES",
            "BIGTIFF": "IF_SAFER",
        }


def _read_back(made: Path) -> None:
    """Read every row of blocks: a full disk can go unnoticed while writing."""
    with rasterio.open(made) as dataset:
        step = dataset.block_shapes[0][0] * 4
        for row in range(0, dataset.height, step):
            dataset.read(1, window=((row, min(row + step, dataset.height)), (0, dataset.width)))


def _reason(error: BaseException) -> str:
    return " ".join(str(error.__cause__ or error).split())[:200]
