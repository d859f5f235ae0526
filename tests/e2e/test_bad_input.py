"""What a producer meets who gives the wrong file: one clear line, and nothing left behind."""

import json
import struct
import subprocess
import time

import laspy
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from tests.e2e.territory import write_cloud, write_ortho
from tests.servers.platform import GEOPF

pytestmark = pytest.mark.xdist_group("platform")


def text_file(folder):
    (folder / "notes.tif").write_text("not a raster")
    return "raster", folder / "notes.tif", "cannot be read"


def raster_without_crs(folder):
    with rasterio.open(
        folder / "nocrs.tif", "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8",
        transform=from_origin(770000, 6277000, 1, 1),
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, 8, 8), np.uint8))
    return "raster", folder / "nocrs.tif", "--crs"


def truncated_raster(folder):
    path = write_ortho(folder / "cut.tif", side=128)
    path.write_bytes(path.read_bytes()[:-20_000])
    return "raster", path, "cut.tif"


def empty_vector(folder):
    (folder / "empty.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    return "vector", folder / "empty.geojson", "empty.geojson"


def vector_without_crs(folder):
    (folder / "places.csv").write_text('WKT,nom\n"POINT (770000 6277000)",Mairie\n')
    return "vector", folder / "places.csv", "--crs"


def not_a_vector(folder):
    (folder / "broken.gpkg").write_bytes(b"SQLite format 3\0" + b"\xff" * 2000)
    return "vector", folder / "broken.gpkg", "broken.gpkg"


def truncated_laz(folder):
    path = write_cloud(folder / "cut.laz", points=5000)
    path.write_bytes(path.read_bytes()[:-8000])
    return "points", path, "cut.laz"


def a_billion_vlrs(folder):
    path = write_cloud(folder / "vlrs.las", points=10)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 100, 1_000_000_000)  # LAS 1.4 R15, table 3: number of variable length records
    path.write_bytes(data)
    return "points", path, "1000000000"


def no_points(folder):
    laspy.LasData(laspy.LasHeader(point_format=6, version="1.4")).write(folder / "none.las")
    return "points", folder / "none.las", "none.las"


def cloud_without_crs(folder):
    cloud = laspy.LasData(laspy.LasHeader(point_format=6, version="1.4"))
    cloud.x, cloud.y, cloud.z = np.arange(3.0), np.arange(3.0), np.arange(3.0)
    cloud.write(folder / "nocrs.las")
    return "points", folder / "nocrs.las", "--crs"


CASES = [
    text_file, raster_without_crs, truncated_raster, empty_vector, vector_without_crs, not_a_vector,
    truncated_laz, a_billion_vlrs, no_points, cloud_without_crs,
]  # fmt: skip


def traces(platform):
    """Everything an ingest might leave behind, logs aside."""
    kept = [path for path in (platform.data / "objects").rglob("*") if path.is_file()]
    return sorted(kept), sorted((platform.data / "scratch").rglob("*")), platform.run("layers").stdout


def one_line(done):
    """The single line on standard error of a refused command."""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("geopf: ")
    assert "Traceback" not in done.stderr
    return lines[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_file_that_cannot_be_taken_is_refused_in_one_line_and_leaves_nothing(platform, tmp_path, case):
    kind, path, words = case(tmp_path)
    before = traces(platform)
    start = time.monotonic()
    done = platform.run("ingest", kind, path, "--name", "refused", check=False)
    assert time.monotonic() - start < 30
    assert done.returncode == 1
    assert words in one_line(done)
    assert traces(platform) == before


@pytest.mark.parametrize("name", ["a/b", "..", "../../etc", "", "é"])
def test_a_name_that_is_no_name_is_refused(platform, files, name):
    done = platform.run("ingest", "raster", files["ortho"], "--name", name, check=False)
    assert done.returncode == 1
    assert "cannot name a layer" in one_line(done)


def test_a_file_that_does_not_exist_is_named(platform):
    done = platform.run("ingest", "raster", "/no/such/file.tif", "--name", "x", check=False)
    assert done.returncode == 1
    assert "/no/such/file.tif" in one_line(done)


def test_a_command_that_is_misspelt_points_to_the_help(platform):
    done = platform.run("ingest", "rasters", "x.tif", "--name", "x", check=False)
    assert done.returncode == 2
    assert "--help" in done.stderr


def test_a_full_disk_is_said_and_nothing_is_left_but_what_the_next_try_can_use(platform, tmp_path):
    # A limit on the length of files fails writes in the middle, as a full disk does.
    path = write_ortho(tmp_path / "large.tif", side=1500)
    before = traces(platform)
    command = f"ulimit -f 200; exec {GEOPF} ingest raster {path} --name full"
    done = subprocess.run(
        ["bash", "-c", command], env=platform.environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1, done.stdout
    line = one_line(done)
    assert "room" in line or "space" in line or "written" in line
    objects, scratch, listed = traces(platform)
    assert (scratch, listed) == before[1:]
    assert {path.suffix for path in set(objects) - set(before[0])} <= {".tif"}
    assert platform.run("ingest", "raster", path, "--name", "full").returncode == 0
    platform.run("remove", "full")


def test_removing_what_is_not_there_is_said(platform):
    done = platform.run("remove", "nothing", check=False)
    assert done.returncode == 1
    assert "nothing" in one_line(done)


def test_a_storage_that_is_not_known_is_said(platform):
    environ = {**platform.environ, "GEOPF_STORAGE_URL": "ftp://host/x"}
    done = subprocess.run([GEOPF, "layers"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ftp://host/x" in one_line(done)
