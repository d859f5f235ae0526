import asyncio
import subprocess
from pathlib import Path

from bench.imagery import MERCATOR, SIZE, box_of, tiles
from bench.ortho import draw_ortho, write_cog
from bench.peers import mapproxy
from bench.scenario import TileRequest
from bench.server import Server


def test_a_tile_is_asked_by_rows_from_the_north(tmp_path):
    process = subprocess.Popen(["true"])
    process.wait()
    server = Server(name="mapproxy", process=process, port=8123, log=tmp_path / "log")
    request = TileRequest(source=MERCATOR, tms="PM", z=19, x=2, y=1, extension="jpg")
    assert mapproxy.url(server, {}, request) == f"http://127.0.0.1:8123/tiles/1.0.0/{MERCATOR}/mercator/19/2/1.jpeg"


def test_its_cache_is_filled_with_our_tiles(tmp_path, monkeypatch):
    few = tiles(MERCATOR, "19")[:2]
    monkeypatch.setattr(mapproxy, "tiles", lambda source, level: few)
    west, _, east, north = box_of(MERCATOR)[1]
    path = tmp_path / "o.tif"
    picture = draw_ortho(1024)
    write_cog(path, picture, crs="EPSG:3857", west=west, north=north, cell_size=(east - west) / SIZE, block=512)
    asyncio.run(mapproxy._fill(tmp_path / "cache", {MERCATOR: path}))
    for one in few:
        assert (tmp_path / "cache" / "19" / str(one.x) / f"{one.y}.jpeg").read_bytes()[:2] == b"\xff\xd8"


def test_the_cache_is_its_only_source():
    (kept,) = mapproxy._configuration(Path("/c"))["caches"].values()
    assert kept["sources"] == []
    assert kept["cache"]["directory_layout"] == "tms"


def test_every_requirement_is_pinned():
    assert all("==" in one for one in mapproxy.REQUIREMENTS)
