"""tiler.vector.tile: tiles against shapely's own reprojection, clipping and counting."""

import mapbox_vector_tile
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import shape

from tests.tiler.vector.sources import made
from tiler.matrix import tile_at, tile_bounds, tile_matrix_set
from tiler.vector.tile import MAX_BYTES, MAX_FEATURES, encode_tile

PM = tile_matrix_set("PM")
WGS84 = tile_matrix_set("WGS84G").crs
PARIS = (2.35, 48.85)
KIND = {"Point": 0, "LineString": 1, "LinearRing": 1, "Polygon": 2}


def tile_of(lon, lat, zoom, crs="EPSG:3857"):
    tms = next(one for one in (PM, tile_matrix_set("WGS84G"), tile_matrix_set("LAMB93")) if one.crs == crs)
    matrix = tms.by_id[str(zoom)]
    x, y = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    return tile_bounds(matrix, *tile_at(matrix, x, y))


def features(data, name="l"):
    return mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})[name]["features"] if data else []


def shapes(vectors, bounds, crs):
    return {f["id"]: shape(f["geometry"]) for f in features(encode_tile(vectors, "l", bounds=bounds, crs=crs))}


def expected(geometry, bounds, source_crs, crs):
    """Return a geometry in tile units by pyproj point by point, arithmetic, cut at the buffer."""
    way = pyproj.Transformer.from_crs(source_crs, crs, always_xy=True)
    west, south, east, north = bounds

    def place(xy):
        x, y = np.array([way.transform(*one) for one in xy]).T
        return np.column_stack([(x - west) / (east - west) * 4096, (north - y) / (north - south) * 4096])

    units = shapely.transform(geometry, place)
    return units.intersection(shapely.box(-64, -64, 4160, 4160))


def random_areas(count, spread_m, size_m, seed):
    generator = np.random.default_rng(seed)
    centres = np.array([652_000, 6_862_000]) + generator.uniform(-spread_m, spread_m, (count, 2))
    return [shapely.Point(centre).buffer(generator.uniform(0.3, 1) * size_m, quad_segs=3) for centre in centres]


@pytest.mark.parametrize(("crs", "zoom"), [("EPSG:3857", 14), ("EPSG:3857", 12), (WGS84, 12), ("EPSG:2154", 10)])
def test_areas_are_those_of_shapely_within_the_grid(crs, zoom):
    areas = random_areas(120, 6_000, 400, seed=zoom)
    bounds = tile_of(*PARIS, zoom, crs)
    found = shapes(made(areas, "EPSG:2154"), bounds, crs)
    wanted = {n: expected(a, bounds, "EPSG:2154", crs) for n, a in enumerate(areas)}
    wanted = {n: a for n, a in wanted.items() if not a.is_empty}
    assert found.keys() == wanted.keys()
    assert len(found) >= 3
    for number, area in wanted.items():
        assert found[number].area == pytest.approx(area.area, abs=2 * area.length + 4)
        assert found[number].hausdorff_distance(area) < 2


@pytest.mark.parametrize("zoom", [10, 13, 16])
def test_lengths_are_those_of_shapely_within_the_grid(zoom):
    generator = np.random.default_rng(zoom)
    lines = [shapely.LineString(np.array(PARIS) + generator.normal(0, 0.02, (6, 2))) for _ in range(60)]
    bounds = tile_of(*PARIS, zoom)
    found = shapes(made(lines), bounds, "EPSG:3857")
    wanted = {n: expected(line, bounds, "EPSG:4326", "EPSG:3857") for n, line in enumerate(lines)}
    wanted = {n: line for n, line in wanted.items() if line.length > 0}
    assert found.keys() == wanted.keys()
    for number, line in wanted.items():
        assert found[number].length == pytest.approx(line.length, abs=2 * len(shapely.get_coordinates(line)))


