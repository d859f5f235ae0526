"""One LAS or LAZ file becomes one COPC file."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from core.errors import InputRefused
from core.layer import Bounds
from pointcloud.copc.cloud import Cloud, collect
from pointcloud.copc.header import LasHeader
from pointcloud.copc.writer import write_copc
from pointcloud.ingest.crs import Box, CloudCrs, find_crs, point_to_degrees, to_degrees
from pointcloud.ingest.guard import LasFile
from pointcloud.ingest.memory import check_memory
from pointcloud.ingest.read import extra_dimensions, kept_end_records, kept_records, open_las, read_blocks
from pointcloud.ingest.verify import verify_copc

DIMENSIONS = (
    "X", "Y", "Z", "intensity", "return_number", "number_of_returns", "synthetic", "key_point", "withheld", "overlap",
    "scanner_channel", "scan_direction_flag", "edge_of_flight_line", "classification", "user_data", "scan_angle",
    "point_source_id", "gps_time",
)  # fmt: skip
"""Attributes of point data record format 6, in its order."""

_COLOUR = {6: (), 7: ("red", "green", "blue"), 8: ("red", "green", "blue", "nir")}

_READ, _WRITTEN = 0.45, 0.98
"""Share of the work on a file that is done after each step."""

_LOOKED_AT = 10_000
"""Points among which the one nearest to the middle is sought."""

Tell = Callable[[float, str, int], None]
"""Told the share done, the step and the points done of the file."""


class Input(msgspec.Struct, frozen=True):
    """A file that may be converted."""

    path: Path
    las: LasFile
    crs: CloudCrs


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A COPC file and what a layer says of it."""

    path: Path
    header: LasHeader
    dimensions: tuple[str, ...]
    classes: dict[int, int]
    """Points by classification, those that occur."""

    bounds: Box
    """Minimum x, y, z, maximum x, y, z, in the CRS of the file."""

    bbox: Bounds
    """West, south, east, north in degrees (EPSG:4326)."""

    sample: tuple[float, float]
    """Longitude and latitude of a point near the centre."""


def look_at(path: Path, declared_crs: str, memory_bytes: int) -> Input:
    """Check that a file can be taken, without reading its points.

    Raises:
        InputRefused: It cannot.
    """
    try:
        file = path.open("rb")
    except OSError as err:
        raise InputRefused(f"{path.name} cannot be opened ({err.strerror})", "check its path and rights") from err
    with file:
        las, get = open_las(path, file)
        check_memory(las, memory_bytes)
        return Input(path, las, find_crs(las, get, declared_crs))


def convert(one: Input, to: Path, tell: Tell) -> Made:
    """Write the COPC file of an input and read it back.

    A file that is COPC already is written again too: there is one way through, and what is
    served has always the same layout, with its hierarchy in front.

    Raises:
        InputRefused: The points cannot be decoded, or are not on Earth in the CRS of the file.
        StoreFull: There is no room for the file.
        BadSource: What was written does not hold together.
    """
    header = one.las.header
    points = header.points
    with one.path.open("rb") as file:
        las, get = open_las(one.path, file)
        cloud = collect(
            read_blocks(las, file, get),
            points=points,
            point_format=header.point_format,
            record_length=header.record_length,
            report=lambda done: tell(_READ * done / points, "reading", done),
        )
        bounds = _bounds(cloud, header)
        bbox = to_degrees(one.crs.name, bounds, las.name)
        records = kept_records(las, get, one.crs.wkt)
        tell(_READ, "sorting into an octree", points)
        written = write_copc(
            cloud,
            header,
            records,
            kept_end_records(las, get),
            to,
            lambda done: tell(_READ + (_WRITTEN - _READ) * done / points, "writing", done),
        )
    tell(_WRITTEN, "checking", points)
    verify_copc(to, written)
    return Made(
        path=to,
        header=written,
        dimensions=(*DIMENSIONS, *_COLOUR[cloud.point_format], *extra_dimensions(records)),
        classes={int(code): int(cloud.by_class[code]) for code in np.flatnonzero(cloud.by_class)},
        bounds=bounds,
        bbox=bbox,
        sample=point_to_degrees(one.crs.name, _middle(cloud, header, bounds)),
    )


def _bounds(cloud: Cloud, header: LasHeader) -> Box:
    low, high = (cloud.extent * np.array(header.scales) + np.array(header.offsets)).tolist()
    return low[0], low[1], low[2], high[0], high[1], high[2]


def _middle(cloud: Cloud, header: LasHeader, bounds: Box) -> tuple[float, float, float]:
    """Return the point nearest, in plan, to the centre, among points spread over the file."""
    step = max(1, len(cloud.records) // _LOOKED_AT)
    stored = np.column_stack([cloud.field(axis)[::step] for axis in "XYZ"])
    places = stored * np.array(header.scales) + np.array(header.offsets)
    across, along = places[:, 0] - (bounds[0] + bounds[3]) / 2, places[:, 1] - (bounds[1] + bounds[4]) / 2
    x, y, z = places[np.hypot(across, along).argmin()].tolist()
    return x, y, z
