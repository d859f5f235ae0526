import pytest

from bench import postgis
from bench.peers import martin, tipg
from core.errors import Unavailable


def test_postgis_is_found_with_its_server_and_the_newest_first(tmp_path, monkeypatch):
    system, shared = tmp_path / "lib", tmp_path / "share"
    for major in ("9", "14", "16"):
        (system / major / "bin").mkdir(parents=True)
        (system / major / "bin" / "initdb").touch()
    for major in ("9", "14"):
        (shared / major / "extension").mkdir(parents=True)
        (shared / major / "extension" / "postgis.control").touch()
    monkeypatch.setattr(postgis, "_SYSTEM", system)
    monkeypatch.setattr(postgis, "_SHARED", shared)
    assert postgis.find_postgis().major == 14


def test_without_postgis_nothing_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(postgis, "_SYSTEM", tmp_path)
    with pytest.raises(Unavailable, match="PostGIS is absent from this machine"):
        tipg.prepare(tmp_path / "tipg", {}, print)
    assert not (tmp_path / "tipg").exists()


def test_martin_is_measured_only_where_it_is_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="martin is not on the PATH"):
        martin.prepare(tmp_path / "martin", {}, print)


def test_a_socket_is_named_as_a_host():
    url = "postgresql://geoplateforme@/geoplateforme?host=%2Ftmp%2Fa%20b&port=5432"
    assert postgis._with_host(url).endswith("@%2Ftmp%2Fa%20b:5432/geoplateforme")


def test_every_requirement_is_pinned():
    assert all("==" in one for one in tipg.REQUIREMENTS)
