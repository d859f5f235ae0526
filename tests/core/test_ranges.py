"""Byte ranges against the examples of RFC 9110, sections 13 and 14."""

import email
import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import RangeNotSatisfiable
from core.ranges import (
    MAX_RANGES,
    ByteRange,
    coalesce,
    frame_parts,
    if_range_holds,
    parse_range,
    strong_match,
)

SIZE = 10_000


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-999", [(500, 1000)]),
        ("bytes=-500", [(9500, 10_000)]),
        ("bytes=9500-", [(9500, 10_000)]),
        ("bytes=0-0,-1", [(0, 1), (9999, 10_000)]),
        ("bytes= 0-999, 4500-5499, -1000", [(0, 1000), (4500, 5500), (9000, 10_000)]),
        ("bytes=500-600,601-999", [(500, 1000)]),
        ("bytes=500-700,601-999", [(500, 1000)]),
    ],
)
def test_the_examples_of_the_rfc_are_understood(header, spans):
    assert [(one.start, one.stop) for one in parse_range(header, SIZE)] == spans


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        ("BYTES=0-1", [(0, 2)]),
        ("bytes=\t0-1 ,, 5-6\t", [(0, 2), (5, 7)]),
        ("bytes=9999-20000", [(9999, 10_000)]),
        ("bytes=-20000", [(0, 10_000)]),
        ("bytes=20000-,0-1", [(0, 2)]),
        ("bytes=-0,0-1", [(0, 2)]),
        ("bytes=5-6,0-1", [(0, 2), (5, 7)]),
    ],
)
def test_whitespace_case_and_excess_are_tolerated(header, spans):
    assert [(one.start, one.stop) for one in parse_range(header, SIZE)] == spans


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=,", "items=0-5", "bytes=a-b", "bytes=5-2", "bytes=-", "bytes=0-1,x", "bytes=0- 5",
     "bytes=--5", "bytes=0x1-2", "bytes=" + "9" * 30 + "-"],
)  # fmt: skip
def test_a_malformed_range_is_ignored(header):
    assert parse_range(header, SIZE) == ()


@pytest.mark.parametrize(("header", "size"), [("bytes=10000-", SIZE), ("bytes=-0", SIZE), ("bytes=0-", 0)])
def test_a_range_beyond_the_end_tells_the_size(header, size):
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(header, size)
    assert caught.value.size == size


def test_too_many_ranges_are_rejected():
    allowed = ",".join(f"{2 * i}-{2 * i}" for i in range(MAX_RANGES))
    assert len(parse_range(f"bytes={allowed}", SIZE)) == MAX_RANGES
    with pytest.raises(RangeNotSatisfiable, match="64 at most"):
        parse_range(f"bytes={allowed},9000-", SIZE)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), min_size=1, max_size=12))
def test_joined_ranges_cover_the_same_bytes_and_never_touch(spans):
    ranges = [ByteRange(start, start + length) for start, length in spans]
    joined = coalesce(ranges)
    asked = {byte for one in ranges for byte in range(one.start, one.stop)}
    assert asked == {byte for one in joined for byte in range(one.start, one.stop)}
    assert all(left.stop < right.start for left, right in itertools.pairwise(joined))


@pytest.mark.parametrize(
    ("header", "etag", "holds"),
    [
        ("", '"a"', True),
        ('"a"', '"a"', True),
        ('"b"', '"a"', False),
        ('W/"a"', '"a"', False),
        ('W/"a"', 'W/"a"', False),
        ("Tue, 15 Nov 1994 12:45:26 GMT", '"a"', True),
        ("Tue, 15 Nov 1994 12:45:27 GMT", '"a"', False),
        ("yesterday", '"a"', False),
    ],
)
def test_if_range_wants_the_very_same_object(header, etag, holds):
    assert if_range_holds(header, etag, datetime(1994, 11, 15, 12, 45, 26, 500, tzinfo=UTC)) is holds


def test_a_date_never_holds_where_no_date_was_given():
    assert not if_range_holds("Tue, 15 Nov 1994 12:45:26 GMT", '"a"')


@pytest.mark.parametrize(
    ("header", "etag", "matches"),
    [("*", '"a"', True), ('"b", "a"', '"a"', True), ('"b"', '"a"', False), ('W/"a"', '"a"', False),
     ('W/"a"', 'W/"a"', False)],
)  # fmt: skip
def test_if_match_compares_strongly(header, etag, matches):
    assert strong_match(header, etag) is matches


def test_framed_parts_are_read_by_the_mail_parser():
    content = bytes(range(256))
    ranges = (ByteRange(0, 10), ByteRange(100, 150), ByteRange(255, 256))
    parts, closing, length = frame_parts(ranges, size=256, media_type="application/x-a", boundary="b0undary")
    body = b"".join(part.head + content[part.range.start : part.range.stop] for part in parts) + closing
    assert len(body) == length
    message = email.message_from_bytes(b'Content-Type: multipart/byteranges; boundary="b0undary"\r\n\r\n' + body)
    read = [(part["Content-Range"], part.get_payload(decode=True)) for part in message.get_payload()]
    assert read == [
        ("bytes 0-9/256", content[:10]),
        ("bytes 100-149/256", content[100:150]),
        ("bytes 255-255/256", content[255:]),
    ]
    assert {part.get_content_type() for part in message.get_payload()} == {"application/x-a"}
