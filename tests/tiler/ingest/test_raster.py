"""tiler.ingest.raster: any raster becomes a pyramid of COGs whose blocks are tiles."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.merge import merge
from rasterio.transform import Affine, from_origin
from rasterio.warp import Resampling, reproject, transform

from core.directory import DirectoryStore
from core.errors import InputRefused
from core.job import JobSpec, Notice, Progress, RasterStorage
from tiler.ingest.raster import ingest_raster
from tiler.matrix import tile_at, tile_bounds, tile_matrix_set

DATA = Path(__file__).parents[4] / "shared" / "data" / "raster"
LAMBERT = from_origin(770000.0, 6277000.0, 0.5, 0.5)


def write(path, array, *, crs="EPSG:2154", affine=LAMBERT, **profile):
    bands = array if array.ndim == 3 else array[np.newaxis]
    colormap = profile.pop("colormap", None)
    gcps = profile.pop("gcps", None)
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2],
        dtype=bands.dtype, crs=None if gcps else crs, transform=None if gcps else affine, **profile,
    ) as dataset:  # fmt: skip
        dataset.write(bands)
        if colormap:
            dataset.write_colormap(1, colormap)
        if gcps:
            dataset.gcps = (gcps, CRS.from_user_input(crs))
    return str(path)


@pytest.fixture
def ingest(tmp_path):
    """Ingest files; give the result, the finest level as one file, and the events. `run.shards`: its COGs."""

    def run(*inputs, crs="", name="couche", **storage):
        scratch = tmp_path / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        store, events = DirectoryStore(tmp_path / "store"), []
        spec = JobSpec(
            kind="raster", name=name, inputs=inputs, prefix=f"data/{name}", scratch=str(scratch), crs=crs,
            storage=RasterStorage(**storage),
        )  # fmt: skip
        result = ingest_raster(spec, events.append, store)
        assert list(scratch.iterdir()) == []
        finest = [key for key in result.objects if key.startswith(f"data/{name}/PM/{result.source.max_zoom}/")]
        run.shards = [store.location(key) for key in finest]
        return result, whole(run.shards, tmp_path / f"{name}.whole.tif"), events

    return run


def whole(paths, target):
    """Put the shards of a level together, so that a test looks at one file."""
    if len(paths) == 1:
        return Path(paths[0])
    with ExitStack() as opened:
        shards = [opened.enter_context(rasterio.open(path)) for path in paths]
        values, affine = merge(shards, masked=True)
        with rasterio.open(
            target, "w", driver="GTiff", count=values.shape[0], height=values.shape[1], width=values.shape[2],
            dtype=values.dtype, crs=shards[0].crs, transform=affine, nodata=shards[0].nodata,
        ) as made:  # fmt: skip
            made.write(values.filled(shards[0].nodata or 0))
            if shards[0].nodata is None:
                made.write_mask(~np.ma.getmaskarray(values).any(axis=0))
    return target


def imagery(rows=300, cols=400, seed=0):
    smooth = np.add.outer(np.linspace(0, 100, rows), np.linspace(20, 140, cols))
    return np.stack([smooth, smooth[::-1], 255 - smooth]).astype(np.uint8)


def test_imagery_becomes_a_jpeg_cog_whose_blocks_are_pm_tiles(tmp_path, ingest):
    result, _, _ = ingest(write(tmp_path / "a.tif", imagery()))
    matrix = tile_matrix_set("PM").by_id[str(result.source.max_zoom)]
    with rasterio.open(ingest.shards[0]) as dataset:
        assert dataset.crs.to_epsg() == 3857
        assert dataset.compression.name == "jpeg"
        assert dataset.block_shapes[0] == (256, 256)
        assert dataset.res == pytest.approx((matrix.cell_size,) * 2)
        west, north = dataset.bounds.left, dataset.bounds.top
        col, row = tile_at(matrix, west + 1, north - 1)
        assert tile_bounds(matrix, col, row)[::3] == pytest.approx((west, north))
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_every_overview_is_aligned_on_its_own_level(tmp_path, ingest):
    result, _, _ = ingest(write(tmp_path / "a.tif", imagery(2400, 3100)))
    with rasterio.open(ingest.shards[0]) as dataset:
        assert dataset.overviews(1) == [2, 4, 8, 16]
        for factor in dataset.overviews(1):
            matrix = tile_matrix_set("PM").by_id[str(result.source.max_zoom - int(np.log2(factor)))]
            side = matrix.cell_size * 256
            for edge, origin in ((dataset.bounds.left, matrix.origin_x), (dataset.bounds.top, matrix.origin_y)):
                assert (edge - origin) / side == pytest.approx(round((edge - origin) / side), abs=1e-6)


def test_the_pixels_are_those_of_gdals_warp(tmp_path, ingest):
    source = imagery(600, 600)
    _, cog, _ = ingest(write(tmp_path / "a.tif", source.astype(np.uint16) * 40))
    with rasterio.open(cog) as dataset:
        expected = np.zeros((3, dataset.height, dataset.width), np.uint16)
        reproject(
            source.astype(np.uint16) * 40, expected, src_transform=LAMBERT, src_crs="EPSG:2154",
            dst_transform=dataset.transform, dst_crs=dataset.crs, resampling=Resampling.bilinear,
        )  # fmt: skip
        valid = dataset.dataset_mask() > 0
        inner = valid & (expected > 0).all(axis=0)
        assert inner.sum() > 0.95 * valid.sum()
        assert np.abs(dataset.read()[:, inner].astype(int) - expected[:, inner]).max() <= 1


def test_what_lies_outside_the_input_is_transparent(tmp_path, ingest):
    _, cog, _ = ingest(write(tmp_path / "a.tif", imagery()))
    with rasterio.open(cog) as dataset:
        mask = dataset.dataset_mask()
    assert (mask > 0).any()
    assert (mask == 0).any()


def test_elevation_keeps_each_value_and_its_nodata(tmp_path, ingest):
    ground = np.full((200, 200), 123.456, np.float32)
    ground[:50] = -9999.0
    result, cog, _ = ingest(write(tmp_path / "a.tif", ground, nodata=-9999.0))
    assert (result.source.bands, result.source.nodata, result.source.dtype) == ((1,), -9999.0, "float32")
    with rasterio.open(cog) as dataset:
        values = dataset.read(1)
    assert set(np.unique(values)) == {np.float32(-9999.0), np.float32(123.456)}


def test_nan_counts_as_missing_though_the_file_does_not_say_so(tmp_path, ingest):
    ground = np.full((200, 200), 10.0, np.float32)
    ground[:100] = np.nan
    _, cog, _ = ingest(write(tmp_path / "a.tif", ground))
    with rasterio.open(cog) as dataset:
        values = dataset.read(1)
    assert not np.isnan(values).any()
    assert set(np.unique(values)) == {np.float32(-9999.0), np.float32(10.0)}


def test_a_palette_becomes_its_colours_where_the_encoding_has_none(tmp_path, ingest):
    classes = np.zeros((100, 100), np.uint8)
    classes[:, 50:] = 7
    path = write(tmp_path / "a.tif", classes, colormap={0: (10, 20, 30, 255), 7: (200, 100, 50, 255)})
    _, cog, _ = ingest(path, encoding="webp")
    with rasterio.open(cog) as dataset:
        assert (dataset.count, dataset.compression.name) == (3, "webp")
        seen = dataset.read()[:, dataset.dataset_mask() > 0].T.astype(int)
    assert min(np.abs(seen - [10, 20, 30]).sum(axis=1).min(), np.abs(seen - [200, 100, 50]).sum(axis=1).min()) <= 6


def test_classes_keep_their_palette(tmp_path, ingest):
    classes = np.zeros((100, 100), np.uint8)
    classes[:, 50:] = 7
    colours = {0: (10, 20, 30, 255), 7: (200, 100, 50, 255)}
    result, cog, _ = ingest(write(tmp_path / "a.tif", classes, colormap=colours))
    assert (result.source.resampling, result.source.rescale, result.source.bands) == ("nearest", None, (1,))
    with rasterio.open(cog) as dataset:
        assert dataset.compression.name == "deflate"
        assert [dataset.colormap(1)[value] for value in (0, 7)] == [(10, 20, 30, 255), (200, 100, 50, 255)]
        assert set(np.unique(dataset.read(1)[dataset.dataset_mask() > 0])) == {0, 7}


def test_colours_of_a_palette_that_are_clear_are_missing(tmp_path, ingest):
    classes = np.zeros((100, 100), np.uint8)
    classes[:, 50:] = 7
    write(tmp_path / "a.tif", classes, colormap={0: (0, 0, 0, 255), 7: (200, 100, 50, 255)})
    entries = "".join(f'<Entry c1="200" c2="100" c3="50" c4="{255 * (value == 7)}"/>' for value in range(8))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        place = ", ".join(str(value) for value in dataset.transform.to_gdal())
        wkt = dataset.crs.to_wkt()
    (tmp_path / "a.vrt").write_text(
        f'<VRTDataset rasterXSize="100" rasterYSize="100"><SRS>{escape(wkt)}</SRS><GeoTransform>{place}</GeoTransform>'
        f'<VRTRasterBand dataType="Byte" band="1"><ColorInterp>Palette</ColorInterp><ColorTable>{entries}</ColorTable>'
        '<SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename><SourceBand>1</SourceBand>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    _, cog, _ = ingest(str(tmp_path / "a.vrt"))
    with rasterio.open(cog) as dataset:
        assert set(np.unique(dataset.read(1)[dataset.dataset_mask() > 0])) == {7}


def test_several_files_become_one_layer_without_a_seam(tmp_path, ingest):
    whole = imagery(200, 400).astype(np.uint16)
    west = write(tmp_path / "w.tif", whole[:, :, :200])
    east = write(tmp_path / "e.tif", whole[:, :, 200:], affine=LAMBERT @ Affine.translation(200, 0))
    result, cog, _ = ingest(west, east)
    assert result.bbox[0] < result.sample[0] < result.bbox[2]
    with rasterio.open(cog) as dataset:
        xs, ys = transform("EPSG:2154", dataset.crs, np.linspace(770010, 770190, 400), np.full(400, 6276950.0))
        inverse = ~dataset.transform
        places = np.array([inverse @ place for place in zip(xs, ys, strict=True)]).astype(int)
        red = dataset.read(1)[places[:, 1], places[:, 0]]
        mask = dataset.dataset_mask()[places[:, 1], places[:, 0]]
    assert (mask > 0).all()
    assert np.abs(np.diff(red.astype(int))).max() <= 3


def test_a_declared_crs_stands_for_the_missing_one(tmp_path, ingest):
    result, _, events = ingest(write(tmp_path / "a.tif", imagery(), crs=None), crs="EPSG:2154")
    (lon,), (lat,) = transform("EPSG:2154", "EPSG:4326", [770100.0], [6276925.0])
    assert result.sample == pytest.approx((lon, lat), abs=1e-4)
    assert any(isinstance(event, Notice) and "EPSG:2154" in event.message for event in events)


def test_south_up_rows_are_turned(tmp_path, ingest):
    north_up = imagery()
    flipped = write(tmp_path / "s.tif", north_up[:, ::-1], affine=Affine(0.5, 0, 770000, 0, 0.5, 6277000 - 150))
    _, from_flipped, _ = ingest(flipped)
    turned = from_flipped.read_bytes()
    _, plain, _ = ingest(write(tmp_path / "n.tif", north_up))
    (tmp_path / "turned.tif").write_bytes(turned)
    with rasterio.open(tmp_path / "turned.tif") as one, rasterio.open(plain) as other:
        assert np.abs(one.read().astype(int) - other.read()).max() <= 2


def test_a_rotated_raster_lies_where_its_transform_says(tmp_path, ingest):
    affine = Affine.translation(770000, 6277000) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)
    result, _, _ = ingest(write(tmp_path / "r.tif", imagery(), affine=affine))
    x, y = affine @ (200, 150)
    (lon,), (lat,) = transform("EPSG:2154", "EPSG:4326", [x], [y])
    assert result.sample == pytest.approx((lon, lat), abs=1e-4)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # of the test's own writing
def test_ground_control_points_place_a_raster(tmp_path, ingest):
    corners = [(0, 0), (0, 400), (300, 0), (300, 400)]
    gcps = [GroundControlPoint(row, col, 770000 + col / 2, 6277000 - row / 2) for row, col in corners]
    result, _, events = ingest(write(tmp_path / "g.tif", imagery(), gcps=gcps))
    (lon,), (lat,) = transform("EPSG:2154", "EPSG:4326", [770100.0], [6276925.0])
    assert result.sample == pytest.approx((lon, lat), abs=1e-4)
    assert any(isinstance(event, Notice) for event in events)


def test_progress_goes_up_to_the_end(tmp_path, ingest):
    _, _, events = ingest(write(tmp_path / "a.tif", imagery()))
    shares = [event.done for event in events if isinstance(event, Progress)]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert 0.9 < shares[-1] <= 1.0


@pytest.mark.parametrize("values", [np.zeros((50, 50), np.complex64)])
def test_complex_samples_are_refused(tmp_path, ingest, values):
    with pytest.raises(InputRefused, match="complex"):
        ingest(write(tmp_path / "c.tif", values))


def test_files_that_cannot_be_taken_are_refused_with_their_name_and_a_remedy(tmp_path, ingest):
    (tmp_path / "text.tif").write_text("not a raster")
    (tmp_path / "empty.tif").write_bytes(b"")
    no_crs = write(tmp_path / "nocrs.tif", imagery(), crs=None)
    for path, words in [
        (str(tmp_path / "text.tif"), "cannot be read"),
        (str(tmp_path / "empty.tif"), "cannot be read"),
        (str(tmp_path / "absent.tif"), "not a file"),
        (no_crs, "--crs"),
    ]:
        with pytest.raises(InputRefused, match=words) as caught:
            ingest(path)
        assert Path(path).name in str(caught.value)
        assert caught.value.remedy


@pytest.mark.parametrize(
    ("name", "command"), [("a.laz", "ingest points"), ("B.LAS", "ingest points"), ("c.gpkg", "ingest vector")]
)
def test_data_of_another_kind_is_sent_to_the_command_that_takes_it(tmp_path, ingest, name, command):
    (tmp_path / name).write_bytes(b"LASF" + bytes(400))
    with pytest.raises(InputRefused, match="cannot be read") as caught:
        ingest(str(tmp_path / name))
    assert command in caught.value.remedy


def test_a_truncated_raster_is_refused(tmp_path, ingest):
    path = Path(write(tmp_path / "t.tif", imagery()))
    path.write_bytes(path.read_bytes()[:-100_000])
    with pytest.raises(InputRefused, match=r"t\.tif"):
        ingest(str(path))


def test_bounds_that_are_not_on_earth_are_refused(tmp_path, ingest):
    with pytest.raises(InputRefused, match=r"m\.tif"):
        ingest(write(tmp_path / "m.tif", imagery(), crs="EPSG:4326", affine=from_origin(770000, 6277000, 0.5, 0.5)))


def test_files_of_different_kinds_are_not_one_layer(tmp_path, ingest):
    one = write(tmp_path / "a.tif", imagery())
    other = write(tmp_path / "b.tif", np.zeros((50, 50), np.float32))
    with pytest.raises(InputRefused, match="bands"):
        ingest(one, other)


def test_a_raster_without_any_value_is_refused(tmp_path, ingest):
    with pytest.raises(InputRefused, match="missing"):
        ingest(write(tmp_path / "n.tif", np.full((50, 50), -9999, np.float32), nodata=-9999))


@pytest.mark.skipif(not DATA.is_dir(), reason="the reference rasters are not beside the project")
@pytest.mark.parametrize(
    "name",
    [
        "ign_ortho20cm/test_data_rgb.tif",
        "dem/dem.tif",
        "openlayers/masked.tif",
        "rasterio/RGB.byte.tif",
        "gdal/geomatrix.tif",
        "gdal/negative_scaley.tif",
        "rio-tiler/cog_uint8_rgba.tif",
        "martin/usda_naip_256_lzw_z3.tif",
    ],
)
def test_real_rasters_are_taken(ingest, name):
    result, cog, _ = ingest(str(DATA / name))
    with rasterio.open(cog) as dataset:
        assert (dataset.dataset_mask() > 0).any()
    assert result.bbox[0] <= result.sample[0] <= result.bbox[2]
    assert result.bbox[1] <= result.sample[1] <= result.bbox[3]


@pytest.mark.skipif(not DATA.is_dir(), reason="the reference rasters are not beside the project")
@pytest.mark.parametrize("name", ["byte_truncated.tif", "hugeblocksize.tif", "lzw_corrupted.tif"])
def test_broken_rasters_are_refused(ingest, name):
    with pytest.raises(InputRefused, match=name) as caught:
        ingest(str(DATA / "gdal_broken" / name), crs="EPSG:26711" if "lzw" in name else "")
    assert "\n" not in str(caught.value)
