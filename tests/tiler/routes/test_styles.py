"""Styles over HTTP: heights that come back, conditions, formats and errors."""

import asyncio
import io
import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio
from msgspec.structs import replace
from PIL import Image
from pyproj import Transformer
from rasterio.transform import from_origin

from core.directory import DirectoryStore
from core.errors import BadRequest, NotAcceptable, StyleNotFound
from core.job import JobSpec
from core.layer import PublishedLayer, VectorSource
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


async def test_the_styles_of_a_layer_are_listed_with_their_legends(engine):
    wire = await engine("/tiles/dem/styles")
    assert (wire.status, wire.headers["content-type"]) == (200, "application/json")
    told = json.loads(wire.body)
    assert told["layer"] == "dem"
    assert [style["name"] for style in told["styles"]][:3] == ["default", "hillshade", "elevation"]
    for style in told["styles"]:
        assert {"title", "abstract", "lossless"} <= set(style)
        path, _, query = style["legend"].partition("?")
        legend = await engine(path, query=query)
        assert (legend.status, legend.headers["content-type"]) == (200, "image/svg+xml")
        assert ET.fromstring(legend.body).get("aria-label") == style["title"]
    again = await engine("/tiles/dem/styles", if_none_match=wire.headers["etag"])
    assert (again.status, again.body) == (304, b"")


async def test_a_legend_has_a_tag_of_its_own_and_is_that_of_the_default_without_a_style(engine):
    slope = await engine("/tiles/dem/legend.svg", query="style=slope")
    plain = await engine("/tiles/dem/legend.svg")
    named = await engine("/tiles/dem/legend.svg", query="style=default")
    assert plain.body == named.body != slope.body
    assert plain.headers["etag"] == named.headers["etag"] != slope.headers["etag"]
    assert "default-src 'none'" in slope.headers["content-security-policy"]
    assert "45°" in slope.body.decode()
    assert slope.headers["cache-control"] == "public, max-age=300"
    again = await engine("/tiles/dem/legend.svg", query="style=slope", if_none_match=slope.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    head = await engine("/tiles/dem/legend.svg", "HEAD", query="style=slope")
    assert (head.body, head.headers["content-length"]) == (b"", str(len(slope.body)))


async def test_a_legend_of_a_style_that_is_not_there_is_told(engine):
    with pytest.raises(StyleNotFound, match="dem has no style 'sepia'"):
        await engine("/tiles/dem/legend.svg", query="style=sepia")


async def test_vectors_have_map_styles_and_no_legend(dem):
    table = LayerTable()
    vector = VectorSource(href="v", geometry_column="g", crs="EPSG:2154", fields={})
    table.replace(1, [replace(dem[1], source=vector, styles=())])
    app, pool = create_tiler(table, dem[0], TilerSettings())
    wire = Wire()
    await app(scope("/tiles/dem/styles"), None, wire)
    (style,) = json.loads(wire.body)["styles"]
    assert (style["name"], style["legend"]) == ("standard", "")
    assert style["href"] == "/annexes/ressources/vectorTiles/styles/dem/standard.json"
    with pytest.raises(StyleNotFound, match="dem is of kind vector and has no legend"):
        await app(scope("/tiles/dem/legend.svg"), None, Wire())
    pool.close()


async def test_the_legend_of_a_palette_tells_the_classes_of_the_file(tmp_path):
    colours = {0: (10, 20, 30), 1: (200, 100, 50), 2: (1, 2, 3)}
    with rasterio.open(
        tmp_path / "c.tif", "w", driver="COG", width=64, height=64, count=1, dtype="uint8", crs="EPSG:2154",
        transform=from_origin(WEST, NORTH, CELL, CELL), compress="deflate",
    ) as dataset:  # fmt: skip
        dataset.write(np.tile(np.arange(64, dtype=np.uint8) % 3, (1, 64, 1)))
        dataset.write_colormap(1, {value: (*colour, 255) for value, colour in colours.items()})
    spec = JobSpec(
        kind="raster", name="c", inputs=(str(tmp_path / "c.tif"),), prefix="c", scratch=str(tmp_path), as_is=True
    )
    store = DirectoryStore(tmp_path / "objects")
    made = await asyncio.to_thread(ingest_raster, spec, lambda event: None, store)
    table = LayerTable()
    table.replace(1, [PublishedLayer(name="c", title="Classes", offering="o", source=made.source, bbox=made.bbox,
                                     sample=made.sample, version="v")])  # fmt: skip
    app, pool = create_tiler(table, store, TilerSettings())
    wire = Wire()
    await app(scope("/tiles/c/legend.svg"), None, wire)
    pool.close()
    fills = [one.get("fill") for one in ET.fromstring(wire.body).iter("{http://www.w3.org/2000/svg}rect")]
    assert [fill for fill in fills if fill.startswith("#")][-3:] == ["#0a141e", "#c86432", "#010203"]


@pytest.mark.parametrize(
    ("style", "told"),
    [
        (Style(name="a", bands=(2,)), "style a has band 2, and the files have 1"),
        (Style(name="a", expression="b1 - b7"), "style a has band 7, and the files have 1"),
    ],
)
@pytest.mark.parametrize("as_is", [False, True])
def test_files_that_lack_a_band_of_a_style_are_refused_before_they_are_stored(tmp_path, style, told, as_is):
    with rasterio.open(
        tmp_path / "d.tif", "w", driver="COG", width=64, height=64, count=1, dtype="float32", crs="EPSG:2154",
        transform=from_origin(WEST, NORTH, CELL, CELL),
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, 64, 64), np.float32))
    store = DirectoryStore(tmp_path / "objects")
    spec = JobSpec(kind="raster", name="d", inputs=(str(tmp_path / "d.tif"),), prefix="d", scratch=str(tmp_path),
                   as_is=as_is, styles=(style,))  # fmt: skip
    with pytest.raises(BadRequest, match=told):
        ingest_raster(spec, lambda event: None, store)
    assert not list((tmp_path / "objects").rglob("*.tif"))
    assert ingest_raster(replace(spec, styles=()), lambda event: None, store).source.band_count == 1
