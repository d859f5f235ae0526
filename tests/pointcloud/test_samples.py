"""Where a visitor may begin."""

from pointcloud.app import GUIDE
from pointcloud.samples import point_samples
from tests.pointcloud.routes.served import layer_of, raster


def test_a_point_cloud_shows_its_description_and_its_first_file():
    layer = layer_of("lidar", [("a b.copc.laz", "k", 1), ("c.copc.laz", "l", 1)])
    assert point_samples(layer) == ("/points/lidar/info", "/points/lidar/copc/a%20b.copc.laz")
    assert GUIDE.samples(layer) == point_samples(layer)
    assert GUIDE.tile_matrix_sets(layer) == ()


def test_another_layer_has_no_samples_here():
    assert point_samples(raster("ortho")) == ()
