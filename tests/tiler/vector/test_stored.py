"""tiler.vector.stored: what is written is mapped again, and what is no such file is told."""

import numpy as np
import pyarrow as pa
import pytest
import shapely

from core.errors import BadSource
from tests.tiler.vector.sources import made
from tiler.vector.stored import open_levels, open_values, write_levels, write_values

SHAPES = ("kinds", "rows", "parts", "ends", "vertices")


@pytest.fixture
def source():
    boxes = shapely.box(*np.random.default_rng(0).uniform(0, 1, (2, 30_000)), 1.01, 1.01)
    return made(list(boxes), nom=[f"n{n % 7}" for n in range(30_000)], h=[n / 4 for n in range(30_000)])


def test_shapes_come_back_with_all_their_levels(source, tmp_path):
    write_levels(tmp_path / "a", source.grid, source.levels)
    grid, levels = open_levels(tmp_path / "a")
    assert grid == source.grid
    assert len(levels) == len(source.levels) > 2
    for one, other in zip(levels, source.levels, strict=True):
        assert one.shift == other.shift
        for name in SHAPES:
            np.testing.assert_array_equal(getattr(one.shapes, name), getattr(other.shapes, name))
        for name in ("boxes", "tree", "shown", "touched", "editions"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_attributes_come_back(source, tmp_path):
    write_values(tmp_path / "a", source.values)
    values = open_values(tmp_path / "a")
    assert values.keys == ("nom", "h")
    assert [field.type for field in values.fields] == ["string", "double"]
    for name in ("ids", "codes", "ends", "messages", "hashes", "hashed"):
        np.testing.assert_array_equal(getattr(values, name), getattr(source.values, name))


def test_arrays_are_mapped_and_cannot_be_changed(source, tmp_path):
    write_levels(tmp_path / "a", source.grid, source.levels)
    before = pa.total_allocated_bytes()
    _, levels = open_levels(tmp_path / "a")
    assert pa.total_allocated_bytes() - before < 100_000
    with pytest.raises(ValueError, match="read-only"):
        levels[0].shapes.vertices[0, 0] = 1


def test_a_layer_without_attributes_or_features_comes_back(tmp_path):
    empty = made([])
    write_levels(tmp_path / "a", empty.grid, empty.levels)
    write_values(tmp_path / "b", empty.values)
    assert open_levels(tmp_path / "a")[1][0].shapes.count == 0
    assert open_values(tmp_path / "b").keys == ()


@pytest.mark.parametrize("cut", [0, 7, 300, -40])
def test_a_damaged_file_is_told(source, tmp_path, cut):
    path = tmp_path / "a.arrow"
    write_levels(path, source.grid, source.levels)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BadSource, match=r"a\.arrow"):
        open_levels(path)


def test_one_kind_of_file_is_not_taken_for_the_other(source, tmp_path):
    write_levels(tmp_path / "a", source.grid, source.levels)
    write_values(tmp_path / "b", source.values)
    with pytest.raises(BadSource, match="something else"):
        open_values(tmp_path / "a")
    with pytest.raises(BadSource, match="something else"):
        open_levels(tmp_path / "b")
    with pytest.raises(BadSource, match="cannot be read"):
        open_levels(tmp_path / "missing")
