"""tiler.routes.tiles and tiler.renderer: addresses, conditions and answers."""

import gzip
import io
import json
import re
from urllib.parse import urlencode

import mapbox_vector_tile
import msgspec
import numpy as np
import pytest
import rasterio
from PIL import Image
from pyproj import Transformer
from rasterio.transform import from_origin

from core.directory import DirectoryStore
from core.errors import BadRequest, BadSource, LayerNotFound, NotAcceptable, TileMatrixSetNotFound, TileNotFound
from core.job import JobSpec
from core.layer import PointCloudSource, PublishedLayer
from core.table import LayerTable
from tests.e2e.territory import NAMES, write_buildings
from tests.wire import Wire, scope
from tiler.app import create_tiler
from tiler.coverage import bounds_in, offered_sets, sample_tile
from tiler.ingest.raster import ingest_raster
from tiler.ingest.vector import ingest_vector
from tiler.matrix import tile_at, tile_matrix_set
from tiler.settings import TilerSettings


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An ortho and buildings, ingested once: the store's folder and the layers."""
    folder = tmp_path_factory.mktemp("made")
    ramp = np.broadcast_to(np.linspace(40, 200, 300).astype(np.uint8), (3, 300, 300))
    with rasterio.open(
        folder / "a.tif", "w", driver="GTiff", width=300, height=300, count=3, dtype="uint8", crs="EPSG:2154",
        transform=from_origin(770000, 6277000, 0.5, 0.5),
    ) as dataset:  # fmt: skip
        dataset.write(ramp)
    write_buildings(folder / "b.gpkg")
    store, layers = DirectoryStore(folder / "objects"), []
    for kind, work, file in (("raster", ingest_raster, "a.tif"), ("vector", ingest_vector, "b.gpkg")):
        scratch = folder / kind
        scratch.mkdir()
        spec = JobSpec(kind=kind, name=kind, inputs=(str(folder / file),), prefix=f"data/{kind}", scratch=str(scratch))
        result = work(spec, lambda event: None, store)
        layers.append(
            PublishedLayer(
                name=kind, title=kind, offering="o", source=result.source, bbox=result.bbox, sample=result.sample,
                version="v1",
            )
        )  # fmt: skip
    cloud = PointCloudSource(files=(), crs="EPSG:2154", point_format=6, points=0)
    box = layers[0].bbox
    layers.append(
        PublishedLayer(
            name="points", title="p", offering="o", source=cloud, bbox=box, sample=layers[0].sample, version="v1"
        )
    )
    return folder / "objects", {layer.name: layer for layer in layers}


@pytest.fixture
async def engine(made):
    folder, layers = made
    table = LayerTable()
    table.replace(1, layers.values())
    app, pool = create_tiler(table, DirectoryStore(folder), TilerSettings())

    async def ask(path, method="GET", query="", **headers):
        wire = Wire()
        await app(scope(path, method, **headers) | {"query_string": query.encode()}, None, wire)
        return wire

    yield ask
    pool.close()


def path_of(layer, extension, zoom=None):
    z, x, y = sample_tile(layer, layer.source.max_zoom if zoom is None else zoom)
    return f"/tiles/{layer.name}/PM/{z}/{x}/{y}.{extension}"


