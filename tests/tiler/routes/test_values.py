"""Values at points over HTTP, beside what rasterio samples."""

import io
import json

import numpy as np
import pytest
import rasterio
from pyproj import Geod

from core.errors import BadRequest, LayerNotFound, NotAcceptable, StyleNotFound
from core.table import LayerTable
from tests.tiler.routes.ground import CELL, HOLE, NORTH, SIDE, TO_DEGREES, TO_LAMBERT, WEST, height, heights, publish
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
        ("dem", "lon=1&lat=1&style=sepia", StyleNotFound, "no style"),
        ("roads", "lon=1&lat=1", LayerNotFound, "no raster"),
        ("cloud", "lon=1&lat=1", LayerNotFound, "no raster"),
    ],
)
async def test_what_cannot_be_answered_is_told(engine, path, query, error, reason):
    with pytest.raises(error, match=reason):
        await engine(f"/tiles/{path}/point", query)


async def test_the_slope_of_a_plane_is_the_same_at_every_point(engine):
    x, y = WEST + np.linspace(50, 900, 20), NORTH - np.linspace(600, 1400, 20)
    told = json.loads((await engine("/tiles/dem/point", f"crs=EPSG:2154&x={joined(x)}&y={joined(y)}&style=steep")).body)
    slopes = [point["values"][0] for point in told["points"]]
    np.testing.assert_allclose(slopes, np.degrees(np.arctan(np.hypot(0.2, 0.1))), atol=0.02)


async def test_a_relief_without_all_its_neighbours_is_missing(engine):
    edge, hole = (WEST + 2, NORTH - 2), (WEST + (HOLE[1].start - 0.5) * CELL, NORTH - (HOLE[0].start + 5) * CELL)
    x, y = zip(edge, hole, strict=True)
    told = json.loads((await engine("/tiles/dem/point", f"crs=EPSG:2154&x={joined(x)}&y={joined(y)}&style=steep")).body)
    assert all(point["values"][0] is None or 0 <= point["values"][0] < 90 for point in told["points"])


async def test_a_profile_follows_the_plane_at_equal_distances(engine):
    corners = [(WEST + 100, NORTH - 2000), (WEST + 1500, NORTH - 2400), (WEST + 2600, NORTH - 2300)]
    lon, lat = zip(*(TO_DEGREES.transform(*corner) for corner in corners), strict=True)
    wire = await engine("/tiles/dem/profile", f"lon={joined(lon)}&lat={joined(lat)}&samples=50")
    told = json.loads(wire.body)
    length = Geod(ellps="WGS84").line_length(lon, lat)
    assert (wire.status, told["crs"], len(told["points"])) == (200, "EPSG:2154", 50)
    assert told["length"] == pytest.approx(length)
    assert [point["distance"] for point in told["points"]] == pytest.approx(np.linspace(0, length, 50), abs=1e-3)
    x, y = TO_LAMBERT.transform([point["lon"] for point in told["points"]], [point["lat"] for point in told["points"]])
    np.testing.assert_allclose([point["values"][0] for point in told["points"]], height(x, y), atol=0.02)
    assert (x[0], y[0]) == pytest.approx(corners[0], abs=0.01)
    assert (x[-1], y[-1]) == pytest.approx(corners[-1], abs=0.01)
    assert told["rise"] - told["fall"] == pytest.approx(height(*corners[-1]) - height(*corners[0]), abs=0.05)


async def test_a_profile_has_gaps_where_heights_are_missing_and_nothing_of_their_climb(engine):
    row = NORTH - (HOLE[0].start + 20) * CELL
    x = WEST + (HOLE[1].start - 40) * CELL, WEST + (HOLE[1].stop + 40) * CELL
    told = json.loads(
        (await engine("/tiles/dem/profile", f"crs=EPSG:2154&x={joined(x)}&y={row}|{row}&samples=200")).body
    )
    missing = [point["values"][0] is None for point in told["points"]]
    assert 0.3 < np.mean(missing) < 0.5
    assert told["rise"] == pytest.approx(0.2 * (x[1] - x[0]), rel=0.01)
    assert told["fall"] == pytest.approx(0, abs=0.1)


async def test_a_profile_of_several_bands_has_no_climb(engine):
    lon, lat = zip(*(TO_DEGREES.transform(WEST + at, NORTH - at) for at in (100, 900)), strict=True)
    told = json.loads((await engine("/tiles/ortho/profile", f"lon={joined(lon)}&lat={joined(lat)}")).body)
    assert (told["rise"], told["fall"], len(told["points"]), len(told["points"][0]["values"])) == (None, None, 100, 3)