@pytest.mark.parametrize("zoom", [11, 13, 15, 17])
def test_as_many_features_as_brute_force_finds(zoom):
    generator = np.random.default_rng(1)
    points = shapely.points(np.array(PARIS) + generator.normal(0, 0.03, (900, 2)))
    bounds = tile_of(*PARIS, zoom)
    wanted = sum(not expected(p, bounds, "EPSG:4326", "EPSG:3857").is_empty for p in points)
    assert len(features(encode_tile(made(points), "l", bounds=bounds, crs="EPSG:3857"))) == wanted


def test_rings_turn_as_mvt_2_1_wants():
    area = shapely.Point(PARIS).buffer(0.01) - shapely.Point(PARIS).buffer(0.004)
    [feature] = features(encode_tile(made([area.reverse()]), "l", bounds=tile_of(*PARIS, 12), crs="EPSG:3857"))
    exterior, interior = (np.array(ring) for ring in feature["geometry"]["coordinates"])

    def surveyor(ring):
        return np.sum(ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1])

    assert surveyor(exterior) > 0 > surveyor(interior)


def test_attributes_keep_their_kinds_and_missing_ones_are_left_out():
    vectors = made(
        [shapely.Point(PARIS), shapely.Point(PARIS)],
        nom=["Évry – Çà", None],
        oui=[True, False],
        n=[2**53, None],
        h=[0.5, float("nan")],
    )
    first, second = features(encode_tile(vectors, "l", bounds=tile_of(*PARIS, 12), crs="EPSG:3857"))
    assert first["properties"] == {"nom": "Évry – Çà", "oui": True, "n": 2**53, "h": 0.5}
    assert second["properties"] == {"oui": False}
    assert (first["id"], second["id"]) == (0, 1)


def test_an_empty_tile_has_no_byte():
    assert encode_tile(made([shapely.Point(PARIS)]), "l", bounds=tile_of(-60, -30, 8), crs="EPSG:3857") == b""
    assert encode_tile(made([]), "l", bounds=tile_of(*PARIS, 8), crs="EPSG:3857") == b""


def test_a_collection_gives_its_points_lines_and_areas_under_one_identifier():
    point = shapely.Point(PARIS)
    nested = shapely.GeometryCollection(
        [point, shapely.GeometryCollection([point.buffer(0.01), shapely.LineString([PARIS, (2.36, 48.86)])])]
    )
    found = features(encode_tile(made([nested]), "l", bounds=tile_of(*PARIS, 12), crs="EPSG:3857"))
    assert {f["geometry"]["type"] for f in found} == {"Point", "Polygon", "LineString"}
    assert {f["id"] for f in found} == {0}


@pytest.mark.parametrize("zoom", [0, 6, 10])
def test_what_is_too_small_to_be_drawn_still_shows_with_its_kind(zoom):
    x, y = PARIS
    tiny = [shapely.box(x, y, x + 1e-7, y + 1e-7), shapely.LineString([(x, y), (x + 1e-7, y)]), shapely.Point(PARIS)]
    found = features(encode_tile(made(tiny), "l", bounds=tile_of(*PARIS, zoom), crs="EPSG:3857"))
    assert [f["geometry"]["type"] for f in found] == ["Polygon", "LineString", "Point"]


@pytest.mark.parametrize(("lon", "lat"), [(179.99, 0), (-179.99, 0), (0, 85), (0, -85), (179.9, -85)])
@pytest.mark.parametrize("zoom", [0, 1, 5, 12])
def test_the_edges_of_the_world_are_drawn(lon, lat, zoom):
    world = made([shapely.box(-180, -90, 180, 90)])
    [feature] = features(encode_tile(world, "l", bounds=tile_of(lon, lat, zoom), crs="EPSG:3857"))
    inner = shape(feature["geometry"]).intersection(shapely.box(0, 0, 4096, 4096))
    assert inner.area == pytest.approx(4096**2, rel=2e-3)


