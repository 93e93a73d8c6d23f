"""The compiled kernels that work row by row: lengths that Hypothesis draws, NaN and infinities.

`test_kernels.py` holds every kernel against its samples; here are the lengths around a vector and
around several, and numbers that are none, which these kernels meet in vectors.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels import arrays_in, assert_all_close
from tinygrad_course.kernels import compiled, cuda_launch

from tinygrad_course import kernels

pytestmark = pytest.mark.skipif(not compiled.available(), reason=str(compiled.why_not()))

ROWS = st.integers(1, 70)
LENGTHS = st.one_of(st.integers(1, 70), st.sampled_from([127, 128, 129, 1023]))
RESPONSE = {"before": 2, "after": 1, "alpha": 0.3, "beta": 0.75, "k": 1.0}


def both(op, *arrays, impl="numba", **params):
    """What the compiled kernel and the reference make of the same arrays."""
    compiled_kernel = kernels.implementations(op)[impl].load()
    with np.errstate(all="ignore"):
        reference = arrays_in(kernels.op(op).reference(*arrays, **params))
    return arrays_in(compiled_kernel(*arrays, **params)), reference


def hold(op, *arrays, impl="numba", **params):
    got, expected = both(op, *arrays, impl=impl, **params)
    assert_all_close(got, expected, np.dtype("float32"))


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@settings(deadline=None, max_examples=40)
@given(ROWS, LENGTHS, st.integers(0, 2**32 - 1))
def test_softmax_and_its_kin(N, K, seed):
    x, dy = 5 * normal(seed, N, K), normal(seed + 1, N, K)
    targets = np.random.default_rng(seed).integers(0, K, N)
    hold("softmax_cross_entropy", x, targets)
    hold("softmax_cross_entropy_grad", dy[:, 0], x, targets)
    for op in ("softmax", "log_softmax"):
        hold(op, x)
        hold(f"{op}_grad", dy, kernels.op(op).reference(x))


@settings(deadline=None, max_examples=40)
@given(ROWS, st.integers(1, 5), LENGTHS, st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_norms(N, P, width, groups, seed):
    width = max(1, width // groups)
    C = width * groups
    x, dy = normal(seed, N, P, C) + 1, normal(seed + 1, N, P, C)
    gamma, beta = normal(seed + 2, C), normal(seed + 3, C)
    # A group of one or two nearly equal numbers has a variance beside eps, and no digits left.
    hold("group_norm", x, gamma, beta, groups=groups, eps=0.1)
    _, mean, var = kernels.op("group_norm").reference(x, gamma, beta, groups=groups, eps=0.1)
    hold("group_norm_grad", dy, x, gamma, mean, var, groups=groups, eps=0.1)
    hold("local_response_norm", x, **RESPONSE)
    hold("local_response_norm_grad", dy, x, **RESPONSE)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 9000), st.sampled_from(kernels.activation.KINDS), st.integers(0, 2**32 - 1))
def test_activations(C, kind, seed):
    x, dy, b = 5 * normal(seed, 3, C), normal(seed + 1, 3, C), normal(seed + 2, C)
    hold("activation", x, b, kind=kind)
    hold("activation", x, None, kind=kind)
    y = kernels.op("activation").reference(x, b, kind=kind)
    hold("activation_grad", dy, y, kind=kind)
    hold("add", x, dy, activation=None if kind == "identity" else kind)


def poisoned(N, K):
    """A row each with NaN, inf and -inf in it, one of -inf alone, and ordinary ones between."""
    x = normal(0, N, K)
    for row, value in enumerate((np.nan, np.inf, -np.inf)):
        x[2 * row, (7 * row + 3) % K] = value
    x[6] = -np.inf
    x[8] *= 1e4
    return x


@pytest.mark.parametrize("K", [1, 5, 16, 37, 100, 1000])
def test_numbers_that_are_none(K):
    """Where the reference gives NaN or an infinity, so does the kernel, and nowhere else."""
    x, targets = poisoned(40, K), np.zeros(40, np.int64)
    hold("softmax_cross_entropy", x, targets)
    hold("softmax_cross_entropy_grad", np.ones(40, np.float32), x, targets)
    hold("softmax", x)
    hold("log_softmax", x)
    hold("softmax_grad", x, np.full_like(x, 1 / K))
    hold("local_response_norm", np.where(np.isneginf(x), np.nan, x), **RESPONSE)
    one = np.ones(K, np.float32)
    hold("group_norm", x[:, None], one, one, groups=1, eps=1e-5)
    for kind in kernels.activation.KINDS:
        hold("activation", x, one, kind=kind)
        hold("activation_grad", x, np.ones_like(x), kind=kind)


def in_both_languages(test):
    """Run a test with the kernels of Numba, and with those in CUDA C++ where the emulator runs."""
    emulated = pytest.param(
        "cuda-emulated",
        marks=pytest.mark.skipif(not cuda_launch.emulator_available(), reason="no g++"),
    )
    return pytest.mark.parametrize("impl", ["numba", emulated])(test)


@in_both_languages
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("scale", [3e18, 1e30])
def test_a_variance_beyond_all_numbers_leaves_no_gradient(scale, groups, impl):
    """Numbers of 1e30 have a variance of infinity: z = 0, so y = beta, and dx = dgamma = 0."""
    x, dy = scale * normal(0, 2, 300, 6), normal(1, 2, 300, 6)
    gamma, beta = normal(2, 6), normal(3, 6)
    params = {"groups": groups, "eps": 1e-5, "impl": impl}
    with np.errstate(over="ignore"):
        _, mean, _ = kernels.op("group_norm").reference(x, gamma, beta, groups=groups, eps=1e-5)
    (y, _, var), _ = both("group_norm", x, gamma, beta, **params)
    assert np.isposinf(var).all()
    np.testing.assert_array_equal(y, np.broadcast_to(beta, y.shape))
    hold("group_norm_grad", dy, x, gamma, mean, var, **params)
    (dx, dgamma, _), _ = both("group_norm_grad", dy, x, gamma, mean, var, **params)
    assert not dx.any()
    assert not dgamma.any()


@in_both_languages
def test_a_batch_norm_beyond_all_numbers_gives_its_shift(impl):
    """The same of a batch norm's channels: the variance is infinity and no NaN, and y = beta."""
    x, gamma, beta = 1e30 * normal(0, 300, 8), normal(1, 8), normal(2, 8)
    params = {"eps": 1e-5, "activation": None, "impl": impl}
    (y, _, var), _ = both("batch_norm", x, gamma, beta, **params)
    assert np.isposinf(var).all()
    np.testing.assert_array_equal(y, np.broadcast_to(beta, y.shape))


