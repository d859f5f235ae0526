import pytest

from bench.peer import find_peer, peer_names
from core.errors import NotFound


def test_ours_is_not_among_those_it_is_measured_against():
    assert "titiler" in peer_names()
    assert "geopf" not in peer_names()


@pytest.mark.parametrize("name", [*peer_names(), "geopf"])
def test_every_peer_file_fulfils_the_contract(name):
    peer = find_peer(name)
    assert all(callable(getattr(peer, move)) for move in ("prepare", "start", "url", "stop"))


def test_an_unknown_peer_names_those_there_are():
    with pytest.raises(NotFound, match=r"'nobody'.*titiler"):
        find_peer("nobody")
