"""tiler.raster.directory: what GDAL says of a file, we say too; what no file may do, none does."""

import struct

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.errors import RasterioIOError
from rasterio.transform import from_origin
from rasterio.windows import Window

from core.errors import BadSource
from tests.tiler.raster.tiffs import DATA, photo, write_cog, write_tiff
from tiler.raster.directory import MAX_READS, load, parse
from tiler.raster.tiff import Affine2, Compression

KINDS = {
    "little": {"tiled": True, "blockxsize": 64, "blockysize": 32},
    "big endian": {"tiled": True, "blockxsize": 64, "blockysize": 32, "ENDIANNESS": "BIG"},
    "BigTIFF": {"tiled": True, "blockxsize": 64, "blockysize": 32, "BIGTIFF": "YES"},
    "big endian BigTIFF": {"tiled": True, "blockxsize": 16, "blockysize": 16, "BIGTIFF": "YES", "ENDIANNESS": "BIG"},
    "strips": {"blockysize": 7},
    "planar": {"tiled": True, "blockxsize": 64, "blockysize": 64, "INTERLEAVE": "BAND"},
    "deflate": {"tiled": True, "blockxsize": 64, "blockysize": 64, "COMPRESS": "DEFLATE", "PREDICTOR": 2},
}


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
def test_the_directory_of_a_file_is_what_gdal_says(tmp_path, options, dtype):
    values = photo(100, 150).astype(dtype)
    path = write_tiff(
        tmp_path / "a.tif", values, west=700_000, north=6_600_000, cell=0.2, crs="EPSG:2154", nodata=7, **options
    )
    tiff = parse(path.read_bytes())
    (full,) = tiff.levels
    with rasterio.open(path) as dataset:
        block_height, block_width = dataset.block_shapes[0]
    assert (full.width, full.height, full.bands, full.dtype) == (150, 100, 3, dtype)
    assert (full.block_width, full.block_height) == (block_width, block_height)
    assert full.tiled == ("tiled" in options)
    assert full.planar == (options.get("INTERLEAVE") == "BAND")
    assert tiff.placement == Affine2(700_000, 6_600_000, 0.2, 0.2)
    assert tiff.bounds() == pytest.approx((700_000, 6_600_000 - 20, 700_030, 6_600_000))
    assert (tiff.crs, tiff.nodata) == ("EPSG:2154", 7.0)


@pytest.mark.parametrize("endianness", ["LITTLE", "BIG"])
def test_the_bytes_of_a_block_are_where_the_directory_says(tmp_path, endianness):
    values = photo(64, 96, 1).astype(np.uint16) * 200
    path = write_tiff(tmp_path / "a.tif", values, tiled=True, blockxsize=32, blockysize=32, ENDIANNESS=endianness)
    data = path.read_bytes()
    full = parse(data).levels[0]
    offset, length = full.span(2, 1)
    stored = np.frombuffer(data[offset : offset + length], ">u2" if endianness == "BIG" else "<u2").reshape(32, 32)
    np.testing.assert_array_equal(stored, values[0, 32:64, 64:96])


@pytest.mark.parametrize(("compress", "tag"), [("JPEG", Compression.JPEG), ("WEBP", Compression.WEBP)])
def test_overviews_masks_and_tables_of_a_cog_are_found(tmp_path, compress, tag):
    mask = np.full((600, 900), 255, np.uint8)
    mask[:100, :100] = 0
    masked = compress == "JPEG"
    path = write_cog(
        tmp_path / "c.tif", photo(600, 900), mask=mask if masked else None, COMPRESS=compress, BLOCKSIZE=128
    )
    tiff = parse(path.read_bytes())
    with rasterio.open(path) as dataset:
        factors = dataset.overviews(1)
    assert [round(900 / level.width) for level in tiff.levels] == [1, *factors]
    assert [round(600 / level.height) for level in tiff.levels] == [1, *factors]
    assert {level.compression for level in tiff.levels} == {tag}
    assert [found is not None for found in tiff.masks] == [masked] * len(tiff.levels)
    if masked:
        assert tiff.levels[0].jpeg_tables.startswith(b"\xff\xd8")
        assert tiff.levels[0].jpeg_tables.endswith(b"\xff\xd9")


def test_blocks_that_are_not_there_have_no_bytes(tmp_path):
    path = tmp_path / "s.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=128, height=64, count=1, dtype="uint8", transform=from_origin(1, 1, 1, 1),
        tiled=True, blockxsize=64, blockysize=64, sparse_ok=True,
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, 64, 64), np.uint8), window=Window(64, 0, 64, 64))
    full = parse(path.read_bytes()).levels[0]
    assert full.span(0, 0)[1] == 0
    assert full.span(1, 0)[1] == 64 * 64


