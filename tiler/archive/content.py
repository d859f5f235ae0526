"""What the bytes of a tile are: the format they are in, and their pixels."""

import struct

import imagecodecs
import msgspec
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from core.errors import BadSource
from core.layer import TileType
from tiler.raster.codec import Block

MAX_SIDE_PX = 4096
"""Largest picture that is decoded, pixels a side."""

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_GZIP = b"\x1f\x8b"
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_FAILURES = (ValueError, RuntimeError, TypeError, IndexError, MemoryError, struct.error)


class PictureSize(msgspec.Struct, frozen=True, gc=False):
    """Width and height of a picture, pixels."""

    width: int
    height: int


def picture_type(data: bytes) -> TileType | None:
    """Return the format of a picture by how its bytes begin, None when it is none that is known."""
    if data.startswith(_PNG):
        return "png"
    if data.startswith(_JPEG):
        return "jpg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp" and data[8:12] in {b"avif", b"avis", b"mif1"}:
        return "avif"
    return None


def is_gzip(data: bytes) -> bool:
    """Tell whether bytes begin as gzip."""
    return data.startswith(_GZIP)


def looks_like_mvt(data: bytes) -> bool:
    """Tell whether bytes begin as a vector tile: with field 3, a layer (Mapbox Vector Tile 2.1, section 4.1)."""
    return data.startswith(b"\x1a")


def picture_size(data: bytes) -> PictureSize | None:
    """Return the size of a picture without decoding it, None when its bytes do not tell."""
    try:
        match picture_type(data):
            case "png":
                return PictureSize(*struct.unpack_from(">II", data, 16))
            case "jpg":
                return _jpeg_size(data)
            case "webp":
                return _webp_size(data)
            case "avif":
                at = data.index(b"ispe")  # ISO/IEC 23008-12, section 6.5.3: type, version and flags, width, height
                return PictureSize(*struct.unpack_from(">II", data, at + 8))
    except (struct.error, ValueError, IndexError):
        return None
    return None


def decode_picture(data: bytes) -> Block:
    """Return the pixels of a picture as red, green, blue, and what its alpha says.

    Raises:
        BadSource: The bytes are damaged, of a format that is not known, or too many pixels.
    """
    size = picture_size(data)
    if size is None or not (0 < size.width <= MAX_SIDE_PX and 0 < size.height <= MAX_SIDE_PX):
        raise BadSource("it is no picture" if size is None else f"it has {size.width} by {size.height} pixels")
    try:
        pixels = _decode(data)
    except _FAILURES as err:
        raise BadSource(f"it is damaged ({' '.join(str(err).split())[:120]})") from err
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    channels = pixels.shape[2]
    values = pixels[..., :3] if channels >= 3 else np.repeat(pixels[..., :1], 3, axis=2)
    valid = np.ascontiguousarray(pixels[..., -1]) if channels in {2, 4} else None
    if valid is not None and valid.min() == 255:
        valid = None
    return Block(np.ascontiguousarray(values), valid)


def _decode(data: bytes) -> NDArray[np.uint8]:
    match picture_type(data):
        case "png":
            return np.asarray(imagecodecs.png_decode(data))
        case "webp":
            return np.asarray(imagecodecs.webp_decode(data))
        case "avif":
            return np.asarray(imagecodecs.avif_decode(data, numthreads=1))
    return np.asarray(simplejpeg.decode_jpeg(data, colorspace="RGB"))


def _jpeg_size(data: bytes) -> PictureSize | None:
    """Look for the frame header (ITU-T T.81, section B.2.2)."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return PictureSize(width, height)
        at += 2 + max(int.from_bytes(data[at + 2 : at + 4], "big"), 2)
    return None


def _webp_size(data: bytes) -> PictureSize | None:
    """Read the first chunk (RFC 9649, sections 2.5 to 2.7)."""
    match data[12:16]:
        case b"VP8 " if data[23:26] == b"\x9d\x01\x2a":
            width, height = struct.unpack_from("<HH", data, 26)
            return PictureSize(width & 0x3FFF, height & 0x3FFF)
        case b"VP8L" if data[20] == 0x2F:
            (bits,) = struct.unpack_from("<I", data, 21)
            return PictureSize((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case b"VP8X":
            width, height = int.from_bytes(data[24:27], "little"), int.from_bytes(data[27:30], "little")
            return PictureSize(width + 1, height + 1)
    return None