async def test_statistics_are_those_of_numpy(engine):
    wire = await engine("/tiles/dem/statistics", "histogram=7")
    told = json.loads(wire.body)
    values = heights()[~np.isnan(heights())].astype(float)
    (band,) = told["bands"]
    assert (wire.status, told["layer"], told["crs"], told["resolution"]) == (200, "dem", "EPSG:2154", CELL)
    assert band["count"] == pytest.approx(values.size, rel=0.005)
    wanted = {
        "min": values.min(), "max": values.max(), "mean": values.mean(), "std": values.std(),
        "median": np.median(values), "percentile_2": np.percentile(values, 2),
        "percentile_98": np.percentile(values, 98),
    }  # fmt: skip
    assert {name: band[name] for name in wanted} == pytest.approx(wanted, abs=1.5)
    assert sum(band["histogram"]["counts"]) == band["count"]
    assert len(band["histogram"]["counts"]) == len(band["histogram"]["edges"]) - 1 == 7
    assert 0 < band["valid_percent"] < 100


async def test_statistics_of_a_small_view_are_close_to_those_of_all_pixels(engine):
    fine, coarse = [
        json.loads((await engine("/tiles/ortho/statistics", f"max_size={size}")).body) for size in (1024, 128)
    ]
    assert coarse["resolution"] > fine["resolution"]
    for one, other in zip(fine["bands"], coarse["bands"], strict=True):
        assert one["mean"] == pytest.approx(other["mean"], abs=3)


async def test_statistics_of_a_style_are_of_what_it_measures(engine):
    told = json.loads((await engine("/tiles/dem/statistics", "style=steep&max_size=300")).body)
    assert told["bands"][0]["median"] == pytest.approx(np.degrees(np.arctan(np.hypot(0.2, 0.1))), abs=0.05)


async def test_statistics_of_a_place_without_values_have_no_band(engine):
    rows, cols = HOLE
    west, south = TO_DEGREES.transform(WEST + (cols.start + 10) * CELL, NORTH - (rows.stop - 10) * CELL)
    east, north = TO_DEGREES.transform(WEST + (cols.stop - 10) * CELL, NORTH - (rows.start + 10) * CELL)
    told = json.loads((await engine("/tiles/dem/statistics", f"bbox={west},{south},{east},{north}")).body)
    assert told["bands"] == []


@pytest.mark.parametrize("what", ["profile", "statistics"])
async def test_a_profile_and_statistics_are_conditional_too(engine, what):
    lon, lat = zip(*(TO_DEGREES.transform(WEST + at, NORTH - at) for at in (100, 900)), strict=True)
    query = f"lon={joined(lon)}&lat={joined(lat)}"
    got, head = await engine(f"/tiles/dem/{what}", query), await engine(f"/tiles/dem/{what}", query, "HEAD")
    assert (head.headers["content-length"], head.body) == (str(len(got.body)), b"")
    assert (await engine(f"/tiles/dem/{what}", query, if_none_match=got.headers["etag"])).status == 304


@pytest.mark.parametrize(
    ("path", "query", "error", "reason"),
    [
        ("dem/profile", "lon=1&lat=1", BadRequest, "one point is no line"),
        ("dem/profile", "lon=1|1&lat=45|45", BadRequest, "no length"),
        ("dem/profile", "lon=1|2&lat=45|45&samples=1", BadRequest, "samples '1' cannot be used"),
        ("dem/profile", "lon=1|2&lat=45|45&samples=5001", BadRequest, "samples '5001'"),
        ("dem/profile", "lon=1|2&lat=45|45&style=tints", NotAcceptable, "shows colours"),
        ("dem/statistics", "bbox=3,2,1,4", BadRequest, "bbox '3,2,1,4'"),
        ("dem/statistics", "bbox=a", BadRequest, "bbox 'a'"),
        ("dem/statistics", "max_size=0", BadRequest, "max_size '0'"),
        ("dem/statistics", "max_size=9999999", BadRequest, "max_size"),
        ("dem/statistics", "histogram=-1", BadRequest, "histogram '-1'"),
        ("dem/statistics", "style=tints", NotAcceptable, "shows colours"),
        ("roads/statistics", "", LayerNotFound, "no raster"),
        ("cloud/profile", "", LayerNotFound, "no raster"),
    ],
)
async def test_what_cannot_be_measured_is_told(engine, path, query, error, reason):
    with pytest.raises(error, match=reason):
        await engine(f"/tiles/{path}", query)
