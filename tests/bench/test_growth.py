from collections import Counter

import pytest
from pyproj import Transformer

from bench import growth
from bench.growth import _grid, _like, _tiles
from bench.small_cogs import file_box
from core.errors import BadRequest
from tiler.matrix import tile_bounds, tile_matrix_set


def test_tiles_lie_within_the_files_and_touch_as_many_as_said():
    to_files = Transformer.from_crs("EPSG:3857", "EPSG:2154", always_xy=True)
    boxes = [file_box(col, row) for row in range(2) for col in range(5)]
    found = _tiles("s", 5, 2)
    assert len({tile for tile, _ in found}) == len(found) > 64  # more than the lattices that an engine keeps
    for tile, files in found:
        place = tile_bounds(tile_matrix_set("PM").by_id[str(tile.z)], tile.x, tile.y)
        west, south, east, north = to_files.transform_bounds(*place)
        met = [box for box in boxes if box[0] < east and west < box[2] and box[1] < north and south < box[3]]
        assert len(met) == files
        assert files in {1, 2, 4}


def test_the_large_layer_is_asked_in_the_same_shares():
    few = _tiles("s", 5, 2)
    kinds = Counter(files for _, files in few)
    many = _tiles("l", 40, 25)
    files = dict(many)
    chosen = _like(many, kinds, 600)
    assert len(set(chosen)) == len(chosen)
    shares = Counter(files[tile] for tile in chosen)
    for count, share in kinds.items():
        assert shares[count] == pytest.approx(600 * share / len(few), abs=1)


def test_the_number_of_files_is_a_setting():
    assert _grid("") == (400, 250)
    assert _grid("2000") == (200, 10)
    for wrong in ("ten", "-5", "12"):
        with pytest.raises(BadRequest, match=growth.FILES):
            _grid(wrong)
