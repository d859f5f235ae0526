"""From files to answers, through real processes."""

import io
import json
import math
import subprocess
import time

import laspy
import mapbox_vector_tile
import numpy as np
import pytest
from PIL import Image
from pyproj import Transformer

from tests.e2e.territory import NAMES, NORTH, WEST, write_ortho

pytestmark = pytest.mark.xdist_group("platform")
DEGREES = Transformer.from_crs(2154, 4326, always_xy=True)


def tile_of(x, y, zoom):
    """Column and row in Web Mercator of a place in Lambert-93 (slippy map arithmetic)."""
    lon, lat = DEGREES.transform(x, y)
    turn = math.asinh(math.tan(math.radians(lat)))
    return int((lon + 180) / 360 * 2**zoom), int((1 - turn / math.pi) / 2 * 2**zoom)


def test_the_layers_are_listed_and_their_samples_answer_with_data(platform):
    layers = {layer["name"]: layer for layer in platform.json("/layers")["layers"]}
    assert {name: layer["kind"] for name, layer in layers.items()} == {
        "ortho": "raster", "batiments": "vector", "lidar": "points",
    }  # fmt: skip
    assert layers["batiments"]["title"] == "Bâtiments"
    assert layers["ortho"]["tile_matrix_sets"][0] == "PM"
    for layer in layers.values():
        assert layer["samples"]
        for path in layer["samples"]:
            status, _, body = platform.get(path, Range="bytes=0-1023")
            assert status in {200, 206}, path
            assert body