@pytest.mark.parametrize(("extension", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
async def test_every_raster_format_is_an_image_of_256_pixels(engine, made, extension, kind):
    wire = await engine(path_of(made[1]["raster"], extension))
    image = Image.open(io.BytesIO(wire.body))
    assert (wire.status, image.format, image.size) == (200, kind, (256, 256))
    assert wire.headers["content-type"] == f"image/{kind.lower()}"
    assert wire.headers["server-timing"].startswith("plan;desc=crop, tile;dur=")
    assert ", look;dur=" in wire.headers["server-timing"]
    assert wire.headers["cache-control"] == "public, max-age=300"


async def test_twice_the_pixels_are_those_of_the_four_tiles_below(engine, made):
    layer = made[1]["raster"]
    z, x, y = sample_tile(layer, layer.source.max_zoom - 1)
    dense = np.asarray(
        Image.open(io.BytesIO((await engine(f"/tiles/raster/PM/{z}/{x}/{y}@2x.png")).body)).convert("RGBA")
    )
    assert dense.shape == (512, 512, 4)
    for row in range(2):
        for col in range(2):
            wire = await engine(f"/tiles/raster/PM/{z + 1}/{2 * x + col}/{2 * y + row}.png")
            quarter = dense[row * 256 : row * 256 + 256, col * 256 : col * 256 + 256]
            if wire.status == 204:
                assert not quarter[..., 3].any()
                continue
            below = np.asarray(Image.open(io.BytesIO(wire.body)).convert("RGBA"))
            seen = below[..., 3] > 0
            np.testing.assert_array_equal(quarter[..., 3], below[..., 3])
            np.testing.assert_array_equal(quarter[seen], below[seen])


@pytest.mark.parametrize("path", ["/tiles/raster/PM/{z}/{x}/{y}@3x.png", "/tiles/vector/PM/{z}/{x}/{y}@2x.mvt"])
async def test_other_densities_are_refused(engine, made, path):
    z, x, y = sample_tile(made[1]["raster"], 12)
    with pytest.raises(BadRequest, match="@2x of a raster"):
        await engine(path.format(z=z, x=x, y=y))


async def test_without_an_extension_the_accept_header_decides(engine, made):
    path = path_of(made[1]["raster"], "png").removesuffix(".png")
    for accept, media_type in [
        ("image/png", "image/png"),
        ("image/jpeg, */*;q=0.1", "image/jpeg"),
        ("*/*", "image/webp"),
    ]:
        for _ in range(2):
            wire = await engine(path, accept=accept)
            assert (wire.status, wire.headers["content-type"]) == (200, media_type)
            assert wire.headers["vary"] == "Accept"
    wire = await engine(path_of(made[1]["vector"], "mvt").removesuffix(".mvt"), accept="*/*")
    assert wire.headers["vary"] == "Accept, Accept-Encoding"
    with pytest.raises(NotAcceptable):
        await engine(path, accept="text/html")


async def test_the_second_answer_comes_from_the_cache(engine, made):
    first = await engine(path_of(made[1]["raster"], "png"))
    second = await engine(path_of(made[1]["raster"], "png"))
    assert second.headers["server-timing"].startswith("plan;desc=cache")
    assert second.body == first.body


async def test_a_remembered_answer_is_the_first_one_but_for_its_timing(engine, made):
    path = path_of(made[1]["raster"], "jpg")
    first, again = await engine(path), await engine(path)
    changed = {name for name in first.headers if first.headers[name] != again.headers.get(name)}
    assert changed == {"server-timing"}
    assert set(first.headers) == set(again.headers)
    assert (again.status, again.body) == (200, first.body)
    assert (await engine(path, if_none_match=first.headers["etag"])).status == 304
    head = await engine(path, "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(first.body)))
    assert (await engine(path, "POST")).status == 405


async def test_a_new_publication_makes_remembered_answers_forgotten(made):
    folder, layers = made
    table = LayerTable()
    table.replace(1, layers.values())
    app, pool = create_tiler(table, DirectoryStore(folder), TilerSettings())
    path = path_of(layers["raster"], "jpg")

    async def etag():
        wire = Wire()
        await app(scope(path, "GET"), None, wire)
        return wire.headers["etag"]

    first = await etag()
    assert await etag() == first
    table.replace(2, [msgspec.structs.replace(layers["raster"], version="v2")])
    assert "v2" in await etag()
    table.replace(3, [])
    with pytest.raises(LayerNotFound):
        await etag()
    pool.close()


async def test_outside_the_data_png_is_transparent_and_jpeg_white(engine, made):
    layer = made[1]["raster"]
    zoom = layer.source.min_zoom
    png = Image.open(io.BytesIO((await engine(path_of(layer, "png", zoom))).body)).convert("RGBA")
    jpeg = Image.open(io.BytesIO((await engine(path_of(layer, "jpg", zoom))).body))
    alpha = np.asarray(png)[..., 3]
    assert (alpha == 0).any()
    row, col = np.argwhere(alpha == 0)[-1]
    assert min(jpeg.getpixel((int(col), int(row)))) > 245


async def test_an_equal_etag_is_answered_without_a_read(engine, made):
    path = path_of(made[1]["raster"], "png")
    etag = (await engine(path)).headers["etag"]
    stored = made[0] / made[1]["raster"].source.href
    aside = stored.with_suffix(".aside")
    stored.rename(aside)
    try:
        wire = await engine(path, if_none_match=f'"other", {etag}')
    finally:
        aside.rename(stored)
    assert (wire.status, wire.body, wire.headers["etag"]) == (304, b"", etag)


async def test_a_missing_file_is_a_bad_source_and_other_layers_go_on(engine, made):
    stored = made[0] / made[1]["raster"].source.href
    aside = stored.with_suffix(".aside")
    stored.rename(aside)
    try:
        with pytest.raises(BadSource, match=re.escape(stored.name)):
            await engine(path_of(made[1]["raster"], "webp", 15))
        assert (await engine(path_of(made[1]["vector"], "mvt"))).status == 200
    finally:
        aside.rename(stored)
    assert (await engine(path_of(made[1]["raster"], "webp", 15))).status == 200


async def test_vector_tiles_decode_with_and_without_gzip(engine, made):
    path = path_of(made[1]["vector"], "mvt", 13)
    plain, packed = await engine(path), await engine(path, accept_encoding="br, gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["etag"] != plain.headers["etag"]
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body
    features = mapbox_vector_tile.decode(plain.body)["vector"]["features"]
    assert sorted(one["properties"]["nom"] for one in features) == sorted(NAMES)


async def test_a_vector_tile_is_filtered_by_its_address(engine, made):
    path = path_of(made[1]["vector"], "mvt", 13)
    whole = await engine(path)
    some = await engine(path, query=urlencode({"properties": "nom", "filter": f"nom = '{NAMES[0]}'"}))
    [feature] = mapbox_vector_tile.decode(some.body)["vector"]["features"]
    assert feature["properties"] == {"nom": NAMES[0]}
    bare = await engine(path, query="properties=")
    assert all(one["properties"] == {} for one in mapbox_vector_tile.decode(bare.body)["vector"]["features"])
    assert len({whole.headers["etag"], some.headers["etag"], bare.headers["etag"]}) == 3


@pytest.mark.parametrize(
    ("layer", "extension", "query"),
    [("vector", "mvt", "properties=inconnu"), ("vector", "mvt", "filter=nom%20%3D"), ("raster", "png", "filter=a=1")],
)
async def test_what_cannot_be_filtered_is_told(engine, made, layer, extension, query):
    with pytest.raises(BadRequest):
        await engine(path_of(made[1][layer], extension, 13), query=query)


async def test_a_tile_beyond_the_layer_is_empty_and_costs_no_read(engine, made):
    wire = await engine("/tiles/raster/PM/10/0/0.png")
    assert (wire.status, wire.body) == (204, b"")
    assert "plan;desc=outside" in wire.headers["server-timing"]


async def test_head_has_the_length_of_the_tile(engine, made):
    path = path_of(made[1]["raster"], "png")
    got, head = await engine(path), await engine(path, "HEAD")
    assert head.headers["content-length"] == str(len(got.body))
    assert head.body == b""


async def test_other_methods_are_refused_and_options_answered(engine, made):
    path = path_of(made[1]["raster"], "png")
    assert (await engine(path, "DELETE")).status == 405
    assert (await engine(path, "OPTIONS")).status == 204


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/tiles/none/PM/0/0/0.png", LayerNotFound),
        ("/tiles/points/PM/0/0/0.png", LayerNotFound),
        ("/tiles/points/PM/tilejson.json", LayerNotFound),
        ("/tiles/raster/none/0/0/0.png", TileMatrixSetNotFound),
        ("/tiles/raster/PM/22/0/0.png", TileNotFound),
        ("/tiles/raster/PM/x/0/0.png", TileNotFound),
        ("/tiles/raster/PM/1/2/0.png", TileNotFound),
        ("/tiles/raster/PM/1/-1/0.png", TileNotFound),
        ("/tiles/raster/PM/1/0/0.5.png", BadRequest),
        ("/tiles/raster/PM/1/1e3/0.png", TileNotFound),
        ("/tiles/raster/PM/1/٣/0.png", TileNotFound),
        ("/tiles/raster/PM/1/" + "9" * 4000 + "/0.png", TileNotFound),
        ("/tiles/raster/PM/0/0/0.exe", BadRequest),
        ("/tiles/raster/PM/0/0/0.", BadRequest),
        ("/tiles/raster/PM/0/0/0.mvt", NotAcceptable),
        ("/tiles/vector/PM/0/0/0.png", NotAcceptable),
        ("/tiles/raster", BadRequest),
        ("/tiles/raster/PM/0/0/0/0.png", BadRequest),
    ],
)
async def test_wrong_addresses_are_refused(engine, path, error):
    with pytest.raises(error) as caught:
        await engine(path)
    assert len(str(caught.value)) < 600


async def test_tilejson_names_the_server_as_the_client_does(engine):
    direct = json.loads((await engine("/tiles/raster/PM/tilejson.json")).body)
    assert direct["tiles"] == ["http://maps.example/tiles/raster/PM/{z}/{x}/{y}.webp"]
    behind = await engine("/tiles/raster/PM/tilejson.json", x_forwarded_proto="https", x_forwarded_host="data.example")
    assert json.loads(behind.body)["tiles"][0].startswith("https://data.example/")


async def test_every_set_that_a_layer_is_offered_in_answers(engine, made):
    layer = made[1]["raster"]
    for name in offered_sets(layer.bbox):
        tms = tile_matrix_set(name)
        west, _, east, _ = bounds_in(layer.bbox, tms.crs)
        matrix = min(tms.matrices, key=lambda one: abs(one.cell_size - (east - west) / 200))
        x, y = Transformer.from_crs("EPSG:4326", tms.crs, always_xy=True).transform(*layer.sample)
        col, row = tile_at(matrix, x, y)
        wire = await engine(f"/tiles/raster/{name}/{matrix.id}/{col}/{row}.png")
        assert wire.status == 200, name
