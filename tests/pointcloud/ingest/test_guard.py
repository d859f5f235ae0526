"""Headers that lie: each is refused at once, in one line that says the value and what to do."""

import struct
import time

import pytest

from core.errors import InputRefused
from pointcloud.ingest.chunks import decoding
from pointcloud.ingest.convert import convert, look_at
from pointcloud.ingest.read import open_las
from tests.pointcloud.clouds import make_las, shared

MEMORY = 6 << 30
EVLR_START, EVLR_COUNT, POINTS = 235, 243, 247


def refusal(path, crs=""):
    """Return what the producer is told."""
    with pytest.raises(InputRefused) as caught:
        convert(look_at(path, crs, MEMORY), path.with_name("made.copc.laz"), lambda *_: None)
    assert "\n" not in str(caught.value)
    assert caught.value.message.startswith(path.name)
    assert caught.value.remedy
    return str(caught.value)


def patch(path, offset, layout, *values):
    data = bytearray(path.read_bytes())
    struct.pack_into(layout, data, offset, *values)
    path.write_bytes(data)


@pytest.fixture
def las(tmp_path):
    return make_las(tmp_path / "a.las", points=50)


@pytest.fixture
def laz(tmp_path):
    return make_las(tmp_path / "a.laz", points=5000)


def laszip_at(path):
    """Return where the payload of the laszip record begins."""
    return path.read_bytes().index(b"laszip encoded") + 52


def test_a_billion_records_are_refused_within_a_moment(las):
    patch(las, 100, "<I", 1_000_000_000)
    start = time.perf_counter()
    assert "claims 1000000000 variable length records" in refusal(las)
    assert time.perf_counter() - start < 0.5


def test_a_billion_records_after_the_points_are_refused(las):
    patch(las, EVLR_START, "<QI", las.stat().st_size - 100, 1_000_000_000)
    assert "claims 1000000000 extended variable length records" in refusal(las)


@pytest.mark.parametrize(
    ("offset", "layout", "value", "told"),
    [
        (0, "<4s", b"LASX", "begins with b'LASX'"),
        (24, "<BB", (2, 0), "it is LAS 2.0"),
        (25, "<B", 9, "it is LAS 1.9"),
        (94, "<H", 200, "its header claims 200 bytes"),
        (96, "<I", 2**32 - 1, "begin at byte 4294967295"),
        (96, "<I", 10, "begin at byte 10"),
        (104, "<B", 42, "record format is 42"),
        (105, "<H", 20, "its points have 20 bytes"),
        (131, "<d", float("nan"), "scale factors are (nan"),
        (139, "<d", 0.0, "scale factors are"),
        (147, "<d", float("inf"), "scale factors are"),
        (155, "<d", float("nan"), "offsets are (nan"),
        (163, "<d", 1.7e308, "coordinates would be beyond"),
        (POINTS, "<Q", 0, "it holds no point"),
        (POINTS, "<Q", 2**63, "claims 9223372036854775808 points and holds 50"),
        (EVLR_START, "<QI", (2**63, 1), "from byte 9223372036854775808"),
    ],
)
def test_a_wrong_value_is_named(las, offset, layout, value, told):
    patch(las, offset, layout, *(value if isinstance(value, tuple) else (value,)))
    if offset == POINTS and value == 0:  # without the count of LAS 1.4, that of before holds: none either
        patch(las, 107, "<6I", *([0] * 6))
    assert told in refusal(las)


def test_a_record_that_runs_into_the_points_is_refused(las):
    patch(las, 375 + 20, "<H", 65000)
    assert "record 1 of 1 claims 65000 bytes" in refusal(las)


def test_an_extended_record_beyond_the_end_is_refused(las):
    start = las.stat().st_size
    with las.open("ab") as file:
        file.write(struct.pack("<H16sHQ32s", 0, b"x", 1, 2**40, b""))
    patch(las, EVLR_START, "<QI", start, 1)
    assert "extended record 1 of 1 claims 1099511627776 bytes" in refusal(las)


@pytest.mark.parametrize("length", [0, 3, 20, 100, 374])
def test_a_stump_of_a_header_is_refused(las, length):
    las.write_bytes(las.read_bytes()[:length])
    told = refusal(las)
    assert ("not a LAS or LAZ file" in told) if length < 4 else ("within its header" in told)


def test_a_truncated_las_tells_how_many_points_it_holds(las):
    las.write_bytes(las.read_bytes()[:-100])
    assert "claims 50 points and holds 46" in refusal(las)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_truncated_laz_is_refused_before_decoding(laz, share):
    data = laz.read_bytes()
    laz.write_bytes(data[: int(len(data) * share)])
    assert "truncated" in refusal(laz)


