import pytest

from bench.scenario import Target, find_scenario, scenario_names
from core.errors import NotFound


@pytest.mark.parametrize(
    ("ours", "ratio", "expected"),
    [
        (200.0, 30.0, True),
        (90.0, 30.0, True),  # a slower machine: the ratio decides
        (200.0, 29.9, False),
        (200.0, None, None),
        (None, None, False),
    ],
)
def test_the_ratio_decides_where_the_target_has_one(ours, ratio, expected):
    assert Target(value=100.0, ratio=30.0).holds(ours, ratio) is expected


@pytest.mark.parametrize(("ours", "expected"), [(100.0, True), (99.9, False), (None, False)])
def test_the_value_decides_where_the_target_has_no_ratio(ours, expected):
    assert Target(value=100.0).holds(ours, 2.0) is expected


@pytest.mark.parametrize(("ours", "expected"), [(1.2, True), (0.9, True), (1.21, False), (None, False)])
def test_a_target_can_be_the_most_there_may_be(ours, expected):
    assert Target(value=1.2, at_most=True).holds(ours, None) is expected


def test_a_target_reads_as_an_inequality():
    assert str(Target(value=1.2, at_most=True)) == "<= 1.2"
    assert str(Target(value=1100.0, ratio=40.0)) == ">= 1,100 and >= 40x"
    assert str(Target(value=850.0)) == ">= 850"
    assert str(Target(value=15.0, ratio=0.5, at_most=True)) == "<= 15 and <= 0.5x"


def test_the_raster_scenario_is_found():
    assert "raster" in scenario_names()
    assert find_scenario("raster").PEERS == ("titiler", "bare", "mapproxy")


def test_an_unknown_scenario_names_those_there_are():
    with pytest.raises(NotFound, match=r"'nowhere'.*raster"):
        find_scenario("nowhere")
