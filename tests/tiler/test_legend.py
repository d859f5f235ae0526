"""tiler.legend: what the legend of each sort of style says."""

import io

import numpy as np
import pytest
from PIL import Image

from core.layer import RasterSource
from core.style import (
    FLOAT32_MAX,
    MAPBOX,
    Aspect,
    ColourToAlpha,
    Contours,
    Hillshade,
    Ramp,
    Slope,
    Stop,
    Style,
)
from tiler.legend import MAX_ROWS, LegendRow, legend_of

HEIGHTS = RasterSource(href="h", bands=(1,), dtype="float32", rescale=(-5.5, 1000.0))
PHOTO = RasterSource(href="p", bands=(1, 2, 3), dtype="uint8")
CLASSES = RasterSource(href="c", bands=(1,), dtype="uint8")
RED, BLUE = Stop(0, 255, 0, 0), Stop(10, 0, 0, 255, 128)
RED_RGBA, BLUE_RGBA = (255, 0, 0, 255), (0, 0, 255, 128)


def legend(source=HEIGHTS, palette=b"", **style):
    return legend_of(Style(name="a", **style), source, palette)


def labels(rows):
    return [row.label for row in rows]


def test_mixed_colours_are_a_bar():
    found = legend(ramp=Ramp(stops=(RED, BLUE)))
    assert found.bar == (LegendRow(RED_RGBA, "0"), LegendRow(BLUE_RGBA, "10"))
    assert found.rows == ()


def test_intervals_say_from_where_to_where_and_exact_colours_their_value():
    open_start = (Stop(-FLOAT32_MAX, 1, 2, 3), *(RED, BLUE))
    found = legend(ramp=Ramp(stops=open_start, mode="interval"))
    assert labels(found.rows) == ["< 0", "0 – 10", "≥ 10"]
    assert found.rows[1].colour == RED_RGBA
    assert labels(legend(ramp=Ramp(stops=(RED, BLUE), mode="exact")).rows) == ["0", "10"]


def test_what_an_interval_leaves_clear_has_no_row():
    clear = Stop(10, 0, 0, 0, 0)
    assert labels(legend(ramp=Ramp(stops=(RED, clear), mode="interval")).rows) == ["0 – 10"]


def test_the_producers_labels_are_told():
    named = Stop(0, 255, 0, 0, 255, "Forêt")
    assert labels(legend(ramp=Ramp(stops=(named, BLUE), mode="interval")).rows) == ["Forêt", "≥ 10"]
    assert labels(legend(ramp=Ramp(stops=(named, BLUE))).bar) == ["Forêt", "10"]


def test_a_ramp_of_flat_parts_is_classes_with_their_unit_and_what_is_missing():
    flats = [(0, 6, 9), (7, 9, 80), (10, 14, 7)]
    stops = [Stop(value, red, 0, 0) for low, high, red in flats for value in (low, high)]
    ramp = Ramp(stops=(*stops, Stop(91, 170, 165, 165)))
    found = legend(relief=Slope(), ramp=ramp, missing=91)
    assert labels(found.rows) == ["0 – 6°", "7 – 9°", "10 – 14°", "∅"]
    assert [row.colour[0] for row in found.rows] == [9, 80, 7, 170]
    assert found.bar == ()


def test_slopes_in_percent_and_angles_have_their_signs():
    assert labels(legend(relief=Slope(unit="percent")).bar) == ["0 %", "100 %"]
    assert labels(legend(relief=Aspect()).bar) == ["0°", "360°"]


def test_greys_are_a_bar_between_their_limits():
    found = legend()
    assert found.bar == (LegendRow((0, 0, 0, 255), "\N{MINUS SIGN}5.5"), LegendRow((255, 255, 255, 255), "1000"))
    assert labels(legend(expression="(b4-b1)/(b4+b1)").bar) == ["\N{MINUS SIGN}1", "1"]
    assert legend(expression="(b4-b1)/(b4+b1)").notes == ("(b4-b1)/(b4+b1)",)
    assert labels(legend(CLASSES).bar) == ["0", "255"]


def test_bands_are_named_beside_their_light():
    assert legend(PHOTO, bands=(4, 1, 2)).rows == (
        LegendRow((255, 0, 0, 255), "b4"), LegendRow((0, 255, 0, 255), "b1"), LegendRow((0, 0, 255, 255), "b2"),
    )  # fmt: skip


def test_a_palette_of_the_file_is_its_classes_without_the_black_that_fills_it():
    palette = bytes([0, 0, 0, 9, 8, 7, 0, 0, 0, 6, 5, 4]) + bytes(252 * 3)
    found = legend(CLASSES, palette)
    assert labels(found.rows) == ["0", "1", "2", "3"]
    assert [row.colour for row in found.rows[1::2]] == [(9, 8, 7, 255), (6, 5, 4, 255)]
    assert legend(CLASSES, palette, ramp=Ramp(stops=(RED, BLUE))).rows == ()


def test_contours_are_lines_of_their_widths():
    found = legend(relief=Contours(interval=20, colour=(1, 2, 3, 4), width=1.5))
    assert found.rows == (LegendRow((1, 2, 3, 4), "20", 1.5), LegendRow((1, 2, 3, 4), "100", 3.0))
    assert labels(legend(relief=Contours(interval=20, major_every=0)).rows) == ["20"]


def test_codes_of_heights_are_a_formula():
    assert legend(terrain=MAPBOX).notes == ("(R · 65536 + G · 256 + B) · 0.1 \N{MINUS SIGN} 10000",)


def test_a_colour_made_transparent_is_named():
    found = legend(PHOTO, transparent=ColourToAlpha(colour=(255, 255, 254), tolerance=2))
    assert found.rows[-1] == LegendRow((255, 255, 255, 0), "#fffffe ± 2")


def test_the_opacity_of_the_style_is_in_its_colours():
    assert legend(ramp=Ramp(stops=(RED, BLUE)), opacity=0.5).bar[1].colour == (0, 0, 255, 64)


@pytest.mark.parametrize(("azimuth", "bright", "dark"), [(315, (24, 24), (72, 72)), (90, (48, 72), (48, 24))])
def test_light_is_shown_on_a_hill_whose_side_to_the_sun_is_bright(azimuth, bright, dark):
    picture = legend(relief=Hillshade(azimuth=azimuth, z_factor=1e-3)).picture
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("L")).astype(int)
    assert pixels.shape == (96, 96)
    assert pixels[bright] > pixels[0, 0] + 20 > pixels[dark] + 60


def test_rows_are_bounded_and_what_is_left_out_is_counted():
    stops = tuple(Stop(value, 0, 0, 0) for value in range(MAX_ROWS + 5))
    found = legend(ramp=Ramp(stops=stops, mode="exact"))
    assert (len(found.rows), found.left_out) == (MAX_ROWS, 5)
