"""tiler.styles: the styles a layer is offered in."""

import msgspec
import pytest

from core.errors import StyleNotFound
from core.layer import PublishedLayer, RasterSource, VectorSource
from core.style import Slope, Style
from core.style_check import check_style
from tiler.styles import StyleBook, layer_styles, nice_step, style_of, style_summaries

HEIGHTS = RasterSource(href="h", bands=(1,), dtype="float32", rescale=(0.0, 1000.0))
PHOTO = RasterSource(href="p", bands=(1, 2, 3), dtype="uint8")


def layer(source=HEIGHTS, styles=(), version="v"):
    return PublishedLayer(
        name="a", title="A", offering="o", source=source, bbox=(0, 0, 1, 1), sample=(0, 0), version=version,
        styles=styles,
    )  # fmt: skip


def names(one):
    return [style.name for style in layer_styles(one)]


def test_heights_have_the_styles_of_a_surface_and_a_photo_has_its_own_look():
    surface = ["hillshade", "elevation", "slope", "aspect", "contours", "terrain-rgb", "terrarium"]
    assert names(layer()) == ["default", *surface]
    assert names(layer(PHOTO)) == ["default"]
    assert [check_style(style) for style in layer_styles(layer())]


def test_the_first_of_a_layers_own_styles_is_its_default():
    own = (Style(name="pente", relief=Slope()), Style(name="slope"))
    one = layer(styles=own)
    assert names(one)[:3] == ["pente", "slope", "hillshade"]
    assert names(one).count("slope") == 1
    assert style_of(one) is style_of(one, "default") is own[0]
    assert style_of(one, "slope") is own[1]


def test_a_style_that_is_not_offered_is_named_with_those_that_are():
    with pytest.raises(StyleNotFound, match="a has no style 'sepia': its styles: default"):
        style_of(layer(PHOTO), "sepia")
    vector = VectorSource(href="v", geometry_column="g", crs="EPSG:2154", fields={})
    assert layer_styles(layer(vector)) == ()
    with pytest.raises(StyleNotFound, match="its styles: none"):
        style_of(layer(vector), "a")


def test_a_style_is_prepared_once_for_a_version_of_a_layer():
    book = StyleBook()
    first = book.get(layer(), style_of(layer(), "elevation"))
    assert book.get(layer(), style_of(layer(), "elevation")) is first
    later = layer(msgspec.structs.replace(HEIGHTS, rescale=(0.0, 10.0)), version="w")
    assert book.get(later, style_of(later, "elevation")) is not first


@pytest.mark.parametrize(
    ("step", "nice"), [(1.0, 1), (1.9, 1), (2.0, 2), (49, 20), (50, 50), (0.07, 0.05), (1e-3, 1e-3)]
)
def test_contours_are_a_round_number_apart(step, nice):
    assert nice_step(step) == pytest.approx(nice)


def test_clients_are_told_which_styles_are_values():
    told = {one.name: one.lossless for one in style_summaries(layer())}
    assert told["terrain-rgb"]
    assert not told["hillshade"]
