"""Values as a GeoTIFF of one deflated strip (TIFF 6.0 and its Technical Notes 2 and 3; OGC 19-008r4)."""

import math
import struct
from functools import lru_cache
from typing import Any

import imagecodecs
import numpy as np
from affine import Affine
from isal import isal_zlib
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from tiler.raster.grid import PixelGrid
from tiler.raster.picture import Data

_FORMS = {2: "s", 3: "H", 4: "I", 12: "d"}
"""Field types by number: ASCII, SHORT, LONG, DOUBLE."""

_KINDS = {"u": 1, "i": 2, "f": 3}
"""SampleFormat by numpy's kind."""

_DEFLATE, _DIFFERENCES, _FLOAT_DIFFERENCES, _IS_MASK = 8, 2, 3, 4
_BLACK_IS_ZERO, _RGB, _MASK = 1, 2, 4
_LEVEL = 1

_Field = tuple[int, int, tuple[float, ...] | bytes]
"""Tag, field type and values."""


def encode_tiff(data: Data, grid: PixelGrid) -> bytes:
    """Write values with their place.

    Missing values are those equal to the nodata value; where there is none, a mask follows.

    Args:
        data: The values.
        grid: Where they lie.
    """
    rows, cols, bands = data.values.shape
    dtype = data.values.dtype
    predictor = _FLOAT_DIFFERENCES if dtype.kind == "f" else _DIFFERENCES
    colours = bands == 3 and dtype.kind == "u" and dtype.itemsize <= 2
    fields: list[_Field] = [
        (258, 3, (dtype.itemsize * 8,) * bands),
        (262, 3, (_RGB if colours else _BLACK_IS_ZERO,)),
        (277, 3, (bands,)),
        (284, 3, (1,)),
        (317, 3, (predictor,)),
        (339, 3, (_KINDS[dtype.kind],) * bands),
        (33550, 12, (grid.cell_x, grid.cell_y, 0.0)),
        (33922, 12, (0.0, 0.0, 0.0, grid.west, grid.north, 0.0)),
        *geokeys(grid.crs),
    ]
    if bands > 1 and not colours:
        fields.append((338, 3, (0,) * (bands - 1)))
    if data.nodata is not None:
        fields.append((42113, 2, f"{data.nodata:.17g}\0".encode("ascii")))
    strips = [(fields, _pack(_differences(_filled(data)).tobytes()))]
    if data.valid is not None and data.nodata is None:
        bits = np.packbits(data.valid > 0, axis=1)
        mask: list[_Field] = [
            (254, 4, (_IS_MASK,)), (258, 3, (1,)), (262, 3, (_MASK,)), (277, 3, (1,)), (284, 3, (1,)),
        ]  # fmt: skip
        strips.append((mask, _pack(bits.tobytes())))
    return _file(strips, cols, rows)


@lru_cache(maxsize=256)
def geokeys(crs: str) -> tuple[_Field, ...]:
    """Return the fields that tell a CRS (OGC 19-008r4), as GDAL writes them."""
    place = Affine(1.0, 0.0, 1.0, 0.0, -1.0, 1.0)
    known = CRS.from_user_input(crs)
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", width=1, height=1, count=1, dtype="uint8", crs=known, transform=place
        ) as dataset:
            dataset.write(np.zeros((1, 1, 1), np.uint8))
        file = bytes(memory.getbuffer())
    at = struct.unpack_from("<I", file, 4)[0]
    fields: list[_Field] = []
    for index in range(struct.unpack_from("<H", file, at)[0]):
        tag, kind, count = struct.unpack_from("<HHI", file, at + 2 + index * 12)
        if tag in {34735, 34736, 34737}:
            where = at + 2 + index * 12 + 8
            form = f"<{count}{_FORMS[kind]}"
            if struct.calcsize(form) > 4:
                where = struct.unpack_from("<I", file, where)[0]
            values = struct.unpack_from(form, file, where)
            fields.append((tag, kind, values[0] if kind == 2 else values))
    return tuple(fields)


def _filled(data: Data) -> NDArray[Any]:
    """Return values with nodata for NaN; a value that is not missing and equal to it is moved by a millionth."""
    values, nodata = data.values, data.nodata
    if values.dtype.kind != "f" or nodata is None or math.isnan(nodata):
        return values
    missing = values.dtype.type(nodata)
    beside = missing + values.dtype.type(max(abs(nodata), 1.0) * 1e-6)  # GDAL takes the next few floats for the same
    filled = np.where(values == missing, beside, values)
    filled[np.isnan(values)] = missing
    return filled


def _differences(values: NDArray[Any]) -> NDArray[Any]:
    """Return what deflate packs better: each value without its left neighbour."""
    if values.dtype.kind == "f":
        return np.asarray(imagecodecs.floatpred_encode(values, axis=-2))
    return np.asarray(imagecodecs.delta_encode(values, axis=-2))


def _pack(data: bytes) -> bytes:
    return bytes(isal_zlib.compress(data, _LEVEL))


def _file(images: list[tuple[list[_Field], bytes]], cols: int, rows: int) -> bytes:
    """Return a file of images: their strips, then their directories."""
    parts = [b""]
    places: list[int] = []
    end = 8
    for _, strip in images:
        places.append(end)
        parts.append(strip + b"\0" * (len(strip) % 2))
        end += len(parts[-1])
    parts[0] = struct.pack("<2sHI", b"II", 42, end)
    for number, (fields, strip) in enumerate(images, start=1):
        whole: list[_Field] = [
            *fields,
            (256, 4, (cols,)),
            (257, 4, (rows,)),
            (259, 3, (_DEFLATE,)),
            (273, 4, (places[number - 1],)),
            (278, 4, (rows,)),
            (279, 4, (len(strip),)),
        ]
        parts.append(_directory(sorted(whole), end, last=number == len(images)))
        end += len(parts[-1])
    return b"".join(parts)


def _directory(fields: list[_Field], at: int, *, last: bool) -> bytes:
    """Return a directory that begins at byte `at`, with the values that have no room in it; the next one follows it."""
    entries, beside = struct.pack("<H", len(fields)), b""
    free = at + 2 + 12 * len(fields) + 4
    for tag, kind, values in fields:
        value = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{_FORMS[kind]}", *values)
        entries += struct.pack("<HHI", tag, kind, len(values))
        if len(value) <= 4:
            entries += value.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", free + len(beside))
            beside += value + b"\0" * (len(value) % 2)
    return entries + struct.pack("<I", 0 if last else free + len(beside)) + beside
