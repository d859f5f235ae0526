"""tiler.compression: what is chosen by RFC 9110, and that it is read again by others."""

import gzip

import imagecodecs
import pytest

from tiler.compression import choose_coding, compress, takes_gzip


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("br", "br"),
        ("zstd, br", "zstd"),
        ("br;q=1.0, gzip;q=0.5", "br"),
        ("gzip;q=0", ""),
        ("gzip;q=0, *", "zstd"),
        ("*", "gzip"),
        ("identity", ""),
        ("identity;q=1, gzip;q=0.1", ""),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("GZIP;Q=1", "gzip"),
        ("gzip;q=oops", ""),
        ("compress, deflate", ""),
    ],
)
def test_the_client_chooses_and_of_equals_the_cheapest_is_taken(accept, coding):
    assert choose_coding(accept) == coding


@pytest.mark.parametrize(
    ("accept", "takes"), [("br, gzip;q=0.1", True), ("gzip;q=0", False), ("br", False), ("", False)]
)
def test_gzip_that_is_stored_goes_to_who_takes_it(accept, takes):
    assert takes_gzip(accept) is takes


@pytest.mark.parametrize(
    ("coding", "read"),
    [
        ("gzip", gzip.decompress),
        ("zstd", imagecodecs.zstd_decode),
        ("br", imagecodecs.brotli_decode),
        ("", bytes),
    ],
)
def test_what_is_compressed_is_read_again(coding, read):
    data = b"tile " * 1000
    packed = compress(data, coding)
    assert bytes(read(packed)) == data
    assert len(packed) <= len(data)
    assert compress(data, coding) == packed


def test_gzip_with_effort_is_smaller_and_read_by_zlib():
    data = b"".join(b"BATIMENT%016d" % (number * number) for number in range(2000))
    fast, small = compress(data, "gzip"), compress(data, "gzip", gzip_level=5)
    assert gzip.decompress(small) == data
    assert len(small) < len(fast)
    assert compress(data, "gzip", gzip_level=5) == small  # no time of making in the header
