"""tiler.ingest.archive: PMTiles stay as they are, MBTiles become PMTiles, the wrong is refused in one line."""

import contextlib
import gzip
import json
import math
import sqlite3

import mapbox_vector_tile
import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pmtiles.tile import Compression, Entry, TileType, serialize_directory

from core.errors import GeoplateformeError, InputRefused
from core.job import JobSpec, Notice
from tests.doubles import MemoryStore
from tests.tiler.archive.made import SHARED, mbtiles, photo, picture, pmtiles, reader
from tiler.archive.header import HEADER_BYTES, build_header, parse_header
from tiler.archive.tile_id import tile_id, tile_place
from tiler.coverage import layer_limits
from tiler.ingest.archive import archive_form, ingest_archive
from tiler.ingest.archive_box import Extents
from tiler.matrix import tile_matrix_set

PNG, JPG, WEBP = picture(photo()), picture(photo(), "jpg"), picture(photo(), "webp")
POINT = {"geometry": "POINT (5 5)", "properties": {}}
MVT = gzip.compress(mapbox_vector_tile.encode({"name": "lieux", "features": [POINT]}), mtime=0)
TILES = {(3, 4, 2): PNG, (4, 8, 5): WEBP, (4, 9, 5): WEBP}
SAME = dict.fromkeys(TILES, PNG)
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the reference data are not beside the project")


class Ingested:
    def __init__(self, result, store, events):
        self.source, self.bbox, self.sample, self.result = result.source, result.bbox, result.sample, result
        self.data = store.objects[result.source.href]
        self.notices = [event.message for event in events if isinstance(event, Notice)]


@pytest.fixture
def ingest(tmp_path):
    def run(path, kind="raster", **spec):
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        store, events = MemoryStore(), []
        inputs = (str(path),) if not isinstance(path, tuple) else tuple(map(str, path))
        made = JobSpec(kind=kind, name="a.b", inputs=inputs, prefix="data/1", scratch=str(scratch), **spec)
        return Ingested(ingest_archive(made, events.append, store), store, events)

    return run


@pytest.fixture
def file(tmp_path):
    def write(data, name="a.pmtiles"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@needs_shared
@pytest.mark.parametrize(
    ("name", "kind", "tile_type", "tiles", "zooms"),
    [
        ("ne_10m_admin_0_france", "vector", "mvt", 8, (3, 5)),
        ("ne_10m_admin_0_france_with_leaf_dir", "vector", "mvt", 8, (3, 5)),
        ("omt-planet-20260112.mvt.max1", "vector", "mvt", 5, (0, 1)),
        ("stamen_toner(raster)CC-BY+ODbL_z3", "raster", "png", 85, (0, 3)),
    ],
)
def test_real_pmtiles_are_stored_byte_by_byte(ingest, name, kind, tile_type, tiles, zooms):
    path = SHARED / "pmtiles" / f"{name}.pmtiles"
    made = ingest(path, kind)
    assert made.data == path.read_bytes()
    assert (made.source.tile_type, made.source.tiles) == (tile_type, tiles)
    assert (made.source.min_zoom, made.source.max_zoom) == zooms
    turned = name.startswith("ne_10m")  # written before GDAL turned its rings as the specification says
    assert len(made.notices) == turned
    assert all("5 of 8 vector tiles checked" in one and "begins with a hole" in one for one in made.notices)


def test_faults_of_vector_tiles_are_told_with_counts_and_what_can_be_read_is_taken(ingest, file):
    good, faulty = gzip.decompress(MVT), b"\x1a\x03\x0a\x01a"
    made = ingest(file(pmtiles({(1, 0, 0): good, (1, 1, 0): faulty, (1, 1, 1): b"\x1a\x7fcut"}, "mvt")), "vector")
    told = "1 of 2 vector tiles checked break the Vector Tile Specification 2.1"
    assert any(told in one and "layer 'a' has no version (1 tiles, first 1/1/0)" in one for one in made.notices)
    assert any("1 of 3 tiles looked at are no pictures and no vector tiles: 1/1/1" in one for one in made.notices)
    with pytest.raises(InputRefused, match="1 of 1 tiles looked at are no pictures"):
        ingest(file(pmtiles({(0, 0, 0): b"\x1a\x7fcut"}, "mvt")), "vector")


def test_large_vector_tiles_are_told_and_looked_into_no_longer_than_a_few_seconds(ingest, file):
    large = b"\x1a\x80\x80\xc0\x03" + b"\x1a\x06abcdef" * (7 << 17)
    small = gzip.decompress(MVT)
    made = ingest(file(pmtiles({(0, 0, 0): large, (1, 0, 0): small, (1, 1, 0): small}, "mvt")), "vector")
    assert made.notices == [
        "a.pmtiles: 1 tiles take more than 500,000 bytes, the largest 7,340,037 (0/0/0): maps will wait for them"
    ]
    assert made.result.srs == "EPSG:3857"
    expected = [one["id"] for one in reader(made.data).metadata().get("vector_layers", [])]
    assert [one.id for one in made.source.vector_layers] == expected


@needs_shared
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("pmtiles/empty.pmtiles", "does not begin as a PMTiles archive"),
        ("pmtiles/invalid.pmtiles", "does not begin as a PMTiles archive"),
        ("pmtiles/invalid_v4.pmtiles", "version 4"),
        ("pmtiles/test_fixture_mlt.pmtiles", "MLT"),
        ("mbtiles/corrupt.mbtiles", "malformed"),
    ],
)
def test_real_archives_that_cannot_be_taken_are_refused_in_one_line(ingest, name, reason):
    with pytest.raises(InputRefused, match=reason) as caught:
        ingest(SHARED / name)
    assert "\n" not in str(caught.value)
    assert caught.value.remedy


