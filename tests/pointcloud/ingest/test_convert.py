"""COPC files against laspy: all fields of all points, its own octree queries, and real files."""

import hashlib
import resource
import signal

import laspy
import numpy as np
import pytest

from core.errors import InputRefused, StoreFull
from core.program import failure_of
from pointcloud.copc import writer
from pointcloud.copc.header import parse_header
from pointcloud.copc.info import parse_info
from pointcloud.ingest.convert import convert, look_at
from tests.pointcloud.clouds import assert_same, make_las, shared

MEMORY = 6 << 30


def made(source, tmp_path, crs=""):
    return convert(look_at(source, crs, MEMORY), tmp_path / "made.copc.laz", lambda *_: None)


@pytest.fixture
def small_nodes(monkeypatch):
    """Make octrees of several levels out of few points."""
    monkeypatch.setattr("pointcloud.copc.octree.CAPACITY", 500)
    monkeypatch.setattr("pointcloud.copc.octree.MINIMUM", 20)
    monkeypatch.setattr("pointcloud.copc.octree.CELL_BITS", 3)
    monkeypatch.setattr("pointcloud.copc.writer.CELL_BITS", 3)


@pytest.mark.parametrize("suffix", [".las", ".laz"])
@pytest.mark.parametrize("point_format", [6, 7, 8])
def test_new_formats_are_kept_field_by_field(tmp_path, small_nodes, point_format, suffix):
    source = make_las(tmp_path / f"a{suffix}", point_format=point_format, extra=[("amplitude", "f8"), ("mark", "u1")])
    result = made(source, tmp_path)
    expected = laspy.read(source)
    assert_same(laspy.read(result.path), expected)
    with laspy.CopcReader.open(str(result.path)) as reader:
        assert_same(reader.query(), expected)
        assert reader.header.point_format.id == point_format
    assert result.dimensions == tuple(expected.point_format.dimension_names)


@pytest.mark.parametrize(("old", "new"), [(0, 6), (1, 6), (2, 7), (3, 7)])
def test_old_formats_are_promoted_without_loss(tmp_path, old, new):
    source = make_las(tmp_path / "a.las", point_format=old, extra=[("mark", "u2")])
    points, before = laspy.read(made(source, tmp_path).path), laspy.read(source)
    assert points.header.point_format.id == new
    gone = {"scan_angle_rank"}
    names = [name for name in before.point_format.dimension_names if name not in gone]
    assert_same(points, before, names)
    degrees = np.asarray(before.scan_angle_rank, float)
    assert np.abs(np.sort(np.asarray(points.scan_angle) * 0.006) - np.sort(degrees)).max() <= 0.003
    assert not np.asarray(points.overlap).any()


def test_queries_by_bounds_and_resolution_find_what_laspy_finds_in_the_input(tmp_path, small_nodes):
    source = make_las(tmp_path / "a.laz", points=8000)
    expected = laspy.read(source)
    with laspy.CopcReader.open(str(made(source, tmp_path).path)) as reader:
        box = laspy.copc.Bounds(np.array([770020.0, 6277030.0]), np.array([770080.0, 6277150.0]))
        inside = (expected.X >= 2000) & (expected.X <= 8000) & (expected.Y >= 3000) & (expected.Y <= 15000)
        assert_same(reader.query(bounds=box), expected.points[np.asarray(inside)])
        counts = [len(reader.query(level=level)) for level in range(6)]
        assert 0 < counts[0] < 1000
        assert sum(counts) == 8000
        coarse = reader.query(resolution=reader.copc_info.spacing)
        assert len(coarse) == counts[0]


def test_points_lie_in_the_cubes_of_their_nodes(tmp_path, small_nodes):
    result = made(make_las(tmp_path / "a.laz", points=5000), tmp_path)
    with laspy.CopcReader.open(str(result.path)) as reader:
        info = reader.copc_info
        low = np.array(info.center) - info.halfsize
        for key in list(reader.root_page.entries):
            bounds_side = 2 * info.halfsize / 2**key.level
            corner = low + np.array([key.x, key.y, key.z]) * bounds_side
            node = reader.query(bounds=laspy.copc.Bounds(corner, corner + bounds_side), level=key.level)
            assert len(node) >= reader.root_page.entries[key].point_count


