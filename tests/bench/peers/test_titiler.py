import json
import math
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import morecantile
import pytest

from bench.peers import titiler
from bench.scenario import TileRequest
from bench.server import Server


@pytest.fixture
def server(tmp_path):
    process = subprocess.Popen(["true"])
    process.wait()
    return Server(name="titiler", process=process, port=8123, log=tmp_path / "log")


def test_a_tile_is_asked_from_the_file_by_titilers_own_name_of_the_set(server):
    request = TileRequest(source="ortho", tms="PM", z=3, x=2, y=1, extension="jpg")
    assert titiler.url(server, {"ortho": Path("/a b/o.tif")}, request) == (
        "http://127.0.0.1:8123/cog/tiles/WebMercatorQuad/3/2/1.jpg"
        "?url=%2Fa+b%2Fo.tif&tilesize=256&resampling=bilinear&reproject=bilinear"
    )


def test_the_same_file_is_asked_from_the_s3_server(server):
    request = TileRequest(source="ortho", tms="PM", z=3, x=2, y=1, extension="jpg", s3=True)
    assert "?url=%2Fvsis3%2Fsources%2Fo.tif&" in titiler.url(server, {"ortho": Path("/a b/o.tif")}, request)


def test_light_is_asked_for_pixels_of_their_size_on_the_ground(server):
    request = TileRequest(source="dem", tms="PM", z=17, x=67301, y=46762, extension="png", style="hillshade")
    query = parse_qs(urlsplit(titiler.url(server, {"dem": Path("/d.tif")}, request)).query)
    tile = morecantile.Tile(67301, 46762, 17)
    _, latitude = morecantile.tms.get("WebMercatorQuad").ul(tile)
    wanted = 156543.03392804097 / 2**17 * math.cos(math.radians(latitude))
    given = json.loads(query["algorithm_params"][0])
    assert query["algorithm"] == ["hillshade"]
    assert 1 / given["z_exaggeration"] == pytest.approx(wanted, rel=1e-4)


def test_a_set_it_does_not_ship_is_written_as_morecantile_reads_it():
    tms = morecantile.TileMatrixSet.model_validate_json(titiler._encode_set(titiler.tile_matrix_set("2154_10cm")))
    # IGN: origin (0, 12 000 000), 0.1 m at level 21, doubled at each level above
    assert tms.xy_bounds(16479, 107069, 20) == pytest.approx(
        (16479 * 51.2, 12_000_000 - 107070 * 51.2, 16480 * 51.2, 12_000_000 - 107069 * 51.2)
    )
    assert tms.crs.to_epsg() == 2154


def test_every_requirement_is_pinned():
    assert all("==" in one for one in titiler.REQUIREMENTS)