@needs_shared
@pytest.mark.parametrize(("name", "kind"), [("plain_1", "raster"), ("world_cities", "vector")])
def test_real_mbtiles_become_clustered_pmtiles_with_the_same_bytes(ingest, name, kind):
    path = SHARED / "mbtiles" / f"{name}.mbtiles"
    made = ingest(path, kind)
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as database:
        rows = database.execute("SELECT * FROM tiles WHERE tile_data IS NOT NULL").fetchall()
    database.close()
    other = reader(made.data)
    for z, x, row, data in rows:
        assert other.get(z, x, (1 << z) - 1 - row) == data
    header = other.header()
    assert (header["addressed_tiles_count"], header["clustered"]) == (len(rows), True)
    assert header["tile_contents_count"] == len({data for *_, data in rows})
    assert made.source.tiles == len(rows)
    assert [one.id for one in made.source.vector_layers] == (["cities"] if kind == "vector" else [])


def test_mbtiles_as_a_view_are_read_and_each_content_is_stored_once(ingest, tmp_path):
    with sqlite3.connect(tmp_path / "a.mbtiles") as database:
        database.execute("CREATE TABLE map (zoom_level, tile_column, tile_row, tile_id)")
        database.execute("CREATE TABLE images (tile_id, tile_data)")
        database.execute("CREATE VIEW tiles AS SELECT zoom_level, tile_column, tile_row, tile_data FROM map JOIN images"
                         " ON images.tile_id = map.tile_id")  # fmt: skip
        database.execute("CREATE TABLE metadata (name, value)")
        database.execute("INSERT INTO images VALUES (1, ?), (2, ?)", (PNG, WEBP))
        database.executemany(
            "INSERT INTO map VALUES (2, ?, ?, ?)", [(x, y, 1 + (x == y)) for x in range(4) for y in range(4)]
        )
    database.close()
    made = ingest(tmp_path / "a.mbtiles")
    other = reader(made.data)
    assert other.header()["tile_contents_count"] == 2
    assert [other.get(2, x, 3 - y) == (WEBP if x == y else PNG) for x in range(4) for y in range(4)] == [True] * 16
    assert made.source.tile_type == "png"
    assert any("12 png, 4 webp" in one for one in made.notices)