@in_both_languages
def test_an_infinity_leaves_a_norm_no_variance(impl):
    """Of numbers that are infinite themselves the variance is a NaN, as in the reference."""
    x, one = poisoned(40, 16), np.ones(16, np.float32)
    hold("group_norm", x[:, None], one, one, groups=1, eps=1e-5, impl=impl)
    hold("batch_norm", x.T.copy(), np.ones(40, "f4"), np.ones(40, "f4"), eps=1e-5, impl=impl)


def test_a_masked_class_has_no_probability_in_a_vector_or_beyond():
    x = np.zeros((3, 40), np.float32)
    x[:, 20:] = -np.inf
    got, _ = both("softmax", x)
    np.testing.assert_array_equal(got[0][:, 20:], 0)
    np.testing.assert_allclose(got[0][:, :20], 0.05, rtol=1e-6)


def test_the_gradient_of_an_embedding_has_the_references_bits():
    """Each row is added in the order of the words, by both."""
    dy, index = normal(0, 500, 70), np.random.default_rng(0).integers(0, 7, 500)
    got, expected = both("embedding_grad", dy, index, rows=9, padding_index=3)
    assert got[0].tobytes() == expected[0].tobytes()


@pytest.mark.parametrize("K", [10, 64, 65, 300])
@pytest.mark.parametrize("far", [1e2, 1e4, 1e8])
def test_large_logits_keep_their_logarithms(K, far):
    """(x - m) - log(sum) loses nothing; summed in another order, it would lose all of the log."""
    rng = np.random.default_rng(K)
    x = (far + 4 * rng.standard_normal((7, K))).astype("float32")
    targets = rng.integers(0, K, 7)
    for op, arrays in (("log_softmax", (x,)), ("softmax_cross_entropy", (x, targets))):
        exact = kernels.op(op).reference(x.astype("float64"), *arrays[1:])
        for name in ("reference", "numba"):
            got = kernels.implementations(op)[name].load()(*arrays)
            error = np.abs(got - exact) / (1 + np.abs(exact))
            assert error.max() <= (K + 4) * np.finfo("float32").eps


@pytest.mark.parametrize("kind", [None, "relu"])
def test_a_nan_passes_through_a_batch_norms_gradient_as_in_the_reference(kind):
    """Without an activation, dbeta is the sum of dy, whatever y is; a ReLU lets a NaN through."""
    dy, x, gamma, beta = normal(0, 40, 9), normal(1, 40, 9), normal(2, 9), normal(3, 9)
    mean, var = x.mean(0), x.var(0)
    for broken in (beta, var):
        broken[4] = np.nan
        hold("batch_norm_grad", dy, x, gamma, beta, mean, var, eps=1e-5, activation=kind)
        broken[4] = 1
