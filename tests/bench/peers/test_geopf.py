import subprocess

import pytest

from bench.peers import geopf
from bench.scenario import TileRequest
from bench.server import Server
from core.errors import Unavailable


def test_a_tile_is_asked_from_the_layer_named_like_the_source(tmp_path):
    process = subprocess.Popen(["true"])
    process.wait()
    server = Server(name="geopf", process=process, port=8123, log=tmp_path / "log")
    request = TileRequest(source="bench-ortho", tms="PM", z=3, x=2, y=1, extension="jpg")
    assert geopf.url(server, {}, request) == "http://127.0.0.1:8123/tiles/bench-ortho/PM/3/2/1.jpg"
    shaded = TileRequest(source="dem", tms="PM", z=3, x=2, y=1, extension="png", size=512, style="hillshade")
    assert geopf.path_of(shaded) == "/tiles/dem/PM/3/2/1@2x.png?style=hillshade"


def test_settings_of_the_user_do_not_reach_the_measured_platform(monkeypatch, tmp_path):
    monkeypatch.setenv("GEOPF_DATABASE_URL", "postgresql://production")
    monkeypatch.setenv("GEOPF_STORAGE_URL", "s3://production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    environment = geopf._environment(tmp_path)
    assert environment["GEOPF_DATA"] == str(tmp_path)
    assert not [name for name in environment if name.startswith(("GEOPF_", "AWS_")) and name != "GEOPF_DATA"]


def test_a_folder_whose_database_still_runs_is_left_alone(tmp_path):
    cluster = tmp_path / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    with subprocess.Popen(["sleep", "30"], cwd=cluster) as postmaster:
        lines = [postmaster.pid, cluster, 0, 5432, tmp_path, "", "", "ready"]
        (cluster / "postmaster.pid").write_text("\n".join(map(str, lines)) + "\n")
        with pytest.raises(Unavailable, match="another bench uses"):
            geopf.prepare(tmp_path, {}, print)
        postmaster.kill()
    assert cluster.is_dir()