def test_alpha_and_palette_are_told(tmp_path):
    rgba = parse(write_cog(tmp_path / "a.tif", photo(64, 64, 4), BLOCKSIZE=128).read_bytes()).levels[0]
    assert (rgba.bands, rgba.alpha) == (4, 3)
    colours = {index: (index, 255 - index, index // 2, 255) for index in range(256)}
    path = write_cog(tmp_path / "p.tif", photo(64, 64, 1), palette=colours, BLOCKSIZE=128)
    palette = parse(path.read_bytes()).levels[0].palette
    assert list(palette[: 3 * 3]) == [0, 255, 0, 1, 254, 0, 2, 253, 1]
    assert len(palette) == 256 * 3


LAMBERT = "+proj=lcc +lat_0=46.5 +lon_0=3 +lat_1=49 +lat_2=44 +x_0=700000 +y_0=6600000 +datum=WGS84 +units=m"
MERIDIAN = "+proj=tmerc +lon_0=5 +k=0.9 +datum=WGS84"


@pytest.mark.parametrize(
    "crs",
    ["EPSG:2154", "EPSG:3857", "EPSG:4326", "EPSG:32620", "EPSG:2975", "EPSG:3949", LAMBERT, MERIDIAN],
)
def test_the_crs_places_points_where_gdals_reading_does(tmp_path, crs):
    from pyproj import CRS, Transformer

    path = write_tiff(tmp_path / "a.tif", photo(8, 8), crs=crs)
    told = parse(path.read_bytes()).crs
    with rasterio.open(path) as dataset:
        wanted = CRS.from_wkt(dataset.crs.to_wkt())
    place = Transformer.from_crs("EPSG:4326", wanted, always_xy=True).transform(4.0, 45.0)
    assert Transformer.from_crs("EPSG:4326", told, always_xy=True).transform(4.0, 45.0) == pytest.approx(place)


async def test_a_cog_is_read_with_its_head_alone_and_others_in_few_reads(tmp_path):
    asked = []

    def reader(data):
        async def read(offset, length):
            asked.append((offset, length))
            return data[offset : offset + length]

        return read

    cog = write_cog(tmp_path / "c.tif", photo(600, 900), BLOCKSIZE=128, COMPRESS="JPEG").read_bytes()
    assert (await load(cog[:16384], reader(cog))).levels[0].width == 900
    assert asked == []
    plain = write_tiff(tmp_path / "p.tif", photo(600, 900), tiled=True, blockxsize=16, blockysize=16).read_bytes()
    assert (await load(plain[:4096], reader(plain))).levels[0].offsets.size == 38 * 57
    assert 0 < len(asked) < 6


async def test_a_directory_scattered_on_purpose_is_given_up():
    links = b"".join(_directory_at(8 + index * 100_000, 8 + (index + 1) * 100_000) for index in range(60))
    with pytest.raises(BadSource, match="scattered"):
        await load(
            b"II*\0" + struct.pack("<I", 8) + links[: 100_000 - 8], _from(b"II*\0" + struct.pack("<I", 8) + links)
        )
    assert MAX_READS < 60


def _directory_at(_, following):
    entries = struct.pack("<HHII", 256, 4, 1, 1)
    return (struct.pack("<H", 1) + entries + struct.pack("<I", following)).ljust(100_000, b"\0")


def _from(data):
    async def read(offset, length):
        return data[offset : offset + length]

    return read


def test_hostile_directories_are_refused_with_a_reason():
    start = b"II*\0" + struct.pack("<I", 8)
    loop = struct.pack("<H", 1) + struct.pack("<HHII", 256, 4, 1, 1) + struct.pack("<I", 8)
    many = struct.pack("<H", 60000)
    long_value = struct.pack("<H", 1) + struct.pack("<HHII", 324, 4, 2**30, 8) + struct.pack("<I", 0)
    for data, words in [
        (b"", "not a TIFF"),
        (b"GIF89a" + bytes(20), "not a TIFF"),
        (b"II\x2c\0" + bytes(20), "version is 44"),
        (start + loop + bytes(8), "leads back"),
        (start + many + bytes(8), "60000 entries"),
        (start + long_value + bytes(8), "claims 4294967296 bytes"),
        (start + bytes(2) + bytes(20), "0 entries"),
        (b"II*\0" + struct.pack("<I", 2**31) + bytes(20), "cut off"),
    ]:
        with pytest.raises(BadSource, match=words):
            parse(data)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "s.tif"
    options = {"tiled": True, "blockxsize": 16, "blockysize": 16, "COMPRESS": "JPEG"}
    return write_tiff(path, photo(40, 40), crs="EPSG:2154", nodata=0, **options).read_bytes()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(small, data):
    damaged = bytearray(small)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    try:
        tiff = parse(bytes(damaged[: len(damaged) - cut // 4]))
    except BadSource:
        return
    assert tiff.bytes_held < 100 << 20


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.skipif(not DATA.is_dir(), reason="the reference rasters are not beside the project")
@pytest.mark.parametrize("path", sorted(DATA.rglob("*.tif")) if DATA.is_dir() else [], ids=lambda path: path.name)
def test_real_files_are_read_as_gdal_reads_them(path):
    try:
        with rasterio.open(path) as dataset:
            size = (dataset.width, dataset.height, dataset.count)
            affine, overviews, nodata = dataset.transform, dataset.overviews(1), dataset.nodata
    except RasterioIOError:
        return  # GDAL refuses it; that we end, either way, is what the call below shows
    finally:
        try:
            tiff = parse(path.read_bytes())
        except BadSource as err:
            tiff = err
    assert not isinstance(tiff, BadSource), tiff
    full = tiff.levels[0]
    assert (full.width, full.height, full.bands) == size
    assert [round(full.width / level.width) for level in tiff.levels[1:]] == overviews
    assert tiff.nodata == pytest.approx(nodata, nan_ok=True)
    if tiff.placement is not None and affine.e < 0:
        place = tiff.placement
        np.testing.assert_allclose(
            [place.west, place.north, place.cell_x, -place.cell_y], [affine.c, affine.f, affine.a, affine.e]
        )