@pytest.mark.parametrize(("extension", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP")])
@pytest.mark.parametrize("zoom", [12, 15, 17, 19])
def test_a_tile_shows_the_ortho_at_every_zoom(platform, extension, kind, zoom):
    x, y = tile_of(WEST + 51, NORTH - 51, zoom)
    status, headers, body = platform.get(f"/tiles/ortho/PM/{zoom}/{x}/{y}.{extension}")
    assert status == 200
    image = Image.open(io.BytesIO(body))
    assert (image.format, image.size) == (kind, (256, 256))
    assert headers["content-type"] == f"image/{kind.lower()}"
    assert "plan;desc=" in headers["server-timing"]


def test_the_colours_are_those_of_the_file_at_the_same_place(platform):
    zoom = 19
    for dx, dy in [(20.0, 20.0), (50.0, 70.0), (80.0, 30.0)]:
        x, y = tile_of(WEST + dx, NORTH - dy, zoom)
        image = Image.open(io.BytesIO(platform.get(f"/tiles/ortho/PM/{zoom}/{x}/{y}.png")[2])).convert("RGB")
        lon, lat = DEGREES.transform(WEST + dx, NORTH - dy)
        col = ((lon + 180) / 360 * 2**zoom - x) * 256
        row = ((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom - y) * 256
        red, green, _ = image.getpixel((int(col), int(row)))
        assert red == pytest.approx(30 + 190 * dx / 102.4, abs=8)
        assert green == pytest.approx(30 + 190 * dy / 102.4, abs=8)


def test_an_mvt_tile_holds_the_buildings_with_their_accents(platform):
    x, y = tile_of(WEST + 50, NORTH - 25, 13)
    status, headers, body = platform.get(f"/tiles/batiments/PM/13/{x}/{y}.mvt")
    assert status == 200
    assert headers["content-type"] == "application/vnd.mapbox-vector-tile"
    features = mapbox_vector_tile.decode(body)["batiments"]["features"]
    assert sorted(feature["properties"]["nom"] for feature in features) == sorted(NAMES)


def test_a_tile_in_lambert_93_lies_where_arithmetic_puts_it(platform):
    # level 20 of 2154_10cm: 0.2 m pixels, tiles of 51.2 m from (0, 12 000 000)
    col, row = int(WEST // 51.2) + 1, int((12_000_000 - NORTH) // 51.2) + 1
    status, _, body = platform.get(f"/tiles/ortho/2154_10cm/20/{col}/{row}.png")
    assert status == 200
    image = np.asarray(Image.open(io.BytesIO(body)).convert("RGBA"))
    inside = (12_000_000 - row * 51.2) <= NORTH and col * 51.2 >= WEST
    assert inside
    easting = col * 51.2 + 0.2 * (np.arange(256) + 0.5)
    seen = easting < WEST + 102
    expected = 30 + 190 * (easting[seen] - WEST) / 102.4
    assert np.abs(image[5, seen, 0] - expected).mean() < 4


def test_an_equal_etag_is_a_304_and_head_has_the_headers_of_get(platform):
    x, y = tile_of(WEST + 51, NORTH - 51, 19)
    path = f"/tiles/ortho/PM/19/{x}/{y}.png"
    _, headers, body = platform.get(path)
    status, again, nothing = platform.get(path, If_None_Match=headers["etag"])
    assert (status, nothing, again["etag"]) == (304, b"", headers["etag"])
    said = subprocess.run(["curl", "-sI", platform.url + path], capture_output=True, text=True, check=False).stdout
    assert not said or f"content-length: {len(body)}" in said


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tiles/nowhere/PM/1/1/1.png", 404),
        ("/tiles/ortho/NoSet/1/1/1.png", 404),
        ("/tiles/ortho/PM/30/1/1.png", 404),
        ("/tiles/ortho/PM/1/5/1.png", 404),
        ("/tiles/ortho/PM/1/1/1.bmp", 400),
        ("/tiles/ortho/PM/1/1/1.mvt", 406),
        ("/tiles/ortho/PM/1", 400),
        ("/tiles/lidar/PM/1/1/1.png", 404),
        ("/points/nowhere/info", 404),
        ("/points/ortho/info", 404),
        ("/points/lidar/copc/other.copc.laz", 404),
        ("/nothing", 404),
    ],
)
def test_wrong_addresses_are_problem_details(platform, path, status):
    seen, headers, body = platform.get(path)
    assert seen == status
    assert headers["content-type"] == "application/problem+json"
    problem = json.loads(body)
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]


def test_a_tile_without_data_is_empty(platform):
    assert platform.get("/tiles/ortho/PM/19/1/1.png")[0] == 204
    assert platform.get("/tiles/batiments/PM/14/1/1.mvt")[0] == 204


class HttpFile(io.RawIOBase):
    """A file read by HTTP ranges, as viewers do; every answer has to be a 206."""

    def __init__(self, platform, path):
        self.platform, self.path, self.at = platform, path, 0
        _, headers, _ = platform.get(path, Range="bytes=0-0")
        self.size = int(headers["content-range"].rpartition("/")[2])

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.at

    def seek(self, offset, whence=0):
        self.at = {0: 0, 1: self.at, 2: self.size}[whence] + offset
        return self.at

    def readinto(self, buffer):
        if self.at >= self.size or not len(buffer):
            return 0
        status, _, body = self.platform.get(self.path, Range=f"bytes={self.at}-{self.at + len(buffer) - 1}")
        assert status == 206
        buffer[: len(body)] = body
        self.at += len(body)
        return len(body)


def test_laspy_reads_the_copc_by_http_ranges(platform, files):
    info = platform.json("/points/lidar/info")
    with laspy.CopcReader(io.BufferedReader(HttpFile(platform, info["files"][0]["href"]), 65536)) as reader:
        points = reader.query()
    expected = laspy.read(files["lidar"])
    assert len(points) == len(expected.points) == info["points"]
    assert np.sort(points.X).tolist() == np.sort(expected.X).tolist()
    assert sorted((entry["code"], entry["count"]) for entry in info["classes"]) == [
        (code, int((np.asarray(expected.classification) == code).sum())) for code in (2, 5, 6)
    ]


def test_a_new_layer_is_served_within_a_second_and_gone_when_removed(platform, tmp_path):
    done = platform.run("ingest", "raster", write_ortho(tmp_path / "n.tif", side=128), "--name", "nouvelle")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["event"] == "published"
    assert {"progress", "published"} == {event["event"] for event in events}
    end = time.monotonic()
    platform.wait("/tiles/nouvelle/PM/tilejson.json", 200, seconds=5)
    assert time.monotonic() - end < 1.5
    assert "nouvelle" in platform.run("layers").stdout
    platform.run("remove", "nouvelle")
    platform.wait("/tiles/nouvelle/PM/tilejson.json", 404, seconds=5)
    assert "nouvelle" not in platform.run("layers").stdout


def test_replacing_a_layer_changes_its_etags_and_pixels(platform, tmp_path):
    platform.run("ingest", "raster", write_ortho(tmp_path / "a.tif", side=128), "--name", "change")
    platform.wait("/tiles/change/PM/tilejson.json", 200, seconds=5)
    x, y = tile_of(WEST + 12, NORTH - 12, 19)
    path = f"/tiles/change/PM/19/{x}/{y}.png"
    _, before, old = platform.get(path)
    refused = platform.run("ingest", "raster", tmp_path / "a.tif", "--name", "change", check=False)
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    brighter = write_ortho(tmp_path / "b.tif", side=128, shade=30)
    platform.run("ingest", "raster", brighter, "--name", "change", "--replace")
    deadline = time.monotonic() + 5
    while platform.get(path)[1]["etag"] == before["etag"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    _, after, new = platform.get(path)
    assert after["etag"] != before["etag"]
    assert new != old
    platform.run("remove", "change")


def test_styles_are_served_within_a_second_and_no_data_are_stored_again(platform, tmp_path):
    x, y = tile_of(WEST + 51, NORTH - 51, 19)
    path = f"/tiles/ortho/PM/19/{x}/{y}.png"
    before = platform.get(path)[1]["etag"]
    stored = sorted((platform.data / "objects" / "stored-data").rglob("*"))
    (tmp_path / "rouge.json").write_text(
        '{"name": "rouge", "title": "Le rouge seul", "bands": [1], "rescale": [30, 220]}'
    )
    platform.run("style", "ortho", tmp_path / "rouge.json")
    end = time.monotonic()
    while platform.get(path)[1]["etag"] == before:
        assert time.monotonic() - end < 1.5
        time.sleep(0.02)
    assert [style["name"] for style in platform.json("/tiles/ortho/styles")["styles"]] == ["rouge"]
    image = Image.open(io.BytesIO(platform.get(path)[2])).convert("RGBA")
    red, green, blue, _ = image.getpixel((128, 128))
    assert red == green == blue
    assert platform.get("/tiles/ortho/legend.svg")[1]["content-type"] == "image/svg+xml"
    assert "rouge" in platform.run("style", "ortho", "--list").stdout
    assert sorted((platform.data / "objects" / "stored-data").rglob("*")) == stored
    platform.run("style", "ortho", "--default")
    while platform.get(path)[1]["etag"] != before:
        assert time.monotonic() - end < 30
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("style", "told"),
    [
        ({"name": "a", "bands": [4]}, "style a has band 4, and the files have 3"),
        ({"name": "a", "relief": {"type": "slope"}}, "one band to show, and the layer shows 3"),
        ({"name": "a", "colour": 1}, "style.json: colour is not known"),
    ],
)
def test_a_style_that_does_not_fit_is_refused_in_one_line(platform, tmp_path, style, told):
    (tmp_path / "style.json").write_text(json.dumps(style))
    done = platform.run("style", "ortho", tmp_path / "style.json", check=False)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert told in done.stderr
    refused = platform.run("style", "batiments", tmp_path / "style.json", check=False)
    assert refused.returncode == 1
    assert [one["name"] for one in platform.json("/tiles/ortho/styles")["styles"]] == ["default"]


def test_metrics_and_health_answer(platform):
    assert b"geopf_tile_plans_total" in platform.get("/metrics")[2]
    assert platform.get("/healthz")[0] == 200
    health = platform.json("/api/health")
    assert health["revision"] == health["published_revision"] > 0


def test_the_doctor_finds_nothing_on_a_running_platform(platform):
    done = platform.run("doctor", check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("NOT")]
    assert [line for line in lines if "page" not in line] == []


def test_a_second_server_on_the_port_is_refused_in_one_line(platform):
    done = platform.run("serve", check=False)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"port {platform.port}" in done.stderr
    assert "in use" in done.stderr


def test_the_logs_are_clean(platform):
    assert platform.complaints() == []
