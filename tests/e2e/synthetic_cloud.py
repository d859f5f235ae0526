"""A small classified cloud as a COPC file, for the 3D view: hills, houses with roofs, trees and a pond."""

from pathlib import Path

import laspy
import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from pointcloud.copc.cloud import collect
from pointcloud.copc.header import parse_header
from pointcloud.copc.vlr import Record
from pointcloud.copc.writer import write_copc

WEST, SOUTH = 770_000.0, 6_277_000.0
"""Lower left corner, metres in Lambert-93."""

SIDE = 300.0
"""Metres."""

SYSTEM = "EPSG:2154+5720"
"""Lambert-93 with heights of NGF-IGN69, a compound system as LiDAR HD has."""

Column = NDArray[np.float64]


def write_cloud(path: Path, points: int = 200_000) -> Path:
    """Write the cloud as COPC and return its path."""
    dice = np.random.default_rng(11)
    u, v = dice.uniform(0, SIDE, (2, points))
    z, classes = _surface(u, v, dice)
    header = laspy.LasHeader(point_format=6, version="1.4")
    header.scales, header.offsets = np.full(3, 0.01), np.array([WEST, SOUTH, 0.0])
    header.global_encoding.wkt = True
    las = laspy.LasData(header)
    las.x, las.y, las.z = WEST + u, SOUTH + v, z
    las.classification = classes
    las.intensity = np.clip(dice.normal(700, 120, points) + 350 * (classes == 6) - 300 * (classes == 9), 1, 65535)
    las.return_number = las.number_of_returns = np.ones(points, np.uint8)
    las.gps_time = np.arange(points) * 1e-5
    las.update_header()
    plain = path.with_suffix(".las")
    las.write(plain)
    source = parse_header(plain.read_bytes()[:375])
    plain.unlink()
    records = np.ascontiguousarray(las.points.array).view(np.uint8).reshape(points, -1)
    cloud = collect([records], points=points, point_format=6, record_length=records.shape[1], report=lambda _: None)
    wkt = CRS(SYSTEM).to_wkt("WKT1_GDAL").encode() + b"\0"
    write_copc(cloud, source, [Record("LASF_Projection", 2112, wkt, "WKT")], [], path, lambda _: None)
    return path


def _surface(u: Column, v: Column, dice: np.random.Generator) -> tuple[Column, NDArray[np.uint8]]:
    """Elevation in metres and class of points at `u`, `v` metres from the corner."""
    z = 40 + 9 * np.sin(u / 70) * np.cos(v / 55) + 0.03 * u + dice.normal(0, 0.04, u.size)
    classes = np.full(u.size, 2, np.uint8)
    pond = np.hypot(u - 215, v - 80) < 34
    z, classes = np.where(pond, 38.0, z), np.where(pond, 9, classes)
    for column in range(4):
        for row in range(3):
            x, y = 30 + 42 * column, 150 + 48 * row
            inside = (np.abs(u - x) < 9) & (np.abs(v - y) < 13)
            ridge = 47 + 3 * column / 2 + 4 - 0.45 * np.abs(u - x)
            z, classes = np.where(inside, ridge, z), np.where(inside, 6, classes)
    for _ in range(90):
        x, y, radius = *dice.uniform(0, SIDE, 2), dice.uniform(2.5, 5.5)
        near = np.hypot(u - x, v - y)
        crown = (near < radius) & (classes == 2)
        height = dice.uniform(2, 3.2) * np.sqrt(np.clip(radius**2 - near**2, 0, None))
        z = np.where(crown, z + height * dice.uniform(0.35, 1, u.size), z)
        classes = np.where(crown, np.select([height < 0.5, height < 1.5], [3, 4], 5), classes)
    return z, classes.astype(np.uint8)
