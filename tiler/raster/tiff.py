"""What a TIFF directory tells: its levels, their blocks, and where the pixels lie on the ground."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.layer import Bounds


class Compression:
    """Values of tag 259 that the engine decodes itself (TIFF 6.0 and the registered private ones)."""

    NONE, LZW, JPEG, DEFLATE, PACKBITS = 1, 5, 7, 8, 32773
    ADOBE_DEFLATE, LERC, ZSTD, WEBP = 32946, 34887, 50000, 50001


class Photometric:
    """Values of tag 262."""

    MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, YCBCR = 0, 1, 2, 3, 6


class Affine2(msgspec.Struct, frozen=True, gc=False):
    """North-up placement of a grid: column and row to easting and northing."""

    west: float
    """Outer edge of the first column, units of the CRS."""
    north: float
    """Outer edge of the first row."""
    cell_x: float
    """Width of a pixel, > 0."""
    cell_y: float
    """Height of a pixel; negative when rows go from south to north."""


class Level(msgspec.Struct, frozen=True, gc=False, kw_only=True, eq=False):
    """One image of the file, cut in blocks of equal size."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    block_width: int
    """Pixels; blocks on the right and bottom edge are stored whole."""
    block_height: int
    """Pixels; of a strip the rows it holds, of which the last may hold fewer."""
    tiled: bool
    """Cut in tiles, not in strips."""
    bands: int
    dtype: str
    """Sample type as numpy names it; `uint1` and other odd depths are named so too."""
    compression: int
    """One of `Compression`, or what else the file says."""
    predictor: int = 1
    """1 none, 2 horizontal difference, 3 floating point."""
    photometric: int = Photometric.MIN_IS_BLACK
    planar: bool = False
    """Each band in blocks of its own (tag 284 = 2)."""
    alpha: int = -1
    """Index of the band that is unassociated alpha, -1 without one."""
    jpeg_tables: bytes = b""
    """Quantisation and Huffman tables shared by all blocks, a JPEG stream from SOI to EOI (tag 347)."""
    lerc: tuple[int, ...] = ()
    """LERC version and additional compression: 0 none, 1 deflate, 2 zstd (tag 50674)."""
    palette: bytes = b""
    """Red, green, blue of every index as bytes."""
    offsets: NDArray[Any]
    """Where each block begins, rows of blocks from the top, shape (blocks,)."""
    counts: NDArray[Any]
    """Bytes of each block, 0 for one that is not there."""
    big_endian: bool = False

    @property
    def block_cols(self) -> int:
        """Blocks side by side."""
        return -(-self.width // self.block_width)

    @property
    def block_rows(self) -> int:
        """Blocks one below the other."""
        return -(-self.height // self.block_height)

    def span(self, col: int, row: int) -> tuple[int, int]:
        """Return offset and length of a block's bytes; length 0 when the block is not there."""
        index = row * self.block_cols + col
        return int(self.offsets[index]), int(self.counts[index])


class Tiff(msgspec.Struct, frozen=True, gc=False, kw_only=True, eq=False):
    """A file: the full image first, then its reductions from fine to coarse."""

    levels: tuple[Level, ...]
    masks: tuple[Level | None, ...]
    """For each level the mask beside it: 1 where the pixel is valid."""
    placement: Affine2 | None
    """Where the full image lies; None when it is rotated, placed by control points or not at all."""
    crs: str
    """`EPSG:code` or WKT; empty when the file does not say, or says it in a way of its own."""
    nodata: float | None
    """Value of missing samples (GDAL_NODATA, tag 42113)."""
    scaled: bool
    """GDAL metadata give a scale or an offset to the samples."""

    @property
    def bytes_held(self) -> int:
        """Memory the directory takes, bytes."""
        parts = [*self.levels, *(mask for mask in self.masks if mask is not None)]
        return 2048 + sum(one.offsets.nbytes + one.counts.nbytes + len(one.jpeg_tables) + 512 for one in parts)

    def bounds(self) -> Bounds:
        """Return west, south, east, north of the full image; it must be placed."""
        assert self.placement is not None
        place, full = self.placement, self.levels[0]
        east = place.west + full.width * place.cell_x
        other = place.north - full.height * place.cell_y
        return place.west, min(place.north, other), east, max(place.north, other)


def empty_table() -> NDArray[np.uint64]:
    """Return the table of a level without blocks."""
    return np.empty(0, np.uint64)
