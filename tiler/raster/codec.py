"""One block of a TIFF from its bytes to samples, by codecs that release the interpreter lock."""

from typing import Any

import imagecodecs
import msgspec
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from core.errors import BadSource
from tiler.raster.directory import MAX_BLOCK_BYTES
from tiler.raster.tiff import Compression, Level, Photometric

_DEFLATES = frozenset({Compression.DEFLATE, Compression.ADOBE_DEFLATE})
_PLAIN = frozenset({Compression.NONE, Compression.LZW, Compression.PACKBITS, Compression.ZSTD}) | _DEFLATES
_DTYPES = frozenset({"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"})

_FAILURES = (ValueError, RuntimeError, TypeError, IndexError, MemoryError)
"""What codecs raise on damaged bytes; imagecodecs' own errors are RuntimeErrors."""


class Block(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Decoded pixels of one block, in the two forms of `tiler.raster.picture.Samples`."""

    values: NDArray[Any]
    """Shape (rows, cols, bands), C order, uint8 or float32; without the alpha band."""
    valid: NDArray[np.uint8] | None
    """Shape (rows, cols), 0 where there is no data; None when all pixels have data, and always for float32."""

    @property
    def nbytes(self) -> int:
        """Memory it takes, bytes."""
        return self.values.nbytes + (0 if self.valid is None else self.valid.nbytes)


def why_not(level: Level) -> str:
    """Return why blocks of a level are not decoded here, empty when they are."""
    if not level.tiled:
        return "it is cut in strips"
    if level.dtype not in _DTYPES:
        return f"samples are {level.dtype}"
    if level.planar and level.bands > 1:
        return "each band has blocks of its own"
    if level.photometric == Photometric.MIN_IS_WHITE:
        return "white is zero"
    if level.block_width * level.block_height * level.bands * np.dtype(level.dtype).itemsize > MAX_BLOCK_BYTES:
        return f"blocks have {level.block_width} by {level.block_height} pixels"
    match level.compression:
        case Compression.JPEG:
            shown = (level.bands, level.photometric)
            known = {(1, Photometric.MIN_IS_BLACK), (3, Photometric.YCBCR), (3, Photometric.RGB)}
            return "" if level.dtype == "uint8" and shown in known else f"JPEG of {level.bands} bands"
        case Compression.WEBP:
            return "" if level.dtype == "uint8" and level.bands in {3, 4} else f"WebP of {level.bands} bands"
        case Compression.LERC:
            if level.big_endian:
                return "LERC in a big-endian file"
            return "" if level.lerc[1:2] in {(), (0,), (1,), (2,)} else "an unknown kind of LERC"
        case known_plain if known_plain in _PLAIN:
            return ""
    return f"compression {level.compression} is not known"


def decode_block(level: Level, data: bytes, nodata: float | None, mask: NDArray[np.uint8] | None = None) -> Block:
    """Decode a block.

    Args:
        level: The image it belongs to, one that `why_not` has nothing against.
        data: Its bytes.
        nodata: Value of missing samples.
        mask: Decoded mask of the block, 0 where pixels are missing, shape (rows, cols).

    Raises:
        BadSource: The bytes are damaged.
    """
    try:
        values = _decode(level, data)
    except _FAILURES as err:
        raise BadSource(f"a block is damaged ({' '.join(str(err).split())[:120]})") from err
    if values.shape != (level.block_height, level.block_width, level.bands):
        raise BadSource(f"a block of it is damaged (it holds {values.shape} samples)")
    return _block(level, values, nodata, mask)


def decode_mask(level: Level, data: bytes) -> NDArray[np.uint8]:
    """Decode a block of a mask: 255 where pixels are valid, 0 elsewhere, shape (rows, cols).

    A block without bytes says that all its pixels are missing.

    Raises:
        BadSource: The bytes are damaged.
    """
    if not data:
        return np.zeros((level.block_height, level.block_width), np.uint8)
    bits = 1 if level.dtype == "uint1" else 8
    row_bytes = -(-level.block_width * bits // 8)
    try:
        packed = np.frombuffer(_plain(level, data, row_bytes * level.block_height), np.uint8)
        rows = packed[: row_bytes * level.block_height].reshape(level.block_height, row_bytes)
    except _FAILURES as err:
        raise BadSource(f"a block of the mask is damaged ({' '.join(str(err).split())[:120]})") from err
    if bits == 1:
        rows = np.unpackbits(rows, axis=1)[:, : level.block_width]
    return np.where(rows != 0, np.uint8(255), np.uint8(0))


def standalone_jpeg(level: Level, data: bytes) -> bytes:
    """Return a JPEG block as a JPEG stream of its own: the shared tables spliced in after its first marker."""
    return level.jpeg_tables[:-2] + data[2:] if level.jpeg_tables else data


def is_whole(level: Level, data: bytes) -> bool:
    """Tell whether a JPEG or WebP block begins and ends as one: what is sent undecoded is looked at no closer."""
    if level.compression == Compression.JPEG:
        return data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP" and int.from_bytes(data[4:8], "little") + 8 <= len(data)


def _decode(level: Level, data: bytes) -> NDArray[Any]:
    if level.compression == Compression.JPEG:
        return _jpeg(level, standalone_jpeg(level, data))
    if level.compression == Compression.WEBP:
        shape = (level.block_height, level.block_width, level.bands)
        return np.asarray(imagecodecs.webp_decode(data, hasalpha=level.bands == 4, out=np.empty(shape, np.uint8)))
    shape = (level.block_height, level.block_width, level.bands)
    dtype = np.dtype(level.dtype)
    size = dtype.itemsize * shape[0] * shape[1] * shape[2]
    if level.compression == Compression.LERC:
        return _lerc(level, data, size).reshape(shape)
    swapped = level.big_endian and level.predictor != 3  # which orders bytes in its own way
    stored = dtype.newbyteorder(">" if swapped else "<")
    values = np.frombuffer(_plain(level, data, size), stored, count=shape[0] * shape[1] * shape[2]).reshape(shape)
    if level.predictor == 3:
        return np.asarray(imagecodecs.floatpred_decode(values, axis=-2, out=np.empty(shape, dtype)))
    values = values.astype(dtype, copy=False)
    if level.predictor == 2:
        return np.asarray(imagecodecs.delta_decode(values, axis=-2))
    return values


def _jpeg(level: Level, data: bytes) -> NDArray[np.uint8]:
    height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    if (height, width) != (level.block_height, level.block_width):
        msg = f"its JPEG has {width} by {height} pixels"
        raise ValueError(msg)
    if level.photometric == Photometric.RGB:
        return np.asarray(imagecodecs.jpeg8_decode(data, colorspace="RGB", outcolorspace="RGB"))
    return np.asarray(simplejpeg.decode_jpeg(data, colorspace="GRAY" if level.bands == 1 else "RGB"))


def _lerc(level: Level, data: bytes | bytearray, size: int) -> NDArray[Any]:
    inner = level.lerc[1] if len(level.lerc) > 1 else 0
    if inner == 1:
        data = imagecodecs.deflate_decode(data, out=size + 65536)
    elif inner == 2:
        data = imagecodecs.zstd_decode(data, out=size + 65536)
    decoded = imagecodecs.lerc_decode(data, masks=True)
    values, valid = decoded if isinstance(decoded, tuple) else (decoded, None)
    if values.nbytes != size:
        msg = f"its LERC holds {values.nbytes} bytes"
        raise ValueError(msg)
    values = values.astype(level.dtype, copy=False)
    if valid is not None and values.dtype.kind == "f":  # LERC keeps NaN as a mask of its own
        values = np.where(valid.reshape(values.shape), values, np.array(np.nan, values.dtype))
    return np.asarray(values)


def _plain(level: Level, data: bytes, size: int) -> bytes:
    """Undo the compression of bytes that give `size` bytes and no more."""
    match level.compression:
        case Compression.NONE:
            return data
        case Compression.LZW:
            return bytes(imagecodecs.lzw_decode(data, out=size))
        case Compression.PACKBITS:
            return bytes(imagecodecs.packbits_decode(data, out=size))
        case Compression.ZSTD:
            return bytes(imagecodecs.zstd_decode(data, out=size))
        case _:
            return bytes(imagecodecs.deflate_decode(data, out=size))


def _block(level: Level, values: NDArray[Any], nodata: float | None, mask: NDArray[np.uint8] | None) -> Block:
    """Tell missing pixels from others; a band of alpha, a mask and a nodata value say which are, in this order."""
    alpha = None
    if level.alpha >= 0:
        alpha = np.ascontiguousarray(values[..., level.alpha])
        values = np.delete(values, level.alpha, axis=2)
    if values.dtype != np.uint8:
        return Block(_floats(values, nodata, alpha if alpha is not None else mask), None)
    valid = mask
    if alpha is not None:
        valid = alpha
    elif nodata is not None and mask is None:
        seen = (values != nodata).any(axis=2)
        valid = seen.astype(np.uint8) * np.uint8(255)
    if valid is not None and valid.all() and (alpha is None or bool((valid == 255).all())):
        valid = None
    return Block(np.ascontiguousarray(values), valid)


def _floats(values: NDArray[Any], nodata: float | None, valid: NDArray[Any] | None) -> NDArray[np.float32]:
    """Return samples as float32 with NaN where they are missing.

    Integers are imagery or classes: a pixel is missing when all its bands have the nodata value,
    as a dark pixel may have one. Floats are measurements: each band misses its own.
    """
    floats = values.astype(np.float32)
    if nodata is not None and not np.isnan(nodata):
        here = values == nodata
        floats[here if values.dtype.kind == "f" else here.all(axis=2)] = np.nan
    if valid is not None:
        floats[valid == 0] = np.nan
    return floats
