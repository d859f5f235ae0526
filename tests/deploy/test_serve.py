"""deploy.serve: ports and programs."""

import socket

import pytest

from core.errors import BadSetting, Conflict
from deploy.serve import check_port, platform_programs
from deploy.settings import ServeSettings


def test_a_port_in_use_is_a_conflict_that_names_port_and_remedy():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"port {port}") as caught:
            check_port("127.0.0.1", port, "GEOPF_PORT")
    assert "GEOPF_PORT" in caught.value.remedy


def test_an_address_that_is_not_ours_is_a_bad_setting():
    with pytest.raises(BadSetting, match=r"192\.0\.2\.1"):
        check_port("192.0.2.1", 8080, "GEOPF_HOST")


def test_postgresql_is_ours_to_run_unless_a_server_is_named(monkeypatch):
    monkeypatch.delenv("GEOPF_DATABASE_URL", raising=False)
    assert [one.name for one in platform_programs(ServeSettings())] == ["postgres-keeper", "control", "engine"]
    monkeypatch.setenv("GEOPF_DATABASE_URL", "postgresql://db/geopf")
    assert [one.name for one in platform_programs(ServeSettings())] == ["control", "engine"]


def test_the_control_plane_is_told_its_port():
    control, engine = platform_programs(ServeSettings(port=9000))[-2:]
    assert "9001" in control.command
    assert "9000" in engine.command
    assert engine.environ["GEOPF_CONTROL_PORT"] == "9001"


def test_the_engine_keeps_freed_memory_unless_the_operator_says_otherwise(monkeypatch):
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    assert int(platform_programs(ServeSettings())[-1].environ["MALLOC_MMAP_THRESHOLD_"]) > 512 * 512 * 3
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "131072")
    assert "MALLOC_MMAP_THRESHOLD_" not in platform_programs(ServeSettings())[-1].environ