def test_the_form_is_told_by_the_bytes_whatever_the_name(file, tmp_path, ingest):
    assert archive_form((str(file(pmtiles(SAME), "a.tif")),)) == "pmtiles"
    assert ingest(file(pmtiles(SAME), "a.tif")).source.tiles == 3
    assert archive_form((str(mbtiles(tmp_path / "b.db", SAME)),)) == "mbtiles"
    assert archive_form((str(file(PNG, "c.png")), str(file(b"", "d.tif")), str(tmp_path / "none"))) is None
    with sqlite3.connect(tmp_path / "e.gpkg") as database:
        database.execute("PRAGMA application_id = 0x47504B47")
        database.execute("CREATE TABLE tiles (zoom_level, tile_data)")
    database.close()
    assert archive_form((str(tmp_path / "e.gpkg"),)) is None
    assert archive_form((str(file(b"x", "f.pmtiles")),)) == "pmtiles"


def test_what_tiles_are_is_found_in_their_bytes_and_a_wrong_claim_is_told(ingest, file, tmp_path):
    made = ingest(file(pmtiles(TILES, "jpg")))
    assert made.source.tile_type == "webp"
    assert any("claims that its tiles are jpg, and they are webp" in one for one in made.notices)
    made = ingest(mbtiles(tmp_path / "a.mbtiles", SAME, {"format": "jpg"}))
    assert made.source.tile_type == "png"
    assert any("claims that its tiles are jpg, and they are png" in one for one in made.notices)
    made = ingest(file(pmtiles({(0, 0, 0): MVT}, TileType.UNKNOWN, compression=Compression.UNKNOWN)), "vector")
    assert made.source.tile_type == "mvt"


def test_levels_are_those_that_have_tiles(ingest, file):
    data = pmtiles(SAME)
    wrong = build_header(msgspec.structs.replace(parse_header(data), min_zoom=0, max_zoom=9)) + data[HEADER_BYTES:]
    made = ingest(file(wrong))
    assert (made.source.min_zoom, made.source.max_zoom) == (3, 4)
    assert any("claims levels 0 to 9, and has 3 to 4" in one for one in made.notices)


def test_tiles_that_are_no_pictures_are_named_and_an_archive_of_them_is_refused(ingest, file, tmp_path):
    made = ingest(file(pmtiles({**SAME, (4, 1, 1): b"<html>404</html>"})))
    assert any("1 of 4 tiles looked at" in one and "4/1/1" in one for one in made.notices)
    with pytest.raises(InputRefused, match="1 of 1 tiles looked at are no pictures"):
        ingest(file(pmtiles({(4, 1, 1): b"<html>404</html>"})))
    database = mbtiles(tmp_path / "a.mbtiles", {**SAME, (4, 1, 1): b"<html>", (4, 1, 2): None, (4, 1, 3): b""})
    made = ingest(database)
    assert (made.source.tiles, reader(made.data).get(4, 1, 1)) == (3, None)
    assert any("1 rows of a.mbtiles are no tiles: 4/1/14" in one for one in made.notices)


