"""Real vector files of many makers: taken whole or refused with a reason, and drawn in valid tiles."""

import asyncio

import mapbox_vector_tile
import pytest
import shapely
import shapely.geometry
from pyproj import Transformer

from core.errors import InputRefused
from core.job import JobSpec, Notice
from tests.doubles import MemoryStore
from tests.tiler.archive.made import SHARED
from tests.tiler.vector.sources import published
from tiler.ingest.vector import ingest_vector
from tiler.matrix import tile_at, tile_bounds, tile_matrix_set
from tiler.vector.mvt_check import check
from tiler.vector.source import VectorSources
from tiler.vector.tile import MAX_BYTES, encode_tile

DATA = SHARED.parent / "vector"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the reference data are not beside the project")

TAKEN = [
    ("admin/ARRONDISSEMENT.shp", "", "", 14),
    ("admin/communes-ile-de-france.geojson", "", "", 1276),
    ("admin/departements.geojson", "", "", 96),
    ("admin/regions-avec-outre-mer.geojson", "", "", 18),
    ("bdtopo_sarthe/ROUTE.shp", "", "", 1070),
    ("bdtopo_sarthe/SURFACE_EAU.shp", "", "", 133),
    ("bdtopo_sarthe/TRONCON_COURS_EAU.shp", "", "", 97),
    ("entrepot/CANTON/CANTON.shp", "", "", 61),
    ("fgb/alldatatypes.fgb", "", "EPSG:4326", 1),
    ("fgb/countries.fgb", "", "", 179),
    ("fgb/unknown_feature_count.fgb", "", "", 1),
    ("geoparquet/data-linestring-encoding_wkb.parquet", "", "", 1),
    ("geoparquet/data-multipoint-encoding_wkb.parquet", "", "", 2),
    ("geoparquet/data-multipolygon-encoding_wkb.parquet", "", "", 3),
    ("geoparquet/example-crs_vermont-custom_geo.parquet", "", "", 1),
    ("geoparquet/example-crs_vermont-utm_geo.parquet", "", "", 1),
    ("geoparquet/example.parquet", "", "", 5),
    ("gpkg/curve.gpkg", "", "", 1),
    ("gpkg/curvepolygon.gpkg", "", "", 1),
    ("gpkg/line_zm.gpkg", "", "", 1),
    ("gpkg/multisurface.gpkg", "", "", 1),
    ("gpkg/test_gpkg_nulls.gpkg", "", "", 4),
    ("misc/coutwildrnp.zip", "", "", 67),
    ("natural_earth/countries-50m.json", "countries", "EPSG:4326", 241),
    ("plu_30014/30014_PRESCRIPTION_SURF_20171013.shp", "", "", 77),
    ("plu_30014/30014_ZONE_URBA_20171013.shp", "", "", 90),
]
"""File, layer, CRS to declare, and features with a geometry as GDAL and pyarrow count them."""

REFUSED = [
    ("admin/departements.json", "cannot be read as vectors"),
    ("entrepot/CANTON_style.sld", "cannot be read as vectors"),
    ("entrepot/upload_descriptor.json", "cannot be read as vectors"),
    ("fgb/alldatatypes.fgb", "has no CRS"),
    ("fgb/empty.fgb", "holds no feature with a geometry"),
    ("gpkg/gdal_sample_v1.2_no_extensions.gpkg", "cannot be read as vectors"),
    ("natural_earth/LICENSE", "cannot be read as vectors"),
    ("natural_earth/countries-50m.json", "holds 2 layers: countries, land"),
    ("osm/liechtenstein-2013-08-03.osm.pbf", "holds 5 layers"),
]


def ingest(tmp_path, file, layer="", crs=""):
    store, events = MemoryStore(), []
    spec = JobSpec(
        kind="vector", name="couche", inputs=(str(DATA / file),), prefix="data/1", scratch=str(tmp_path),
        source_layer=layer, crs=crs,
    )  # fmt: skip
    return ingest_vector(spec, events.append, store), store, [e.message for e in events if isinstance(e, Notice)]


async def tiles_of(tmp_path, result, store):
    """Yield tiles at the sample point: five levels of Web Mercator, and of Lambert-93 where that is the layer's CRS."""
    sources = VectorSources(store, tmp_path / "copies", 1 << 30)
    source = result.source
    for name in ("PM", *(["2154_10cm"] if source.crs == "EPSG:2154" else [])):
        tms = tile_matrix_set(name)
        place = Transformer.from_crs("EPSG:4326", tms.crs, always_xy=True).transform(*result.sample)
        opened, _ = await sources.get(published(source), tms.crs)
        last = len(tms.matrices) - 1
        middle = (source.min_zoom + source.max_zoom) // 2
        for zoom in sorted({0, min(source.min_zoom, last), min(middle, last), min(source.max_zoom, last), last}):
            matrix = tms.matrices[zoom]
            bounds = tile_bounds(matrix, *tile_at(matrix, *place))
            yield encode_tile(opened, "couche", bounds=bounds, crs=tms.crs)


async def gathered(tmp_path, result, store):
    return [tile async for tile in tiles_of(tmp_path, result, store)]


@pytest.mark.parametrize(("file", "layer", "crs", "features"), TAKEN, ids=str)
def test_a_real_file_is_taken_whole_and_its_tiles_are_valid_and_small(tmp_path, file, layer, crs, features):
    result, store, notices = ingest(tmp_path, file, layer, crs)
    assert result.source.features == features
    assert not any("origin" in one for one in notices)
    tiles = asyncio.run(gathered(tmp_path, result, store))
    assert any(tiles)
    for tile in tiles:
        assert len(tile) <= MAX_BYTES
        assert check(tile) == []
        for one in mapbox_vector_tile.decode(tile).get("couche", {"features": []})["features"]:
            geometry = shapely.geometry.shape(one["geometry"])
            assert geometry.is_valid, shapely.is_valid_reason(geometry)


@pytest.mark.parametrize(("file", "reason"), REFUSED)
def test_a_real_file_that_cannot_be_taken_is_refused_in_one_line(tmp_path, file, reason):
    with pytest.raises(InputRefused, match=reason) as refused:
        ingest(tmp_path, file)
    assert "\n" not in refused.value.message
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("fgb/countries.fgb", "2 areas were not valid and are mended"),
        ("gpkg/line_zm.gpkg", "lose their measures"),
        ("geoparquet/data-point-encoding_wkb.parquet", "2 features have no usable geometry and are left out"),
    ],
)
def test_what_was_changed_in_a_real_file_is_told_with_its_count(tmp_path, file, told):
    _, _, notices = ingest(tmp_path, file)
    assert any(told in one for one in notices)
