"""Hierarchy pages and the info record against laspy's parsers and the COPC specification."""

import numpy as np
import pytest
from laspy.copc import CopcInfoVlr, HierarchyPage

from pointcloud.copc.hierarchy import MAX_FRONT_ENTRIES, parse_page, place_chunks, voxel_keys
from pointcloud.copc.info import CopcInfo, build_info, parse_info


def entries_of_three():
    # level 2, x 3, y 0, z 2: bits x1 z1 of the upper and x0 of the lower octant, x lowest
    entries = voxel_keys(np.array([0, 1, 2], np.int32), np.array([0, 0b110, 0b101_001], np.uint64))
    place_chunks(entries, 1000, np.array([5, 6, 7]), np.array([50, 60, 70]))
    return entries


def test_keys_come_apart_into_x_y_z():
    keys = entries_of_three()[["level", "x", "y", "z"]].tolist()
    assert keys == [(0, 0, 0, 0), (1, 0, 1, 1), (2, 3, 0, 2)]


def test_laspy_reads_the_page():
    page = HierarchyPage.from_bytes(entries_of_three().tobytes())
    read = {
        (key.level, key.x, key.y, key.z): (entry.offset, entry.byte_size, entry.point_count)
        for key, entry in page.entries.items()
    }
    assert read == {(0, 0, 0, 0): (1000, 50, 5), (1, 0, 1, 1): (1050, 60, 6), (2, 3, 0, 2): (1110, 70, 7)}


def test_a_page_is_parsed_back():
    entries = entries_of_three()
    np.testing.assert_array_equal(parse_page(entries.tobytes()), entries)
    with pytest.raises(ValueError, match="33 bytes is not a multiple of 32"):
        parse_page(bytes(33))


def test_an_ordinary_record_holds_2047_entries():
    assert MAX_FRONT_ENTRIES == 2047


def test_laspy_reads_the_info_record():
    info = CopcInfo(
        center=(1.0, 2.0, 3.0),
        halfsize=4.0,
        spacing=0.5,
        root_offset=2**40,
        root_size=64,
        gps_time_min=-1.0,
        gps_time_max=7.0,
    )
    payload = build_info(info)
    assert len(payload) == 160
    assert parse_info(payload) == info
    theirs = CopcInfoVlr()
    theirs.parse_record_data(payload)
    assert theirs.center.tolist() == [1.0, 2.0, 3.0]
    assert (theirs.halfsize, theirs.spacing) == (4.0, 0.5)
    assert (theirs.hierarchy_root_offset, theirs.hierarchy_root_size) == (2**40, 64)
    with pytest.raises(ValueError, match="160 bytes, not 12"):
        parse_info(bytes(12))
