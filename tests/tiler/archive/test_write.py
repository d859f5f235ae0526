"""tiler.archive.write_pmtiles and mbtiles: what is written is read by independent programs."""

import gzip
import sqlite3

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from pmtiles.reader import all_tiles
from pmtiles.tile import Compression, TileType

from core.errors import BadRequest, InputRefused
from tests.tiler.archive.made import mbtiles, opened, photo, picture, reader
from tiler.archive.about import About, form_of
from tiler.archive.directory import Directory, decode_directory
from tiler.archive.mbtiles import open_mbtiles, write_mbtiles
from tiler.archive.spool import Spool
from tiler.archive.tile_id import tile_id, tile_place
from tiler.archive.write_pmtiles import build_directories, write_pmtiles

ABOUT = About(
    tile_type="png", gzipped=False, bounds=(-5.25, 42.5, 8.0, 51.0), center=(2.5, 46.5),
    metadata={"name": "Château", "attribution": "IGN", "vector_layers": [{"id": "a", "fields": {}}]},
)  # fmt: skip


def written(folder, tiles, write=write_pmtiles, about=ABOUT):
    """Write tiles by id; return the file's path and what the writer says."""
    with Spool(folder / "spool") as spool:
        for identifier, data in tiles:
            spool.add(identifier, data)
        target = folder / "a.out"
        return target, write(spool, target, about)


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 5000), st.sampled_from([b"a", b"bb", b"ccc", b"dddd"]), min_size=1))
def test_the_independent_reader_finds_every_tile_and_no_other(tmp_path_factory, tiles):
    path, told = written(tmp_path_factory.mktemp("w"), sorted(tiles.items()))
    data = path.read_bytes()
    header = reader(data).header()
    found = dict(all_tiles(reader(data).get_bytes))
    assert found == {tile_place(one): tile for one, tile in tiles.items()}
    assert header["addressed_tiles_count"] == told.tiles == len(tiles)
    assert header["tile_contents_count"] == told.contents == len(set(tiles.values()))
    assert header["tile_data_length"] == sum(map(len, set(tiles.values()))), "each content is stored once"
    assert told.size == len(data)


def test_the_header_and_the_metadata_say_what_was_given(tmp_path):
    path, _ = written(tmp_path, [(tile_id(3, 4, 2), b"a"), (tile_id(5, 20, 10), b"b")])
    other = reader(path.read_bytes())
    header = other.header()
    assert other.metadata() == ABOUT.metadata
    assert (header["min_zoom"], header["max_zoom"], header["clustered"]) == (3, 5, True)
    assert (header["tile_type"], header["tile_compression"]) == (TileType.PNG, Compression.NONE)
    bounds = [header[f"{end}_{axis}_e7"] / 1e7 for end in ("min", "max") for axis in ("lon", "lat")]
    assert bounds == [-5.25, 42.5, 8.0, 51.0]


def test_many_tiles_get_leaf_directories_and_lie_in_the_order_of_their_ids(tmp_path):
    rng = np.random.default_rng(3)
    ids = np.unique(rng.integers(0, 1 << 40, 40_000)).tolist()
    path, told = written(tmp_path, [(one, b"%d" % (one % 30_011)) for one in ids])
    data = path.read_bytes()
    other = reader(data)
    header = other.header()
    assert header["root_offset"] + header["root_length"] <= 16384
    assert header["leaf_directory_length"] > 0
    assert told.contents < told.tiles
    for one in [*ids[:3], *rng.choice(ids, 200).tolist(), *ids[-3:]]:
        assert other.get(*tile_place(one)) == b"%d" % (one % 30_011)
    assert other.get(*tile_place(ids[50] + 1)) is None


def test_leaves_grow_until_their_root_fits():
    rng = np.random.default_rng(1)
    count = 400_000
    ids = np.cumsum(rng.integers(1, 1 << 30, count))
    lengths = rng.integers(1, 1 << 20, count)
    entries = Directory(ids, np.ones(count, np.int64), lengths, np.cumsum(lengths) - lengths)
    root, leaves = build_directories(entries)
    assert len(root) <= 16384 - 127
    named = decode_directory(gzip.decompress(root))
    assert int(named.lengths.sum()) == len(leaves)
    read = [
        decode_directory(gzip.decompress(leaves[offset : offset + length]))
        for offset, length in zip(named.offsets.tolist(), named.lengths.tolist(), strict=True)
    ]
    for name in ("ids", "runs", "lengths", "offsets"):
        np.testing.assert_array_equal(np.concatenate([getattr(one, name) for one in read]), getattr(entries, name))


