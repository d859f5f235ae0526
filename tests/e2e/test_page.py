"""The page in a real headless Chromium, in front of an engine that answers as ours does."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from pyproj import Transformer

from tests.e2e import page_checks as check
from tests.e2e.made_up_engine import TINTS, TOWN_HALL, Territory, degrees, made_up_engine
from tests.e2e.synthetic_cloud import write_cloud
from tests.servers import chromium

PAGE = Path(__file__).resolve().parents[2] / "web" / "dist"

DESKTOP, PHONE = (1280, 800), (390, 800)

pytestmark = pytest.mark.skipif(not (PAGE / "index.html").exists(), reason="web/dist is not built: run `make setup`")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cloud(tmp_path_factory.mktemp("cloud") / "cloud.copc.laz", points=60_000)


@pytest.fixture(scope="module")
def url(cloud: Path) -> Iterator[str]:
    with made_up_engine(Territory(PAGE, cloud)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.browser() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A desktop page that must have stayed silent and at home."""
    with chromium.recorded_page(browser, DESKTOP) as recorded:
        yield recorded.page
        recorded.recording.assert_clean()


def over_town_hall(zoom: float, layers: str = "") -> str:
    longitude, latitude = degrees(*TOWN_HALL)
    return f"#tab=map&at={zoom}/{latitude:.6f}/{longitude:.6f}" + (f"&layers={layers}" if layers else "")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_map_draws_image_and_vectors_without_complaint_or_foreign_request(browser, url, size):
    with chromium.recorded_page(browser, size) as recorded:
        check.open_map(recorded.page, url)
        picture = check.screenshot(recorded.page, f"map-{size[0]}")
        recorded.recording.assert_clean()
        assert check.layers_shown(recorded.page) == {"batiments", "routes", "communes", "ortho"}
        kinds = {path.rsplit(".", 1)[-1] for status, path in recorded.recording.statuses if path.startswith("/tiles/")}
        assert kinds == {"json", "png", "mvt"}
    assert check.colours(picture[150:600]) > 300


def test_the_map_fits_what_it_shows(page, url):
    check.open_map(page, url)
    x, y = check.coordinates(page, "#position")["lambert93"]
    assert abs(x - TOWN_HALL[0]) < 30
    assert abs(y - TOWN_HALL[1]) < 30


def test_the_panel_lists_every_layer_with_its_links(page, url):
    check.open_map(page, url)
    assert check.layers_listed(page) == ["batiments", "routes", "communes", "ortho", "relief", "lidar"]
    row = page.locator("[data-layer=batiments]")
    row.locator("summary").click()
    assert row.get_by_role("link", name="TileJSON").get_attribute("href") == "/tiles/batiments/PM/tilejson.json"
    assert row.locator("a[href$='.mvt']").count() == 1


def test_a_layer_goes_off_and_on(page, url):
    check.open_map(page, url, over_town_hall(16.5, "ortho"))
    with_image = check.picture_of(page, "#map canvas")
    page.get_by_label("Afficher Orthophotographie 20 cm").uncheck()
    page.wait_for_selector('body[data-map="idle"][data-map-layers=""]')
    bare = check.picture_of(page, "#map canvas")
    assert check.colours(bare[200:400, 200:400]) == 1
    page.get_by_label("Afficher Orthophotographie 20 cm").check()
    page.wait_for_selector('body[data-map="idle"][data-map-layers="ortho"]')
    again = check.picture_of(page, "#map canvas")
    np.testing.assert_allclose(again[200:400, 200:400], with_image[200:400, 200:400], atol=2)


def test_opacity_mixes_a_layer_with_the_ground(page, url):
    check.open_map(page, url, over_town_hall(16.5, "ortho"))
    full = check.picture_of(page, "#map canvas")[200:400, 200:400, :3].astype(float)
    page.get_by_label("Opacité de Orthophotographie 20 cm").fill("50")
    check.wait_for_map(page)
    page.wait_for_timeout(300)
    half = check.picture_of(page, "#map canvas")[200:400, 200:400, :3].astype(float)
    ground = np.array([0xE6, 0xEA, 0xEF])
    np.testing.assert_allclose(half, (full + ground) / 2, atol=3)
    assert "ortho:50" in page.url


