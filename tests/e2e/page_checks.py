"""What a test does with the page, whichever engine serves it: open, wait, read, click, look at the pixels."""

import re
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

SCREENSHOTS = Path(__file__).resolve().parents[1] / "screenshots"

MAP_TIMEOUT_MS = 60_000
SCENE_TIMEOUT_MS = 90_000
"""Software rendering of a cloud on a shared core is slow."""


def open_map(page: Page, url: str, state: str = "") -> None:
    """Open the map and wait until it has drawn all it asked for."""
    page.goto(f"{url}/{state}")
    wait_for_map(page)


def wait_for_map(page: Page) -> None:
    page.wait_for_selector('body[data-map="idle"][data-layers]', timeout=MAP_TIMEOUT_MS)


def open_scene(page: Page) -> int:
    """Open the 3D tab and return how many points it shows once it is at rest."""
    page.get_by_role("tab", name="3D").click()
    page.wait_for_selector("body:is([data-scene=idle], [data-scene=error])", timeout=SCENE_TIMEOUT_MS)
    assert page.evaluate("document.body.dataset.scene") == "idle", page.locator("#scene-status").inner_text()
    return int(page.evaluate("document.body.dataset.pointsDisplayed"))


def layers_listed(page: Page) -> list[str]:
    """Names of the layers in the panel, from top to bottom."""
    return [str(row.get_attribute("data-layer")) for row in page.locator("#layers [data-layer]").all()]


def layers_shown(page: Page) -> set[str]:
    """Names of the layers on the map."""
    return set(str(page.evaluate("document.body.dataset.mapLayers")).split(",")) - {""}


def click_map(page: Page) -> None:
    """Click the middle of the map and wait for the card."""
    x, y = middle(page)
    page.mouse.click(x, y)
    page.wait_for_selector("#card:not([hidden])")


def middle(page: Page) -> tuple[float, float]:
    """Middle of the map, pixels of the page."""
    frame = page.locator("#map canvas").bounding_box()
    assert frame is not None
    return frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2


def attributes(page: Page) -> dict[str, str]:
    """The rows of the first feature on the card."""
    rows = page.locator("#card .feature").first.locator("tr").all()
    return {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows}


def coordinates(page: Page, place: str) -> dict[str, list[float]]:
    """Figures shown as `wgs84` (latitude, longitude) and `lambert93` (easting, northing) inside an element."""
    return {
        key: numbers(page.locator(f"{place} [data-value={key}]").inner_text().replace("-", "−"))
        for key in ("wgs84", "lambert93")
    }


def numbers(written: str) -> list[float]:
    """The numbers of a text in French: spaces between thousands, a comma before decimals."""
    return [
        float(re.sub(r"\s", "", found).replace(",", "."))
        for found in re.findall(r"\d[\d\u202f\u00a0]*(?:,\d+)?", written)
    ]


def screenshot(page: Page, name: str) -> NDArray[np.uint8]:
    """Keep a picture of the page and return it, (rows, cols, bands)."""
    SCREENSHOTS.mkdir(exist_ok=True)
    return read_png(page.screenshot(path=SCREENSHOTS / f"{name}.png"))


def picture_of(page: Page, selector: str) -> NDArray[np.uint8]:
    """A picture of one element, (rows, cols, bands)."""
    return read_png(page.locator(selector).screenshot())


def read_png(data: bytes) -> NDArray[np.uint8]:
    """Decode a picture, (rows, cols, bands)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with MemoryFile(data) as file, file.open() as source:
            return np.moveaxis(source.read(), 0, -1)


def colours(picture: NDArray[np.uint8]) -> int:
    """How many different colours a picture has, five bits a band."""
    coarse = picture[..., :3].astype(np.uint32) >> 3
    return int(np.unique(coarse[..., 0] << 10 | coarse[..., 1] << 5 | coarse[..., 2]).size)
