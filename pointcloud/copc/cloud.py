"""The points of one file in memory, as records of format 6, 7 or 8, with the figures a header needs."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernels.octree import survey
from pointcloud.copc.promote import GPS_TIME, PROMOTED, promote, promoted_length

Report = Callable[[int], None]
"""Told how many points are done."""


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """Points and what they add up to."""

    records: NDArray[np.uint8]
    """Shape (points, record length); not to be modified."""

    point_format: int
    """6, 7 or 8."""

    extent: NDArray[np.int64]
    """Lowest and highest stored x, y, z, shape (2, 3)."""

    by_return: NDArray[np.int64]
    """Points by return number, shape (16,)."""

    by_class: NDArray[np.int64]
    """Points by classification, shape (256,)."""

    gps_range: tuple[float, float]
    """Lowest and highest GPS time; 0 and 0 when there is none."""

    in_time_order: bool
    """Whether no point is earlier than the one before it."""

    def field(self, name: str) -> NDArray[Any]:
        """Return a field of every point as a strided view, shape (points,): X, Y, Z, gps_time."""
        return fields_of(self.records)[name]


def fields_of(records: NDArray[np.uint8]) -> NDArray[np.void]:
    """Return records of format 6, 7 or 8 as a structured view with the fields that are needed here."""
    dtype = np.dtype(
        {
            "names": ["X", "Y", "Z", "returns", "classification", "gps_time"],
            "formats": ["<i4", "<i4", "<i4", "u1", "u1", "<f8"],
            "offsets": [0, 4, 8, 14, 16, GPS_TIME],
            "itemsize": records.shape[1],
        }
    )
    return records.view(dtype).reshape(-1)


def collect(
    blocks: Iterable[NDArray[np.uint8]], *, points: int, point_format: int, record_length: int, report: Report
) -> Cloud:
    """Collect blocks of points, promoted to format 6, 7 or 8.

    Args:
        blocks: Records of the input, each of shape (n, `record_length`); together `points` of them.
        points: Number of points.
        point_format: Point data record format of the input.
        record_length: Bytes of a point of the input.
        report: Told how many points are collected.
    """
    records = np.empty((points, promoted_length(point_format, record_length)), np.uint8)
    extent = np.array([[np.iinfo(np.int64).max] * 3, [np.iinfo(np.int64).min] * 3], np.int64)
    by_return, by_class = np.zeros(16, np.int64), np.zeros(256, np.int64)
    gps = np.array([np.inf, -np.inf, -np.inf])
    backwards, done = 0, 0
    for block in blocks:
        new = records[done : done + len(block)]
        promote(point_format, block, new)
        f = fields_of(new)
        backwards += survey(
            f["X"], f["Y"], f["Z"], f["returns"], f["classification"], f["gps_time"], extent, by_return, by_class, gps
        )
        done += len(block)
        report(done)
    return Cloud(
        records=records,
        point_format=PROMOTED[point_format],
        extent=extent,
        by_return=by_return,
        by_class=by_class,
        gps_range=(float(gps[0]), float(gps[1])) if gps[0] <= gps[1] else (0.0, 0.0),
        in_time_order=backwards == 0,
    )
