"""tiler.legend_svg: a document that parses, says what the legend says, and keeps within its frame."""

from xml.etree import ElementTree as ET

import pytest

from tiler.legend import Legend, LegendRow
from tiler.legend_svg import draw_legend

SVG = "{http://www.w3.org/2000/svg}"


def drawn(**parts):
    return ET.fromstring(draw_legend(Legend(title="Pente", **parts)))


def texts(root):
    return [element.text for element in root.iter(f"{SVG}text")]


def rows(count):
    return tuple(LegendRow((at % 256, 2, 3, 255), f"classe {at}") for at in range(count))


def test_it_is_a_picture_with_a_title_for_those_who_hear_it():
    root = drawn(rows=rows(1))
    assert (root.get("role"), root.get("aria-label"), root.find(f"{SVG}title").text) == ("img", "Pente", "Pente")


def test_every_row_has_its_colour_and_its_label():
    root = drawn(
        rows=(LegendRow((255, 0, 10, 255), "a"), LegendRow((1, 2, 3, 51), "b"), LegendRow((4, 5, 6, 255), "c", 2))
    )
    assert texts(root) == ["a", "b", "c"]
    fills = [(one.get("fill"), one.get("fill-opacity")) for one in root.findall(f"{SVG}rect")[1:]]
    assert fills == [("#ff000a", None), ("url(#nothing)", None), ("#010203", "0.2")]
    path = root.findall(f"{SVG}path")[-1]
    assert (path.get("stroke"), path.get("stroke-width")) == ("#040506", "2")


def test_a_bar_has_its_highest_value_at_the_top():
    root = drawn(bar=(LegendRow((0, 0, 0, 255), "0"), LegendRow((9, 9, 9, 255), "5"), LegendRow((255, 0, 0, 0), "10")))
    stops = [(one.get("offset"), one.get("stop-color"), one.get("stop-opacity")) for one in root.iter(f"{SVG}stop")]
    assert stops == [("0", "#ff0000", "0"), ("0.5", "#090909", "1"), ("1", "#000000", "1")]
    heights = [float(element.get("y")) for element in root.iter(f"{SVG}text")]
    assert texts(root) == ["10", "5", "0"]
    assert heights == sorted(heights)


def test_a_bar_of_many_colours_tells_some_and_both_ends():
    told = texts(drawn(bar=tuple(LegendRow((at % 256, 0, 0, 255), str(at)) for at in range(1000))))
    assert len(told) <= 26
    assert {"0", "999"} <= set(told)


def test_markup_in_a_label_is_text():
    root = drawn(rows=(LegendRow((0, 0, 0, 255), '<script>alert("&")</script>\n b'),), notes=("a < b",))
    assert texts(root) == ["a < b", '<script>alert("&")</script> b']
    assert "script" not in {element.tag.removeprefix(SVG) for element in root.iter()}


def test_a_title_with_quotes_stays_in_its_attribute():
    root = ET.fromstring(draw_legend(Legend(title='l\'"ortho" <a>')))
    assert root.get("aria-label") == root.find(f"{SVG}title").text == 'l\'"ortho" <a>'


@pytest.mark.parametrize("count", [1, 24, 25, 256])
def test_all_is_inside_the_frame(count):
    root = drawn(rows=rows(count), left_out=3, picture=b"png", notes=("une note",))
    width, height = float(root.get("width")), float(root.get("height"))
    assert "… + 3" in texts(root)
    for element in root.iter():
        if element.get("x") is not None:
            assert 0 <= float(element.get("x")) <= width - float(element.get("width", 0))
            assert 0 <= float(element.get("y")) <= height - float(element.get("height", 0))


def test_one_colour_alone_is_a_bar_too():
    assert texts(drawn(bar=(LegendRow((1, 2, 3, 255), "7"),))) == ["7"]
