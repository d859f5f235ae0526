"""kernels.expression: each operation against numpy's."""

import numpy as np
import pytest

from kernels.expression import OPCODES, RUN, evaluate

TWO = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power, "mod": np.mod,
    "min": np.minimum, "max": np.maximum, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "and": np.logical_and, "or": np.logical_or,
}  # fmt: skip
ONE = {
    "neg": np.negative, "abs": np.abs, "sqrt": np.sqrt, "log": np.log, "log10": np.log10, "exp": np.exp,
    "floor": np.floor, "ceil": np.ceil, "round": np.rint, "not": np.logical_not,
}  # fmt: skip


def run(lines, pixels, constants=(0.0,), depth=3):
    program = np.array([[OPCODES.index(name), *rest, *[0] * (4 - len(rest))] for name, *rest in lines], np.int32)
    result = np.empty(len(pixels), np.float32)
    with np.errstate(all="ignore"):
        evaluate(program, np.array(constants, np.float32), pixels, np.empty((depth, RUN), np.float32), result)
    return result


def pixels(bands=2, count=RUN + 77):
    made = np.random.default_rng(7).integers(-6, 7, (count, bands)).astype(np.float32) / 2
    made[::50, -1] = np.nan
    return made


def finite(expected, samples):
    expected = expected.astype(np.float32)
    expected[np.isnan(samples).any(axis=1) | ~np.isfinite(expected)] = np.nan
    return expected


@pytest.mark.parametrize("name", TWO)
def test_operations_on_two_values(name):
    samples = pixels()
    with np.errstate(all="ignore"):
        expected = finite(TWO[name](samples[:, 0], samples[:, 1]), samples)
    got = run([("band", 0, 0), ("band", 1, 1), (name, 0, 0, 1)], samples)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ONE)
def test_operations_on_one_value(name):
    samples = pixels(1)
    with np.errstate(all="ignore"):
        expected = finite(ONE[name](samples[:, 0]), samples)
    np.testing.assert_allclose(run([("band", 0, 0), (name, 0, 0)], samples), expected, rtol=1e-5)


def test_a_choice_between_a_band_and_a_constant():
    samples = pixels()
    got = run([("band", 0, 0), ("band", 1, 1), ("constant", 2, 1), ("where", 0, 0, 1, 2)], samples, (5.0, 7.5))
    np.testing.assert_array_equal(got, finite(np.where(samples[:, 0] != 0, samples[:, 1], 7.5), samples))


def test_every_operation_is_tried():
    assert {*TWO, *ONE, "band", "constant", "where"} == set(OPCODES)
