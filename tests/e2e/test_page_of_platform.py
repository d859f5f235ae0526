"""The page in front of a real platform: both tabs show its data."""

import pytest
from pyproj import Transformer

from tests.e2e import page_checks as check
from tests.e2e.territory import NAMES, NORTH, WEST
from tests.e2e.test_page import PAGE
from tests.servers.chromium import browser_page

pytestmark = [
    pytest.mark.xdist_group("platform"),
    pytest.mark.skipif(not (PAGE / "index.html").exists(), reason="web/dist is not built: run `make setup`"),
]


def test_the_page_shows_image_buildings_and_points_of_the_platform(platform):
    lon, lat = Transformer.from_crs(2154, 4326, always_xy=True).transform(WEST + 10, NORTH - 25)
    with browser_page((1280, 800)) as recorded:
        page = recorded.page
        check.open_map(page, platform.url, f"#tab=map&at=19/{lat:.6f}/{lon:.6f}&layers=ortho,batiments")
        assert {"ortho", "batiments", "lidar"} <= set(check.layers_listed(page))
        picture = check.screenshot(page, "platform-map")
        assert check.colours(picture[150:600]) > 300
        check.click_map(page)
        assert check.attributes(page)["nom"] == NAMES[0]
        assert check.open_scene(page) > 1000
        check.screenshot(page, "platform-scene")
        recorded.recording.assert_clean()
