import asyncio
import sqlite3

import pytest
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from bench.stored_tiles import stored_tile
from core.errors import BadSource


def write_pmtiles(path):
    with path.open("wb") as file:
        writer = Writer(file)
        writer.write_tile(zxy_to_tileid(3, 2, 1), b"\x1f\x8bany")
        header = {
            "tile_type": TileType.MVT,
            "tile_compression": Compression.GZIP,
            "min_zoom": 3,
            "max_zoom": 3,
            "min_lon_e7": -10,
            "min_lat_e7": -10,
            "max_lon_e7": 10,
            "max_lat_e7": 10,
            "center_zoom": 3,
            "center_lon_e7": 0,
            "center_lat_e7": 0,
        }
        writer.finalize(header, {"vector_layers": []})


def write_mbtiles(path):
    connection = sqlite3.connect(path)
    connection.execute("create table tiles (zoom_level int, tile_column int, tile_row int, tile_data blob)")
    connection.execute("insert into tiles values (3, 2, 6, ?)", (b"\x1f\x8bany",))  # row 6 from the south is 1
    connection.commit()
    connection.close()


@pytest.mark.parametrize(("kind", "write"), [("pmtiles", write_pmtiles), ("mbtiles", write_mbtiles)])
def test_a_tile_comes_as_it_is_stored(tmp_path, kind, write):
    path = tmp_path / f"a.{kind}"
    write(path)
    assert asyncio.run(stored_tile(path, 3, 2, 1)) == b"\x1f\x8bany"
    with pytest.raises(BadSource, match="has no tile 3/2/2"):
        asyncio.run(stored_tile(path, 3, 2, 2))
