"""Where a visitor may begin with a point cloud, and the paths of what it is made of."""

from urllib.parse import quote

from core.layer import PointCloudSource, PublishedLayer


def info_path(layer: str) -> str:
    """Return the path that describes a layer."""
    return f"/points/{layer}/info"


def copc_path(layer: str, file: str) -> str:
    """Return the path of a COPC file of a layer."""
    return f"/points/{layer}/copc/{quote(file)}"


def point_samples(layer: PublishedLayer) -> tuple[str, ...]:
    """Return paths on this server that answer with data: the description and the first file."""
    if not isinstance(layer.source, PointCloudSource):
        return ()
    first = [copc_path(layer.name, file.name) for file in layer.source.files[:1]]
    return info_path(layer.name), *first
