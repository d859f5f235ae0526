"""Values at points over HTTP, beside what rasterio samples."""

import io
import json

import numpy as np
import pytest
import rasterio

from core.errors import BadRequest, LayerNotFound, NotAcceptable, StyleNotFound
from core.table import LayerTable
from tests.tiler.routes.ground import CELL, NORTH, SIDE, TO_DEGREES, WEST, height, publish
from tests.wire import Wire, scope
from tiler.app import create_tiler
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

    async def ask(path, query="", method="GET", **headers):
        wire = Wire()
        await app(scope(path, method, **headers) | {"query_string": query.encode()}, None, wire)
        return wire

    yield ask
    pool.close()


def joined(numbers):
    return "|".join(repr(float(one)) for one in numbers)


@pytest.mark.parametrize("name", ["dem", "ortho"])
async def test_nearest_values_are_those_that_rasterio_samples(engine, published, name):
    random = np.random.default_rng(5)
    x, y = WEST + random.uniform(-50, SIDE * CELL + 50, 400), NORTH - random.uniform(-50, SIDE * CELL + 50, 400)
    wire = await engine(f"/tiles/{name}/point", f"crs=EPSG:2154&x={joined(x)}&y={joined(y)}&resampling=nearest")
    told = json.loads(wire.body)
    assert (wire.status, told["crs"], told["resolution"]) == (200, "EPSG:2154", [CELL, CELL])
    with rasterio.open(io.BytesIO(published[0].objects[f"{name}.tif"])) as dataset:
        inside = (x >= WEST) & (x < WEST + SIDE * CELL) & (y <= NORTH) & (y > NORTH - SIDE * CELL)
        for point, there, sample in zip(told["points"], inside, dataset.sample(zip(x, y, strict=True)), strict=True):
            wanted = [None] * len(sample) if not there or sample[0] == -9999 else sample.tolist()
            assert [v if v is None else np.float32(v) for v in point["values"]] == wanted


async def test_values_between_pixels_lie_on_the_plane(engine):
    x, y = WEST + np.linspace(50, 900, 60), NORTH - np.linspace(600, 1400, 60)
    lon, lat = TO_DEGREES.transform(x, y)
    told = json.loads((await engine("/tiles/dem/point", f"lon={joined(lon)}&lat={joined(lat)}")).body)
    got = np.array([point["values"][0] for point in told["points"]])
    np.testing.assert_allclose(got, height(x, y), atol=0.01)


async def test_conditions_and_heads_are_answered(engine):
    query = f"crs=EPSG:2154&x={WEST + 9}&y={NORTH - 9}"
    got, head = await engine("/tiles/dem/point", query), await engine("/tiles/dem/point", query, "HEAD")
    assert (head.headers["content-length"], head.body) == (str(len(got.body)), b"")
    assert (await engine("/tiles/dem/point", query, if_none_match=got.headers["etag"])).status == 304


@pytest.mark.parametrize(
    ("path", "query", "error", "reason"),
    [
        ("dem", "", BadRequest, "lon '' is not a number"),
        ("dem", "lon=2&lat=north", BadRequest, "lat 'north' is not a number"),
        ("dem", "lon=2|3&lat=4", BadRequest, "2 and 1 coordinates"),
        ("dem", "lon=200&lat=4", BadRequest, "lon 200, lat 4 is no place"),
        ("dem", "crs=EPSG:1&x=1&y=1", BadRequest, "crs EPSG:1 is not known"),
        ("dem", "crs=x.prj&x=1&y=1", BadRequest, "is not authority:code"),
        ("dem", "lon=1&lat=1&resampling=magic", BadRequest, "'magic' is not known"),
        ("dem", "lon=" + "1|" * 5000 + "1&lat=1", BadRequest, "5001 points are too many"),
        ("dem", "lon=1&lat=1&style=tints", NotAcceptable, "shows colours"),
        ("dem", "lon=1&lat=1&style=steep", NotAcceptable, "more than a point"),
        ("dem", "lon=1&lat=1&style=sepia", StyleNotFound, "no style"),
        ("roads", "lon=1&lat=1", LayerNotFound, "no raster"),
        ("cloud", "lon=1&lat=1", LayerNotFound, "no raster"),
    ],
)
async def test_what_cannot_be_answered_is_told(engine, path, query, error, reason):
    with pytest.raises(error, match=reason):
        await engine(f"/tiles/{path}/point", query)