def test_a_lambert_layer_asked_on_the_other_side_of_the_earth_is_empty():
    areas = made(random_areas(5, 1_000, 100, seed=0), "EPSG:2154")
    for lon, lat in [(179.9, -84), (-176, 10), (0, -84.9), (3, 84.9)]:
        assert encode_tile(areas, "l", bounds=tile_of(lon, lat, 9), crs="EPSG:3857") == b""


def test_a_world_layer_on_the_lambert_set_is_cut_to_where_lambert_is_made_for():
    world = made([shapely.box(-180, -90, 180, 90)])
    assert features(encode_tile(world, "l", bounds=tile_of(*PARIS, 5, "EPSG:2154"), crs="EPSG:2154"))


def test_a_full_tile_stays_within_its_bytes_and_keeps_the_largest():
    areas = random_areas(9_000, 20_000, 150, seed=3)
    areas[1234] = shapely.box(640_000, 6_850_000, 660_000, 6_870_000)
    vectors = made(areas, "EPSG:2154", text=[f"{n:0100d}" for n in range(len(areas))])
    bounds = tile_of(*PARIS, 10)
    data = encode_tile(vectors, "l", bounds=bounds, crs="EPSG:3857")
    assert len(data) <= MAX_BYTES
    assert 1234 in {f["id"] for f in features(data)}
    assert data == encode_tile(vectors, "l", bounds=bounds, crs="EPSG:3857")


def test_of_very_many_points_a_bounded_number_is_drawn_all_over_the_tile():
    side = 400
    west, south, east, north = tile_of(*PARIS, 12)
    x, y = np.meshgrid(np.linspace(west, east, side), np.linspace(south, north, side))
    points = made(list(shapely.points(x.ravel(), y.ravel())), "EPSG:3857")
    found = features(encode_tile(points, "l", bounds=(west, south, east, north), crs="EPSG:3857"))
    assert MAX_FEATURES / 2 < len(found) <= MAX_FEATURES
    places = np.array([f["geometry"]["coordinates"] for f in found])
    histogram, _, _ = np.histogram2d(*places.T, bins=8)
    assert histogram.min() > 0.5 * histogram.mean()


inside = st.tuples(st.floats(2.30, 2.38), st.floats(48.83, 48.87))
point = inside.map(shapely.Point)
line = st.lists(inside, min_size=2, max_size=8, unique=True).map(shapely.LineString)
area = st.tuples(inside, st.floats(1e-9, 0.01)).map(lambda a: shapely.Point(a[0]).buffer(a[1], quad_segs=2))
simple = st.one_of(
    point,
    line,
    area,
    st.lists(point, min_size=1, max_size=4).map(shapely.MultiPoint),
    st.lists(line, min_size=1, max_size=4).map(shapely.MultiLineString),
    st.lists(area, min_size=1, max_size=3).map(lambda a: shapely.MultiPolygon([shapely.box(*one.bounds) for one in a])),
    st.sampled_from([shapely.Point(), shapely.LineString(), shapely.Polygon(), shapely.GeometryCollection()]),
)
anything = st.one_of(simple, st.lists(simple, max_size=4).map(shapely.GeometryCollection))


def kinds(geometry):
    if hasattr(geometry, "geoms"):
        return set().union(*(kinds(part) for part in geometry.geoms))
    return set() if geometry.is_empty else {KIND[geometry.geom_type]}


@settings(max_examples=60, deadline=None)
@given(st.lists(anything, min_size=1, max_size=5), st.sampled_from([0, 6, 11]))
def test_no_kind_of_geometry_is_lost(geometries, zoom):
    bounds = tile_of(2.34, 48.85, zoom)
    found = features(encode_tile(made(geometries), "l", bounds=bounds, crs="EPSG:3857"))
    seen = {n: set() for n in range(len(geometries))}
    for feature in found:
        seen[feature["id"]] |= kinds(shape(feature["geometry"]))
    assert seen == {n: kinds(geometry) for n, geometry in enumerate(geometries)}
