"""kernels.png: rows filtered as the standard's table 9.1 says, indexes packed as clause 7.2 says."""

import numpy as np
import pytest

from kernels.png import cheaper_filter, filter_rows, pack_rows


def paeth(left, above, corner):
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))


PREDICTORS = {
    0: lambda left, above, corner: 0,
    1: lambda left, above, corner: left,
    2: lambda left, above, corner: above,
    3: lambda left, above, corner: (left + above) // 2,
    4: paeth,
}


@pytest.mark.parametrize("kind", PREDICTORS)
@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_every_filter_is_that_of_the_standard(kind, step):
    pixels = np.random.default_rng(kind).integers(0, 256, (5, 6 * step), dtype=np.uint8)
    rows = np.empty((5, 1 + 6 * step), np.uint8)
    filter_rows(pixels, step, kind, rows)
    padded = np.zeros((6, 6 * step + step), int)
    padded[1:, step:] = pixels
    for row in range(5):
        assert rows[row, 0] == kind
        for at in range(6 * step):
            guess = PREDICTORS[kind](padded[row + 1, at], padded[row, at + step], padded[row, at])
            assert rows[row, at + 1] == (int(pixels[row, at]) - int(guess)) % 256


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("width", [1, 3, 8, 13])
def test_indexes_are_packed_from_the_high_bits(bits, width):
    indexes = np.random.default_rng(bits).integers(0, 1 << bits, (3, width), dtype=np.uint8)
    rows = np.full((3, 1 + -(-width * bits // 8)), 77, np.uint8)
    pack_rows(indexes, bits, rows)
    digits = ["".join(f"{value:0{bits}b}" for value in line).ljust((rows.shape[1] - 1) * 8, "0") for line in indexes]
    wanted = [[0, *(int(line[at : at + 8], 2) for at in range(0, len(line), 8))] for line in digits]
    assert rows.tolist() == wanted


def test_average_is_taken_where_it_leaves_less_by_a_tenth():
    across = np.tile(np.arange(0, 200, 5, dtype=np.uint8), (33, 1))
    assert cheaper_filter(across, 1) == 2  # rows are equal
    diagonal = (np.add.outer(np.arange(33) * 9, np.arange(40) * 9) % 256).astype(np.uint8)
    noisy = np.random.default_rng(0).integers(0, 256, (33, 40), dtype=np.uint8)
    smooth = (diagonal // 2 + np.roll(diagonal // 2, 1, axis=1)).astype(np.uint8)
    for one in (diagonal, noisy, smooth):
        up, average = (leftover(one, kind) for kind in (2, 3))
        assert cheaper_filter(one, 1) == (3 if 10 * average < 9 * up else 2)


def leftover(pixels, kind):
    rows = np.empty((pixels.shape[0], pixels.shape[1] + 1), np.uint8)
    filter_rows(pixels, 1, kind, rows)
    seen = rows[1::16, 2:].astype(int)
    return np.minimum(seen, 256 - seen).sum()
