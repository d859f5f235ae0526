"""Shadows, against a ray cast pixel by pixel."""

import numpy as np

from deploy.territory.cover import Cover
from deploy.territory.grid import Window
from deploy.territory.ortho import shadow_margin, sunlit
from deploy.territory.sun import SHADOW_STEP, SUN, TANGENT


def test_the_sun_is_a_unit_vector_on_the_line_of_the_shadows():
    assert np.isclose(np.linalg.norm(SUN), 1.0)
    assert np.isclose(SUN[2] / np.hypot(SUN[0], SUN[1]), TANGENT)
    assert np.isclose(SUN[0] / -SUN[1], SHADOW_STEP[0] / SHADOW_STEP[1])


def test_shadows_are_those_of_a_ray_followed_step_by_step():
    window = Window(west=0, north=60, cell=0.5, rows=120, cols=120)
    rng = np.random.default_rng(5)
    height = np.zeros((120, 120), np.float32)
    for row, col, tall in zip(rng.integers(0, 110, 9), rng.integers(0, 110, 9), rng.uniform(2, 15, 9), strict=True):
        height[row : row + 8, col : col + 5] = tall
    flat = np.zeros_like(height)
    cover = Cover(window=window, ground=flat, surface=flat.astype(np.uint16), height=height, tone=flat, light=flat)
    right, down = SHADOW_STEP
    step = float(np.hypot(right, down)) * 0.5 * TANGENT
    expected = np.zeros(height.shape)
    for row in range(120):
        for col in range(120):
            n = np.arange(1, 60)
            r, c = row + n * down, col + n * right
            ahead = (r < 120) & (c < 120)
            rays = height[r[ahead], c[ahead]] - n[ahead] * step
            over = rays.max(initial=-np.inf) - height[row, col]
            expected[row, col] = np.clip(1 - over / 0.45, 0, 1)
    np.testing.assert_allclose(sunlit(cover), expected, atol=1e-4)
    assert shadow_margin(0.5) * 0.5 / 2 * np.hypot(1, 2) * TANGENT >= 24
