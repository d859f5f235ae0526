"""core.app and core.listing: what every program answers, through Litestar."""

import json

import pytest
from litestar import Litestar, get
from litestar.testing import AsyncTestClient

from core.app import EXCEPTION_HANDLERS, health_routes
from core.errors import GeoplateformeError, Refused
from core.layer import PointCloudSource, PublishedLayer, RasterSource
from core.listing import LayerGuide, listing_route
from core.table import LayerTable


def layer(name, source, **more):
    return PublishedLayer(
        name=name, title=name.title(), offering="o", source=source, bbox=(1.0, 2.0, 3.0, 4.0), sample=(2.0, 3.0),
        version="v1", **more,
    )  # fmt: skip


@get("/refused", operation_id="A", sync_to_thread=False)
def refused() -> None:
    raise Refused("not yours", "ask for access")


@get("/broken", operation_id="B", sync_to_thread=False)
def broken() -> None:
    raise ZeroDivisionError("secret")


@get("/count/{number:int}", operation_id="C", sync_to_thread=False)
def count() -> str:
    return ""


@pytest.fixture
def reason():
    return {"text": ""}


@pytest.fixture
async def client(reason):
    table = LayerTable()
    raster = RasterSource(href="h", bands=(1,), dtype="uint8", min_zoom=3, max_zoom=9)
    table.replace(
        7,
        [
            layer("b", PointCloudSource(files=(), crs="EPSG:2154", point_format=6, points=0)),
            layer("a", raster),
            layer("closed", raster, open=False),
        ],
    )
    guide = LayerGuide(tile_matrix_sets=lambda _: ("PM",), samples=lambda one: (f"/{one.name}",), styles=lambda _: ())
    routes = [listing_route(table, {"raster": guide, "points": guide}), *health_routes(lambda: reason["text"])]
    app = Litestar(
        [*routes, refused, broken, count],
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=None,
        logging_config=None,
    )
    async with AsyncTestClient(app) as made:
        yield made


async def test_open_layers_are_listed_by_name_and_others_are_not(client):
    answer = (await client.get("/layers")).json()
    assert answer["revision"] == 7
    assert [one["name"] for one in answer["layers"]] == ["a", "b"]
    assert answer["layers"][0] == {
        "name": "a",
        "kind": "raster",
        "title": "A",
        "abstract": "",
        "bbox": [1.0, 2.0, 3.0, 4.0],
        "tile_matrix_sets": ["PM"],
        "samples": ["/a"],
        "styles": [],
        "version": "v1",
        "min_zoom": 3,
        "max_zoom": 9,
    }
    assert answer["layers"][1]["kind"] == "points"
    assert answer["layers"][1]["max_zoom"] is None


async def test_pages_of_any_origin_may_read_the_list(client):
    assert (await client.get("/layers")).headers["access-control-allow-origin"] == "*"


async def test_health_is_alive_and_metrics_are_prometheus_text(client):
    assert (await client.get("/healthz")).json() == {"status": "alive"}
    metrics = await client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "geopf_layers" in metrics.text


async def test_readiness_gives_its_reason(client, reason):
    assert (await client.get("/readyz")).status_code == 200
    reason["text"] = "no publication was read yet"
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "no publication" in answer.json()["detail"]
    assert answer.headers["retry-after"] == "1"


async def test_head_answers_like_get(client):
    answer = await client.head("/layers")
    assert answer.status_code == 200
    assert answer.content == b""


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [("/refused", 403, "not yours: ask for access"), ("/nowhere", 404, "'/nowhere'"), ("/broken", 500, "log")],
)
async def test_errors_are_problem_details(client, path, status, words):
    answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = json.loads(answer.content)
    assert words in problem["detail"]
    assert "secret" not in problem["detail"]


async def test_a_wrong_method_is_a_problem_too(client):
    answer = await client.post("/layers")
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_error_of_ours_is_caught():
    assert GeoplateformeError in EXCEPTION_HANDLERS
