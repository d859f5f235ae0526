"""tiler.vector.levels: what is far away is simpler, within its budget, and borders stay closed."""

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from tests.tiler.vector.sources import made
from tiler.matrix import tile_at, tile_bounds, tile_matrix_set
from tiler.vector.dust import TILE_FEATURES
from tiler.vector.layer import level_for
from tiler.vector.shapes import unpack
from tiler.vector.tile import MAX_BYTES, encode_tile

PM = tile_matrix_set("PM")
CENTRE = (261_000.0, 6_250_000.0)


def tiles(source, zoom):
    """Return the features of the tile that holds the centre, by identifier."""
    matrix = PM.by_id[str(zoom)]
    data = encode_tile(source, "l", bounds=tile_bounds(matrix, *tile_at(matrix, *CENTRE)), crs="EPSG:3857")
    assert len(data) <= MAX_BYTES
    found = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})["l"]["features"] if data else []
    return {feature["id"]: shape(feature["geometry"]) for feature in found}


def buildings(count, spread_m, seed=1):
    generator = np.random.default_rng(seed)
    places = np.array(CENTRE) + generator.normal(0, spread_m, (count, 2))
    x, y = places.T
    w, h = generator.uniform(4, 20, (2, count))
    from kernels.hilbert import hilbert_keys

    keys = np.empty(count, np.int64)
    hilbert_keys(x.copy(), y.copy(), x.min(), y.min(), float(np.ptp(places)) / 2**20, 20, keys)
    return list(shapely.box(x, y, x + w, y + h)[np.argsort(keys)])


@pytest.fixture(scope="module")
def town():
    return made(buildings(60_000, 3_000), "EPSG:3857", nom=[f"BATIMENT{n:016d}" for n in range(60_000)])


def test_a_layer_that_is_small_has_no_level_but_its_own():
    assert len(made(buildings(500, 3_000), "EPSG:3857").levels) == 1


def test_levels_end_with_the_world(town):
    assert len(town.levels[1].shapes.vertices) <= len(town.levels[0].shapes.vertices)
    assert [level.shift for level in town.levels[1:]] == list(range(town.levels[1].shift, 21))
    assert town.levels[-1].shapes.count == 1


def test_tiles_of_all_levels_are_within_their_bytes_and_valid(town):
    for zoom in range(19):
        found = tiles(town, zoom)
        assert found
        assert all(one.is_valid for one in found.values())
        assert len(found) <= TILE_FEATURES + 200


@pytest.mark.parametrize("zoom", [8, 9, 10])
def test_as_much_ground_is_covered_as_by_the_buildings(town, zoom):
    """Squares stand for buildings too small to be seen, about as much of them as there are."""
    level = level_for(town, 2.0 ** (20 - zoom))
    drawn = float(shapely.area(unpack(level.shapes)).sum())
    truth = float(shapely.area(unpack(town.levels[0].shapes)).sum())
    assert drawn == pytest.approx(truth, rel=0.15)


def test_areas_that_share_a_border_leave_no_gap_and_no_overlap():
    """A wobbling coverage of 12 by 12 areas: at every level its union is without holes."""
    generator = np.random.default_rng(4)
    side, steps = 12, 200
    grid = np.linspace(0, 400_000, side + 1)

    def edge(a, b, seed):
        noise = np.random.default_rng(seed)
        t = np.linspace(0, 1, steps)[:, None]
        path = np.array(a) * (1 - t) + np.array(b) * t
        across_it = np.array([b[1] - a[1], a[0] - b[0]]) / np.hypot(b[0] - a[0], b[1] - a[1])
        return path + np.sin(np.pi * t) * noise.normal(0, 400, (steps, 1)) * across_it

    knots = {
        (i, j): (grid[i] + generator.normal(0, 2000), grid[j] + generator.normal(0, 2000))
        for i in range(side + 1)
        for j in range(side + 1)
    }
    across = {
        (i, j): edge(knots[i, j], knots[i + 1, j], 1000 + i * 50 + j) for i in range(side) for j in range(side + 1)
    }
    along = {
        (i, j): edge(knots[i, j], knots[i, j + 1], 9000 + i * 50 + j) for i in range(side + 1) for j in range(side)
    }
    cells = []
    for i in range(side):
        for j in range(side):
            ring = [across[i, j][:-1], along[i + 1, j][:-1], across[i, j + 1][::-1][:-1], along[i, j][::-1][:-1]]
            cells.append(shapely.Polygon(np.concatenate(ring) + CENTRE - 200_000))
    cells = [cell for cell in cells if cell.is_valid]
    assert len(cells) > 130
    source = made(cells, "EPSG:3857")
    assert len(source.levels) > 5
    whole = shapely.union_all([shapely.set_precision(cell, 0.01) for cell in cells])
    for level in source.levels[1:]:
        unit = 2.0**level.shift
        if level.shapes.count < len(cells):
            break
        shapes = shapely.transform(unpack(level.shapes), lambda xy, unit=unit: xy / unit)
        united = shapely.union_all(shapes)
        rings = shapely.get_num_interior_rings(shapely.get_parts(united)).sum()
        gaps = shapely.get_num_interior_rings(shapely.get_parts(whole)).sum()
        assert rings <= gaps + 2
        assert float(shapely.area(shapes).sum()) == pytest.approx(united.area, rel=1e-4)


def test_of_lines_the_longest_stay():
    generator = np.random.default_rng(2)
    start = np.array(CENTRE) + generator.normal(0, 3_000, (40_000, 2))
    step = generator.normal(0, 30, (40_000, 2))
    step[77] = (9_000, 200)
    lines = [shapely.LineString([a, a + s / 2 + 3, a + s]) for a, s in zip(start, step, strict=True)]
    source = made(lines, "EPSG:3857")
    for zoom in range(4, 14):
        assert 77 in tiles(source, zoom)
