"""How a raster is stored: sample type, missing values, compression, and how it is shown."""

from typing import Any

import msgspec
import numpy as np

from core.errors import InputRefused
from core.job import Encoding, RasterStorage
from tiler.ingest.raster_input import RasterInput

CENTIMETRE = 0.01
"""Error that elevations may have when nothing else is asked."""

_WIDE = 10.0
"""Range of values from which they are taken for metres, of which a centimetre does not matter."""


class RasterProfile(msgspec.Struct, frozen=True):
    """The form that all inputs of a layer take."""

    dtype: str
    count: int
    """Number of bands stored, alpha not counted."""
    nodata: float | None
    """Value of missing samples; None when a mask tells."""
    bands: tuple[int, ...]
    """Bands to show."""
    palette: dict[int, tuple[int, int, int, int]]
    """Colours by value of the only band; empty without a palette."""
    resampling: str
    """`nearest` where values are classes, `bilinear` elsewhere."""
    encoding: Encoding
    quality: int
    """Of JPEG and WebP."""
    max_error: float
    """How far a value may be off, units of the samples; for LERC."""

    @property
    def masked(self) -> bool:
        """Tell whether a mask, not a value, says what is missing."""
        return self.nodata is None

    @property
    def compression(self) -> dict[str, Any]:
        """Creation options of GDAL's COG driver."""
        floating = np.issubdtype(np.dtype(self.dtype), np.floating)
        match self.encoding:
            case "jpeg" | "webp":
                return {"COMPRESS": self.encoding.upper(), "QUALITY": self.quality}
            case "lerc":
                return {"COMPRESS": "LERC_ZSTD", "MAX_Z_ERROR": self.max_error}
        predictor = "NO" if self.palette else "FLOATING_POINT" if floating else "STANDARD"
        return {"COMPRESS": self.encoding.upper(), "LEVEL": 9, "PREDICTOR": predictor}


def choose_profile(inputs: tuple[RasterInput, ...], storage: RasterStorage, span: float) -> RasterProfile:
    """Choose how the inputs of one layer are stored together.

    Imagery (three bands of bytes) is JPEG with a mask: it is looked at. Measures are LERC,
    elevations to a centimetre, classes keep their palette, everything else keeps each value.

    Args:
        inputs: The files.
        storage: What the producer asks for.
        span: Range of the values, where they are floats.

    Raises:
        InputRefused: The inputs do not have the same bands, or cannot be stored as asked.
    """
    first = inputs[0]
    for other in inputs[1:]:
        if _shape(other) != _shape(first):
            raise InputRefused(
                f"{other.path} has bands {_shape(other)}, {first.path} has {_shape(first)}",
                "give files of one kind to a layer",
            )
    dtypes = _shape(first)
    palette = _palette(inputs, storage)
    expanded = bool(first.palette) and not palette
    dtype = "uint8" if expanded else str(np.result_type(*dtypes))
    count = 3 if expanded else len(dtypes)
    floating = np.issubdtype(np.dtype(dtype), np.floating)
    scalar = count == 1 and first.alpha == 0
    imagery = dtype == "uint8" and count == 3 and not expanded
    classes = bool(first.palette) or (dtype == "uint8" and count == 1)
    own: Encoding = "deflate" if palette else "jpeg" if imagery else "lerc" if floating else "zstd"
    encoding: Encoding = storage.encoding or own
    _check_encoding(encoding, dtype, count)
    return RasterProfile(
        dtype=dtype,
        count=count,
        nodata=_nodata(inputs, dtype) if floating or (scalar and not palette and first.nodata is not None) else None,
        bands=(1, 2, 3) if count >= 3 else (1,),
        palette=palette,
        resampling="nearest" if classes else "bilinear",
        encoding=encoding,
        quality=storage.quality,
        max_error=_max_error(storage, span) if floating else storage.max_error or 0.0,
    )


def is_floating(inputs: tuple[RasterInput, ...]) -> bool:
    """Tell whether values are floats."""
    return any(np.issubdtype(np.dtype(dtype), np.floating) for one in inputs for dtype in _shape(one))


def _max_error(storage: RasterStorage, span: float) -> float:
    if storage.max_error is not None:
        return storage.max_error
    return CENTIMETRE if span >= _WIDE else 0.0


def _palette(inputs: tuple[RasterInput, ...], storage: RasterStorage) -> dict[int, tuple[int, int, int, int]]:
    """Return the palette that all inputs share; empty where each is to become its colours."""
    first = inputs[0].palette
    same = all(one.palette == first and one.dtypes == ("uint8",) for one in inputs)
    return first if same and storage.encoding not in {"jpeg", "webp", "lerc"} else {}


def _check_encoding(encoding: Encoding, dtype: str, count: int) -> None:
    counts = {"jpeg": {1, 3}, "webp": {3}}.get(encoding)
    if counts is not None and (dtype != "uint8" or count not in counts):
        raise InputRefused(
            f"{count} bands of {dtype} cannot be stored as {encoding}", "ask for zstd, deflate or lerc, or leave it out"
        )
    if encoding == "lerc" and dtype.endswith("64") and not dtype.startswith("float"):
        raise InputRefused(f"{dtype} cannot be stored as lerc", "ask for zstd or deflate, or leave it out")


def _shape(one: RasterInput) -> tuple[str, ...]:
    """Return the sample types of the bands, without alpha."""
    return tuple(dtype for number, dtype in enumerate(one.dtypes, start=1) if number != one.alpha)


def _nodata(inputs: tuple[RasterInput, ...], dtype: str) -> float:
    """Return the value for missing samples: the producer's own where it is a number, else -9999 as IGN has it."""
    own = inputs[0].nodata
    if own is None or not np.isfinite(own):
        return -9999.0
    if np.issubdtype(np.dtype(dtype), np.integer):
        limits = np.iinfo(dtype)
        return own if own.is_integer() and limits.min <= own <= limits.max else float(limits.min)
    return own
