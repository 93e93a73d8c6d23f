"""exp, log, tanh, sigmoid and erf of `kernels/simd/math.py`: their bounds, on a million floats.

Every 4001st float32 by its bits, from one infinity to the other, NaN and denormals included: all
exponents, both signs.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba", exc_type=ImportError)

from tinygrad_course.kernels.compiled import kernel
from tinygrad_course.kernels.simd import WIDTH, load, store
from tinygrad_course.kernels.simd import math as simd_math


@kernel
def one_by_one(x, y):
    for i in range(x.size):
        y[0, i] = simd_math.exp(x[i])
        y[1, i] = simd_math.log(x[i])
        y[2, i] = simd_math.tanh(x[i])
        y[3, i] = simd_math.sigmoid(x[i])
        y[4, i] = simd_math.erf(x[i])


@kernel
def vector_by_vector(x, y):
    N = x.size
    for i in range(0, N, WIDTH):
        store(y, i, simd_math.exp(load(x, i)))
        store(y, N + i, simd_math.log(load(x, i)))
        store(y, 2 * N + i, simd_math.tanh(load(x, i)))
        store(y, 3 * N + i, simd_math.sigmoid(load(x, i)))
        store(y, 4 * N + i, simd_math.erf(load(x, i)))


def sigmoid(x):
    e = np.exp(-abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


FUNCTIONS = {
    "exp": (np.exp, 1.1),
    "log": (np.log, 1.0),
    "tanh": (np.tanh, 2.5),
    "sigmoid": (sigmoid, 2.5),
    "erf": (np.vectorize(math.erf), 2.5),
}
"""Each in float64, and the bound of its docstring in units in the last place."""


@pytest.fixture(scope="module")
def x():
    bits = np.arange(0, 2**32, 4001, dtype=np.uint64).astype(np.uint32)
    return bits[: bits.size // 16 * 16].view(np.float32)


@pytest.fixture(scope="module")
def y(x):
    """All functions of all numbers, one by one."""
    values = np.empty((len(FUNCTIONS), x.size), np.float32)
    one_by_one(x, values)
    return values


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error(name, x, y):
    function, bound = FUNCTIONS[name]
    got = y[list(FUNCTIONS).index(name)]
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.float64))
        rounded = exact.astype(np.float32)
        unit = np.spacing(abs(rounded)).astype(np.float64)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(exact))
        infinite = np.isinf(rounded)
        np.testing.assert_array_equal(got[infinite], rounded[infinite])
        finite = np.isfinite(rounded)
        error = abs(got[finite] - exact[finite]) / unit[finite]
    assert error.max() <= bound
    assert error.max() > 0.4  # a bound of something else would not be a bound


def test_vectors_give_the_same_bits(x, y):
    values = np.empty_like(y)
    vector_by_vector(x, values)
    np.testing.assert_array_equal(values, y)


def test_zeros_keep_their_sign(x):
    values = np.empty((len(FUNCTIONS), 2), np.float32)
    one_by_one(np.array([0.0, -0.0], np.float32), values)
    for name in ("tanh", "erf"):
        assert np.signbit(values[list(FUNCTIONS).index(name)]).tolist() == [False, True]
    np.testing.assert_array_equal(values[0], [1.0, 1.0])
    np.testing.assert_array_equal(values[1], [-np.inf, -np.inf])


@kernel
def vectors_first(x, y):
    store(y, 0, simd_math.exp(load(x, 0)))
    y[0] = simd_math.exp(x[0])


def test_a_float_does_not_take_the_compiled_code_of_a_vector():
    y = np.empty(WIDTH, np.float32)
    vectors_first(np.zeros(WIDTH, np.float32), y)
    np.testing.assert_array_equal(y, np.ones(WIDTH))
