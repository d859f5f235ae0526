"""tiler.ingest.encodings: what the bytes of a text say."""

import io
import struct

import pyarrow as pa
import pytest

from tiler.ingest.encodings import dbf_text, mend_text, shapefile_encoding


def dbf(*values, width=8, name=b"NOM"):
    """Write a dBASE III file of one numeric and one text field, as its format description says."""
    fields = [(b"CODE", b"N", 4), (name, b"C", width)]
    length = 1 + sum(size for _, _, size in fields)
    head = struct.pack("<4BIHH20x", 3, 124, 1, 1, len(values), 32 + 32 * len(fields) + 1, length)
    body = b"".join(struct.pack("<11sc4xBB14x", title, kind, size, 0) for title, kind, size in fields)
    rows = b"".join(b" " + b"  12" + value.ljust(width) for value in values)
    return io.BytesIO(head + body + b"\r" + rows + b"\x1a")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b"Paris", b"Lyon"], "ascii"),
        ([b"Paris", "Évry".encode()], "utf-8"),
        ([b"Paris", "Évry".encode("cp1252")], "other"),
        (["Évry".encode(), "Évry".encode("cp1252")], "other"),
        ([b"caf" + b"\xe9"], "other"),
        (["Évé".encode() + b"abc\xc3"], "utf-8"),
        ([b"abcdefg" + b"\xe9"], "other"),
        ([], "ascii"),
    ],
)
def test_the_bytes_of_a_dbf_tell_their_encoding(values, expected):
    assert dbf_text(dbf(*values)) == expected


def test_the_name_of_a_field_counts():
    assert dbf_text(dbf(b"Paris", name="Régi".encode("cp1252"))) == "other"


@pytest.mark.parametrize("length", [0, 5, 31, 40, 97, 110])
def test_a_truncated_dbf_is_no_error(length):
    assert dbf_text(io.BytesIO(dbf(b"Paris", b"Lyon").read()[:length])) == "ascii"


@pytest.mark.parametrize(
    ("text", "declared", "encoding", "told"),
    [
        ("ascii", "", "", False),
        ("ascii", "1252", "", False),
        ("utf-8", "UTF-8", "UTF-8", False),
        ("utf-8", "", "UTF-8", False),
        ("utf-8", "1252\n", "UTF-8", True),
        ("other", "utf-8", "CP1252", True),
        ("other", "", "CP1252", True),
        ("other", "1252", "", False),
        ("other", "ISO-8859-15", "", False),
    ],
)
def test_a_declaration_is_believed_unless_the_bytes_contradict_it(text, declared, encoding, told):
    chosen, notice = shapefile_encoding(text, declared)
    assert (chosen, bool(notice)) == (encoding, told)


def test_values_that_are_not_utf_8_are_read_as_windows_1252():
    raw = pa.array(["Évry".encode(), "Évry".encode("cp1252"), None, b"Lyon", "Éé".encode()[:-1]], pa.binary())
    column = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())
    mended, count = mend_text(column)
    assert mended.to_pylist() == ["Évry", "Évry", None, "Lyon", "É"]
    assert count == 2


def test_valid_text_is_given_back_as_it_is():
    column = pa.array(["Évry", None])
    assert mend_text(column) == (column, 0)
