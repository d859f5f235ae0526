"""control.configurations.styles: styles of published layers, changed without storing data again."""

import pytest
from msgspec.structs import replace

from control.configurations.styles import restyle
from control.delivery import list_layers
from control.publish import read_manifest
from core.errors import BadRequest, InputRefused, LayerNotFound
from core.layer import VectorSource
from core.map_style import MapStyle
from core.style import FLOAT32_MAX, Hillshade, Ramp, Slope, Stop, Style
from tests.control.rows import add_layer

RED = Style(name="rouge", title="Forêt & co", bands=(1,), ramp=Ramp(stops=(Stop(0.1, 255, 0, 0, 9, "bas"),)))
SOBER = MapStyle(name="sobre", document='{"layers": [{"id": "r", "type": "line", "source-layer": "routes"}]}')
OTHER_SOURCE = MapStyle(name="b", document='{"layers": [{"id": "murs", "type": "fill", "source-layer": "batiments"}]}')
SHADE = Style(name="shade", bands=(2,), relief=Hillshade(z_factor=0.3))


async def test_a_layer_is_delivered_in_its_styles(desk):
    layer = await desk.deliver(styles=(RED, SHADE))
    assert layer.styles == (RED, SHADE)
    assert await desk.published() == {"ortho": layer}


async def test_other_styles_are_another_version_and_the_same_data(desk):
    plain = await desk.deliver()
    red = await restyle(desk.pool, desk.store, "ortho", (RED, SHADE))
    assert await desk.published() == {"ortho": red}
    turned = await restyle(desk.pool, desk.store, "ortho", (SHADE, RED))
    assert len({plain.version, red.version, turned.version}) == 3
    assert turned.source == plain.source
    assert desk.objects() == [plain.source.href]
    assert await restyle(desk.pool, desk.store, "ortho", ()) == plain
    assert await desk.published() == {"ortho": plain}


@pytest.mark.parametrize("value", [-FLOAT32_MAX, 1e-40, 0.1, 1 / 3, -99999.0])
async def test_numbers_come_back_from_the_database_as_they_were(pool, store, result, value):
    await add_layer(pool, "ortho", result)
    style = Style(name="a", bands=(1,), ramp=Ramp(stops=(Stop(value, 1, 2, 3, 4, "é ⊂ \U0001f332"),), mode="exact"))
    layer = await restyle(pool, store, "ortho", (style,))
    assert layer.styles == (style,)
    assert (await list_layers(pool))[0] == layer


async def test_replaced_data_keep_the_styles_unless_others_are_given(desk):
    first = await desk.deliver(styles=(RED,))
    again = await desk.deliver(replace=True)
    assert again.styles == (RED,)
    assert again.version != first.version
    assert (await desk.deliver(replace=True, styles=(SHADE,))).styles == (SHADE,)
    assert (await desk.deliver(replace=True, styles=())).styles == ()


@pytest.mark.parametrize(
    ("kind", "styles", "told"),
    [
        ("vector", (RED,), "styles are for rasters, not for vector"),
        ("points", (RED,), "styles are for rasters, not for points"),
        ("raster", (SOBER,), "MapLibre styles are for vectors, not for raster"),
        ("points", (SOBER,), "MapLibre styles are for vectors, not for points"),
    ],
)
async def test_each_kind_has_styles_of_its_own(desk, kind, styles, told):
    with pytest.raises(BadRequest, match=told):
        await desk.deliver(kind=kind, styles=styles)
    await desk.assert_nothing_left()


@pytest.fixture
def roads(result):
    """What a delivery of roads left."""
    return replace(result, source=VectorSource(href="v", geometry_column="g", crs="EPSG:2154", fields={}))


async def test_vectors_are_published_in_map_styles_and_their_version_follows(pool, store, roads):
    await add_layer(pool, "routes", roads, kind="vector")
    (plain,) = await list_layers(pool)
    drawn = await restyle(pool, store, "routes", (SOBER,))
    assert drawn.map_styles == (SOBER,)
    assert drawn.version != plain.version
    assert await list_layers(pool) == (drawn,)
    other = await restyle(pool, store, "routes", (replace(SOBER, title="Autre"),))
    assert len({plain.version, drawn.version, other.version}) == 3
    assert await restyle(pool, store, "routes", ()) == plain


