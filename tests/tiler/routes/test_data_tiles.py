"""Tiles of values over HTTP: GeoTIFF, BIL and NumPy arrays, and what has no values to give."""

import io

import numpy as np
import pytest
import rasterio
from affine import Affine

from core.errors import BadRequest, NotAcceptable, StyleNotFound
from core.table import LayerTable
from tests.tiler.routes.ground import CELL, height, publish
from tests.wire import Wire, scope
from tiler.app import create_tiler
from tiler.coverage import sample_tile
from tiler.matrix import tile_bounds, tile_matrix_set
from tiler.settings import TilerSettings


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The store and the layers."""
    return publish(tmp_path_factory.mktemp("ground"))


@pytest.fixture
async def engine(published):
    table = LayerTable()
    table.replace(1, published[1].values())
    app, pool = create_tiler(table, published[0], TilerSettings())

    async def ask(path, method="GET", query="", **headers):
        wire = Wire()
        await app(scope(path, method, **headers) | {"query_string": query.encode()}, None, wire)
        return wire

    yield ask
    pool.close()


def path_of(published, name, file, zoom=15):
    z, x, y = sample_tile(published[1][name], zoom)
    return f"/tiles/{name}/PM/{z}/{x}/{y}{file}"


def place_of(published, scale=1):
    """Return where the pixels of the sample tile lie, and their heights."""
    z, x, y = sample_tile(published[1]["dem"], 15)
    matrix = tile_matrix_set("PM").by_id[str(z)]
    west, _, _, north = tile_bounds(matrix, x, y)
    cell = matrix.cell_size / scale
    return Affine(cell, 0, west, 0, -cell, north)


TYPES = {".tif": "image/tiff; application=geotiff", ".bil": "image/x-bil;bits=32", ".npy": "application/x-npy"}


@pytest.mark.parametrize(("density", "side"), [("", 256), ("@2x", 512)])
@pytest.mark.parametrize("extension", TYPES)
async def test_heights_come_as_values_in_every_format(engine, published, extension, density, side):
    wire = await engine(path_of(published, "dem", density + extension))
    assert (wire.status, wire.headers["content-type"]) == (200, TYPES[extension])
    place = place_of(published, side // 256)
    if extension == ".tif":
        with rasterio.open(io.BytesIO(wire.body)) as dataset:
            assert (dataset.crs.to_epsg(), dataset.nodata, dataset.dtypes) == (3857, -9999, ("float32",))
            assert dataset.transform.almost_equals(place, precision=1e-6)
            got = dataset.read(1)
    elif extension == ".bil":
        got = np.frombuffer(wire.body, "<f4").reshape(side, side)
    else:
        got = np.load(io.BytesIO(wire.body))[0]
    with_place = rasterio.warp.transform(
        "EPSG:3857", "EPSG:2154", *(np.ravel(one) for one in place @ (np.meshgrid(*[np.arange(side) + 0.5] * 2)))
    )
    wanted = height(*with_place).reshape(side, side)
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() < 0.05 * CELL * 0.3 + 0.01


@pytest.mark.parametrize("extension", TYPES)
async def test_conditions_heads_and_emptiness_are_those_of_pictures(engine, published, extension):
    path = path_of(published, "dem", extension)
    got, head = await engine(path), await engine(path, "HEAD")
    assert (head.headers["content-length"], head.body) == (str(len(got.body)), b"")
    again = await engine(path, if_none_match=got.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert got.headers["access-control-allow-origin"] == "*"
    assert (await engine(f"/tiles/dem/PM/10/0/0{extension}")).status == 204
    tags = {(await engine(path_of(published, "dem", other))).headers["etag"] for other in (*TYPES, ".png")}
    assert len(tags) == 4


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("image/tiff", TYPES[".tif"]),
        ("image/tiff; application=geotiff", TYPES[".tif"]),
        ("image/x-bil;bits=32, image/png;q=0.5", TYPES[".bil"]),
        ("application/x-npy", TYPES[".npy"]),
        ("image/*", "image/png"),
        ("*/*", "image/png"),
    ],
)
async def test_values_are_given_to_those_who_accept_nothing_better(engine, published, accept, media_type):
    wire = await engine(path_of(published, "dem", ""), accept=accept)
    assert (wire.headers["content-type"], wire.headers["vary"]) == (media_type, "Accept")


async def test_a_slope_is_given_in_degrees_whatever_its_colours(engine, published):
    wire = await engine(path_of(published, "dem", ".npy"), query="style=steep")
    steepness = np.degrees(np.arctan(np.hypot(0.2, 0.1)))
    assert np.nanmedian(np.load(io.BytesIO(wire.body))) == pytest.approx(steepness, rel=0.02)


async def test_an_expression_is_given_as_floats(engine, published):
    wire = await engine(path_of(published, "ortho", ".tif"), query="style=red")
    bands = await engine(path_of(published, "ortho", ".npy"))
    with rasterio.open(io.BytesIO(wire.body)) as dataset:
        got = dataset.read(1)
    stored = np.load(io.BytesIO(bands.body))
    assert stored.shape == (4, 256, 256)
    seen = stored[3] > 0
    np.testing.assert_array_equal(got[seen], stored[0][seen].astype(int) - stored[1][seen])


@pytest.mark.parametrize("extension", [".tif", ".bil", ".npy"])
@pytest.mark.parametrize("style", ["tints", "contours", "terrain-rgb"])
async def test_colours_are_no_values(engine, published, style, extension):
    with pytest.raises(NotAcceptable, match=f"style {style} of dem shows colours.*leave style out"):
        await engine(path_of(published, "dem", extension), query=f"style={style}")


async def test_colours_are_not_negotiated_as_values(engine, published):
    with pytest.raises(NotAcceptable, match=r"accept image/png or image/jpeg or image/webp$"):
        await engine(path_of(published, "dem", ""), query="style=tints", accept="image/tiff")


@pytest.mark.parametrize(
    ("name", "extension", "error", "reason"),
    [
        ("roads", ".tif", NotAcceptable, "roads has no .tif tiles: use .mvt or .pbf"),
        ("dem", ".avif", NotAcceptable, r"dem gives .avif in seeded archives alone: use .webp"),
        ("dem", ".asc", BadRequest, ".asc is not a tile format"),
    ],
)
async def test_formats_that_a_layer_has_not_are_told(engine, published, name, extension, error, reason):
    with pytest.raises(error, match=reason):
        await engine(path_of(published, name, extension))


async def test_a_style_that_is_not_there_is_told(engine, published):
    with pytest.raises(StyleNotFound):
        await engine(path_of(published, "dem", ".tif"), query="style=sepia")
