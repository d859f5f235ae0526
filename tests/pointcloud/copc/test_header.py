"""LAS headers against laspy's."""

import laspy
import numpy as np
import pytest

from pointcloud.copc.header import HEADER_SIZE, LasHeader, build_header, parse_header
from tests.pointcloud.clouds import make_las


@pytest.mark.parametrize(("point_format", "version"), [(0, "1.1"), (1, "1.2"), (3, "1.3"), (3, "1.4"), (6, "1.4")])
def test_a_header_says_what_laspy_reads(tmp_path, point_format, version):
    path = make_las(tmp_path / "a.las", points=70, point_format=point_format, version=version)
    ours, theirs = parse_header(path.read_bytes()[:HEADER_SIZE]), laspy.read(path).header
    assert ours.version_minor == theirs.version.minor
    assert ours.points == theirs.point_count == 70
    assert ours.point_format == point_format
    assert ours.record_length == theirs.point_format.size
    assert ours.offset_to_points == theirs.offset_to_point_data
    assert ours.scales == tuple(theirs.scales)
    assert ours.offsets == tuple(theirs.offsets)
    assert ours.minimum == tuple(theirs.mins)
    assert ours.maximum == tuple(theirs.maxs)
    np.testing.assert_array_equal(ours.by_return, theirs.number_of_points_by_return[: len(ours.by_return)])


def test_a_built_header_is_parsed_back():
    header = LasHeader(
        project_id=bytes(range(16)),
        system_identifier=b"s" * 32,
        generating_software=b"g" * 32,
        offset_to_points=900,
        vlr_count=3,
        format_byte=0x87,
        record_length=40,
        minimum=(1.0, 2.0, 3.0),
        maximum=(4.0, 5.0, 6.0),
        evlr_start=2**40,
        evlr_count=2,
        points=2**33,
        by_return=tuple(range(15)),
    )
    data = build_header(header)
    assert len(data) == HEADER_SIZE
    assert parse_header(data) == header
    assert (header.point_format, header.is_compressed, header.extra_bytes) == (7, True, 4)


def test_a_header_of_1_4_is_not_read_from_fewer_bytes():
    data = build_header(LasHeader(points=1))
    with pytest.raises(ValueError, match="has 375 bytes, not 300"):
        parse_header(data[:300])
