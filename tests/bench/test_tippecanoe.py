"""bench.tippecanoe: what it reads is what the buildings are, what fails is told."""

import json

import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import Transformer

from bench import tippecanoe
from bench.buildings import ATTRIBUTES, draw_buildings, prepare_buildings
from core.errors import Unavailable


def test_buildings_are_written_in_degrees_with_all_they_have(tmp_path):
    parquet = prepare_buildings(tmp_path, lambda _: None, 500)
    tippecanoe.write_features(parquet, tmp_path / "features.geojsonl")
    features = [json.loads(line) for line in (tmp_path / "features.geojsonl").read_text().splitlines()]
    before = pq.read_table(parquet)
    for name in ATTRIBUTES:
        assert [one["properties"][name] for one in features] == before[name].to_pylist()
    way = Transformer.from_crs("EPSG:2154", "EPSG:4326", always_xy=True)
    wanted = shapely.get_coordinates(draw_buildings(500)[17])
    assert features[17]["geometry"]["coordinates"][0] == [
        pytest.approx(place, abs=1e-7) for place in zip(*way.transform(*wanted.T), strict=True)
    ]


def test_a_program_that_fails_says_why(tmp_path):
    program = tmp_path / "environment" / "bin" / "tippecanoe"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho no such layer >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(Unavailable, match="no such layer"):
        tippecanoe.seed(tmp_path, tmp_path / "no.geojsonl", "any", tmp_path / "out.pmtiles", (0, 1))


def test_a_program_that_is_not_there_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match="did not run"):
        tippecanoe.seed(tmp_path, tmp_path / "no.geojsonl", "any", tmp_path / "out.pmtiles", (0, 1))


def test_the_requirement_is_pinned():
    assert all("==" in one for one in tippecanoe.REQUIREMENTS)
