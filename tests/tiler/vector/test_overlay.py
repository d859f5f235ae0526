"""tiler.vector.overlay: after any changes every tile is that of the layer stored anew with them, byte for byte."""

from unittest.mock import patch

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from core.changes import Change
from tests.tiler.vector.sources import made
from tiler.matrix import tile_at, tile_bounds, tile_matrix_set
from tiler.vector import dust, generalise
from tiler.vector.overlay import apply_changes
from tiler.vector.tile import encode_tile

CENTRE = np.array([652_000.0, 6_862_000.0])
"""In Lambert-93, near Paris."""

CRS = "EPSG:2154"
SPREAD_M = 2_500.0


def town(rng, count):
    """Buildings, each apart, crowded in the middle."""
    x, y = (CENTRE + rng.normal(0, SPREAD_M / 2, (count, 2))).T
    w, h = rng.uniform(3, 40, (2, count))
    return list(shapely.box(x, y, x + w, y + h))


def parcels(rng, count):
    """A coverage: every border is shared, most of them bend."""
    places = shapely.multipoints(CENTRE + rng.uniform(-SPREAD_M, SPREAD_M, (count, 2)))
    cells = shapely.get_parts(shapely.voronoi_polygons(places, extend_to=shapely.box(*CENTRE, *CENTRE)))
    around = shapely.buffer(shapely.Point(CENTRE), SPREAD_M)
    cells = shapely.set_precision(shapely.segmentize(shapely.intersection(cells, around), 40.0), 0.01)
    bent = shapely.transform(cells, lambda xy: xy + 12 * np.sin(xy[:, ::-1] / 17.0))
    return [cell for cell in bent if cell.is_valid and not cell.is_empty]


def roads(rng, count):
    """Lines that meet at crossings."""
    knots = CENTRE + rng.normal(0, SPREAD_M / 2, (count // 3 + 2, 2))
    ends = rng.integers(0, len(knots), (count, 2))
    lines = []
    for start, end in ends:
        t = np.linspace(0, 1, 12)[:, None]
        path = knots[start] * (1 - t) + knots[end] * t + 30 * np.sin(9 * t * np.pi) * t * (1 - t)
        lines.append(shapely.LineString(path))
    return lines


def mixed(rng, count):
    """Points, lines, areas, and collections of them."""
    each = count // 4
    points = list(shapely.points(CENTRE + rng.normal(0, SPREAD_M / 3, (each, 2))))
    lines, areas = roads(rng, each), town(rng, each)
    both = [shapely.GeometryCollection([a, b, c]) for a, b, c in zip(points, lines, areas, strict=True)]
    return points + lines + areas + both


LAYERS = {"town": town, "parcels": parcels, "roads": roads, "mixed": mixed}


class History:
    """A layer that is changed, and what it has become."""

    def __init__(self, kind, count, seed, text=12):
        self.rng = np.random.default_rng(seed)
        self.kind, self.text = LAYERS[kind], text
        geometries = self.kind(self.rng, count)
        self.rows = [(one, self.properties(n)) for n, one in enumerate(geometries)]

    def properties(self, number):
        return {"nom": f"{number % 37}".ljust(self.text, "x"), "cle": f"C{number:0{self.text}d}", "h": number / 4}

    def source(self, target, before=None):
        """Return the layer stored anew, with the levels that it had before."""
        first = before.levels[1].shift if before is not None and len(before.levels) > 1 else None
        columns = {key: [None if row is None else row[1].get(key) for row in self.rows] for key in ("nom", "cle", "h")}
        return made([None if row is None else row[0] for row in self.rows], CRS, target, first, **columns)

    def edit(self, count):
        """Change, add and remove features at random; return the changes."""
        fresh = self.kind(self.rng, max(4 * count, 8))
        return [self._one(fresh[n % len(fresh)]) for n in range(count)]

    def _one(self, fresh):
        there = [number for number, row in enumerate(self.rows) if row is not None]
        chosen = there[self.rng.integers(len(there))] if there else 0
        what = self.rng.integers(0, 4) if there else 0
        if what == 0:
            chosen = len(self.rows)
            self.rows.append((fresh, self.properties(int(self.rng.integers(0, 1000)))))
        elif what == 1:
            self.rows[chosen] = None
        elif what == 2:
            step = self.rng.normal(0, 60, 2)
            self.rows[chosen] = shapely.transform(self.rows[chosen][0], lambda xy: xy + step), self.rows[chosen][1]
        else:
            self.rows[chosen] = self.rows[chosen][0], {"nom": "autre", "h": -1.0}
        row = self.rows[chosen]
        return Change(chosen, b"") if row is None else Change(chosen, shapely.to_wkb(row[0]), row[1])


def compare(source, again, set_id, rng, most):
    """Draw tiles of all levels from both; return how many."""
    tms = tile_matrix_set(set_id)
    from pyproj import Transformer

    box = (*(CENTRE - 1.5 * SPREAD_M), *(CENTRE + 1.5 * SPREAD_M))
    west, south, east, north = Transformer.from_crs(CRS, tms.crs, always_xy=True).transform_bounds(*box)
    looked = 0
    for matrix in tms.matrices[:20]:
        first_col, first_row = tile_at(matrix, west, north)
        last_col, last_row = tile_at(matrix, east, south)
        tiles = [(c, r) for c in range(first_col, last_col + 1) for r in range(first_row, last_row + 1)]
        if len(tiles) > most:
            tiles = [tiles[k] for k in rng.choice(len(tiles), most, replace=False)]
        for col, row in tiles:
            bounds = tile_bounds(matrix, col, row)
            one, other = (encode_tile(each, "l", bounds=bounds, crs=tms.crs) for each in (source, again))
            assert one == other, (set_id, matrix.id, col, row, len(one), len(other))
            looked += 1
    return looked


@pytest.mark.parametrize(
    ("kind", "target"), [*((kind, "EPSG:3857") for kind in sorted(LAYERS)), ("town", CRS), ("parcels", CRS)]
)
def test_after_a_thousand_changes_every_tile_is_that_of_the_layer_stored_anew(kind, target):
    history = History(kind, 5_000, seed=5)
    source = history.source(target)
    for count in (1, 9, 90, 900):
        source = apply_changes(source, history.edit(count), CRS)
    again = history.source(target, source)
    sets = {"EPSG:3857": ("PM", "2154_10cm"), "EPSG:2154": ("2154_10cm", "PM")}[target]
    assert compare(source, again, sets[0], history.rng, 80) > 300
    assert compare(source, again, sets[1], history.rng, 12) > 50


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(LAYERS)),
    st.integers(20, 1000),
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
    st.integers(0, 2**32 - 1),
)
def test_any_changes_give_the_tiles_of_the_layer_stored_anew(kind, size, batches, seed):
    history = History(kind, size, seed)
    with patch.object(generalise, "TILE_VERTICES", 400), patch.object(dust, "TILE_FEATURES", 150):
        source = history.source("EPSG:3857")
        for count in batches:
            source = apply_changes(source, history.edit(count), CRS)
        again = history.source("EPSG:3857", source)
    if len(again.levels) == len(source.levels):  # else one tile has become too full for a layer without levels
        compare(source, again, "PM", history.rng, 40)


