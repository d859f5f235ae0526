"""tiler.ingest.raster_as_is: COGs are stored byte for byte, alone or with an index, or refused with a reason."""

import msgspec
import numpy as np
import pytest
import rasterio

from core.errors import InputRefused
from core.job import JobSpec
from tests.doubles import MemoryStore
from tests.tiler.raster.tiffs import photo, write_cog, write_tiff
from tiler.ingest import raster_as_is
from tiler.ingest.raster import ingest_raster
from tiler.raster.directory import parse
from tiler.raster.mosaic import MosaicIndex, files_in

LAMBERT = {"west": 700_000.0, "north": 6_600_000.0, "cell": 0.2, "crs": "EPSG:2154"}


@pytest.fixture
def ingest(tmp_path):
    def run(*paths, crs=""):
        store = MemoryStore()
        spec = JobSpec(
            kind="raster",
            name="l",
            inputs=tuple(map(str, paths)),
            prefix="d/1",
            scratch=str(tmp_path),
            crs=crs,
            as_is=True,
        )
        return ingest_raster(spec, lambda event: None, store), store

    return run


def test_a_cog_is_stored_as_it_is(tmp_path, ingest):
    path = write_cog(tmp_path / "ortho.tif", photo(600, 600), **LAMBERT, COMPRESS="JPEG", BLOCKSIZE=512)
    result, store = ingest(path)
    assert store.objects == {"d/1/ortho.tif": path.read_bytes()}
    assert (result.source.href, result.source.files, result.source.bands) == ("d/1/ortho.tif", 1, (1, 2, 3))
    assert (result.srs, result.size, result.objects) == ("EPSG:2154", path.stat().st_size, ("d/1/ortho.tif",))
    assert result.source.rescale is None
    with rasterio.open(path) as dataset:
        wanted = rasterio.warp.transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds)
    assert result.bbox == pytest.approx(wanted, abs=1e-6)
    assert wanted[0] < result.sample[0] < wanted[2]
    # 0.2 m is 0.29 m of Web Mercator at 46.5° N, next to the 0.2986 m of level 19
    assert result.source.max_zoom == 19


def test_many_cogs_come_with_an_index_that_finds_them(tmp_path, ingest):
    paths = []
    for col in range(5):
        place = LAMBERT | {"west": 700_000.0 + col * 60}
        paths.append(write_cog(tmp_path / f"dalle{col}.tif", photo(300, 300, seed=col), **place, BLOCKSIZE=128))
    result, store = ingest(*paths)
    assert (result.source.href, result.source.files) == ("d/1/l.index.msgpack", 5)
    assert set(result.objects) == set(store.objects)
    index = msgspec.msgpack.decode(store.objects["d/1/l.index.msgpack"], type=MosaicIndex)
    assert index.crs == "EPSG:2154"
    assert files_in(index, (700_070, 6_599_950, 700_130, 6_599_990), 0.5) == ["d/1/dalle1.tif", "d/1/dalle2.tif"]
    assert files_in(index, (0, 0, 1, 1), 0.5) == []


def test_a_folder_of_cogs_is_one_layer_and_other_files_are_left_out(tmp_path, ingest):
    folder = tmp_path / "survey"
    folder.mkdir()
    for col in range(3):
        place = LAMBERT | {"west": 700_000.0 + col * 60}
        write_cog(folder / f"dalle{col}.tif", photo(300, 300, seed=col), **place, BLOCKSIZE=128)
    (folder / "dalle0.tfw").write_text("0.2")
    result, store = ingest(folder)
    assert set(store.objects) == {*(f"d/1/dalle{col}.tif" for col in range(3)), "d/1/l.index.msgpack"}
    assert result.source.files == 3


def test_a_result_of_very_many_objects_names_their_folder(tmp_path, ingest, monkeypatch):
    monkeypatch.setattr(raster_as_is, "MOST_NAMED", 3)
    folder = tmp_path / "survey"
    folder.mkdir()
    for col in range(3):
        place = LAMBERT | {"west": 700_000.0 + col * 60}
        write_cog(folder / f"dalle{col}.tif", photo(300, 300, seed=col), **place, BLOCKSIZE=128)
    result, _ = ingest(folder)
    assert result.objects == ("d/1/",)


