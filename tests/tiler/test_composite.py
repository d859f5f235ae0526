"""tiler.composite: several vector layers in one tile, its TileJSON, its conditions and its limits."""

import gzip
import json

import mapbox_vector_tile
import msgspec
import numpy as np
import pyogrio
import pytest
import shapely

from core.errors import BadRequest, BadSource, LayerNotFound, NotAcceptable, TileMatrixSetNotFound, TileNotFound
from core.job import JobSpec
from core.layer import ArchiveSource, ArchiveVectorLayer, PublishedLayer, RasterSource
from core.table import LayerTable
from tests.doubles import MemoryStore
from tests.tiler.archive.made import pmtiles
from tests.wire import Wire, scope
from tiler.app import create_tiler
from tiler.composite import MAX_LAYERS, join_tiles
from tiler.ingest.vector import ingest_vector
from tiler.settings import TilerSettings

WORLD = (-180.0, -85.0, 180.0, 85.0)
PLACES = {"rives": [(2.0, 48.0), (3.0, 47.0)], "sources": [(-1.0, 44.0)]}


def tile_of(name, **properties):
    return mapbox_vector_tile.encode(
        {"name": name, "features": [{"geometry": "POINT (5 5)", "properties": properties}]}
    )


def published(name, source, bbox=WORLD, **changes):
    made = PublishedLayer(
        name=name, title=name.title(), offering="o", source=source, bbox=bbox, sample=(2.0, 48.0), version=f"{name}-1"
    )
    return msgspec.structs.replace(made, **changes)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two layers of points and two archives that both hold a layer `eau`: the store and the layers."""
    folder, store, layers = tmp_path_factory.mktemp("made"), MemoryStore(), {}
    for name, places in PLACES.items():
        pyogrio.raw.write(
            folder / f"{name}.gpkg", geometry=shapely.to_wkb(shapely.points(np.array(places))).astype(object),
            field_data=[np.arange(len(places))], fields=["n"], geometry_type="Point", crs="EPSG:4326", encoding="UTF-8",
        )  # fmt: skip
        scratch = folder / name
        scratch.mkdir()
        inputs = (str(folder / f"{name}.gpkg"),)
        spec = JobSpec(kind="vector", name=name, inputs=inputs, prefix=f"data/{name}", scratch=str(scratch))
        result = ingest_vector(spec, lambda event: None, store)
        layers[name] = published(name, result.source, result.bbox, abstract=f"Les {name}.")
    for name, layer in (("nord", tile_of("eau", qui="nord")), ("sud", tile_of("eau", qui="sud") + tile_of("sol"))):
        store.objects[f"{name}.pmtiles"] = pmtiles({(0, 0, 0): layer}, "mvt")
        inside = (ArchiveVectorLayer(id="eau", fields={"qui": "String"}, min_zoom=0, max_zoom=0),)
        source = ArchiveSource(href=f"{name}.pmtiles", tile_type="mvt", max_zoom=0, vector_layers=inside)
        layers[name] = published(name, source)
    store.objects["cut.pmtiles"] = pmtiles({(0, 0, 0): b"\x1a\x7fcut"}, "mvt")
    layers["cut"] = published("cut", ArchiveSource(href="cut.pmtiles", tile_type="mvt", max_zoom=0))
    layers["ortho"] = published("ortho", RasterSource(href="a.tif", bands=(1, 2, 3), dtype="uint8"))
    return store, layers


@pytest.fixture
async def ask(made, tmp_path):
    store, layers = made
    table = LayerTable()
    table.replace(1, layers.values())
    app, pool = create_tiler(table, store, TilerSettings(data=tmp_path))

    async def send(path, method="GET", **headers):
        wire = Wire()
        await app(scope(path, method, **headers), None, wire)
        return wire

    send.table = table
    yield send
    pool.close()


def layers_of(data):
    return mapbox_vector_tile.decode(data)


async def test_a_tile_of_several_layers_holds_what_the_tiles_of_each_hold(ask):
    whole = await ask("/tiles/rives,sources,nord/PM/0/0/0.mvt")
    apart = {}
    for name in ("rives", "sources", "nord"):
        apart |= layers_of((await ask(f"/tiles/{name}/PM/0/0/0.mvt")).body)
    assert (whole.status, whole.headers["content-type"]) == (200, "application/vnd.mapbox-vector-tile")
    assert list(layers_of(whole.body)) == ["rives", "sources", "eau"]
    assert layers_of(whole.body) == apart
    assert whole.headers["server-timing"].startswith("plan;desc=composite, ")
    again = await ask("/tiles/rives,sources,nord/PM/0/0/0.pbf")
    assert again.body == whole.body


async def test_it_is_given_in_gzip_to_those_who_accept_it_as_one_member(ask):
    plain = await ask("/tiles/rives,sud/PM/0/0/0.mvt")
    packed = await ask("/tiles/rives,sud/PM/0/0/0.mvt", accept_encoding="gzip")
    assert gzip.decompress(packed.body) == plain.body
    assert packed.body.count(b"\x1f\x8b\x08") == 1
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.headers["etag"] != plain.headers["etag"]


async def test_layers_of_the_same_name_are_given_once_from_the_layer_named_first(ask):
    for first, second in (("nord", "sud"), ("sud", "nord")):
        found = layers_of((await ask(f"/tiles/{first},{second}/PM/0/0/0.mvt")).body)
        assert sorted(found) == ["eau", "sol"]
        assert found["eau"]["features"][0]["properties"] == {"qui": first}


async def test_a_layer_without_the_level_or_the_place_is_left_out(ask):
    whole = await ask("/tiles/nord,rives/PM/1/1/0.mvt")
    assert list(layers_of(whole.body)) == ["rives"]
    assert (await ask("/tiles/sources,rives/PM/3/0/0.mvt")).status == 204
    with pytest.raises(TileNotFound, match="level 1 is not in the archive"):
        await ask("/tiles/nord,sud/PM/1/1/0.mvt")


async def test_the_etag_follows_the_versions_of_all_layers_and_their_order(ask, made):
    path = "/tiles/rives,sources/PM/0/0/0.mvt"
    tag = (await ask(path)).headers["etag"]
    kept = await ask(path, if_none_match=tag)
    assert (kept.status, kept.body) == (304, b"")
    assert (await ask("/tiles/sources,rives/PM/0/0/0.mvt")).headers["etag"] != tag
    assert (await ask("/tiles/rives,sources/PM/1/1/0.mvt")).headers["etag"] != tag
    for name in ("rives", "sources"):
        changed = made[1] | {name: msgspec.structs.replace(made[1][name], version=f"{name}-2", max_age=7)}
        ask.table.replace(2, changed.values())
        answer = await ask(path, if_none_match=tag)
        assert (answer.status, answer.headers["cache-control"]) == (200, "public, max-age=7")


async def test_head_gives_the_fields_alone(ask):
    answer = await ask("/tiles/rives,sources/PM/0/0/0.mvt", "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) == len((await ask("/tiles/rives,sources/PM/0/0/0.mvt")).body)


async def test_the_tilejson_tells_the_vector_layers_of_all_over_the_box_of_all(ask, made):
    answer = await ask("/tiles/rives,sources/PM/tilejson.json")
    told = json.loads(answer.body)
    assert told["tiles"] == ["http://maps.example/tiles/rives,sources/PM/{z}/{x}/{y}.mvt"]
    assert [(one["id"], one["fields"]) for one in told["vector_layers"]] == [
        ("rives", {"n": "Number"}),
        ("sources", {"n": "Number"}),
    ]
    assert told["bounds"] == pytest.approx([-1.0, 44.0, 3.0, 48.0])
    assert (told["name"], told["description"]) == ("Rives, Sources", "Les rives. Les sources.")
    sources = [made[1][name].source for name in PLACES]
    assert told["minzoom"] == min(one.min_zoom for one in sources)
    assert told["maxzoom"] == max(one.max_zoom for one in sources)
    same = await ask("/tiles/rives,sources/PM/tilejson.json", if_none_match=answer.headers["etag"])
    assert same.status == 304
    both = json.loads((await ask("/tiles/nord,sud/PM/tilejson.json")).body)
    assert [one["id"] for one in both["vector_layers"]] == ["eau"]


@pytest.mark.parametrize(
    ("path", "kind", "told"),
    [
        ("rives,absent/PM/0/0/0.mvt", LayerNotFound, "no layer is named 'absent'"),
        ("rives,/PM/0/0/0.mvt", LayerNotFound, "no layer is named ''"),
        ("rives,rives/PM/0/0/0.mvt", BadRequest, "'rives' is asked for twice"),
        ("rives,ortho/PM/0/0/0.mvt", NotAcceptable, "ortho has no .mvt tiles"),
        ("rives,ortho/PM/tilejson.json", NotAcceptable, "ortho has no .mvt tiles"),
        ("rives,sources/PM/0/0/0.png", BadRequest, "several layers make no .png tile"),
        ("rives,sources/PM/0/0/0@2x.mvt", BadRequest, "@2x"),
        ("rives,sources/PM/0/1/0.mvt", TileNotFound, "1"),
        ("rives,sources/NOPE/0/0/0.mvt", TileMatrixSetNotFound, "NOPE"),
        ("rives,nord/WGS84G/0/0/0.mvt", TileMatrixSetNotFound, "ask for PM"),
        ("rives,sources/styles", BadRequest, "not the address of a tile of several layers"),
        (",".join(f"l{n}" for n in range(MAX_LAYERS + 1)) + "/PM/0/0/0.mvt", BadRequest, "17 layers"),
        ("rives,cut/PM/0/0/0.mvt", BadSource, "cut: a tile is no vector tile"),
    ],
)
async def test_what_cannot_be_joined_is_refused_by_name(ask, path, kind, told):
    with pytest.raises(kind, match=told):
        await ask(f"/tiles/{path}")


def test_joined_tiles_are_the_bytes_of_their_layers_one_after_another():
    a, b = tile_of("a", n=1), tile_of("b", n=2)
    assert join_tiles([("x", a), ("y", b""), ("z", b)]) == a + b
    assert join_tiles([("x", a + b), ("y", tile_of("a", n=3))]) == a + b
    assert join_tiles([("x", b""), ("y", b"")]) == b""
