"""`/points/{layer}/info`: what a point cloud holds and where its files are."""

from typing import Annotated

import msgspec
from msgspec import Meta

from core.layer import PointCloudSource, PublishedLayer
from pointcloud.classes import class_name
from pointcloud.samples import copc_path

Box = tuple[float, float, float, float, float, float]


class ClassCount(msgspec.Struct, frozen=True):
    """Points of one class."""

    code: Annotated[int, Meta(description="LAS classification code.")]
    name: Annotated[str, Meta(description="Its name in French.")]
    count: Annotated[int, Meta(description="Points of the class in all files.")]


class CopcFile(msgspec.Struct, frozen=True):
    """One file of a point cloud."""

    name: Annotated[str, Meta(description="File name.")]
    href: Annotated[str, Meta(description="Path on this server; answers byte ranges.")]
    size: Annotated[int, Meta(description="Bytes.")]
    points: Annotated[int, Meta(description="Number of points.")]
    bounds: Annotated[Box, Meta(description="Minimum x, y, z, maximum x, y, z, in the CRS.")]


class PointCloudInfo(msgspec.Struct, frozen=True):
    """A point cloud layer."""

    name: Annotated[str, Meta(description="Name in URLs.")]
    title: Annotated[str, Meta(description="What people read.")]
    crs: Annotated[str, Meta(description="Authority and code, or WKT; empty when unknown.")]
    points: Annotated[int, Meta(description="Number of points in all files.")]
    bounds: Annotated[Box, Meta(description="Minimum x, y, z, maximum x, y, z, in the CRS.")]
    point_format: Annotated[int, Meta(description="LAS point data record format: 6, 7 or 8.")]
    dimensions: Annotated[tuple[str, ...], Meta(description="Attributes of a point.")]
    classes: Annotated[tuple[ClassCount, ...], Meta(description="Classes that occur, by code.")]
    files: Annotated[tuple[CopcFile, ...], Meta(description="COPC files, by name.")]


def describe(layer: PublishedLayer, source: PointCloudSource) -> PointCloudInfo:
    """Describe a point cloud to a client."""
    return PointCloudInfo(
        name=layer.name,
        title=layer.title,
        crs=source.crs,
        points=source.points,
        bounds=_union([file.bounds for file in source.files]),
        point_format=source.point_format,
        dimensions=source.dimensions,
        classes=tuple(ClassCount(code, class_name(code), count) for code, count in sorted(source.classes.items())),
        files=tuple(
            CopcFile(file.name, copc_path(layer.name, file.name), file.size, file.points, file.bounds)
            for file in source.files
        ),
    )


def _union(boxes: list[Box]) -> Box:
    low_x, low_y, low_z, high_x, high_y, high_z = zip(*boxes, strict=True)
    return min(low_x), min(low_y), min(low_z), max(high_x), max(high_y), max(high_z)
