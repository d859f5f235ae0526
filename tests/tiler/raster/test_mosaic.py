"""tiler.raster.mosaic: the tree finds what a look at every box finds, in the order of the files."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadSource
from tests.doubles import MemoryStore
from tiler.raster.mosaic import MosaicIndex, MosaicIndexes, build_index, build_tier, files_in

PLACE = st.floats(-1e6, 1e6)
BOX = st.tuples(PLACE, PLACE, st.floats(0, 5e5), st.floats(0, 5e5)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


def meet(one, other):
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


@settings(max_examples=80, deadline=None)
@given(st.lists(BOX, min_size=1, max_size=120), BOX)
def test_the_files_found_are_those_whose_box_meets_the_other(boxes, wanted):
    hrefs = [f"m/{number}.tif" for number in range(len(boxes))]
    index = build_index("EPSG:2154", hrefs, boxes)
    assert files_in(index, wanted, 1.0) == [href for href, box in zip(hrefs, boxes, strict=True) if meet(box, wanted)]


def test_an_index_survives_being_stored():
    index = build_index("EPSG:2154", ["a.tif", "b.tif"], [(0, 0, 1, 1), (2, 2, 3, 3)])
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(index), type=MosaicIndex)
    assert files_in(again, (2.5, 2.5, 2.6, 2.6), 1.0) == ["b.tif"]


def test_the_tier_is_the_coarsest_that_is_fine_enough():
    tiers = tuple(build_tier(cell, [f"{cell}.tif"], [(0, 0, 100, 100)]) for cell in (0.2, 6.4, 204.8))
    index = MosaicIndex("EPSG:2154", "layer/", tiers)
    for cell, expected in [(0.1, 0.2), (0.2, 0.2), (3.2, 0.2), (6.0, 6.4), (6.4, 6.4), (51.2, 6.4), (1000.0, 204.8)]:
        assert files_in(index, (10, 10, 20, 20), cell) == [f"layer/{expected}.tif"]


def test_names_of_any_script_come_back_whole():
    names = ["été/é.tif", "日本.tif", "a"]
    index = MosaicIndex("EPSG:2154", "", (build_tier(1.0, names, [(0, 0, 1, 1)] * 3),))
    assert files_in(index, (0, 0, 1, 1), 1.0) == names


@pytest.fixture
def stored():
    store = MemoryStore()
    boxes = [(col, 0, col + 1, 1) for col in range(100)]
    index = build_index("EPSG:2154", [f"m/{col}.tif" for col in range(100)], boxes)
    store.objects["m/index"] = msgspec.msgpack.encode(index)
    return store


async def test_an_index_is_read_once(stored):
    indexes = MosaicIndexes(stored, 1 << 20)
    for col in (3, 70):
        assert files_in(await indexes.get("m/index"), (col + 0.4, 0.4, col + 0.6, 0.6), 1.0) == [f"m/{col}.tif"]
    assert len(stored.calls) == 1


@pytest.mark.parametrize("beyond", [-100, 100], ids=["object", "decoded"])
async def test_an_index_that_may_not_be_kept_is_refused_and_never_read_for_every_tile(stored, beyond):
    capacity = len(stored.objects["m/index"]) + beyond
    with pytest.raises(BadSource, match="more than indexes may") as caught:
        await MosaicIndexes(stored, capacity).get("m/index")
    assert "GEOPF_HEADER_CACHE_BYTES" in caught.value.remedy


async def test_what_is_no_index_is_told(stored):
    stored.objects["m/index"] = b"GIF89a"
    with pytest.raises(BadSource, match="not the index of a mosaic"):
        await MosaicIndexes(stored, 1 << 20).get("m/index")