def test_every_entry_has_a_parent(tmp_path, small_nodes):
    result = made(make_las(tmp_path / "a.laz", points=8000), tmp_path)
    with laspy.CopcReader.open(str(result.path)) as reader:
        keys = {(k.level, k.x, k.y, k.z) for k in reader.root_page.entries}
    assert len(keys) > 20
    assert all(k[0] == 0 or (k[0] - 1, k[1] // 2, k[2] // 2, k[3] // 2) in keys for k in keys)


def test_the_first_589_bytes_tell_that_it_is_copc(tmp_path):
    data = made(make_las(tmp_path / "a.laz"), tmp_path).path.read_bytes()
    assert data[:4] == b"LASF"
    assert data[24:26] == bytes([1, 4])
    assert data[377:381] == b"copc"
    assert int.from_bytes(data[393:395], "little") == 1
    assert data[104] == 0x80 | 6
    assert parse_info(data[429:589]).root_offset < parse_header(data).offset_to_points


def test_the_same_input_gives_the_same_bytes(tmp_path, small_nodes):
    source = make_las(tmp_path / "a.laz", points=6000)
    digests = {hashlib.sha256(made(source, tmp_path).path.read_bytes()).hexdigest() for _ in range(2)}
    assert len(digests) == 1


def test_a_hierarchy_too_long_for_the_front_goes_to_the_end(tmp_path, small_nodes, monkeypatch):
    monkeypatch.setattr(writer, "MAX_FRONT_ENTRIES", 10)
    source = make_las(tmp_path / "a.laz", points=4000)
    result = made(source, tmp_path)
    assert result.header.evlr_count == 1
    with laspy.CopcReader.open(str(result.path)) as reader:
        assert reader.copc_info.hierarchy_root_offset > reader.header.offset_to_point_data
        assert_same(reader.query(), laspy.read(source))


def test_records_of_other_programs_are_kept(tmp_path):
    note = laspy.VLR("somebody", 7, "a note", b"kept as it is")
    result = made(make_las(tmp_path / "a.laz", vlrs=[note]), tmp_path)
    kept = [vlr for vlr in laspy.read(result.path).header.vlrs if vlr.user_id == "somebody"]
    assert [(vlr.record_id, vlr.record_data, vlr.description) for vlr in kept] == [(7, b"kept as it is", "a note")]


def test_geotiff_keys_become_wkt(tmp_path):
    result = made(make_las(tmp_path / "a.las", point_format=1), tmp_path)
    header = laspy.read(result.path).header
    assert header.parse_crs().to_epsg() == 2154
    assert header.global_encoding.wkt
    assert not header.vlrs.get("GeoKeyDirectoryVlr")


def test_a_declared_crs_wins(tmp_path):
    result = made(make_las(tmp_path / "a.laz", crs=2154), tmp_path, crs="EPSG:3943")
    assert laspy.read(result.path).header.parse_crs().to_epsg() == 3943


def test_one_point_is_a_cloud(tmp_path):
    source = make_las(tmp_path / "a.las", points=1)
    assert_same(laspy.read(made(source, tmp_path).path), laspy.read(source))


def test_points_at_one_place_are_kept(tmp_path, small_nodes):
    source = make_las(tmp_path / "a.laz", points=3000, spread_m=0.0)
    assert_same(laspy.read(made(source, tmp_path).path), laspy.read(source))


def test_a_far_outlier_does_not_swell_one_node(tmp_path, small_nodes):
    source = make_las(tmp_path / "a.laz", points=6000)
    las = laspy.read(source)
    las.X[0] = 20_000_000
    las.write(source)
    with laspy.CopcReader.open(str(made(source, tmp_path).path)) as reader:
        assert max(entry.point_count for entry in reader.root_page.entries.values()) <= 2000
        assert_same(reader.query(), las)


def test_coordinates_off_the_earth_ask_for_the_crs(tmp_path):
    with pytest.raises(InputRefused, match=r"not on Earth in EPSG:4326.*--crs"):
        made(make_las(tmp_path / "a.laz"), tmp_path, crs="EPSG:4326")


def test_a_file_over_the_memory_limit_is_refused_before_it_is_read(tmp_path):
    source = make_las(tmp_path / "a.laz", points=100)
    with pytest.raises(InputRefused, match=r"its 100 points need 0\.7 GB.*GEOPF_JOB_MEMORY_BYTES"):
        look_at(source, "", 500 << 20)


@pytest.mark.parametrize("limit", [300, 20_000], ids=["header", "points"])
def test_a_disk_that_fills_up_is_told_as_such(tmp_path, limit):
    source = make_las(tmp_path / "a.laz", points=5000)
    one = look_at(source, "", MEMORY)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises((StoreFull, OSError)) as caught:
            convert(one, tmp_path / "made.copc.laz", lambda *_: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "no room left" in failure_of(caught.value).message or isinstance(caught.value, StoreFull)


def test_bounds_and_classes_are_those_of_the_points(tmp_path):
    source = make_las(tmp_path / "a.laz")
    result, las = made(source, tmp_path), laspy.read(source)
    codes, counts = np.unique(np.asarray(las.classification), return_counts=True)
    assert result.classes == dict(zip(codes.tolist(), counts.tolist(), strict=True))
    np.testing.assert_allclose(result.bounds, [*las.header.mins, *las.header.maxs], atol=1e-9)
    west, south, east, north = result.bbox
    assert west < result.sample[0] < east
    assert south < result.sample[1] < north
    # the place is in Montpellier, whose town hall stands at 3.895 E, 43.599 N
    assert west == pytest.approx(3.895, abs=0.05)
    assert south == pytest.approx(43.599, abs=0.05)


@pytest.mark.parametrize(
    "pattern",
    ["ign_6tuiles_77050/*.laz", "ign_1km_0292_6833/*.laz", "las_versions/1_4_w_evlr.laz", "points_test.la?",
     "copc/lone-star.copc.laz", "copc/1.2-with-color.copc.laz", "copc/example.copc.laz"],
)  # fmt: skip
def test_real_files_are_read_back_as_laspy_reads_them(tmp_path, pattern):
    for source in shared(pattern):
        result, expected = made(source, tmp_path), laspy.read(source)
        assert_same(laspy.read(result.path), expected)
        with laspy.CopcReader.open(str(result.path)) as reader:
            assert len(reader.query()) == len(expected.points)


@pytest.mark.parametrize(
    ("pattern", "crs"),
    [("ign_classified/*.laz", ""), ("las_versions/1.?_?.las", ""), ("autzen_trim.laz", ""), ("Topography.laz", ""),
     ("las_versions/extra.laz", "EPSG:2154"), ("las_versions/simple.laz", "EPSG:2154")],
)  # fmt: skip
def test_real_files_of_old_formats_keep_what_laspy_reads(tmp_path, pattern, crs):
    for source in shared(pattern):
        las = laspy.read(source)
        points = laspy.read(made(source, tmp_path, crs).path)
        assert_same(points, las, [n for n in las.point_format.dimension_names if n != "scan_angle_rank"])