def test_a_click_tells_the_attributes_with_their_accents(page, url):
    check.open_map(page, url, over_town_hall(17))
    check.click_map(page)
    check.screenshot(page, "map-click")
    told = check.attributes(page)
    assert told["nom"] == "Hôtel de ville"
    assert told["étages"] == "3"
    assert told["hauteur"] == "14,25"
    assert told["classé"] == "oui"
    assert told["note"] == "élevé à Saint-Çaumes"
    assert "Orthophotographie 20 cm" in page.locator("#card .card-images").inner_text()
    assert "Saint-Émilien-lès-Forêts" in page.locator("#card").inner_text()


def test_a_click_beside_everything_still_tells_where(page, url):
    check.open_map(page, url, over_town_hall(17, "ortho"))
    check.click_map(page)
    assert page.locator("#card .feature").count() == 0
    x, y = check.coordinates(page, "#card")["lambert93"]
    assert (abs(x - TOWN_HALL[0]) < 1, abs(y - TOWN_HALL[1]) < 1) == (True, True)


def test_escape_closes_the_card(page, url):
    check.open_map(page, url, over_town_hall(17))
    check.click_map(page)
    page.locator("#card .card-found").press("Escape")
    assert page.locator("#card").is_hidden()


def test_the_coordinates_of_the_pointer_are_those_of_pyproj(page, url):
    check.open_map(page, url, over_town_hall(16))
    x, y = check.middle(page)
    page.mouse.move(x + 170, y - 120)
    shown = check.coordinates(page, "#position")
    latitude, longitude = shown["wgs84"]
    assert 43 < latitude < 44
    expected = Transformer.from_crs(4326, 2154, always_xy=True).transform(longitude, latitude)
    # Six decimals of a degree are 11 cm, shown to the decimetre.
    np.testing.assert_allclose(shown["lambert93"], expected, atol=0.2)


def test_a_link_restores_position_layers_and_opacity(page, url):
    check.open_map(page, url, over_town_hall(15.5, "relief:40,routes"))
    assert check.layers_shown(page) == {"relief", "routes"}
    assert page.get_by_label("Opacité de Modèle numérique de terrain").input_value() == "40"
    assert "at=15.50/43.58" in page.url
    assert "layers=relief:40,routes" in page.url


def test_a_style_is_chosen_from_the_keyboard_seen_and_kept_in_the_link(page, url):
    check.open_map(page, url, over_town_hall(16.5, "relief"))
    choice = page.get_by_label("Style de Modèle numérique de terrain")
    assert choice.locator("option").all_inner_texts() == ["Valeurs brutes", "Pente", "Relief touristique"]
    assert choice.input_value() == "default"
    assert ":default" not in page.url
    choice.focus()
    choice.press("ArrowDown")
    check.wait_for_map(page)
    page.wait_for_timeout(500)
    picture = check.picture_of(page, "#map canvas")[200:400, 200:400, :3].astype(int)
    assert (np.abs(picture - TINTS["slope"]) <= 2).all()
    assert "layers=relief:100:slope" in page.url
    assert page.evaluate("document.activeElement.id") == "style-relief"
    legend = page.get_by_alt_text("Légende : Pente")
    assert legend.evaluate("image => image.complete && image.naturalWidth") == 60
    check.screenshot(page, "map-style")


def test_a_link_restores_the_style_of_a_layer_in_both_languages(page, url):
    check.open_map(page, url, over_town_hall(16.5, "relief:60:tourisme,ortho"))
    assert page.get_by_label("Style de Modèle numérique de terrain").input_value() == "tourisme"
    assert page.get_by_label("Opacité de Modèle numérique de terrain").input_value() == "60"
    assert "layers=relief:60:tourisme,ortho" in page.url
    assert page.locator("#style-ortho").count() == 0  # one style is no choice
    page.get_by_role("button", name="Passer l’interface en anglais").click()
    choice = page.get_by_label("Style of Modèle numérique de terrain")
    assert choice.locator("option").all_inner_texts() == ["As stored", "Slope", "Relief touristique"]
    choice.select_option("default")
    check.wait_for_map(page)
    assert "layers=relief:60,ortho" in page.url


def test_a_link_to_a_style_that_is_gone_shows_the_default(page, url):
    check.open_map(page, url, over_town_hall(16.5, "relief:100:sepia"))
    assert page.get_by_label("Style de Modèle numérique de terrain").input_value() == "default"
    assert check.layers_shown(page) == {"relief"}
    assert "sepia" not in page.url