def test_tiles_with_too_much_in_them_keep_the_same_features():
    """Long texts: what has no room is left out, and comes back when others go."""
    history = History("town", 12_000, seed=8, text=200)
    source = history.source("EPSG:3857")
    assert any(len(level.shown) for level in source.levels)
    for count in (50, 400):
        source = apply_changes(source, history.edit(count), CRS)
    compare(source, history.source("EPSG:3857", source), "PM", history.rng, 60)


def test_a_layer_of_which_all_goes_and_comes_is_drawn():
    history = History("town", 6_000, seed=2)
    whole = history.source("EPSG:3857")
    assert len(whole.levels) > 1
    rows = history.rows
    history.rows = [None] * len(rows)
    empty = apply_changes(whole, [Change(number, b"") for number in range(len(rows))], CRS)
    west, north = -20037508.342789244, 20037508.342789244
    assert encode_tile(empty, "l", bounds=(west, west, north, north), crs="EPSG:3857") == b""
    history.rows = rows[:5500] + [None] * 500
    back = [Change(number, shapely.to_wkb(row[0]), row[1]) for number, row in enumerate(rows[:5500])]
    compare(apply_changes(empty, back, CRS), history.source("EPSG:3857", whole), "PM", history.rng, 60)


def test_the_layer_before_is_as_it_was():
    history = History("parcels", 500, seed=3)
    source = history.source("EPSG:3857")
    first = apply_changes(source, history.edit(20), CRS)
    bounds = tile_bounds(
        tile_matrix_set("PM").by_id["10"], *tile_at(tile_matrix_set("PM").by_id["10"], 255_000, 6_250_000)
    )
    was = encode_tile(first, "l", bounds=bounds, crs="EPSG:3857")
    apply_changes(first, history.edit(50), CRS)
    assert encode_tile(first, "l", bounds=bounds, crs="EPSG:3857") == was
