"""The files of a small territory, opened with the libraries a user would take."""

from pathlib import Path

import laspy
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.windows import from_bounds

from core.errors import BadRequest
from deploy.territory.make import make_territory
from deploy.territory.product import Territory

NAMES = ("0770_6277", "0771_6277", "0770_6276", "0771_6276")
CORNERS = {"0770_6277": (770870, 6276130), "0771_6277": (771000, 6276130), "0770_6276": (770870, 6276000),
           "0771_6276": (771000, 6276000)}  # fmt: skip
SIDE_M = 260


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Territory, Path, list[tuple[float, str]]]:
    folder = tmp_path_factory.mktemp("territory")
    told: list[tuple[float, str]] = []
    territory = make_territory(folder, lambda done, step: told.append((done, step)), side_m=SIDE_M)
    return territory, folder, told


@pytest.fixture(scope="module")
def points(made) -> laspy.LasData:
    """All four tiles, one after the other."""
    _, folder, _ = made
    tiles = [laspy.read(folder / f"LHD_FXX_{name}_PTS_LAMB93_IGN69.laz") for name in NAMES]
    record = np.concatenate([tile.points.array for tile in tiles])
    return laspy.LasData(tiles[0].header, laspy.ScaleAwarePointRecord(record, tiles[0].header.point_format,
                         tiles[0].header.scales, tiles[0].header.offsets))  # fmt: skip