def test_the_interface_turns_english_and_stays_so(page, url):
    check.open_map(page, url)
    page.get_by_role("button", name="Passer l’interface en anglais").click()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("tab", name="Map").is_visible()
    page.reload()
    check.wait_for_map(page)
    assert page.locator("#layers h2").inner_text() == "Layers"


def test_the_tabs_work_from_the_keyboard(page, url):
    check.open_map(page, url)
    page.get_by_role("tab", name="Carte").press("ArrowRight")
    assert page.get_by_role("tab", name="3D").get_attribute("aria-selected") == "true"
    assert page.locator("#view-map").is_hidden()


def test_the_3d_code_is_not_loaded_with_the_map(browser, url):
    with chromium.recorded_page(browser) as recorded:
        check.open_map(recorded.page, url)
        assert [path for _, path in recorded.recording.statuses if "scene_page" in path] == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_3d_tab_streams_the_cloud_by_ranges(browser, url, size):
    with chromium.recorded_page(browser, size) as recorded:
        check.open_map(recorded.page, url)
        points = check.open_scene(recorded.page)
        picture = check.screenshot(recorded.page, f"scene-{size[0]}")
        recorded.recording.assert_clean()
        reads = {status for status, path in recorded.recording.statuses if "/copc/" in path}
    assert 1_000 < points <= 60_000
    assert reads == {206}
    ground = (np.abs(picture[60:400, -380:, :3].astype(int) - [0xC0, 0x8A, 0x53]) < 12).all(axis=-1)
    assert ground.sum() > 150


def test_points_can_be_coloured_by_elevation_and_classes_hidden(page, url):
    check.open_map(page, url)
    check.open_scene(page)
    legend = page.locator("[data-class]")
    assert [row.locator(".class-name").inner_text() for row in legend.all()] == [
        "Sol",
        "Végétation basse",
        "Végétation moyenne",
        "Végétation haute",
        "Bâtiment",
        "Eau",
    ]
    before = roofs(check.picture_of(page, "#scene"))
    page.get_by_label("Afficher la classe Bâtiment").uncheck()
    page.wait_for_timeout(1_500)
    after = roofs(check.picture_of(page, "#scene"))
    assert before > 200
    assert after < before / 20
    page.locator("label", has_text="Altitude").click()
    assert page.locator(".ramp").is_visible()
    assert "colour=elevation" in page.url


def roofs(picture):
    """Pixels in the red of buildings."""
    return int((np.abs(picture[..., :3].astype(int) - [0xE5, 0x53, 0x3D]) < 30).all(axis=-1).sum())


def test_an_empty_platform_shows_how_to_publish(browser):
    with made_up_engine(Territory(PAGE, published=False)) as empty, chromium.recorded_page(browser) as recorded:
        recorded.page.goto(empty)
        recorded.page.wait_for_selector("[data-empty]")
        check.screenshot(recorded.page, "map-empty")
        assert "geopf ingest raster" in recorded.page.locator("#layers").inner_text()
        recorded.recording.assert_clean()


def test_a_layer_that_fails_says_so_and_leaves_the_others(browser):
    with made_up_engine(Territory(PAGE, broken_layer=True)) as broken, chromium.recorded_page(browser) as recorded:
        check.open_map(recorded.page, broken, "#tab=map&layers=ortho,cassee")
        row = recorded.page.locator("[data-layer=cassee]")
        assert "La couche ne se charge pas : HTTP 500" in row.inner_text()
        assert check.layers_shown(recorded.page) == {"ortho"}
        assert recorded.recording.page_errors == []


def test_three_thousand_layers_are_searched_not_all_drawn(browser):
    with made_up_engine(Territory(PAGE, more_layers=3_000)) as many, chromium.recorded_page(browser) as recorded:
        check.open_map(recorded.page, many, "#tab=map&layers=ortho")
        assert len(check.layers_listed(recorded.page)) == 60
        recorded.page.get_by_label("Rechercher une couche").fill("essai n° 2999")
        assert check.layers_listed(recorded.page) == ["couche-2999"]
        recorded.page.get_by_label("Rechercher une couche").fill("BATIMENT")
        assert check.layers_listed(recorded.page) == ["batiments"]
        recorded.recording.assert_clean()


def test_the_dark_theme_follows_the_system(browser, url):
    with chromium.recorded_page(browser, dark=True) as recorded:
        check.open_map(recorded.page, url)
        picture = check.screenshot(recorded.page, "map-dark")
        assert picture[100:700, 5:300].mean() < 90