@pytest.mark.parametrize(
    ("styles", "told"),
    [
        ((OTHER_SOURCE,), "layer 'murs' of style b draws the source-layer 'batiments', .*: use routes"),
        ((SOBER, replace(SOBER, document="{}")), "two styles are named sobre"),
        ((replace(SOBER, document='{"layers": 3}'),), "has no list of layers"),
        ((SOBER, RED), "such styles are for rasters: give MapLibre styles"),
    ],
)
async def test_a_map_style_that_does_not_fit_is_refused_and_nothing_changes(pool, store, roads, styles, told):
    await add_layer(pool, "routes", roads, kind="vector")
    with pytest.raises(BadRequest, match=told):
        await restyle(pool, store, "routes", styles)
    assert (await list_layers(pool))[0].map_styles == ()
    assert await read_manifest(store) is None


async def test_map_styles_are_for_no_raster(pool, store, result):
    await add_layer(pool, "ortho", result)
    with pytest.raises(BadRequest, match="ortho is of kind raster: MapLibre styles are for vectors"):
        await restyle(pool, store, "ortho", (SOBER,))


async def test_vectors_delivered_with_map_styles_keep_them(desk):
    first = await desk.deliver("vector", name="routes", kind="vector", as_is=False, styles=(SOBER,))
    assert first.map_styles == (SOBER,)
    again = await desk.deliver("vector", name="routes", kind="vector", as_is=False, replace=True)
    assert again.map_styles == (SOBER,)
    assert again.version != first.version
    gone = await desk.deliver("vector", name="routes", kind="vector", as_is=False, replace=True, styles=())
    assert gone.map_styles == ()


async def test_a_layer_that_holds_no_raster_is_not_styled(pool, store, result):
    source = VectorSource(href="v", geometry_column="g", crs="EPSG:2154", fields={})
    await add_layer(pool, "routes", replace(result, source=source), kind="vector")
    with pytest.raises(BadRequest, match="routes is of kind vector: such styles are for rasters"):
        await restyle(pool, store, "routes", (RED,))
    assert (await list_layers(pool))[0].styles == ()


@pytest.mark.parametrize(
    ("style", "told"),
    [
        (Style(name="a", bands=(4,)), "style a has band 4, and the files have 3"),
        (Style(name="a", expression="b5 - b1"), "style a has band 5, and the files have 3"),
        (Style(name="a", relief=Slope()), "one band to show, and the layer shows 3"),
        (Style(name="a", expression="open(b1)"), "'open.b1.' cannot be used"),
        (Style(name="a b"), "cannot be the name of a style"),
    ],
)
async def test_a_style_that_does_not_fit_the_layer_is_refused_and_nothing_changes(pool, store, result, style, told):
    await add_layer(pool, "ortho", replace(result, source=replace(result.source, band_count=3)))
    with pytest.raises(BadRequest, match=told):
        await restyle(pool, store, "ortho", (RED, style))
    assert (await list_layers(pool))[0].styles == ()
    assert await read_manifest(store) is None


async def test_a_layer_that_does_not_exist_is_named(pool, store):
    with pytest.raises(LayerNotFound, match="'nowhere'"):
        await restyle(pool, store, "nowhere", (RED,))


async def test_styles_that_cannot_be_drawn_are_refused_before_anything_is_begun(desk):
    with pytest.raises(BadRequest, match="two styles are named rouge"):
        await desk.deliver(styles=(RED, RED))
    await desk.assert_nothing_left()
    assert desk.logs() == []


async def test_the_job_learns_which_styles_the_layer_will_have(desk):
    await desk.deliver(styles=(RED,))
    with pytest.raises(InputRefused, match="the styles are rouge"):
        await desk.deliver("tell-styles", replace=True)