def test_a_file_off_the_map_is_named(tmp_path, ingest):
    near = write_cog(tmp_path / "near.tif", photo(300, 300), **LAMBERT, BLOCKSIZE=128)
    far = write_cog(tmp_path / "far.tif", photo(300, 300), **(LAMBERT | {"west": 1e30, "cell": 1e28}), BLOCKSIZE=128)
    with pytest.raises(InputRefused, match=r"far\.tif lies outside Web Mercator"):
        ingest(near, far)


def test_files_of_one_name_are_numbered(tmp_path, ingest):
    paths = []
    for col in range(2):
        (tmp_path / str(col)).mkdir()
        place = LAMBERT | {"west": 700_000.0 + col * 60}
        paths.append(write_cog(tmp_path / str(col) / "a.tif", photo(300, 300), **place, BLOCKSIZE=128))
    _, store = ingest(*paths)
    assert {"d/1/000000-a.tif", "d/1/000001-a.tif"} < set(store.objects)


def test_elevation_keeps_its_nodata_and_gets_limits_to_show(tmp_path, ingest):
    values = photo(300, 300, 1).astype(np.float32)
    values[0, :10] = -9999
    path = write_cog(tmp_path / "mnt.tif", values, **LAMBERT, nodata=-9999, COMPRESS="LERC_ZSTD", BLOCKSIZE=128)
    result, _ = ingest(path)
    low, high = np.percentile(values[values > -9999], (2, 98))
    assert (result.source.nodata, result.source.dtype, result.source.bands) == (-9999.0, "float32", (1,))
    assert result.source.rescale == pytest.approx((low, high), abs=3)


def test_what_is_no_cog_is_refused_with_a_reason_and_a_remedy(tmp_path, ingest):
    strips = write_tiff(tmp_path / "strips.tif", photo(300, 300), **LAMBERT)
    large = write_tiff(
        tmp_path / "large.tif", photo(64, 4096, 1), **LAMBERT, tiled=True, blockxsize=256, blockysize=256
    )
    planar = write_tiff(
        tmp_path / "planar.tif",
        photo(256, 256),
        **LAMBERT,
        INTERLEAVE="BAND",
        tiled=True,
        blockxsize=256,
        blockysize=256,
    )
    for path, words in [(strips, "strips"), (large, "no overviews"), (planar, "blocks of its own")]:
        with pytest.raises(InputRefused, match=words) as caught:
            ingest(path)
        assert path.name in str(caught.value)
        assert "--as-is" in caught.value.remedy


def test_files_that_do_not_fit_together_are_refused(tmp_path, ingest):
    one = write_cog(tmp_path / "a.tif", photo(300, 300), **LAMBERT, BLOCKSIZE=128)
    grey = write_cog(tmp_path / "b.tif", photo(300, 300, 1), **LAMBERT, BLOCKSIZE=128)
    mercator = write_cog(tmp_path / "c.tif", photo(300, 300), west=300_000, north=5_800_000, BLOCKSIZE=128)
    for other in (grey, mercator):
        with pytest.raises(InputRefused, match="other bands or another CRS"):
            ingest(one, other)


def test_a_file_that_was_not_copied_whole_is_refused(tmp_path, ingest):
    path = write_cog(tmp_path / "cut.tif", photo(600, 600), **LAMBERT, COMPRESS="JPEG", BLOCKSIZE=256)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(
        InputRefused,
        match=rf"cut.tif is cut off: .* and it has {len(whole) - 100}$|is cut off: .* and it has {len(whole) - 100}:",
    ):
        ingest(path)


def test_a_file_whose_pixels_cannot_be_read_is_refused(tmp_path, ingest):
    path = write_cog(tmp_path / "bad.tif", photo(600, 600, 1), **LAMBERT, COMPRESS="DEFLATE", BLOCKSIZE=256)
    data = bytearray(path.read_bytes())
    for level in parse(bytes(data)).levels:
        for offset in level.offsets:
            data[int(offset) : int(offset) + 64] = bytes(64)
    path.write_bytes(data)
    with pytest.raises(InputRefused, match=r"bad.tif is damaged: its pixels cannot be read"):
        ingest(path)
