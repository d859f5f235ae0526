"""tiler.maplibre.sprites: icons and patterns, read back by Pillow."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from core.errors import NotFound
from tiler.maplibre.sprites import ICONS, PATTERNS, names_of_images, sprite_index, sprite_picture


def opened(ratio):
    index = json.loads(sprite_index("geopf", ratio))
    pixels = np.asarray(Image.open(io.BytesIO(sprite_picture("geopf", ratio))))
    return index, pixels


def cut(ratio, name):
    index, pixels = opened(ratio)
    place = index[name]
    return pixels[place["y"] : place["y"] + place["height"], place["x"] : place["x"] + place["width"]]


@pytest.mark.parametrize("ratio", [1, 2])
def test_every_image_lies_in_the_picture_and_none_over_another(ratio):
    index, pixels = opened(ratio)
    assert set(index) == names_of_images() == {*ICONS, *PATTERNS}
    taken = np.zeros(pixels.shape[:2], int)
    for place in index.values():
        assert place["pixelRatio"] == ratio
        assert place["x"] + place["width"] <= pixels.shape[1]
        assert place["y"] + place["height"] <= pixels.shape[0]
        taken[place["y"] : place["y"] + place["height"], place["x"] : place["x"] + place["width"]] += 1
    assert taken.max() == 1


@pytest.mark.parametrize("ratio", [1, 2])
@pytest.mark.parametrize("name", ICONS)
def test_icons_are_distances_whose_border_is_outside(ratio, name):
    assert opened(ratio)[0][name]["sdf"] is True
    alpha = cut(ratio, name)[..., 3]
    inside = alpha >= 191
    assert 0.1 < inside.mean() < 0.6
    border = 3 * ratio - 1
    assert not inside[:border].any()
    assert not inside[:, -border:].any()


@pytest.mark.parametrize("ratio", [1, 2])
def test_the_square_has_the_area_of_a_square(ratio):
    area = (cut(ratio, "square")[..., 3] >= 191).sum() / ratio**2
    side = 2 * 0.75 * 9
    assert abs(area - side**2) <= 2 * side


def test_the_ring_is_empty_in_its_middle():
    alpha = cut(2, "ring")[..., 3]
    assert alpha[24, 24] < 191 < alpha[24, 24 - 13]


@pytest.mark.parametrize("ratio", [1, 2])
@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_fit_themselves_on_all_sides(ratio, name):
    alpha = cut(ratio, name)[..., 3].astype(int)
    assert 0.03 < alpha.mean() / 255 < 0.5
    inner = max(np.abs(np.diff(alpha, axis=axis)).max() for axis in (0, 1))
    assert np.abs(alpha[0] - alpha[-1]).max() <= inner
    assert np.abs(alpha[:, 0] - alpha[:, -1]).max() <= inner


def test_a_sprite_that_is_not_there_is_told():
    for make in (sprite_index, sprite_picture):
        with pytest.raises(NotFound, match=r"no sprite is named 'ign'.*geopf"):
            make("ign", 1)
