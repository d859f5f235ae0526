"""How a raster is stored: sample type, missing values, compression, and how it is shown."""

from typing import Any

import msgspec
import numpy as np

from core.errors import InputRefused
from tiler.ingest.raster_input import RasterInput


class RasterProfile(msgspec.Struct, frozen=True):
    """The form that all inputs of a layer take."""

    dtype: str
    count: int
    """Number of bands stored, alpha not counted."""
    nodata: float | None
    """Value of missing samples; None when a mask tells."""
    bands: tuple[int, ...]
    """Bands to show."""
    expands_palette: bool
    """Paletted values become red, green, blue."""
    resampling: str
    """`nearest` where values are classes, `bilinear` elsewhere."""
    compression: dict[str, Any]
    """Creation options of GDAL's COG driver."""

    @property
    def masked(self) -> bool:
        """Tell whether a mask, not a value, says what is missing."""
        return self.nodata is None


def choose_profile(inputs: tuple[RasterInput, ...]) -> RasterProfile:
    """Choose how the inputs of one layer are stored together.

    Imagery (three bands of bytes) is JPEG at quality 90 with a mask: it is looked
    at. Everything else keeps each value: ZSTD with the predictor of its type.

    Raises:
        InputRefused: The inputs do not have the same bands.
    """
    first = inputs[0]
    for other in inputs[1:]:
        if _shape(other) != _shape(first):
            raise InputRefused(
                f"{other.path} has bands {_shape(other)}, {first.path} has {_shape(first)}",
                "give files of one kind to a layer",
            )
    if first.palette:
        return RasterProfile(
            dtype="uint8",
            count=3,
            nodata=None,
            bands=(1, 2, 3),
            expands_palette=True,
            resampling="nearest",
            compression=_lossless("uint8"),
        )
    dtypes = _shape(first)
    dtype = str(np.result_type(*dtypes))
    bands = (1, 2, 3) if len(dtypes) >= 3 else (1,)
    imagery = dtype == "uint8" and len(dtypes) == 3
    scalar = len(dtypes) == 1 and first.alpha == 0
    floating = np.issubdtype(np.dtype(dtype), np.floating)
    return RasterProfile(
        dtype=dtype,
        count=len(dtypes),
        nodata=_nodata(inputs, dtype) if floating or (scalar and first.nodata is not None) else None,
        bands=bands,
        expands_palette=False,
        resampling="nearest" if dtype == "uint8" and len(dtypes) == 1 else "bilinear",
        compression={"COMPRESS": "JPEG", "QUALITY": 90} if imagery else _lossless(dtype),
    )


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


def _lossless(dtype: str) -> dict[str, Any]:
    predictor = "FLOATING_POINT" if np.issubdtype(np.dtype(dtype), np.floating) else "STANDARD"
    return {"COMPRESS": "ZSTD", "LEVEL": 9, "PREDICTOR": predictor}
