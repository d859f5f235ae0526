"""tiler.archive.header against the package pmtiles, and against damage."""

import contextlib
import gzip

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pmtiles.tile import deserialize_header

from core.errors import BadSource
from tests.tiler.archive.made import SHARED, photo, picture, pmtiles
from tiler.archive.header import GZIP, HEADER_BYTES, NONE, build_header, compress, decompress, parse_header

WHOLE = pmtiles({(0, 0, 0): picture(photo())}, bounds=(-5.5, 42.25, 8.125, 51))
NAMES = {
    "leaf_offset": "leaf_directory_offset", "leaf_length": "leaf_directory_length", "data_offset": "tile_data_offset",
    "data_length": "tile_data_length", "addressed_tiles": "addressed_tiles_count",
    "tile_entries": "tile_entries_count", "tile_contents": "tile_contents_count", "west": "min_lon_e7",
    "south": "min_lat_e7", "east": "max_lon_e7", "north": "max_lat_e7", "center_longitude": "center_lon_e7",
    "center_latitude": "center_lat_e7",
}  # fmt: skip


def same(header, data):
    expected = deserialize_header(data)
    for name in header.__struct_fields__:
        value = expected[NAMES.get(name, name)]
        assert getattr(header, name) == getattr(value, "value", value), name


def test_a_header_says_what_the_independent_package_reads_and_is_written_as_it_was():
    header = parse_header(WHOLE)
    same(header, WHOLE)
    assert build_header(header) == WHOLE[:HEADER_BYTES]


@pytest.mark.skipif(not SHARED.exists(), reason="the reference data are not beside the project")
def test_headers_of_real_archives_are_read():
    for path in sorted(SHARED.glob("pmtiles/*.pmtiles")):
        if path.name not in {"empty.pmtiles", "invalid.pmtiles", "invalid_v4.pmtiles"}:
            same(parse_header(path.read_bytes()), path.read_bytes())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "does not begin"),
        (b"This is an invalid tile archive", "does not begin"),
        (b"PMTiles\x04" + WHOLE[8:], "version 4"),
        (b"PM\x01\x00" + bytes(200), "version 1"),
        (WHOLE[:126], "ends after 126 bytes"),
    ],
)
def test_what_is_no_archive_is_refused_with_the_reason(data, reason):
    with pytest.raises(BadSource, match=reason):
        parse_header(data)


@pytest.mark.parametrize("change", [{"internal_compression": 3}, {"tile_type": 77}, {"min_zoom": 5}, {"max_zoom": 32}])
def test_a_header_that_says_what_is_not_served_is_refused(change):
    with pytest.raises(BadSource):
        parse_header(build_header(msgspec.structs.replace(parse_header(WHOLE), **change)))


@settings(deadline=None)
@given(st.integers(0, HEADER_BYTES * 8 - 1), st.integers(0, 200))
def test_a_flipped_or_cut_header_is_refused_or_read(bit, length):
    data = bytearray(WHOLE)
    data[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(BadSource):
        parse_header(bytes(data[:length]))


@settings(deadline=None)
@given(st.binary(max_size=3000))
def test_what_is_compressed_comes_back(data):
    assert gzip.decompress(compress(data)) == data
    assert decompress(compress(data), GZIP, len(data)) == decompress(data, NONE, len(data)) == data


def test_more_bytes_than_allowed_never_come_out():
    with pytest.raises(BadSource, match="more than 1000 bytes"):
        decompress(gzip.compress(bytes(100_000_000)), GZIP, 1000)
    with pytest.raises(BadSource, match="ends too early"):
        decompress(gzip.compress(b"abc" * 100)[:-9], GZIP, 1000)
    with pytest.raises(BadSource, match="cannot be read"):
        decompress(b"\x1f\x8b nothing", GZIP, 1000)
