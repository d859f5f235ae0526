"""bench.seeding: small archives of both programs agree and are timed; what differs, or is absent, is told."""

import time

import pytest

from bench import seeding, tippecanoe
from bench.seeding import Made, Seeded, measure, tell_bytes, tell_seconds, time_work
from core.errors import Unavailable

COUNT, ZOOMS = 2_000, (10, 12)


@pytest.fixture(autouse=True)
def _once(monkeypatch):
    monkeypatch.setattr(seeding, "_PASSES", 1)
    measure.cache_clear()


def found(**changed):
    told = {
        "ours": (Made(wall_s=2.0, cpu_s=3.0, size=50), Made(wall_s=4.0, cpu_s=5.0, size=50)),
        "theirs": (Made(wall_s=30.0, cpu_s=40.0, size=100),),
        "peer": "other 1.0",
        "disagrees": "",
        "ingest_s": 7.0,
        "convert_s": 8.0,
    }
    return Seeded(**{**told, **changed})


def test_both_make_archives_that_agree(tmp_path):
    try:
        tippecanoe.prepare(tmp_path / "peers" / tippecanoe.NAME, lambda _: None)
    except Unavailable as err:
        pytest.skip(f"tippecanoe cannot be had: {err}")
    seeded = measure(tmp_path, COUNT, ZOOMS, lambda _: None)
    assert seeded.disagrees == ""
    assert seeded.peer == "tippecanoe 2.72.0"
    assert seeded.ours[0].size > 10_000
    assert seeded.theirs[0].size > 10_000
    assert min(seeded.ours[0].wall_s, seeded.theirs[0].wall_s, seeded.ingest_s, seeded.convert_s) > 0
    assert not (tmp_path / "seed").exists()


def test_without_the_peer_ours_is_measured_alone_and_the_row_says_why(tmp_path, monkeypatch):
    def prepare(home, say):
        raise Unavailable("it could not be installed (no such version)", "try again")

    monkeypatch.setattr(tippecanoe, "prepare", prepare)
    seeded = measure(tmp_path, COUNT, ZOOMS, lambda _: None)
    figure = tell_seconds(seeded)
    assert figure.value is not None
    assert figure.value > 0
    assert figure.peer_value is None
    assert figure.peer == "tippecanoe: not available, it could not be installed (no such version)"


def test_archives_that_differ_are_not_timed(tmp_path, monkeypatch):
    def seed(home, features, layer, output, zooms):
        output.write_bytes(b"PMTiles" + bytes(500))

    monkeypatch.setattr(tippecanoe, "prepare", lambda home, say: "0.0")
    monkeypatch.setattr(tippecanoe, "seed", seed)
    seeded = measure(tmp_path, COUNT, ZOOMS, lambda _: None)
    assert "theirs.pmtiles" in seeded.disagrees
    assert seeded.ours == ()
    assert tell_seconds(seeded).value is tell_bytes(seeded).value is None


def test_medians_and_what_is_not_counted_are_told():
    figure = tell_seconds(found())
    assert (figure.value, figure.peer, figure.peer_value) == (3.0, "other 1.0", 30.0)
    assert figure.note == (
        "4.0 s of CPU, the peer's 40.0 s; not counted: 7.0 s to ingest the layer before, "
        "8.0 s to write the GeoJSON that the peer reads; with them 10.0 s beside 38.0 s"
    )
    size = tell_bytes(found())
    assert (size.value, size.peer_value) == (50.0, 100.0)
    assert tell_bytes(found(theirs=(), peer="none")).peer_value is None


def test_cpu_and_wall_of_work_are_measured():
    def work():
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass

    took = time_work(work)
    assert took.cpu_s >= 0.19
    assert took.wall_s >= 0.19
