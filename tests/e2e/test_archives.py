"""Archives through real processes: ingested, served over HTTP byte by byte, seeded, and ingested again."""

import gzip

import pytest
from pmtiles.reader import all_tiles
from pmtiles.tile import Compression

from tests.servers.platform import running_platform
from tests.tiler.archive.made import mbtiles, opened, photo, picture, pmtiles, reader

pytestmark = pytest.mark.xdist_group("platform")

PICTURES = {
    (z, x, y): picture(photo(4 * x + y), "webp") for z in range(3) for x in range(1 << z) for y in range(1 << z)
}
NAMED = b"\x1a\x06\x78\x02\x0a\x02"
"""How a vector tile begins that has one layer, of version 2, whose name takes two bytes."""
VECTORS = {(0, 0, 0): gzip.compress(NAMED + b"ab", mtime=0), (1, 1, 0): gzip.compress(NAMED + b"xy", mtime=0)}


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")
    claims = {"name": "Scan", "format": "png", "bounds": "-180,-85,180,85", "minzoom": "0", "maxzoom": "2"}
    database = mbtiles(folder / "scan.mbtiles", PICTURES, claims)
    archive = folder / "villes.pmtiles"
    archive.write_bytes(
        pmtiles(VECTORS, "mvt", compression=Compression.GZIP, metadata={"vector_layers": [{"id": "v"}]})
    )

    def fill(made):
        told = made.ingest("raster", "scan", database)
        assert "claims that its tiles are png, and they are webp" in told.stdout
        made.ingest("vector", "villes", archive)
        made.run("seed", "scan", "--zooms", "1-2", "--output", folder / "seeded.pmtiles")
        made.ingest("raster", "again", folder / "seeded.pmtiles")

    with running_platform(folder / "data", prepare=fill) as running:
        yield running, folder


def test_every_picture_of_an_mbtiles_file_is_answered_as_it_was(platform):
    for (z, x, y), data in PICTURES.items():
        status, headers, body = platform[0].get(f"/tiles/scan/PM/{z}/{x}/{y}.webp")
        assert (status, headers["content-type"], body) == (200, "image/webp", data)
        assert headers["server-timing"].startswith("plan;desc=archive")
        assert platform[0].get(f"/tiles/scan/PM/{z}/{x}/{y}.webp", If_None_Match=headers["etag"])[0] == 304


def test_vector_tiles_go_out_compressed_as_they_are_stored(platform):
    for (z, x, y), data in VECTORS.items():
        status, headers, body = platform[0].get(f"/tiles/villes/PM/{z}/{x}/{y}.mvt", Accept_Encoding="gzip")
        assert (status, headers["content-encoding"], body) == (200, "gzip", data)
        assert platform[0].get(f"/tiles/villes/PM/{z}/{x}/{y}.mvt")[2] == gzip.decompress(data)
    assert platform[0].get("/tiles/villes/PM/1/0/1.mvt")[0] == 204
    assert platform[0].get("/tiles/villes/PM/5/0/0.mvt")[0] == 404


def test_what_is_not_stored_is_made_of_what_is(platform):
    for path in ("PM/1/0/0.png", "PM/1/0/0@2x.png", "PM/4/5/5.png", "WGS84G/2/1/1.png"):
        status, _, body = platform[0].get(f"/tiles/scan/{path}")
        assert (status, opened(body).shape[2]) == (200, 3)


def test_archives_are_listed_as_the_layers_they_are_and_their_samples_answer(platform):
    layers = {layer["name"]: layer for layer in platform[0].json("/layers")["layers"]}
    assert {name: layer["kind"] for name, layer in layers.items()} == {
        "scan": "raster", "villes": "vector", "again": "raster",
    }  # fmt: skip
    for layer in layers.values():
        for path in layer["samples"]:
            assert platform[0].get(path)[0] == 200, path
    assert platform[0].json("/tiles/villes/PM/tilejson.json")["vector_layers"][0]["id"] == "v"


def test_a_seeded_archive_that_is_ingested_again_answers_the_same_bytes(platform):
    seeded = dict(all_tiles(reader((platform[1] / "seeded.pmtiles").read_bytes()).get_bytes))
    assert seeded == {place: data for place, data in PICTURES.items() if place[0] > 0}
    for (z, x, y), data in seeded.items():
        assert platform[0].get(f"/tiles/again/PM/{z}/{x}/{y}.webp")[2] == data


def test_the_logs_are_clean(platform):
    assert platform[0].complaints() == []
