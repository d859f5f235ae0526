"""tiler.address: a level that is known by its path is the one that the path names."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadRequest, GeoplateformeError, TileNotFound
from core.layer import ArchiveSource, PublishedLayer
from core.table import LayerTable
from tiler import address as module
from tiler.address import ENCODING, TileLevels, address, place_tile
from tiler.vector.select import Selection

LAYER = PublishedLayer(
    name="a", title="A", offering="o", source=ArchiveSource(href="a.pmtiles", tile_type="png"),
    bbox=(-5.0, 41.0, 10.0, 51.0), sample=(2.5, 46.5), version="1",
)  # fmt: skip


@pytest.fixture
def table():
    made = LayerTable()
    made.replace(1, [LAYER])
    return made


def remembering(*paths):
    """Levels after tiles at these paths were asked for."""
    levels = TileLevels()
    for path in paths:
        _, _, _, tms, z, x, file = path.split("/")
        y, _, extension = file.partition(".")
        levels.remember(path, x, file, address(LAYER, tms, z, x, y, extension).level)
    return levels


def outcome(call):
    """What a call returns, or the error it ends in."""
    try:
        return call()
    except GeoplateformeError as error:
        return type(error), str(error)


KNOWN = ("/tiles/a/PM/6/33/22.png", "/tiles/a/PM/7/66/44.webp", "/tiles/a/2154_10cm/3/0/0.png")
PARTS = st.sampled_from(
    [
        "",
        "0",
        "33",
        "22.png",
        "44.webp",
        "22.jpg",
        "22@2x.png",
        "22@3x.png",
        "%33",
        "-1",
        "1e1",
        "\u0663",
        "9" * 20,
        "x",
    ]
)


@settings(deadline=None)
@given(st.sampled_from(["/tiles/a/PM/6", "/tiles/a/PM/7", "/tiles/a/PM/8", "/tiles/b/PM/6", "", "/"]), PARTS, PARTS)
def test_what_is_found_is_what_the_whole_way_tells_and_never_more(begin, x, file):
    table = LayerTable()
    table.replace(1, [LAYER])
    levels = remembering(*KNOWN)
    y, _, extension = file.partition(".")
    told = outcome(lambda: levels.find(f"{begin}/{x}/{file}", table))
    if told is not None:
        assert told == outcome(lambda: address(LAYER, "PM", begin[-1], x, y, extension))
        assert begin in {path.rsplit("/", 2)[0] for path in KNOWN}


def test_levels_of_paths_that_were_asked_for_are_found(table):
    levels = remembering(*KNOWN)
    found = levels.find("/tiles/a/PM/6/32/21.png", table)
    assert found == address(LAYER, "PM", "6", "32", "21", "png")
    assert found.etag == f'"1-{ENCODING}--PM-6-32-21-1.png"'
    assert levels.find("/tiles/a/PM/6/32/21@2x.png", table).scale == 2
    assert levels.find("/tiles/a/PM/6/32/21.jpg", table) is None
    with pytest.raises(TileNotFound, match="column 64"):
        levels.find("/tiles/a/PM/6/64/21.png", table)
    with pytest.raises(BadRequest, match="@4x"):
        levels.find("/tiles/a/PM/6/32/21@4x.png", table)


def test_a_layer_published_anew_or_not_any_more_is_not_found_under_its_old_levels(table):
    levels = remembering(*KNOWN)
    table.replace(1, [msgspec.structs.replace(LAYER, version="2")])
    assert levels.find(KNOWN[0], table) is None
    table.replace(2, [])
    assert levels.find(KNOWN[0], table) is None


@pytest.mark.parametrize(
    ("path", "x", "file"),
    [
        ("/tiles/a/PM/6/33/22.png/", "33", "22.png"),
        ("/tiles/a/PM/6/%33%33/22.png", "33", "22.png"),
        ("/tiles/a/PM/6/33/22", "33", "22"),
    ],
)
def test_paths_that_say_more_are_not_remembered(path, x, file):
    levels = TileLevels()
    levels.remember(path, x, file, address(LAYER, "PM", "6", "33", "22", "png").level)
    assert levels._known == {}


def test_levels_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_LEVELS", 5)
    levels = TileLevels()
    level = address(LAYER, "PM", "6", "33", "22", "png").level
    for number in range(23):
        levels.remember(f"/tiles/{'/' * number}a/PM/6/33/22.png", "33", "22.png", level)
        assert len(levels._known) <= 5


def test_what_is_selected_is_part_of_the_tag():
    level = address(LAYER, "PM", "6", "33", "22", "png").level
    plain = place_tile(level, 33, 22)
    tags = {place_tile(level, 33, 22, selection=Selection(keys=keys)).etag for keys in ((), ("a",), ("a", "b"))}
    assert len(tags | {plain.etag, place_tile(level, 33, 22, scale=2).etag, place_tile(level, 22, 33).etag}) == 6


def test_an_archive_has_its_own_level_in_web_mercator_alone():
    assert address(LAYER, "WebMercatorQuad", "6", "33", "22", "png").level.zoom == 6
    assert address(LAYER, "2154_10cm", "3", "0", "0", "png").level.zoom is None
