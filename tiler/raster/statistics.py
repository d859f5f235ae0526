"""What samples are, band by band."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from tiler.raster.picture import Samples


class Histogram(msgspec.Struct, frozen=True):
    """How many values lie in each of some bins of equal width."""

    edges: tuple[float, ...]
    """Growing, one more than there are bins; the last bin holds its upper edge."""
    counts: tuple[int, ...]


class BandStatistics(msgspec.Struct, frozen=True):
    """What the values of one band are; infinite ones are left out."""

    band: int
    """From 1, in the order of the bands looked at."""
    count: int
    """Values."""
    valid_percent: float
    """Share of the pixels looked at that have one."""
    min: float
    max: float
    mean: float
    std: float
    median: float
    percentile_2: float
    percentile_98: float
    histogram: Histogram


def describe_samples(samples: Samples, bins: int) -> tuple[BandStatistics, ...]:
    """Return what each band of samples is; bands without a value are left out.

    Args:
        samples: Shape (rows, cols, bands).
        bins: Bins of the histograms.
    """
    found = []
    for band in range(samples.values.shape[2]):
        values = _present(samples, band)
        if values.size:
            found.append(_describe(band + 1, values, samples.values[..., band].size, bins))
    return tuple(found)


def _present(samples: Samples, band: int) -> NDArray[np.float64]:
    values = samples.values[..., band]
    if samples.valid is not None:
        return np.asarray(values[samples.valid > 0], np.float64)
    return np.asarray(values[np.isfinite(values)], np.float64)


def _describe(band: int, values: NDArray[np.float64], pixels: int, bins: int) -> BandStatistics:
    low, median, high = (float(value) for value in np.percentile(values, (2, 50, 98)))
    counts, edges = np.histogram(values, bins)
    return BandStatistics(
        band=band,
        count=values.size,
        valid_percent=100.0 * values.size / pixels,
        min=float(values.min()),
        max=float(values.max()),
        mean=float(values.mean()),
        std=float(values.std()),
        median=median,
        percentile_2=low,
        percentile_98=high,
        histogram=Histogram(tuple(edges.tolist()), tuple(counts.tolist())),
    )
