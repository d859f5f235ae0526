"""Small clouds made with laspy, and how two clouds are compared."""

from pathlib import Path

import laspy
import numpy as np
import pyproj
import pytest

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "lidar"


def shared(*names):
    """Return paths of shared files, or skip."""
    if not SHARED.is_dir():
        pytest.skip("the shared LiDAR files are not here")
    return [path for name in names for path in sorted(SHARED.glob(name))]


def make_las(path, *, points=3000, point_format=6, crs=2154, extra=(), seed=1, spread_m=200.0, version=None, vlrs=()):
    """Write a cloud over hills at the site of the demo; the suffix of the path decides on compression."""
    rng = np.random.default_rng(seed)
    header = laspy.LasHeader(version=version or ("1.4" if point_format > 5 else "1.2"), point_format=point_format)
    header.scales, header.offsets = [0.01, 0.01, 0.001], [770000, 6277000, 0]
    if crs and point_format > 5:
        header.add_crs(pyproj.CRS.from_epsg(crs))
    elif crs:
        header.vlrs.append(geo_keys(crs))
    header.vlrs.extend(vlrs)
    header.add_extra_dims([laspy.ExtraBytesParams(name, kind) for name, kind in extra])
    las = laspy.LasData(header)
    x, y = rng.random((2, points)) * spread_m
    las.x, las.y = 770000 + x, 6277000 + y
    las.z = 50 + 8 * np.sin(x / 40) * np.cos(y / 30) + rng.random(points)
    las.intensity = rng.integers(0, 60000, points)
    las.number_of_returns = rng.integers(1, 6, points)
    las.return_number = np.minimum(rng.integers(1, 6, points), las.number_of_returns)
    las.classification = rng.choice([1, 2, 5, 6, 17] if point_format < 6 else [1, 2, 5, 6, 17, 64, 202], points)
    las.user_data = rng.integers(0, 256, points)
    las.point_source_id = rng.integers(0, 9, points)
    for flag in ("scan_direction_flag", "edge_of_flight_line", "synthetic", "key_point", "withheld"):
        las[flag] = rng.integers(0, 2, points)
    names = set(las.point_format.dimension_names)
    if "gps_time" in names:
        las.gps_time = rng.random(points) * 1e5
    for colour in {"red", "green", "blue", "nir"} & names:
        las[colour] = rng.integers(0, 65536, points)
    if point_format > 5:
        las.scan_angle = rng.integers(-30000, 30000, points)
        las.overlap, las.scanner_channel = rng.integers(0, 2, points), rng.integers(0, 4, points)
    else:
        las.scan_angle_rank = rng.integers(-90, 91, points)
    for name, _ in extra:
        las[name] = rng.integers(0, 100, points)
    las.write(path)
    return path


def geo_keys(code):
    """Return a GeoTIFF key directory that names a projected CRS (OGC GeoTIFF 1.1)."""
    values = np.array([1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, code], "<u2")
    return laspy.VLR("LASF_Projection", 34735, "keys", values.tobytes())


def sorted_fields(points, names):
    """Return the fields of points, sorted by all of them, so that order does not matter."""
    columns = [np.asarray(points[name]) for name in names]
    order = np.lexsort([flat for column in columns for flat in column.reshape(len(column), -1).T])
    return {name: column[order] for name, column in zip(names, columns, strict=True)}


def assert_same(points, expected, names=None):
    """Compare two clouds field by field, whatever the order of their points."""
    names = names or list(expected.point_format.dimension_names)
    ours, theirs = sorted_fields(points, names), sorted_fields(expected, names)
    for name in names:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
