"""core.style: what a style knows of itself."""

from core.style import MAPBOX, Ramp, Slope, Stop, Style, find_style

RAMP = Ramp(stops=(Stop(0, 0, 0, 0), Stop(10, 255, 255, 255)))


def test_a_style_is_found_by_its_name():
    styles = (Style(name="a"), Style(name="b"))
    assert find_style(styles, "b") is styles[1]
    assert find_style(styles, "c") is None


def test_reliefs_look_at_the_neighbours_and_terrain_must_not_be_lossy():
    assert Style(name="a").border == 0
    assert Style(name="a", relief=Slope()).border == 1
    assert Style(name="a", terrain=MAPBOX).lossless
    assert not Style(name="a", ramp=RAMP).lossless
