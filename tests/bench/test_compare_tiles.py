import gzip

import mapbox_vector_tile
import pytest
import shapely

from bench.compare_tiles import feature_difference
from core.errors import BadSource


def tile(boxes, *, extent=4096, **changed):
    features = [
        {"geometry": shapely.box(*box), "properties": {"cleabs": name, "hauteur": 4.5, "etages": 2, **changed}}
        for name, box in boxes.items()
    ]
    options = {"extents": extent, "y_coord_down": True}
    return mapbox_vector_tile.encode([{"name": "b", "features": features}], default_options=options)


INSIDE = {f"B{number}": (10 * number, 10, 10 * number + 8, 20) for number in range(100)}


def test_tiles_with_the_same_features_do_not_differ():
    assert feature_difference(tile(INSIDE), tile(INSIDE), "cleabs") == 0.0


def test_one_feature_in_a_hundred_is_a_hundredth():
    fewer = {name: box for name, box in INSIDE.items() if name != "B7"}
    assert feature_difference(tile(INSIDE), tile(fewer), "cleabs") == pytest.approx(0.01)


def test_another_feature_in_the_place_of_one_counts_for_both():
    other = {name if name != "B7" else "C7": box for name, box in INSIDE.items()}
    assert feature_difference(tile(INSIDE), tile(other), "cleabs") == pytest.approx(0.02)


def test_what_lies_in_the_margin_does_not_count():
    wider = {**INSIDE, "M1": (-60, -60, -20, -20), "M2": (4100, 4100, 4150, 4150)}
    assert feature_difference(tile(INSIDE), tile(wider), "cleabs") == 0.0


def test_compression_makes_no_difference():
    assert feature_difference(gzip.compress(tile(INSIDE)), tile(INSIDE), "cleabs") == 0.0


def test_another_attribute_is_named():
    with pytest.raises(BadSource, match=r"etages of B\d+ is 2 in ours and 3 in the peer's"):
        feature_difference(tile(INSIDE), tile(INSIDE, etages=3), "cleabs")


def test_a_whole_number_and_the_same_as_a_float_are_equal():
    assert feature_difference(tile(INSIDE, hauteur=5.0), tile(INSIDE, hauteur=5), "cleabs") == 0.0


@pytest.mark.parametrize("wrong", [b"", b"no tile at all", b"\x1f\x8bnot gzip"])
def test_what_is_no_tile_is_refused(wrong):
    with pytest.raises(BadSource):
        feature_difference(tile(INSIDE), wrong, "cleabs")


def test_tiles_that_share_no_feature_are_refused():
    with pytest.raises(BadSource, match="no feature is in both tiles: ours has 100, the peer's 1"):
        feature_difference(tile(INSIDE), tile({"X": (1, 1, 5, 5)}), "cleabs")
