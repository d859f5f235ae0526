"""tiler.coverage: where a layer has tiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from core.layer import PublishedLayer, RasterSource
from tiler.coverage import bounds_in, layer_limits, offered_sets, sample_tile
from tiler.matrix import tile_bounds, tile_matrix_set

SARTHE = (0.1, 47.6, 0.5, 48.0)
REUNION = (55.3, -21.3, 55.7, -20.9)


def layer(sample=(0.2, 47.8), bbox=SARTHE):
    source = RasterSource(href="h", bands=(1, 2, 3), dtype="uint8")
    return PublishedLayer(name="l", title="L", offering="o", source=source, bbox=bbox, sample=sample, version="v")


def test_a_box_becomes_the_box_around_it_in_another_crs():
    west, south, east, north = bounds_in(SARTHE, "EPSG:2154")
    transformer = Transformer.from_crs(4326, 2154, always_xy=True)
    for lon in (0.1, 0.3, 0.5):
        for lat in (47.6, 47.8, 48.0):
            x, y = transformer.transform(lon, lat)
            assert west - 1 <= x <= east + 1
            assert south - 1 <= y <= north + 1


def test_the_whole_world_has_bounds_in_web_mercator():
    assert bounds_in((-180.0, -90.0, 180.0, 90.0), "EPSG:3857") == pytest.approx(
        (-20037508.34, -20037508.34, 20037508.34, 20037508.34), rel=1e-6
    )


def test_metropolitan_layers_are_offered_in_lambert_93_and_not_in_utm_40_south():
    offered = offered_sets(SARTHE)
    assert offered[:3] == ("PM", "WebMercatorQuad", "WGS84G")
    assert {"2154_10cm", "LAMB93_IGNF"} <= set(offered)
    assert "RGR92UTM40S_10cm" not in offered


def test_overseas_layers_are_offered_in_their_own_sets():
    offered = offered_sets(REUNION)
    assert "2975_10cm" in offered
    assert "2154_10cm" not in offered


@given(st.floats(-5, 9), st.floats(42, 51), st.integers(0, 21))
def test_the_sample_tile_holds_the_sample_point(lon, lat, zoom):
    z, col, row = sample_tile(layer(sample=(lon, lat)), zoom)
    west, south, east, north = tile_bounds(tile_matrix_set("PM").by_id[str(z)], col, row)
    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)
    assert west - 1e-6 <= x <= east + 1e-6
    assert south - 1e-6 <= y <= north + 1e-6


def test_limits_hold_the_sample_tile_and_not_its_antipode():
    z, col, row = sample_tile(layer(), 14)
    limits = layer_limits(SARTHE, "PM", str(z))
    assert limits.holds(col, row)
    assert not limits.holds(2**14 - col, 2**14 - row)
