"""`kill -9` of any side at any moment: the others go on."""

import os
import re
import signal
import subprocess
import time

import pytest

from tests.e2e.conftest import fill
from tests.e2e.territory import NORTH, WEST, write_ortho
from tests.e2e.test_way_of_the_data import tile_of
from tests.servers.platform import GEOPF, Platform, running_platform

pytestmark = pytest.mark.xdist_group("survival")


@pytest.fixture
def served(tmp_path, files):
    with running_platform(tmp_path / "data", prepare=lambda made: fill(made, files)) as running:
        yield running


def tile():
    x, y = tile_of(WEST + 51, NORTH - 51, 18)
    return f"/tiles/ortho/PM/18/{x}/{y}.png"


def test_each_side_is_killed_in_turn_and_the_others_go_on(served):
    engine = [pid for pid, command in served.children().items() if "deploy.engine" in command]
    assert served.kill("deploy.control_plane") >= 1
    assert served.get(tile())[0] == 200
    served.wait("/api/health", 200)

    assert served.kill("postgres") >= 1
    assert served.get(tile())[0] == 200
    assert [pid for pid in engine if pid in served.children()] == engine
    served.wait("/api/health", 200)

    assert served.kill("deploy.engine") >= 1
    served.wait("/readyz", 200)
    assert served.get(tile())[0] == 200
    served.wait("/api/health", 200)


def test_the_engine_starts_from_its_last_publication_without_database_and_control_plane(tmp_path, files):
    platform = Platform(tmp_path / "data")
    fill(platform, files)
    platform.environ["GEOPF_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/absent"
    try:
        platform.start()
        assert platform.get(tile())[0] == 200
        assert platform.json("/layers")["layers"]
        assert platform.get("/api/health")[0] == 503
    finally:
        platform.stop()


def test_an_ingest_that_is_killed_leaves_no_half_layer_and_goes_on_where_it_was_cut_off(tmp_path):
    platform = Platform(tmp_path / "data")
    platform.ingest("raster", "first", write_ortho(tmp_path / "a.tif", side=128))
    large = write_ortho(tmp_path / "large.tif", side=9000)
    child = subprocess.Popen(
        [GEOPF, "ingest", "raster", large, "--name", "cut"],
        env=platform.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    scratch, objects = platform.data / "scratch", platform.data / "objects"
    before = set(objects.rglob("*.tif"))
    while not (set(objects.rglob("*.tif")) - before and any(scratch.glob("*/*/*.tif"))):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    platform.ingest("raster", "second", tmp_path / "a.tif")
    listed = platform.run("layers").stdout
    assert "cut" not in listed
    assert "first" in listed
    assert "second" in listed
    assert not list(scratch.glob("*"))
    done = platform.run("ingest", "raster", large, "--name", "cut")
    assert re.search(r"[1-9]\d* as before", done.stdout)
    assert "cut" in platform.run("layers").stdout
    for pid in platform.children():
        os.kill(pid, signal.SIGKILL)
