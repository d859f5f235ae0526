"""Variable length records, walked and built."""

import pytest

from pointcloud.copc.vlr import Record, build_evlr_header, build_vlr, parse_evlr_header, walk_vlrs


def test_built_records_are_walked():
    data = build_vlr(Record("copc", 1, b"abc", "info")) + build_vlr(Record("x" * 16, 65535, b""))
    first, second = walk_vlrs(data, 375, 2, start=375)
    assert (first.kind, first.description, first.offset, first.length) == (("copc", 1), "info", 375 + 54, 3)
    assert (second.kind, second.offset, second.length) == (("x" * 16, 65535), 375 + 54 + 3 + 54, 0)


@pytest.mark.parametrize(("cut", "told"), [(1, "claims 3 bytes"), (10, "has no room")])
def test_a_record_beyond_the_end_is_an_error(cut, told):
    data = build_vlr(Record("copc", 1, b"abc"))
    with pytest.raises(ValueError, match=told):
        list(walk_vlrs(data[:-cut] if cut == 1 else data[:cut], 0, 1))


def test_an_extended_record_has_60_bytes_before_its_payload():
    place = parse_evlr_header(build_evlr_header(1000, "copc", 2**33, "hierarchy"), 5000)
    assert (place.kind, place.offset, place.length, place.extended) == (("copc", 1000), 5060, 2**33, True)
