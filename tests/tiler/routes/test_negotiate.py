"""tiler.routes.negotiate: the best of what both sides have (RFC 9110, section 12.5.1)."""

import pytest

from core.errors import NotAcceptable
from core.layer import PublishedLayer, RasterSource, VectorSource
from tiler.routes.negotiate import choose_extension


def layer(source):
    return PublishedLayer(
        name="l", title="L", offering="o", source=source, bbox=(0, 0, 1, 1), sample=(0.5, 0.5), version="v"
    )


ORTHO = layer(RasterSource(href="h", bands=(1, 2, 3), dtype="uint8"))
TERRAIN = layer(RasterSource(href="h", bands=(1,), dtype="float32"))
ROADS = layer(VectorSource(href="h", geometry_column="g", crs="EPSG:2154", fields={}))
BROWSER = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.mark.parametrize(
    ("one", "accept", "extension"),
    [
        (ORTHO, "", "webp"),
        (TERRAIN, "", "png"),
        (ROADS, "", "mvt"),
        (ORTHO, "*/*", "webp"),
        (ORTHO, BROWSER, "webp"),
        (TERRAIN, BROWSER, "png"),
        (ORTHO, "image/png", "png"),
        (ORTHO, "image/png;q=0.3, image/jpeg", "jpg"),
        (ORTHO, "image/*;q=0.5, image/png;q=0.9", "png"),
        (ORTHO, "image/webp;q=0, */*", "png"),
        (TERRAIN, "image/tiff", "tif"),
        (TERRAIN, "image/tiff; application=geotiff; q=0.4, image/x-bil;bits=32", "bil"),
        (TERRAIN, "application/x-npy, */*;q=0.1", "npy"),
        (ORTHO, "IMAGE/PNG ; Q=1.0", "png"),
        (ORTHO, "image/png;q=none, image/jpeg;q=0.1", "jpg"),
        (ROADS, "application/vnd.mapbox-vector-tile", "mvt"),
        (ROADS, BROWSER, "mvt"),
    ],
)
def test_the_format_liked_best_is_taken(one, accept, extension):
    assert choose_extension(one, accept) == extension


@pytest.mark.parametrize("accept", ["text/html", "image/avif", "image/png;q=0", "application/json, text/*"])
def test_a_layer_that_has_none_of_the_formats_says_which_it_has(accept):
    with pytest.raises(NotAcceptable, match="image/png or image/jpeg or image/webp"):
        choose_extension(ORTHO, accept)


def test_only_the_first_ranges_of_an_endless_header_count():
    with pytest.raises(NotAcceptable):
        choose_extension(ORTHO, "text/html," * 100_000 + "image/png")
