"""One small platform, filled and served once for the tests that only look at it."""

import pytest

from tests.e2e.territory import write_buildings, write_cloud, write_ortho
from tests.servers.platform import running_platform


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return {
        "ortho": write_ortho(folder / "ortho.tif"),
        "batiments": write_buildings(folder / "batiments.gpkg"),
        "lidar": write_cloud(folder / "LHD_FXX_0770_6277_PTS_LAMB93_IGN69.laz"),
    }


def fill(platform, files):
    platform.ingest("raster", "ortho", files["ortho"], title="Ortho-image")
    platform.ingest("vector", "batiments", files["batiments"], title="Bâtiments")
    platform.ingest("points", "lidar", files["lidar"], title="Nuage LiDAR")


@pytest.fixture(scope="session")
def platform(tmp_path_factory, files):
    data = tmp_path_factory.mktemp("platform") / "data"
    with running_platform(data, prepare=lambda made: fill(made, files)) as running:
        yield running