def read_map(folder: Path, layer: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    meta, _, shapes, columns = pyogrio.raw.read(folder / "territoire.gpkg", layer=layer)
    return shapely.from_wkb(shapes), dict(zip(meta["fields"], columns, strict=True))


def test_every_file_told_exists_and_no_other(made):
    territory, folder, _ = made
    told = {file for layer in territory.layers for file in layer.files}
    assert told == set(folder.iterdir())
    assert [layer.name for layer in territory.layers] == [
        "ortho", "mnt", "lidar", "batiments", "routes", "communes", "cours_d_eau",
    ]  # fmt: skip


def test_progress_rises_from_nothing_to_one(made):
    _, _, told = made
    shares = [done for done, _ in told]
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert shares == sorted(shares)
    assert all(step for _, step in told)


@pytest.mark.parametrize("name", NAMES)
def test_ortho_tiles_meet_in_the_kilometre_corner(made, name):
    _, folder, _ = made
    west, north = CORNERS[name]
    with rasterio.open(folder / f"ORTHO_{name}_20CM_LAMB93.tif") as ortho:
        assert ortho.crs.to_epsg() == 2154
        assert ortho.res == pytest.approx((0.2, 0.2))
        assert (ortho.count, ortho.dtypes[0]) == (3, "uint8")
        assert ortho.shape == (650, 650)
        assert (ortho.bounds.left, ortho.bounds.top) == (west, north)


@pytest.mark.parametrize("name", NAMES)
def test_terrain_pixels_are_centred_on_half_metres(made, name):
    _, folder, _ = made
    with rasterio.open(folder / f"LHD_FXX_{name}_MNT_O_0M50_LAMB93_IGN69.tif") as model:
        assert model.crs.to_epsg() == 2154
        assert model.nodata == -9999
        assert model.dtypes == ("float32",)
        assert model.xy(0, 0) == CORNERS[name]
        assert model.read(1).min() > 0


@pytest.mark.parametrize("name", NAMES)
def test_point_tiles_are_las_1_4_as_lidar_hd(made, name):
    _, folder, _ = made
    tile = laspy.read(folder / f"LHD_FXX_{name}_PTS_LAMB93_IGN69.laz")
    header = tile.header
    assert str(header.version) == "1.4"
    assert header.point_format.id == 6
    assert header.global_encoding.wkt
    assert header.parse_crs().to_epsg() == 2154
    np.testing.assert_array_equal(header.scales, 0.01)
    np.testing.assert_array_equal(header.offsets, 0)
    west, north = CORNERS[name]
    assert tile.x.min() >= west
    assert tile.x.max() < west + SIDE_M / 2
    assert tile.y.max() <= north
    assert tile.y.min() > north - SIDE_M / 2
    assert (np.diff(tile.gps_time) >= 0).all()
    assert len(tile.points) >= 5 * (SIDE_M / 2) ** 2


def test_all_classes_and_several_returns_are_there(points):
    assert set(np.unique(points.classification)) == {1, 2, 3, 4, 5, 6, 9, 17}
    number, count = np.asarray(points.return_number), np.asarray(points.number_of_returns)
    assert (number >= 1).all()
    assert (number <= count).all()
    assert count.max() == 4


def test_squares_of_twenty_metres_hold_five_points_a_square_metre_but_over_water(points):
    ground = np.asarray(points.classification) != 9
    counts, _, _ = np.histogram2d(points.x[ground], points.y[ground], bins=(13, 13))
    assert np.mean(counts / 20**2 >= 5) > 0.9


def test_ground_points_lie_on_the_terrain_model(made, points):
    _, folder, _ = made
    for name in NAMES:
        with rasterio.open(folder / f"LHD_FXX_{name}_MNT_O_0M50_LAMB93_IGN69.tif") as model:
            z = model.read(1)
            inverse = ~model.transform
        col, row = inverse * (np.asarray(points.x), np.asarray(points.y))
        col, row = col - 0.5, row - 0.5  # centres of pixels
        inside = (col >= 0) & (row >= 0) & (col < z.shape[1] - 1) & (row < z.shape[0] - 1)
        inside &= np.asarray(points.classification) == 2
        col, row = col[inside], row[inside]
        c, r = col.astype(int), row.astype(int)
        right, down = col - c, row - r
        at = (z[r, c] * (1 - right) + z[r, c + 1] * right) * (1 - down)
        at += (z[r + 1, c] * (1 - right) + z[r + 1, c + 1] * right) * down
        error = np.asarray(points.z)[inside] - at
        assert error.size > 10_000
        assert np.sqrt(np.mean(error**2)) < 0.04
        assert abs(error.mean()) < 0.005


def test_roofs_begin_at_the_height_the_map_tells(made, points):
    _, folder, _ = made
    shapes, columns = read_map(folder, "batiments")
    roofs = np.asarray(points.classification) == 6
    x, y, z = (np.asarray(axis)[roofs] for axis in (points.x, points.y, points.z))
    seen = 0
    for shape, gutter, ground, top in zip(
        shapes, columns["hauteur"], columns["altitude_minimale_sol"], columns["altitude_maximale_toit"], strict=True
    ):
        inside = shapely.contains_xy(shape, x, y)
        if inside.sum() < 300:
            continue
        seen += 1
        lowest, highest = np.quantile(z[inside], (0.01, 0.95))
        assert lowest - ground == pytest.approx(gutter, abs=0.35)
        assert highest <= top + 0.1
    assert seen >= 20


def test_a_building_of_the_map_has_the_colour_of_tiles_in_the_ortho(made):
    _, folder, _ = made
    shapes, columns = read_map(folder, "batiments")
    redder = []
    with rasterio.open(folder / "ORTHO_0770_6276_20CM_LAMB93.tif") as ortho:
        frame = shapely.box(*ortho.bounds)
        for shape, kind in zip(shapes, columns["nature"], strict=True):
            if kind != "Indifférenciée" or not frame.contains(shape.buffer(3)):
                continue
            core = shape.centroid.buffer(2.5).bounds
            red, _, blue = ortho.read(window=from_bounds(*core, ortho.transform)).reshape(3, -1).mean(axis=1)
            redder.append(red / blue)
        every = ortho.read().reshape(3, -1).mean(axis=1)
    assert len(redder) >= 10
    assert np.median(redder) > 1.15 * every[0] / every[2]


def test_names_keep_their_accents(made):
    _, folder, _ = made
    _, buildings = read_map(folder, "batiments")
    _, roads = read_map(folder, "routes")
    _, communes = read_map(folder, "communes")
    assert {"Mairie", "Église Saint-Étienne"} <= set(buildings["nom"])
    assert {"Rue du Général-Leclerc", "Rue de l'Église", "Pont des Lavandières"} <= set(roads["nom"])
    assert "Saint-Étienne-du-Gué" in communes["nom"]


def test_maps_are_in_lambert_93_and_communes_tile_the_area(made):
    territory, folder, _ = made
    for layer in ("batiments", "routes", "communes", "cours_d_eau"):
        assert pyogrio.read_info(folder / "territoire.gpkg", layer=layer)["crs"] == "EPSG:2154"
    shapes, _ = read_map(folder, "communes")
    whole = shapely.box(*territory.bounds)
    assert shapely.union_all(shapes).symmetric_difference(whole).area < 1e-3
    assert sum(shape.area for shape in shapes) == pytest.approx(whole.area)


def test_the_bridge_lies_over_the_water(points):
    classes = np.asarray(points.classification)
    deck, water = np.asarray(points.z)[classes == 17], np.asarray(points.z)[classes == 9]
    assert deck.size > 100
    assert 1.5 < np.median(deck) - np.median(water) < 6


def test_one_seed_makes_one_territory(tmp_path):
    for name in ("one", "two"):
        make_territory(tmp_path / name, lambda *_: None, side_m=80, ortho_resolution_m=0.5, seed=7)
    first = sorted((tmp_path / "one").iterdir())
    assert len(first) == 13
    for file in first:
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name


@pytest.mark.parametrize(
    ("side", "resolution", "pulses"),
    [(0, 0.2, 6), (2002, 0.2, 6), (201, 0.2, 6), (200, 0.3, 6), (200, 0, 6), (200, 0.2, 0)],
)
def test_a_territory_that_cannot_be_tiled_is_refused(tmp_path, side, resolution, pulses):
    with pytest.raises(BadRequest):
        make_territory(tmp_path, lambda *_: None, side_m=side, ortho_resolution_m=resolution, pulses_per_m2=pulses)
    assert not list(tmp_path.iterdir())
