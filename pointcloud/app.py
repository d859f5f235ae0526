"""The point cloud engine, ready to be composed into a program."""

from litestar.types import ASGIApp

from core.layer import PublishedLayer
from core.listing import LayerGuide
from core.storage import ObjectReader
from core.table import LayerTable
from pointcloud.routes.points import points_app
from pointcloud.samples import point_samples


def create_points(layers: LayerTable, store: ObjectReader) -> ASGIApp:
    """Build the application under `/points`."""
    return points_app(layers, store)


def _no_tile_matrix_sets(_: PublishedLayer) -> tuple[str, ...]:
    return ()


GUIDE = LayerGuide(tile_matrix_sets=_no_tile_matrix_sets, samples=point_samples, styles=lambda _: ())
"""What `/layers` tells of point clouds."""
