"""deploy.demo: what it refuses before any work."""

import socket

import pytest

from core.errors import Conflict
from deploy.demo import run_demo


def test_a_port_in_use_is_told_before_the_territory_is_made(tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("GEOPF_DATA", str(tmp_path))
        monkeypatch.setenv("GEOPF_PORT", str(port))
        with pytest.raises(Conflict, match=f"port {port}"):
            run_demo()
    assert list(tmp_path.iterdir()) == []