def test_a_laz_cut_at_its_points_is_refused(laz):
    data = laz.read_bytes()
    laz.write_bytes(data[: struct.unpack_from("<I", data, 96)[0]])
    assert "truncated" in refusal(laz)


@pytest.mark.parametrize(
    ("offset", "layout", "value", "told"),
    [
        (0, "<H", 16, "compressor is 16"),
        (0, "<H", 1, "compressor is 1"),
        (0, "<H", 2, "compressor 2 cannot hold points of format 6"),
        (2, "<H", 7, "entropy coder is 7"),
        (32, "<H", 9000, "claims 9000 items"),
        (34, "<H", 99, "item of type 99"),
        (12, "<I", 7, "chunks of 7 for 5000 points"),
    ],
)
def test_a_wrong_compression_is_named(laz, offset, layout, value, told):
    patch(laz, laszip_at(laz) + offset, layout, value)
    assert told in refusal(laz)


def test_a_chunk_size_beyond_the_points_does_not_make_the_decoder_allocate_by_it(tmp_path):
    laz = make_las(tmp_path / "a.laz", points=900, point_format=3)
    patch(laz, laszip_at(laz) + 12, "<I", 2**31)
    expected = look_at(laz, "", MEMORY)
    assert struct.unpack_from("<I", expected.las.laszip, 12) == (900,)
    made = convert(expected, tmp_path / "made.copc.laz", lambda *_: None)
    assert made.header.points == 900


def test_a_chunk_table_that_claims_too_much_is_refused(laz):
    data = laz.read_bytes()
    (table,) = struct.unpack_from("<q", data, struct.unpack_from("<I", data, 96)[0])
    patch(laz, table + 4, "<I", 2**32 - 1)
    assert "chunk table claims 4294967295 chunks" in refusal(laz)


def first_chunk(path):
    return struct.unpack_from("<I", path.read_bytes(), 96)[0] + 8


@pytest.mark.parametrize("field", range(10), ids=["points", *(f"layer {i}" for i in range(9))])
def test_sizes_inside_a_chunk_are_checked_before_the_decoder_allocates_by_them(laz, field):
    patch(laz, first_chunk(laz) + 30 + 4 * field, "<I", 2**32 - 1)
    start = time.perf_counter()
    assert "LAZ chunk 1 of 1 claims" in refusal(laz)
    assert time.perf_counter() - start < 2


def test_a_panic_of_the_decoder_is_a_refusal(las):
    class PanicException(BaseException):
        pass

    def panic():
        raise PanicException("index out of bounds:\n the len is 3")

    with las.open("rb") as file:
        found, _ = open_las(las, file)
    with pytest.raises(InputRefused, match=r"after point 7 \(index out of bounds: the len is 3\)"):
        decoding(found, 7, panic)
    with pytest.raises(KeyboardInterrupt):
        decoding(found, 7, lambda: (_ for _ in ()).throw(KeyboardInterrupt))


def test_more_compressed_points_than_memory_can_hold_are_refused(laz):
    patch(laz, POINTS, "<Q", 10**12)
    patch(laz, laszip_at(laz) + 12, "<I", 0xFFFFFFFF)  # else the number of chunks gives it away
    assert "1000000000000 points need" in refusal(laz)


def test_a_file_without_crs_asks_for_it(tmp_path):
    assert "--crs EPSG:2154" in refusal(make_las(tmp_path / "a.laz", crs=0))


@pytest.mark.parametrize("crs", ["EPSG:999999", "Lambert"])
def test_an_unknown_declared_crs_is_named(las, crs):
    assert f"'{crs}' is not a known coordinate reference system" in refusal(las, crs)


def test_user_defined_geotiff_keys_ask_for_the_crs(tmp_path):
    assert "without an EPSG code" in refusal(make_las(tmp_path / "a.las", point_format=1, crs=32767))


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert "cannot be opened (No such file" in refusal(tmp_path / "none.laz")


def test_a_folder_is_refused(tmp_path):
    folder = tmp_path / "folder.laz"
    folder.mkdir()
    assert "cannot be opened (Is a directory" in refusal(folder)


@pytest.mark.parametrize(
    "pattern", ["broken/*.laz", "las_versions/*no-points.las", "las_versions/simple.laz",
                "copc/test_data_77050_627755_LA93_IGN69.copc.laz"],
)  # fmt: skip
def test_real_files_that_cannot_be_taken_say_why(tmp_path, pattern):
    for source in shared(pattern):
        copy = tmp_path / source.name
        copy.write_bytes(source.read_bytes())
        refusal(copy)
