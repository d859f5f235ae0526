"""Styles over HTTP: heights that come back, conditions, formats and errors."""

import io
import json

import numpy as np
import pytest
import rasterio
from PIL import Image
from pyproj import Transformer
from rasterio.transform import from_origin

from core.directory import DirectoryStore
from core.errors import NotAcceptable, StyleNotFound
from core.job import JobSpec
from core.layer import PublishedLayer
from core.style import Style
from core.table import LayerTable
from tests.wire import Wire, scope
from tiler.app import create_tiler
from tiler.coverage import sample_tile
from tiler.ingest.raster import ingest_raster
from tiler.matrix import tile_bounds, tile_matrix_set
from tiler.settings import TilerSettings

WEST, NORTH, CELL, SIDE = 770_000.0, 6_277_000.0, 5.0, 900


def height(x, y):
    """Return the height of a plane, metres, at places of Lambert-93."""
    return 300 + 0.2 * (x - WEST) + 0.1 * (y - NORTH)


@pytest.fixture(scope="module")
def dem(tmp_path_factory):
    """An elevation, ingested: the store and the layer."""
    folder = tmp_path_factory.mktemp("dem")
    x = WEST + (np.arange(SIDE) + 0.5) * CELL
    y = NORTH - (np.arange(SIDE) + 0.5) * CELL
    with rasterio.open(
        folder / "dem.tif", "w", driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="float32", crs="EPSG:2154",
        transform=from_origin(WEST, NORTH, CELL, CELL),
    ) as dataset:  # fmt: skip
        dataset.write(height(x[None, :], y[:, None]).astype(np.float32)[None])
    scratch = folder / "scratch"
    scratch.mkdir()
    spec = JobSpec(kind="raster", name="dem", inputs=(str(folder / "dem.tif"),), prefix="d", scratch=str(scratch))
    store = DirectoryStore(folder / "objects")
    made = ingest_raster(spec, lambda event: None, store)
    layer = PublishedLayer(
        name="dem", title="Relief", offering="o", source=made.source, bbox=made.bbox, sample=made.sample, version="v1",
        styles=(Style(name="default", title="Grey"),),
    )  # fmt: skip
    return store, layer


@pytest.fixture
async def engine(dem):
    table = LayerTable()
    table.replace(1, [dem[1]])
    app, pool = create_tiler(table, dem[0], TilerSettings())

    async def ask(path, method="GET", query="", **headers):
        wire = Wire()
        await app(scope(path, method, **headers) | {"query_string": query.encode()}, None, wire)
        return wire

    yield ask
    pool.close()


def path_of(dem, extension="png"):
    z, x, y = sample_tile(dem[1], dem[1].source.max_zoom)
    return f"/tiles/dem/PM/{z}/{x}/{y}.{extension}"


def picture(wire):
    return np.asarray(Image.open(io.BytesIO(wire.body)))


@pytest.mark.parametrize("extension", ["png", "webp"])
@pytest.mark.parametrize(("style", "base", "step"), [("terrain-rgb", -10_000, 0.1), ("terrarium", -32_768, 1 / 256)])
async def test_viewers_get_back_the_heights_of_the_ground(engine, dem, extension, style, base, step):
    wire = await engine(path_of(dem, extension), query=f"style={style}")
    pixels = picture(wire).astype(float)
    assert pixels.shape == (256, 256, 3)
    got = base + (pixels @ (65_536, 256, 1)) * step
    tms = tile_matrix_set("PM")
    z, col, row = sample_tile(dem[1], dem[1].source.max_zoom)
    west, _, _, north = tile_bounds(tms.by_id[str(z)], col, row)
    cell = tms.by_id[str(z)].cell_size
    at = (np.arange(256) + 0.5) * cell
    x, y = Transformer.from_crs("EPSG:3857", "EPSG:2154", always_xy=True).transform(*np.meshgrid(west + at, north - at))
    # what bilinear loses on a plane is the error of the place: 0.05 pixel of 5 m
    assert np.abs(got - height(x, y)).max() <= step / 2 + 0.05 * CELL * 0.25 + 0.01


async def test_values_are_refused_in_a_format_that_would_spoil_them(engine, dem):
    with pytest.raises(NotAcceptable, match=r"jpg would spoil the values of style terrarium: use .png or .webp"):
        await engine(path_of(dem, "jpg"), query="style=terrarium")
    path = path_of(dem).removesuffix(".png")
    with pytest.raises(NotAcceptable):
        await engine(path, query="style=terrarium", accept="image/jpeg")
    wire = await engine(path, query="style=terrarium", accept="image/jpeg, image/webp;q=0.2")
    assert wire.headers["content-type"] == "image/webp"


async def test_each_style_is_a_picture_of_its_own_with_its_own_tag(engine, dem):
    seen = {}
    for name in ["", "hillshade", "elevation", "slope", "aspect", "contours", "terrain-rgb", "terrarium"]:
        for _ in range(2):  # the second time it is remembered
            wire = await engine(path_of(dem), query=f"style={name}" if name else "")
            assert wire.status == 200
            seen.setdefault(wire.headers["etag"], set()).add(wire.body)
    assert len(seen) == 8
    assert all(len(bodies) == 1 for bodies in seen.values())
    assert len(set.union(*seen.values())) == 8


@pytest.mark.parametrize(
    "query", ["style=", "style=default", "STYLE=default", "v=1", "v=1&style=default", "%73tyle=default"]
)
async def test_the_default_is_what_is_given_without_a_style(engine, dem, query):
    plain = await engine(path_of(dem))
    for _ in range(2):
        wire = await engine(path_of(dem), query=query)
        assert (wire.body, wire.headers["etag"]) == (plain.body, plain.headers["etag"])


@pytest.mark.parametrize("query", ["%73tyle=hillshade", "STYLE=hillshade", "style=hill%73hade", "a=b&style=hillshade"])
async def test_a_query_written_in_another_way_asks_the_same(engine, dem, query):
    await engine(path_of(dem))
    expected = await engine(path_of(dem), query="style=hillshade")
    assert (await engine(path_of(dem), query=query)).body == expected.body


async def test_a_style_that_is_not_there_is_told(engine, dem):
    with pytest.raises(StyleNotFound, match=r"dem has no style 'sepia'.*hillshade"):
        await engine(path_of(dem), query="style=sepia")
    with pytest.raises(StyleNotFound):
        await engine("/tiles/dem/PM/tilejson.json", query="style=sepia")


async def test_the_description_of_a_style_leads_to_its_tiles(engine):
    document = json.loads((await engine("/tiles/dem/PM/tilejson.json", query="style=slope")).body)
    assert document["tiles"][0].endswith("/tiles/dem/PM/{z}/{x}/{y}.png?style=slope")
    assert document["style"] == "slope"
    plain = json.loads((await engine("/tiles/dem/PM/tilejson.json")).body)
    assert plain["tiles"][0].endswith(".png")
    assert "style" not in plain
