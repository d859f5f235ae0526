from pathlib import Path

import pytest
import rasterio

from bench import drift
from bench.drift import _figure, _file_box, _kinds, _replacing, _tinted
from bench.imagery import LAMBERT, MOSAIC, box_of
from bench.soak import Soaked
from core.errors import BadRequest

MEMORY = [(0.05, 50), (0.16, 200), (0.2, 200), (0.5, 900), (0.91, 208), (0.95, 210), (1.0, 212)]


def soaked(**changed):
    given = {"requests": 9, "statuses": {"a 200": 9}, "wrong": 0, "first_wrong": "", "red": 3, "blue": 4, "wall_s": 2.0}
    return Soaked(**(given | changed))


def test_memory_at_the_end_is_compared_with_that_after_the_warm_up():
    figure = _figure(soaked(), MEMORY, 5)
    assert figure.value == pytest.approx(0.05)  # 210 of 200
    assert "replaced 5 times" in figure.note


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"wrong": 2, "first_wrong": "status 500 for /x"}, "2 wrong answers (first: status 500 for /x)"),
     ({"blue": 0}, "no tile showed one of the versions")],
    ids=["wrong", "never replaced"],
)  # fmt: skip
def test_what_went_wrong_leaves_no_figure(changed, words):
    figure = _figure(soaked(**changed), MEMORY, 5)
    assert figure.value is None
    assert words in figure.note


def test_the_file_is_one_of_the_mosaic_and_its_versions_are_red_and_blue():
    west, _, east, north = box_of(MOSAIC)[1]
    side = (east - west) / 4
    assert _file_box() == pytest.approx((west + side, north - 2 * side, west + 2 * side, north - side))
    red, blue = _tinted(0).astype(int), _tinted(2).astype(int)
    assert (red[0] - red[2]).min() > 80
    assert (blue[2] - blue[0]).min() > 80


def test_a_file_is_replaced_whole_by_its_versions_in_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(drift, "_REPLACED_EVERY_S", 0.001)
    versions = tmp_path / "a", tmp_path / "b"
    for path, content in zip(versions, (b"a" * 5000, b"b" * 7000), strict=True):
        path.write_bytes(content)
    target = tmp_path / "objects.tif"
    target.write_bytes(versions[0].read_bytes())
    seen = set()
    with _replacing(target, versions) as count:
        while count[0] < 50 or len(seen) < 2:
            seen.add(target.read_bytes())
    assert seen == {b"a" * 5000, b"b" * 7000}


def test_a_busy_day_has_every_way_to_make_a_tile():
    kinds = {kind.name: kind for kind in _kinds()}
    assert set(kinds) >= {"cached", "known", "absent", "outside", "passthrough", "crop", "styles", "mosaic", "replaced"}
    assert all(kind.targets for kind in kinds.values())
    assert len(kinds["replaced"].targets) > 20
    assert LAMBERT not in str(kinds["replaced"].targets)


def test_the_number_of_requests_is_a_setting(monkeypatch, tmp_path):
    monkeypatch.setenv(drift.REQUESTS, "many")
    with pytest.raises(BadRequest, match="GEOPF_BENCH_REQUESTS='many'"):
        drift.run(tmp_path / "home", print)
    assert not Path(tmp_path / "home").exists()


def test_rasterio_reads_what_is_written(tmp_path):
    from bench.ortho import write_cog

    write_cog(tmp_path / "v.tif", _tinted(0), crs="EPSG:2154", west=0.0, north=0.0, cell_size=0.2, block=512)
    with rasterio.open(tmp_path / "v.tif") as dataset:
        assert dataset.read(1).mean() > dataset.read(3).mean() + 80