def test_tiles_that_come_in_any_order_are_written_in_that_of_their_ids(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    tiles = [(one, b"%d" % (one % 7)) for one in range(40)]
    sorted_path, _ = written(tmp_path / "one", tiles)
    mixed_path, told = written(tmp_path / "two", [*tiles[::-1], (5, b"again")])
    assert mixed_path.read_bytes() == sorted_path.read_bytes()
    assert told.repeated == 1


def test_mbtiles_are_read_by_sqlite_with_rows_from_the_south_and_each_content_once(tmp_path):
    places = {(0, 0, 0): b"a", (2, 1, 0): b"b", (2, 3, 3): b"a"}
    path, told = written(tmp_path, sorted((tile_id(*place), data) for place, data in places.items()), write_mbtiles)
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT * FROM tiles").fetchall()
        metadata = dict(database.execute("SELECT * FROM metadata"))
        (stored,) = database.execute("SELECT count(*) FROM images").fetchone()
        (identifier,) = database.execute("PRAGMA application_id").fetchone()
    database.close()
    assert {(z, x, (1 << z) - 1 - row): data for z, x, row, data in rows} == places
    assert (stored, told.contents, told.tiles, told.size) == (2, 2, 3, path.stat().st_size)
    assert identifier == int.from_bytes(b"MPBX", "big")
    assert metadata["format"] == "png"
    assert metadata["bounds"] == "-5.2500000,42.5000000,8.0000000,51.0000000"
    assert (metadata["minzoom"], metadata["maxzoom"], metadata["name"]) == ("0", "2", "Château")
    assert metadata["json"] == '{"vector_layers":[{"id":"a","fields":{}}]}'


def test_gdal_shows_the_pictures_of_our_mbtiles(tmp_path):
    pixels = {(1, x, y): photo(2 * x + y) for x in range(2) for y in range(2)}
    tiles = sorted((tile_id(*place), picture(one)) for place, one in pixels.items())
    path, _ = written(tmp_path, tiles, write_mbtiles, About(
        tile_type="png", gzipped=False, bounds=(-180, -85.0511, 180, 85.0511), center=(0, 0), metadata={"name": "a"}
    ))  # fmt: skip
    path = path.rename(tmp_path / "a.mbtiles")
    with rasterio.open(path) as dataset:
        seen = np.moveaxis(dataset.read([1, 2, 3]), 0, 2)
    expected = np.block([[[pixels[1, 0, 0]], [pixels[1, 1, 0]]], [[pixels[1, 0, 1]], [pixels[1, 1, 1]]]])
    np.testing.assert_array_equal(seen[:512, :512], expected[: seen.shape[0], : seen.shape[1]])
    assert opened(tiles[0][1]).shape == (256, 256, 3)


def test_a_view_that_never_ends_is_given_up(tmp_path, monkeypatch):
    endless = """CREATE VIEW tiles AS
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
        SELECT i AS zoom_level, 0 AS tile_column, 0 AS tile_row, x'00' AS tile_data FROM n WHERE i < 0"""
    with sqlite3.connect(tmp_path / "a.mbtiles") as database:
        database.execute(endless)
        database.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
    database.close()
    monkeypatch.setattr("tiler.archive.mbtiles._PATIENCE_S", 0.2)
    with pytest.raises(InputRefused, match="interrupted"), open_mbtiles(tmp_path / "a.mbtiles") as opened_file:
        list(opened_file.tiles())


def test_a_file_that_is_still_written_to_is_refused(tmp_path):
    path = mbtiles(tmp_path / "a.mbtiles", {(0, 0, 0): b"a"})
    (tmp_path / "a.mbtiles-wal").write_bytes(b"pages")
    with pytest.raises(InputRefused, match="still being written"), open_mbtiles(path):
        pass


def test_a_name_tells_the_form():
    assert (form_of("a/b.pmtiles"), form_of("B.MBTiles")) == ("pmtiles", "mbtiles")
    with pytest.raises(BadRequest, match="pmtiles or"):
        form_of("a.tif")
