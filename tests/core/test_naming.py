"""core.naming: what may name a layer."""

import pytest

from core.errors import BadRequest
from core.naming import check_layer_name


@pytest.mark.parametrize("name", ["ortho", "BDTOPO_V3", "lidar-hd.2024", "a", "0770_6277", "x" * 128])
def test_plain_names_are_taken(name):
    assert check_layer_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "..", "a/b", "../a", "a..b", ".a", "a.", "-a", "é", "a b", "a\n", "a\0", "x" * 129, "a%2Fb", "a\\b", "٣"],
)
def test_names_that_would_break_a_path_or_a_url_are_refused(name):
    with pytest.raises(BadRequest, match="cannot name a layer") as caught:
        check_layer_name(name)
    assert caught.value.remedy


def test_a_refusal_of_a_long_name_is_short():
    with pytest.raises(BadRequest) as caught:
        check_layer_name("é" * 100_000)
    assert len(str(caught.value)) < 500
