"""Every op x implementation x sample x dtype: values, dtypes, strides, `out=`, inputs untouched.

A new kernel needs no new test: the loops take it from the registry. The references are held
against `kernel_oracles.py`, other implementations against the reference.
"""

from __future__ import annotations

import copy
import zlib

import kernel_oracles
import numpy as np
import pytest

from tinygrad_course import kernels

DTYPES = ("float32", "float64")
CASES = [(op, name) for op in kernels.names() for name in kernels.implementations(op)]


def samples(op, dtype):
    """The op's samples, the same in every run."""
    rng = np.random.default_rng(zlib.crc32(op.encode()))
    return list(kernels.op(op).samples(rng, np.dtype(dtype)))


def runnable(op, name, dtype):
    """The implementation's function, or a skip where this machine or dtype is not for it."""
    implementation = kernels.implementations(op)[name]
    reason = implementation.refusal(np.zeros(1, dtype))
    if reason is not None:
        pytest.skip(reason)
    return implementation.load()


def in_float64(value):
    """Lists and arrays in float64; integer arrays and None as they are."""
    if isinstance(value, list):
        return [in_float64(item) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(np.float64)
    return value


def arrays_in(value):
    """The arrays in a result or an argument, in order."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in arrays_in(item)]
    return []


def outcome(op, function, arrays, params):
    """All arrays a call produced: what it returned, and what it wrote in place."""
    returned = function(*arrays, **params)
    return arrays_in(returned) + arrays_in([arrays[k] for k in kernels.op(op).in_place])


def expected_outcome(op, name, arrays, params):
    if name == "reference":
        with np.errstate(all="ignore"):  # the oracle overflows where its formula is naive
            return outcome(op, getattr(kernel_oracles, op), in_float64(list(arrays)), params)
    return outcome(op, kernels.op(op).reference, copy.deepcopy(list(arrays)), params)


def assert_close(got, expected, dtype):
    """Within 64 roundings of the largest number in the array; infinities and NaN in place."""
    assert got.shape == expected.shape
    if got.dtype.kind == "i":
        np.testing.assert_array_equal(got, expected)
        return
    assert got.dtype == dtype
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(got), finite)
    largest = max(1.0, np.abs(expected[finite]).max(initial=0.0))
    tolerance = 64 * np.finfo(dtype).eps * largest
    np.testing.assert_allclose(got[finite], expected[finite], rtol=0, atol=tolerance)


def assert_all_close(got, expected, dtype):
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert_close(one, other, dtype)


def strided(value):
    """The same numbers with other numbers between them."""
    if isinstance(value, list):
        return [strided(item) for item in value]
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return value
    wide = np.full((*value.shape[:-1], 2 * value.shape[-1]), 77, value.dtype)
    wide[..., ::2] = value
    return wide[..., ::2]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("op", "name"), CASES)
def test_values(op, name, dtype):
    """All results are kept until the last call: none may lie in memory that a later call uses."""
    function = runnable(op, name, dtype)
    cases = samples(op, dtype)
    results = [outcome(op, function, copy.deepcopy(list(a)), params) for a, params in cases]
    for got, (arrays, params) in zip(results, cases, strict=True):
        expected = expected_outcome(op, name, arrays, params)
        assert_all_close(got, expected, np.dtype(dtype))


@pytest.mark.parametrize(("op", "name"), CASES)
def test_strided_inputs(op, name):
    function = runnable(op, name, "float32")
    for arrays, params in samples(op, "float32"):
        expected = expected_outcome(op, name, arrays, params)
        got = outcome(op, function, strided(list(arrays)), params)
        assert_all_close(got, expected, np.dtype("float32"))


@pytest.mark.parametrize(("op", "name"), CASES)
def test_inputs_are_only_read(op, name):
    function = runnable(op, name, "float32")
    in_place = kernels.op(op).in_place
    for arrays, params in samples(op, "float32"):
        before = copy.deepcopy(list(arrays))
        read_only = [k for k in range(len(arrays)) if k not in in_place]
        for k in read_only:
            for array in arrays_in(arrays[k]):
                array.flags.writeable = False
        results = arrays_in(function(*arrays, **params))
        for k in read_only:
            for array, old in zip(arrays_in(arrays[k]), arrays_in(before[k]), strict=True):
                np.testing.assert_array_equal(array, old)
                assert not any(np.shares_memory(array, result) for result in results)


@pytest.mark.parametrize(("op", "name"), CASES)
def test_out_is_written_and_returned(op, name):
    function = runnable(op, name, "float32")
    if kernels.op(op).in_place:
        assert "out" not in kernels.signature(function)
        return
    for arrays, params in samples(op, "float32"):
        expected = function(*arrays, **params)
        if isinstance(expected, tuple):
            out = tuple(np.full(array.shape, 7, array.dtype) for array in expected)
        else:
            out = np.full(expected.shape, 7, expected.dtype)
        assert function(*arrays, **params, out=out) is out or isinstance(out, tuple)
        for written, array in zip(arrays_in(out), arrays_in(expected), strict=True):
            np.testing.assert_array_equal(written, array)


@pytest.mark.parametrize(("op", "name"), CASES)
def test_nan_comes_out_where_it_should(op, name):
    dtype = (kernels.implementations(op)[name].dtypes or ("float64",))[-1]
    function = runnable(op, name, dtype)
    for arrays, params in samples(op, dtype):
        poisoned = copy.deepcopy(list(arrays))
        first = arrays_in(poisoned)[:1]
        if not first or first[0].size == 0:
            continue
        first[0].flat[first[0].size // 2] = np.nan
        expected = expected_outcome(op, name, copy.deepcopy(poisoned), params)
        got = outcome(op, function, poisoned, params)
        if not (op.startswith("conv2d") and name.startswith("numba")):
            assert_all_close(got, expected, np.dtype(dtype))
        # A tile of Winograd's, or pixels that share a vector, may spread it to their neighbours.
        for one, other in zip(got, expected, strict=True):
            assert not np.isfinite(one[~np.isfinite(other)]).any()


@pytest.mark.parametrize("op", kernels.names())
def test_the_same_call_gives_the_same_bits(op):
    for arrays, params in samples(op, "float32"):
        once, again = (
            outcome(op, kernels.op(op).reference, copy.deepcopy(list(arrays)), params)
            for _ in range(2)
        )
        for one, other in zip(once, again, strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(("op", "name"), CASES)
def test_signatures_are_those_of_the_reference(op, name):
    if name.startswith("numba") and not kernels.compiled.available():
        pytest.skip(kernels.compiled.why_not())
    function = kernels.implementations(op)[name].load()
    assert kernels.signature(function) == kernels.signature(kernels.op(op).reference)
    assert function.__name__ == op


@pytest.mark.parametrize("op", kernels.names())
def test_cost_and_benchmarks(op):
    spec = kernels.op(op)
    for arrays, params in samples(op, "float32"):
        cost = spec.cost(*arrays, **params)
        assert cost.flops >= 0
        touched = sum(array.nbytes for array in arrays_in(arrays))
        assert cost.bytes >= touched or op in ("max_pool2d_gather", "embedding")
    assert spec.benchmark_shapes
    rng = np.random.default_rng(0)
    for benchmark in spec.benchmark_shapes:
        shapes = (*benchmark.shapes, benchmark.params.get("x_shape", ()))
        if sum(int(np.prod(shape)) for shape in shapes) < 100_000:
            arrays = spec.make(rng, np.float32, benchmark.shapes, benchmark.params)
            spec.reference(*arrays, **benchmark.params)


def test_the_cost_of_the_first_convolution_of_lenet():
    x, w = np.zeros((64, 28, 28, 1), np.float32), np.zeros((5, 5, 1, 6), np.float32)
    params = kernels.conv2d.geometry(padding=((2, 2), (2, 2)))
    cost = kernels.op("conv2d").cost(x, w, None, **params)
    assert cost.flops == 2 * 25 * 64 * 28 * 28 * 6
    assert cost.bytes == 4 * (64 * 28 * 28 + 25 * 6 + 64 * 28 * 28 * 6)


@pytest.mark.parametrize("op", ["softmax_cross_entropy", "batch_norm", "conv2d", "adam_step"])
def test_float16_stays_float16(op):
    arrays, params = samples(op, "float16")[0]
    for array in outcome(op, kernels.op(op).reference, list(arrays), params):
        assert array.dtype == np.float16


def test_infinities_pass_through_pools_and_convolutions():
    x = np.zeros((1, 4, 4, 1))
    x[0, 0, 0, 0], x[0, 3, 3, 0] = np.inf, -np.inf
    window = {"size": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0))}
    y, _ = kernels.op("max_pool2d").reference(x, **window)
    np.testing.assert_array_equal(y.ravel(), [np.inf, 0, 0, 0])
    y = kernels.op("avg_pool2d").reference(x, count_include_pad=True, **window)
    np.testing.assert_array_equal(y.ravel(), [np.inf, 0, 0, -np.inf])
    w = np.ones((2, 2, 1, 1))
    y = kernels.op("conv2d").reference(x, w, None, **kernels.conv2d.geometry(stride=(2, 2)))
    np.testing.assert_array_equal(y.ravel(), [np.inf, 0, 0, -np.inf])
