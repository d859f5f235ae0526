"""MapLibre itself, in a real Chromium, draws a layer from nothing but the address of its style."""

import json
from pathlib import Path

import numpy as np
import pytest
from pyproj import Transformer

from tests.e2e import page_checks as check
from tests.e2e.territory import NAMES, NORTH, WEST
from tests.servers.chromium import browser_page

MAPLIBRE = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "maplibre-gl" / "dist"
SITE = Path(__file__).resolve().parents[2] / "web" / "dist"
ROOT = "/annexes/ressources/vectorTiles"

pytestmark = [
    pytest.mark.xdist_group("platform"),
    pytest.mark.skipif(not MAPLIBRE.exists(), reason="web/node_modules is not there: run `make setup`"),
]

PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<link rel="stylesheet" href="maplibre-gl.css">
<style>html, body, #map { margin: 0; height: 100%% }</style><div id="map"></div>
<script type="module">
import { Map, setWorkerUrl } from "./maplibre-gl.mjs";
setWorkerUrl(new URL("./maplibre-gl-worker.mjs", location.href).href);
const map = window.map = new Map({ container: "map", style: %(style)s, center: %(centre)s, zoom: 18.6,
  attributionControl: false, fadeDuration: 0 });
map.on("error", ({ error }) => console.error(error));
map.on("styleimagemissing", ({ id }) => console.error("no image " + id));
map.once("load", () => {
  map.addLayer({ id: "roofs", type: "fill", source: "batiments", "source-layer": "batiments",
    paint: { "fill-pattern": "hatch" } }, "batiments/outline");
  map.addLayer({ id: "stars", type: "symbol", source: "batiments", "source-layer": "batiments",
    layout: { "icon-image": "star", "icon-offset": [0, 40], "icon-allow-overlap": true },
    paint: { "icon-color": "#0000ff" } });
  map.once("idle", () => { document.body.dataset.map = "idle"; });
});
</script>"""
TYPES = {".mjs": "text/javascript", ".css": "text/css"}


def near(picture, colour, reach=24):
    """How many pixels have about a colour."""
    return int((np.abs(picture[..., :3].astype(int) - colour).max(axis=-1) <= reach).sum())


def test_maplibre_draws_a_layer_with_its_names_and_icons_from_the_address_of_its_style(platform):
    lon, lat = Transformer.from_crs(2154, 4326, always_xy=True).transform(WEST + 50, NORTH - 25)
    style = f"{platform.url}{ROOT}/styles/batiments/default.json"
    html = PAGE % {"style": json.dumps(style), "centre": json.dumps([lon, lat])}

    def serve(route):
        name = route.request.url.rpartition("/")[2]
        if name == "map.html":
            route.fulfill(body=html, content_type="text/html")
        else:
            route.fulfill(body=(MAPLIBRE / name).read_bytes(), content_type=TYPES[Path(name).suffix])

    with browser_page((900, 500)) as recorded:
        page = recorded.page
        page.context.route("**/trial/*", serve)
        page.goto(f"{platform.url}/trial/map.html")
        page.wait_for_selector('body[data-map="idle"]', timeout=check.MAP_TIMEOUT_MS)
        names = page.evaluate(
            "map.queryRenderedFeatures({ layers: ['batiments/label-polygon'] }).map((one) => one.properties.nom)"
        )
        assert set(names) <= set(NAMES)
        assert len(set(names)) >= 3
        picture = check.screenshot(page, "map-style-json")
        recorded.recording.assert_clean()
    assert near(picture, (107, 50, 8)) > 150  # letters
    assert near(picture, (0, 0, 255)) > 150  # stars
    asked = {path for status, path in recorded.recording.statuses if status == 200}
    assert f"{ROOT}/fonts/Source%20Sans%20Pro%20Semibold/0-255.pbf" in asked
    assert {f"{ROOT}/sprites/geopf.json", f"{ROOT}/sprites/geopf.png"} <= asked


def choose_on_the_page(platform):
    """See the producer's style on the page, half as opaque, then the one that every layer has."""
    lon, lat = Transformer.from_crs(2154, 4326, always_xy=True).transform(WEST + 50, NORTH - 25)
    with browser_page((1280, 800)) as recorded:
        page = recorded.page
        check.open_map(page, platform.url, f"#tab=map&at=19/{lat:.6f}/{lon:.6f}&layers=batiments:50")
        row = page.locator("[data-layer=batiments]")
        assert row.locator("option").all_inner_texts() == ["Sobre", "Standard"]
        assert row.locator("img").count() == 0
        half = check.screenshot(page, "page-map-style")
        row.get_by_label("Opacité de Bâtiments").fill("100")
        check.wait_for_map(page)
        page.wait_for_timeout(300)
        whole = check.picture_of(page, "#map canvas")
        row.locator("select").select_option("standard")
        check.wait_for_map(page)
        page.wait_for_timeout(300)
        standard = check.screenshot(page, "page-map-style-standard")
        recorded.recording.assert_clean()
    assert near(whole, (32, 64, 240), 2) > 1000
    assert near(half, (32, 64, 240), 2) == near(standard, (32, 64, 240), 2) == 0
    assert near(standard, (107, 50, 8)) > 150  # letters of the standard style


def test_styles_are_listed_and_change_while_the_platform_runs(platform, tmp_path):
    told = platform.json(f"{ROOT}/styles/batiments/")
    assert [one["name"] for one in told["styles"]] == ["standard"]
    layer = {"id": "murs", "type": "fill", "source": "plan", "source-layer": "batiments"}
    layer["paint"] = {"fill-color": "#2040f0", "fill-antialias": False}
    style = {"version": 8, "name": "Sobre", "sources": {"plan": {"type": "vector"}}, "layers": [layer]}
    (tmp_path / "sobre.json").write_text(json.dumps(style))
    assert "shown as Sobre" in platform.run("style", "batiments", tmp_path / "sobre.json").stdout
    try:
        platform.wait(f"{ROOT}/styles/batiments/Sobre.json", 200)
        drawn = platform.json(f"{ROOT}/styles/batiments/default.json")
        assert [one["source"] for one in drawn["layers"]] == ["batiments"]
        wrong = {**layer, "source-layer": "bati"}
        (tmp_path / "sobre.json").write_text(json.dumps({**style, "layers": [wrong]}))
        refused = platform.run("style", "batiments", tmp_path / "sobre.json", check=False)
        assert refused.returncode == 1
        assert "draws the source-layer 'bati', which the tiles of batiments do not have" in refused.stderr
        if (SITE / "index.html").exists():
            choose_on_the_page(platform)
    finally:
        platform.run("style", "batiments", "--default")
    platform.wait(f"{ROOT}/styles/batiments/Sobre.json", 404)
