"""tiler.archive.directory against the package pmtiles, and against damage."""

import contextlib
import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pmtiles.tile import Entry, deserialize_directory, serialize_directory

from core.errors import BadSource
from tiler.archive.directory import Directory, decode_directory, encode_directory


@st.composite
def entries(draw):
    """Entries as an archive may hold them: growing ids, contents one after the other or anywhere."""
    made, following, end = [], 0, 0
    for gap, run, length, jump in draw(
        st.lists(
            st.tuples(st.integers(0, 1 << 50), st.integers(0, 9), st.integers(1, 1 << 31), st.booleans()), max_size=40
        )
    ):
        offset = draw(st.integers(0, 1 << 60)) if jump else end
        made.append(Entry(following + gap, offset, length, run))
        following, end = following + gap + max(run, 1), offset + length
    return made


def columns(made):
    return Directory(
        *(
            np.array([getattr(one, name) for one in made], np.int64)
            for name in ("tile_id", "run_length", "length", "offset")
        )
    )


def rows(directory):
    arrays = (directory.ids, directory.offsets, directory.lengths, directory.runs)
    return list(zip(*(column.tolist() for column in arrays), strict=True))


@settings(deadline=None)
@given(entries())
def test_directories_of_the_independent_package_are_read(made):
    expected = [(one.tile_id, one.offset, one.length, one.run_length) for one in made]
    assert rows(decode_directory(gzip.decompress(serialize_directory(made)))) == expected


@settings(deadline=None)
@given(entries())
def test_our_directories_are_read_by_the_independent_package_and_by_us(made):
    data = encode_directory(columns(made))
    there = deserialize_directory(gzip.compress(data))
    assert [(e.tile_id, e.offset, e.length, e.run_length) for e in there] == rows(columns(made))
    assert rows(decode_directory(data)) == rows(columns(made))


@settings(deadline=None)
@given(entries(), st.data())
def test_cut_and_flipped_directories_are_refused_or_read_and_nothing_else(made, data):
    encoded = bytearray(encode_directory(columns(made)))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = bytes(encoded[: data.draw(st.integers(0, len(encoded)))])
    with contextlib.suppress(BadSource):
        directory = decode_directory(cut)
        assert bool((directory.ids[1:] > directory.ids[:-1]).all())
        assert not len(directory.ids) or (directory.offsets.min() >= 0 and directory.ids.min() >= 0)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(data):
    with contextlib.suppress(BadSource):
        decode_directory(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",  # ends within a number
        b"\x01",  # names an entry that is not there
        b"\x01\x00\x01\x05\x00",  # the first entry follows none
        b"\x02\x05\x00\x01\x01\x01\x01\x01\x00",  # one id twice
        b"\x01" + b"\xff" * 9 + b"\x01" + b"\x01\x01\x01",  # an id of 64 bits
        b"\x01" + b"\xff" * 10 + b"\x01" + b"\x01\x01\x01",  # a number of 70 bits and more
        b"\x01\x00" + b"\xff\xff\xff\xff\x7f" + b"\x01\x01",  # a run of 35 bits
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # 2^64 - 1 entries
    ],
)
def test_what_no_directory_can_be_is_refused(data):
    with pytest.raises(BadSource, match="a directory"):
        decode_directory(data)


def test_a_tile_is_found_in_the_middle_of_a_run_and_in_the_leaf_that_begins_before_it():
    directory = columns([Entry(5, 0, 10, 3), Entry(9, 10, 20, 0), Entry(20, 30, 40, 1)])
    assert [directory.find(one) for one in (4, 5, 7, 8)] == [None, (3, 0, 10), (3, 0, 10), None]
    assert directory.find(9) == directory.find(19) == (0, 10, 20)
    assert [directory.find(one) for one in (20, 21)] == [(1, 30, 40), None]
