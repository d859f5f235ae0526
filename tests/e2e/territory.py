"""Small files for end-to-end tests, each made by an independent library."""

import laspy
import numpy as np
import pyogrio
import rasterio
import shapely
from pyproj import CRS
from rasterio.transform import from_origin

WEST, NORTH = 770000.0, 6277000.0
NAMES = ["Mairie", "École élémentaire", "Église Saint-Étienne", "Gîte de l'Œuvre", "Hôtel-Dieu"]


def write_ortho(path, side=512, shade=0):
    """A checked image at 20 cm: red grows eastwards, green southwards."""
    east, south = np.meshgrid(np.linspace(30, 220, side), np.linspace(30, 220, side))
    blue = np.where((np.add.outer(np.arange(side), np.arange(side)) // 32) % 2, 200, 80)
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, count=3, dtype="uint8", crs="EPSG:2154",
        transform=from_origin(WEST, NORTH, 0.2, 0.2),
    ) as dataset:  # fmt: skip
        dataset.write(np.clip(np.stack([east, south, blue]) + shade, 0, 255).astype(np.uint8))
    return path


def write_buildings(path):
    """Five squares of 10 m along the north edge, named with accents."""
    boxes = [shapely.box(WEST + 5 + 20 * i, NORTH - 30, WEST + 15 + 20 * i, NORTH - 20) for i in range(len(NAMES))]
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array(boxes)),
        field_data=[np.array(NAMES, dtype=object), np.arange(5) + 0.5],
        fields=["nom", "hauteur"],
        geometry_type="Polygon",
        crs="EPSG:2154",
        driver="GPKG",
        layer="batiments",
    )
    return path


def write_cloud(path, points=20_000, seed=1):
    """A gentle slope of ground points, LAS 1.4 PDRF 6."""
    rng = np.random.default_rng(seed)
    header = laspy.LasHeader(point_format=6, version="1.4")
    header.scales, header.offsets = [0.01] * 3, [0.0] * 3
    header.add_crs(CRS.from_epsg(2154))
    cloud = laspy.LasData(header)
    cloud.x = WEST + rng.uniform(0, 100, points)
    cloud.y = NORTH - rng.uniform(0, 100, points)
    cloud.z = 100 + 0.1 * (cloud.x - WEST)
    cloud.classification = rng.choice([2, 5, 6], points).astype(np.uint8)
    cloud.intensity = rng.integers(0, 60000, points).astype(np.uint16)
    cloud.gps_time = np.sort(rng.uniform(3e8, 3e8 + 100, points))
    cloud.return_number = np.ones(points, np.uint8)
    cloud.number_of_returns = np.ones(points, np.uint8)
    cloud.write(path)
    return path