@pytest.mark.parametrize(
    ("tiles", "spec", "reason"),
    [
        (SAME, {"crs": "EPSG:2154"}, "in Web Mercator, not in EPSG:2154"),
        (SAME, {"source_layer": "a"}, "leave --layer out"),
        ({(0, 0, 0): MVT}, {}, "give it to `geopf ingest vector`"),
        ({(0, 0, 0): PNG, (1, 0, 0): MVT}, {}, "pictures beside vector tiles"),
        ({(0, 0, 0): picture(photo(side=300)[:200])}, {}, "300 by 200 pixels"),
        ({(0, 0, 0): picture(photo(side=16))}, {}, "16 by 16 pixels"),
        ({(25, 0, 0): PNG}, {}, "begins at level 25"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_remedy(ingest, file, tiles, spec, reason):
    with pytest.raises(InputRefused) as caught:
        ingest(file(pmtiles(tiles, TileType.UNKNOWN)), **spec)
    assert reason in str(caught.value)


def test_other_schemes_and_several_files_are_refused(ingest, file, tmp_path):
    with pytest.raises(InputRefused, match="its crs is EPSG:2154"):
        ingest(file(pmtiles(SAME, metadata={"crs": "EPSG:2154"})))
    ingest(file(pmtiles(SAME, metadata={"crs": "EPSG:3857", "projection": "EPSG:900913"})), crs="EPSG:3857")
    with pytest.raises(InputRefused, match="one archive alone"):
        ingest((file(pmtiles(SAME)), file(pmtiles(SAME), "b.pmtiles")))
    with pytest.raises(InputRefused, match="has no table metadata"):
        with sqlite3.connect(tmp_path / "c.mbtiles") as database:
            database.execute("CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data)")
        database.close()
        ingest(tmp_path / "c.mbtiles")


def test_rows_that_are_no_places_are_left_out(ingest, tmp_path):
    path = mbtiles(tmp_path / "a.mbtiles", SAME)
    with sqlite3.connect(path) as database:
        rows = [(4, 99, 0), (-1, 0, 0), ("x", 0, 0), (40, 0, 0), (4, None, 1.5)]
        database.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", [(*row, PNG) for row in rows])
        database.execute("INSERT INTO tiles SELECT * FROM tiles WHERE zoom_level = 3")
    database.close()
    made = ingest(path)
    assert made.source.tiles == 3
    assert any("5 rows of a.mbtiles are no tiles" in one for one in made.notices)
    assert any("1 tiles twice" in one for one in made.notices)


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        ((0.0, 40.0, 30.0, 50.0), False),
        ((-180.0, -90.0, 180.0, 90.0), False),
        ((0.0, 0.0, 0.0, 0.0), True),
        ((9.0, 8.0, 7.0, 6.0), True),
        ((-120.0, -40.0, -110.0, -30.0), True),
    ],
)
def test_the_box_of_the_layer_meets_every_tile_and_is_the_claim_where_that_does(ingest, file, claim, told):
    made = ingest(file(pmtiles(SAME, bounds=claim)))
    assert bool(made.notices) == told
    for zoom, col, row in SAME:
        assert layer_limits(made.bbox, "PM", str(zoom)).holds(col, row)
    if not told:
        assert made.bbox == (claim[0], max(claim[1], -85.0511287798066), claim[2], min(claim[3], 85.0511287798066))
    side = 360 / 16
    assert made.sample[0] in {-180 + (8.5) * side, -180 + 9.5 * side}
    assert tile_matrix_set("PM").by_id["4"].width == 16


@settings(deadline=None)
@given(st.integers(0, 7), st.lists(st.tuples(st.integers(0, 400), st.integers(1, 9000)), min_size=1, max_size=6))
def test_extents_of_long_runs_are_those_of_their_tiles(zoom, steps):
    begin, ids, runs = tile_id(zoom, 0, 0), [], []
    for gap, run in steps:
        ids.append(begin + gap)
        runs.append(run)
        begin += gap + run
    extents, expected = Extents(), {}
    extents.add(np.array(ids), np.array(runs))
    for start, run in zip(ids, runs, strict=True):
        for one in range(start, start + run):
            z, x, y = tile_place(one)
            expected.setdefault(z, []).append((x, y))
    assert extents.levels() == sorted(expected)
    for z, places in expected.items():
        cols, rows = zip(*places, strict=True)
        limits = extents.of(z)
        assert (limits.min_col, limits.max_col, limits.min_row, limits.max_row) == (
            min(cols), max(cols), min(rows), max(rows),
        )  # fmt: skip


def test_a_run_over_whole_deep_levels_is_looked_at_in_no_time(ingest, file):
    data = pmtiles({(0, 0, 0): PNG})
    root = serialize_directory([Entry(0, 0, len(PNG), (1 << 32) - 1)])
    made = ingest(file(rebuilt(data, root)))
    assert (made.source.min_zoom, made.source.max_zoom, made.source.tiles) == (0, 16, (1 << 32) - 1)
    assert made.source.max_zoom == math.ceil(math.log(3 * ((1 << 32) - 1) + 1, 4)) - 1


def rebuilt(data, root, leaves=b""):
    header = parse_header(data)
    tile_data = data[header.data_offset :]
    placed = msgspec.structs.replace(
        header, root_length=len(root), metadata_offset=HEADER_BYTES, metadata_length=0,
        leaf_offset=HEADER_BYTES + len(root), leaf_length=len(leaves),
        data_offset=HEADER_BYTES + len(root) + len(leaves),
    )  # fmt: skip
    return build_header(placed) + root + leaves + tile_data


LEAF = serialize_directory([Entry(0, 0, 8, 1)])
NESTED = [LEAF]
for _ in range(4):
    NESTED.append(serialize_directory([Entry(0, sum(map(len, NESTED[:-1])), len(NESTED[-1]), 0)]))


@pytest.mark.parametrize(
    ("entries", "leaves", "reason"),
    [
        ([Entry(0, 0, 8, 3), Entry(1, 0, 8, 1)], b"", "name a tile twice"),
        ([Entry(0, 0, len(LEAF), 0), Entry(9, 0, len(LEAF), 0)], LEAF, "name a tile twice"),
        ([Entry(0, 0, 8, 1), Entry(5, 0, len(LEAF), 0)], LEAF, "name a tile twice"),
        ([Entry(0, 0, 23, 0)], gzip.compress(b"\0", mtime=0), "outside their section|holds no tile|directory"),
        ([Entry(0, 50, 9999, 0)], LEAF, "outside their section"),
        ([Entry(0, 0, 1 << 31, 1)], b"", "MiB"),
        ([Entry(0, 1 << 20, 10, 1)], b"", "lies outside the archive"),
        ([], b"", "holds no tile"),
        ([Entry(0, sum(map(len, NESTED[:-1])), len(NESTED[-1]), 0)], b"".join(NESTED), "more than 4 directories"),
    ],
)
def test_hostile_directories_are_refused(ingest, file, entries, leaves, reason):
    with pytest.raises(InputRefused, match=reason):
        ingest(file(rebuilt(pmtiles({(0, 0, 0): PNG}), serialize_directory(entries), leaves)))


def test_metadata_that_cannot_be_read_are_told_and_done_without(ingest, file):
    data = pmtiles(SAME, metadata={"name": "x" * 200})
    header = parse_header(data)
    spoilt = bytearray(data)
    spoilt[header.metadata_offset + 20 : header.metadata_offset + 24] = b"\xff\xff\xff\xff"
    made = ingest(file(bytes(spoilt)))
    assert any("the metadata of a.pmtiles cannot be read" in one for one in made.notices)


def test_what_the_metadata_tell_reaches_the_layer(ingest, file, tmp_path):
    layers = [{"id": "a", "fields": {"n": "Number", "odd": 3}, "minzoom": 1}, {"id": "b"}]
    data = pmtiles({(0, 0, 0): MVT, (2, 0, 0): MVT}, "mvt", compression=Compression.GZIP,
                   metadata={"vector_layers": layers, "attribution": "© IGN"})  # fmt: skip
    source = ingest(file(data), "vector").source
    assert source.attribution == "© IGN"
    assert [(one.id, one.fields, one.min_zoom, one.max_zoom) for one in source.vector_layers] == [
        ("a", {"n": "Number", "odd": "3"}, 1, 2), ("b", {}, 0, 2),
    ]  # fmt: skip
    heights = ingest(file(pmtiles(SAME, metadata={"encoding": "terrarium"}))).source
    assert (heights.encoding, heights.resampling) == ("terrarium", "nearest")
    assert ingest(file(pmtiles(SAME)), resampling="cubic").source.resampling == "cubic"
    database = mbtiles(tmp_path / "a.mbtiles", {(0, 0, 0): MVT}, {"json": json.dumps({"vector_layers": layers})})
    assert len(ingest(database, "vector").source.vector_layers) == 2


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_cut_and_flipped_archives_are_taken_or_refused_and_nothing_else(ingest, file, data):
    made = bytearray(data.draw(st.sampled_from([pmtiles(SAME), pmtiles({(0, 0, 0): MVT}, "mvt")])))
    for _ in range(data.draw(st.integers(1, 4))):
        made[data.draw(st.integers(0, min(len(made), 400) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(InputRefused):
        ingest(file(bytes(made[: data.draw(st.integers(60, len(made)))])))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_damaged_databases_are_taken_or_refused_and_nothing_else(ingest, tmp_path, data):
    path = tmp_path / "d.mbtiles"
    path.unlink(missing_ok=True)
    made = bytearray(mbtiles(path, SAME).read_bytes())
    for _ in range(data.draw(st.integers(1, 30))):
        made[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(made[: data.draw(st.integers(100, len(made)))]))
    with contextlib.suppress(GeoplateformeError):
        ingest(path)
