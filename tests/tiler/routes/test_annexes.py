"""The routes under `/annexes`: styles, letters and icons over HTTP."""

import gzip
import json

import pytest
from msgspec.structs import replace

from core.errors import BadRequest, LayerNotFound, NotFound, StyleNotFound
from core.table import LayerTable
from tests.tiler.maplibre import protobuf
from tests.tiler.maplibre.published import OWN, archive, buildings, ortho
from tests.wire import Wire, scope
from tiler.app import create_annexes
from tiler.maplibre import annexes as made
from tiler.pool import RenderPool

ROOT = "/annexes/ressources/vectorTiles"


@pytest.fixture
def table():
    table = LayerTable()
    table.replace(1, (buildings(map_styles=(OWN,)), archive(), ortho()))
    return table


@pytest.fixture
def ask(table):
    pool = RenderPool(2, 8)
    app = create_annexes(table, pool)

    async def get(path, method="GET", **headers):
        wire = Wire()
        await app(scope(ROOT + path, method, **headers), None, wire)
        return wire

    yield get
    pool.close()


STYLE, LETTERS, PICTURE = "/styles/batiments/sobre.json", "/fonts/Open%20Sans%20Bold/0-255.pbf", "/sprites/geopf@2x.png"


@pytest.mark.parametrize(
    ("path", "media_type", "kept"),
    [
        (STYLE, "application/json", "no-cache"),
        ("/styles/batiments/", "application/json", "no-cache"),
        (LETTERS, "application/x-protobuf", "public, max-age=86400"),
        ("/fonts/", "application/json", "public, max-age=86400"),
        (PICTURE, "image/png", "public, max-age=86400"),
        ("/sprites/geopf.json", "application/json", "public, max-age=86400"),
    ],
)
async def test_answers_can_be_kept_asked_again_and_read_by_any_page(ask, path, media_type, kept):
    whole = await ask(path)
    assert whole.status == 200
    assert whole.headers["content-type"] == media_type
    assert whole.headers["cache-control"] == kept
    assert whole.headers["access-control-allow-origin"] == "*"
    assert int(whole.headers["content-length"]) == len(whole.body)
    again = await ask(path, if_none_match=whole.headers["etag"])
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", whole.headers["etag"])
    head = await ask(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers == whole.headers
    assert (await ask(path, "OPTIONS")).status == 204
    assert (await ask(path, "POST")).status == 405


@pytest.mark.parametrize("path", [STYLE, LETTERS])
async def test_what_compresses_is_compressed_for_those_who_take_it(ask, path):
    plain, packed = await ask(path), await ask(path, accept_encoding="br, gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body)
    assert packed.headers["etag"] != plain.headers["etag"]
    for wire in (plain, packed):
        assert "Accept-Encoding" in wire.headers["vary"]


async def test_a_style_leads_back_to_the_server_as_the_client_named_it(ask):
    document = json.loads((await ask(STYLE, x_forwarded_proto="https", x_forwarded_host="cartes.example")).body)
    assert document["glyphs"].startswith(f"https://cartes.example{ROOT}/fonts/")
    assert document["sources"]["batiments"]["tiles"][0].startswith("https://cartes.example/tiles/batiments/")
    assert json.loads((await ask(STYLE)).body)["sprite"] == f"http://maps.example{ROOT}/sprites/geopf"


async def test_the_styles_of_a_layer_are_listed_the_default_first_and_each_is_there(ask):
    for path in ("/styles/batiments", "/styles/batiments/"):
        told = json.loads((await ask(path)).body)
        assert told["layer"] == "batiments"
        assert [style["name"] for style in told["styles"]] == ["sobre", "standard"]
    for style in told["styles"]:
        assert (await ask(style["href"].removeprefix(ROOT))).status == 200
    default, first = await ask("/styles/batiments/default.json"), await ask(told["styles"][0]["href"][len(ROOT) :])
    assert default.body == first.body


async def test_another_version_of_the_layer_is_another_style(ask, table):
    before = await ask(STYLE)
    other = replace(OWN, document=OWN.document.replace("#123456", "#654321"))
    table.replace(2, (buildings(map_styles=(other,), version="v2"),))
    after = await ask(STYLE, if_none_match=before.headers["etag"])
    assert after.status == 200
    assert b"#654321" in after.body


async def test_letters_are_those_of_the_font_asked_for(ask):
    name, span, found = protobuf.glyphs((await ask("/fonts/Source%20Sans%20Pro%20Bold/256-511.pbf")).body)
    assert (name, span) == ("Source Sans Pro Bold", "256-511")
    assert 0x153 in found


async def test_stacks_that_come_to_the_same_fonts_are_drawn_once(ask, monkeypatch):
    drawn = []
    real = made.make_glyphs
    monkeypatch.setattr(made, "make_glyphs", lambda *asked: drawn.append(asked) or real(*asked))
    for stack in ("Open Sans Regular", "Roboto Regular,Arial Unicode MS Regular", "Open%20Sans%20Regular"):
        assert (await ask(f"/fonts/{stack}/0-255.pbf")).status == 200
    assert drawn == [(("Source Sans Pro Regular",), 0)]


async def test_the_fonts_are_listed(ask):
    assert "Source Sans Pro Regular" in json.loads((await ask("/fonts")).body)["fonts"]


@pytest.mark.parametrize(
    ("path", "error", "told"),
    [
        ("/styles/nulle-part/default.json", LayerNotFound, "no layer is named 'nulle-part'"),
        ("/styles/nulle-part", LayerNotFound, "GET /layers lists the layers"),
        ("/styles/batiments/nuit.json", StyleNotFound, "its styles: sobre, standard"),
        ("/styles/ortho/default.json", StyleNotFound, "ortho is of kind raster"),
        ("/styles/ortho", StyleNotFound, "see /tiles/ortho/styles"),
        ("/styles/batiments/sobre.xml", BadRequest, "is no address of a style"),
        ("/fonts/Open Sans/65536-65791.pbf", NotFound, "ranges are 0-255"),
        ("/fonts/Open Sans/1-256.pbf", NotFound, "no letters begin at 1"),
        ("/fonts/Open Sans/0-511.pbf", BadRequest, "is no address"),
        ("/fonts/Open Sans/a-b.pbf", BadRequest, "is no address"),
        ("/fonts/,/0-255.pbf", BadRequest, "is no font stack"),
        ("/sprites/ign.png", NotFound, "take geopf"),
        ("/sprites/geopf@3x.png", BadRequest, "is no address"),
        ("", BadRequest, "use /annexes/ressources/vectorTiles/styles/"),
        ("/../../healthz", BadRequest, "is no address"),
    ],
)
async def test_what_is_not_there_is_told_with_a_remedy(ask, path, error, told):
    with pytest.raises(error, match=told):
        await ask(path)
