"""Reads a COPC file back before it is stored: what a client will find must hold together."""

from pathlib import Path

import lazrs
import numpy as np

from core.errors import BadSource, InputRefused
from pointcloud.copc.header import HEADER_SIZE, LasHeader, build_header
from pointcloud.copc.hierarchy import parse_page
from pointcloud.copc.info import parse_info
from pointcloud.ingest.read import open_las


def verify_copc(path: Path, written: LasHeader) -> None:
    """Check header, octree and chunk table of a COPC file against each other and against what was written.

    Raises:
        BadSource: They do not agree.
    """

    def check(holds: bool, what: str) -> None:
        if not holds:
            raise BadSource(f"{path.name} came out wrong: {what}", "report it with the input file")

    with path.open("rb") as file:
        try:
            las, get = open_las(path, file)
            check(las.is_copc and las.records[0].offset == HEADER_SIZE + 54, "the COPC info record is not the first")
            info = parse_info(get(las.records[0].offset, las.records[0].length))
            entries = parse_page(get(info.root_offset, info.root_size))
            file.seek(las.header.offset_to_points)
            table = np.array(lazrs.read_chunk_table(file, lazrs.LazVlr(las.laszip)), np.int64).reshape(-1, 2)
        except (InputRefused, ValueError, lazrs.LazrsError) as err:
            raise BadSource(f"{path.name} came out wrong ({err})", "report it with the input file") from err
    header = las.header
    check(build_header(header) == build_header(written), "its header is not the one written")
    check(header.points == int(entries["point_count"].sum()), "the hierarchy has another number of points")
    check(sum(header.by_return) <= header.points, "more returns are counted than points")
    check(tuple(entries[0][["level", "x", "y", "z"]].tolist()) == (0, 0, 0, 0), "the root node is missing")
    check(np.array_equal(table[:, 0], entries["point_count"]), "chunk table and hierarchy count points differently")
    check(np.array_equal(table[:, 1], entries["byte_size"]), "chunk table and hierarchy disagree on sizes")
    starts = header.offset_to_points + 8 + np.cumsum(table[:, 1]) - table[:, 1]
    check(np.array_equal(starts.astype(np.uint64), entries["offset"]), "the hierarchy points beside the chunks")
