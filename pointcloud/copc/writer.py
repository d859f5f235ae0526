"""Writes a cloud as COPC 1.0: LAS 1.4, one LAZ chunk a node, the hierarchy in front when it fits there."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import lazrs
import msgspec
import numpy as np

from core.errors import StoreFull
from kernels.octree import gather
from pointcloud.copc.cloud import Cloud, Report
from pointcloud.copc.header import HEADER_SIZE, RECORD_LENGTHS, WAVEFORM_BITS, WKT_BIT, LasHeader, build_header
from pointcloud.copc.hierarchy import ENTRY, MAX_FRONT_ENTRIES, place_chunks
from pointcloud.copc.info import INFO_SIZE, CopcInfo, build_info
from pointcloud.copc.octree import CELL_BITS, Octree, build_octree
from pointcloud.copc.vlr import COPC_HIERARCHY, COPC_INFO, LASZIP, Record, build_evlr_header, build_vlr

_BATCH = 1_000_000
"""Points compressed at a time, so that what stands beside the cloud in memory is bounded."""

_LAZ = 0x80
_SOFTWARE = b"geoplateforme"


class EndRecord(msgspec.Struct, frozen=True):
    """A record after the points, its payload copied piece by piece."""

    user_id: str
    record_id: int
    description: str
    length: int
    """Bytes of the payload."""

    pieces: Iterator[bytes]
    """The payload."""


def write_copc(
    cloud: Cloud,
    source: LasHeader,
    records: Sequence[Record],
    end_records: Sequence[EndRecord],
    path: Path,
    report: Report,
) -> LasHeader:
    """Write a COPC file; the same input gives the same bytes.

    Args:
        cloud: The points.
        source: Header of the input, whose identity, creation date, scales and offsets are kept.
        records: Variable length records to keep: WKT, extra bytes, those of other programs.
        end_records: Records to keep after the points.
        path: The file to make.
        report: Told how many points are written.

    Returns:
        The header of the file.

    Raises:
        StoreFull: There is no room for the file.
    """
    octree = build_octree(cloud, source.scales, source.offsets)
    extra_bytes = cloud.records.shape[1] - RECORD_LENGTHS[cloud.point_format]
    laszip = lazrs.LazVlr.new_for_compression(cloud.point_format, extra_bytes, use_variable_size_chunks=True)
    hierarchy = Record(*COPC_HIERARCHY, bytes(octree.entries.size * ENTRY.itemsize), "COPC hierarchy")
    in_front = octree.entries.size <= MAX_FRONT_ENTRIES
    front = [
        Record(*COPC_INFO, bytes(INFO_SIZE), "COPC info"),
        Record(*LASZIP, bytes(laszip.record_data()), "LAZ"),
        *records,
        *([hierarchy] if in_front else []),
    ]
    built = b"".join(build_vlr(record) for record in front)
    offset_to_points = HEADER_SIZE + len(built)
    with path.open("w+b") as file:
        file.write(bytes(HEADER_SIZE) + built)
        _write_chunks(file, cloud, octree, laszip, report)
        file.seek(offset_to_points)
        table = np.array(lazrs.read_chunk_table(file, laszip), np.int64).reshape(-1, 2)
        place_chunks(octree.entries, offset_to_points + 8, table[:, 0], table[:, 1])
        page = octree.entries.tobytes()
        evlr_start = file.seek(0, os.SEEK_END)
        root_offset = offset_to_points - len(page)
        if not in_front:
            root_offset = _append(file, EndRecord(*COPC_HIERARCHY, hierarchy.description, len(page), iter([page])))
        for record in end_records:
            _append(file, record)
        evlr_count = len(end_records) + (not in_front)
        header = msgspec.structs.replace(
            _header(cloud, source),
            offset_to_points=offset_to_points,
            vlr_count=len(front),
            evlr_start=evlr_start if evlr_count else 0,
            evlr_count=evlr_count,
        )
        file.seek(root_offset)
        file.write(page)
        file.seek(0)
        info = msgspec.structs.replace(front[0], payload=build_info(_info(cloud, octree, root_offset)))
        file.write(build_header(header) + build_vlr(info))
    return header


def _write_chunks(file: BinaryIO, cloud: Cloud, octree: Octree, laszip: Any, report: Report) -> None:
    """Compress the points node by node and end with the chunk table."""
    compressor = lazrs.ParLasZipCompressor(file, laszip)
    buffer = np.empty((max(_BATCH, int(octree.counts.max())), cloud.records.shape[1]), np.uint8)
    ends = np.cumsum(octree.counts)
    node, done = 0, 0
    try:
        while node < ends.size:
            # as many nodes as fit the buffer; the first one always does
            stop = int(np.searchsorted(ends, done + len(buffer), side="right"))
            batch = buffer[: int(ends[stop - 1]) - done]
            gather(cloud.records, octree.order[done : done + len(batch)], batch)
            cuts = ends[node : stop - 1] - done
            compressor.compress_chunks([chunk.reshape(-1) for chunk in np.split(batch, cuts)])
            node, done = stop, done + len(batch)
            report(done)
        compressor.done()
    except (lazrs.LazrsError, OSError) as err:  # compression itself cannot fail: what fails is the file
        raise StoreFull(f"{file.name} cannot be written ({err})", "free disk space, then try again") from err


def _append(file: BinaryIO, record: EndRecord) -> int:
    """Write a record at the end of the file; return where its payload begins."""
    file.write(build_evlr_header(record.record_id, record.user_id, record.length, record.description))
    offset = file.tell()
    file.writelines(record.pieces)
    return offset


def _header(cloud: Cloud, source: LasHeader) -> LasHeader:
    low, high = cloud.extent.astype(np.float64) * source.scales + source.offsets
    encoding = source.global_encoding if source.version_minor >= 2 else 0
    return msgspec.structs.replace(
        source,
        global_encoding=(encoding & ~WAVEFORM_BITS) | WKT_BIT,
        version_minor=4,
        generating_software=_SOFTWARE,
        header_size=HEADER_SIZE,
        format_byte=cloud.point_format | _LAZ,
        record_length=cloud.records.shape[1],
        minimum=(float(low[0]), float(low[1]), float(low[2])),
        maximum=(float(high[0]), float(high[1]), float(high[2])),
        points=len(cloud.records),
        by_return=tuple(cloud.by_return[1:].tolist()),
    )


def _info(cloud: Cloud, octree: Octree, root_offset: int) -> CopcInfo:
    return CopcInfo(
        center=octree.cube.center,
        halfsize=octree.cube.side / 2,
        spacing=octree.cube.side / (1 << CELL_BITS),
        root_offset=root_offset,
        root_size=octree.entries.size * ENTRY.itemsize,
        gps_time_min=cloud.gps_range[0],
        gps_time_max=cloud.gps_range[1],
    )
