"""PNG (ISO/IEC 15948:2004): one filter for the whole picture and fast deflate, ten times cheaper than libpng.

Filters are chosen so that what is left compresses about as well as libpng's choice row by
row; pictures of few colours are indexes of 1 to 8 bits.
"""

import struct
from zlib import crc32

import imagecodecs
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from kernels.png import UP, cheaper_filter, filter_rows, pack_rows

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Colour type by number of channels (clause 11.2.2): grey, grey and alpha, RGB, RGBA."""

_INDEXED = 3
_FAST, _SMALL = 1, 6
"""Levels: of ISA-L for what changes from pixel to pixel, of libdeflate for packed indexes, which are few bytes."""

_MANY_BITS = 8
"""Indexes of so many bits are those of a ramp: neighbours differ little, so they are filtered as shades of grey are.

That takes an eighth of the time of libdeflate on unfiltered indexes and gives files a third larger.
"""


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a picture.

    Args:
        pixels: Grey, grey and alpha, RGB or RGBA, shape (rows, cols, 1 to 4).
    """
    height, width, channels = pixels.shape
    flat = np.ascontiguousarray(pixels).reshape(height, width * channels)
    rows = np.empty((height, 1 + width * channels), np.uint8)
    filter_rows(flat, channels, cheaper_filter(flat, channels), rows)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return b"".join((_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", isal_zlib.compress(rows, _FAST)), _END))


def encode_indexed_png(indexes: NDArray[np.uint8], palette: bytes) -> bytes:
    """Encode a picture of few colours.

    Args:
        indexes: Index of each pixel, below the number of colours, shape (rows, cols).
        palette: Red, green, blue, alpha of each colour, 256 at most.
    """
    height, width = indexes.shape
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 4)
    bits = next(bits for bits in (1, 2, 4, 8) if len(colours) <= 1 << bits)
    rows = np.empty((height, 1 + -(-width * bits // 8)), np.uint8)
    if bits == _MANY_BITS:
        filter_rows(np.ascontiguousarray(indexes), 1, UP, rows)
        data = isal_zlib.compress(rows, _FAST)
    else:
        pack_rows(np.ascontiguousarray(indexes), bits, rows)
        data = bytes(imagecodecs.deflate_encode(rows.tobytes(), level=_SMALL, raw=False))
    clear = np.flatnonzero(colours[:, 3] != 255)
    alphas = colours[: clear[-1] + 1, 3].tobytes() if clear.size else b""
    header = struct.pack(">IIBBBBB", width, height, bits, _INDEXED, 0, 0, 0)
    return b"".join((
        _SIGNATURE,
        _chunk(b"IHDR", header),
        _chunk(b"PLTE", colours[:, :3].tobytes()),
        _chunk(b"tRNS", alphas) if alphas else b"",
        _chunk(b"IDAT", data),
        _END,
    ))  # fmt: skip


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", crc32(data, crc32(kind)))))


_END = _chunk(b"IEND", b"")
