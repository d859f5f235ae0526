"""The same way of the data on a real S3 server."""

from contextlib import ExitStack

import mapbox_vector_tile
import pytest

from tests.e2e.conftest import fill
from tests.e2e.territory import NAMES, NORTH, WEST
from tests.e2e.test_way_of_the_data import tile_of
from tests.servers.platform import running_platform
from tests.servers.swift import running_swift

pytestmark = pytest.mark.xdist_group("s3")


def test_layers_are_stored_served_and_removed_on_s3_and_the_engine_outlives_the_store(tmp_path, files):
    with ExitStack() as store:
        swift = store.enter_context(running_swift(tmp_path / "swift"))
        environ = {**swift.environ(), "GEOPF_STORAGE_URL": f"s3://{swift.bucket}/plateforme"}
        with running_platform(tmp_path / "data", environ, prepare=lambda made: fill(made, files)) as platform:
            x, y = tile_of(WEST + 51, NORTH - 51, 18)
            image = f"/tiles/ortho/PM/18/{x}/{y}.png"
            assert platform.get(image)[0] == 200
            x, y = tile_of(WEST + 50, NORTH - 25, 13)
            tile = platform.get(f"/tiles/batiments/PM/13/{x}/{y}.mvt")[2]
            features = mapbox_vector_tile.decode(tile)["batiments"]["features"]
            assert sorted(one["properties"]["nom"] for one in features) == sorted(NAMES)
            href = platform.json("/points/lidar/info")["files"][0]["href"]
            status, headers, body = platform.get(href, Range="bytes=0-3")
            assert (status, body) == (206, b"LASF")
            assert headers["content-range"].startswith("bytes 0-3/")
            assert not [path for path in (platform.data / "objects").rglob("*") if path.is_file()]

            platform.run("remove", "batiments")
            platform.wait("/tiles/batiments/PM/tilejson.json", 404, seconds=5)
            assert platform.complaints() == []

            store.close()
            platform.kill("deploy.engine")
            platform.wait("/readyz", 200)
            assert {one["name"] for one in platform.json("/layers")["layers"]} == {"ortho", "lidar"}
            assert platform.get(image)[0] in {502, 503}
