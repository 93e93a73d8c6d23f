"""The registry loop on the device: every kernel for CuPy arrays against the reference on the CPU.

A new kernel needs no new test. The references run on CuPy's arrays too, and first.
"""

from __future__ import annotations

import copy
import zlib
from typing import Any

import numpy as np
import pytest

from tinygrad_course import kernels

CASES = [
    (op, name)
    for op in kernels.names()
    for name, implementation in kernels.implementations(op).items()
    if implementation.family in ("cupy", "any")
]
TYPED_CASES = [
    (op, name, dtype)
    for op, name in CASES
    for dtype in ("float32", "float64")
    if dtype in (kernels.implementations(op)[name].dtypes or ("float32", "float64"))
]


def samples(op: str, dtype: str) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(zlib.crc32(op.encode()))
    return list(kernels.op(op).samples(rng, np.dtype(dtype)))


def arrays_in(value: Any, array_type: type) -> list[Any]:
    """The arrays in a result or an argument, in order."""
    if isinstance(value, array_type):
        return [value]
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in arrays_in(item, array_type)]
    return []


def outcome(op: str, function: Any, arrays: Any, params: Any, array_type: type) -> list[Any]:
    """All arrays a call produced: what it returned, and what it wrote in place."""
    returned = function(*arrays, **params)
    in_place = [arrays[k] for k in kernels.op(op).in_place]
    return arrays_in(returned, array_type) + arrays_in(in_place, array_type)


def runnable(op: str, name: str, array: Any) -> Any:
    implementation = kernels.implementations(op)[name]
    reason = implementation.refusal(array)
    if reason is not None:
        pytest.skip(reason)
    return implementation.load()


def assert_close(got: np.ndarray, expected: np.ndarray, dtype: str) -> None:
    """Within 64 roundings of the largest number; infinities and NaN in place; integers equal."""
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    if got.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected)
        return
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(got), finite)
    largest = max(1.0, np.abs(expected[finite]).max(initial=0.0))
    tolerance = 64 * np.finfo(dtype).eps * largest
    np.testing.assert_allclose(got[finite], expected[finite], rtol=0, atol=tolerance)


@pytest.mark.parametrize(("op", "name", "dtype"), TYPED_CASES)
def test_values(device: Any, op: str, name: str, dtype: str) -> None:
    """All results are kept until the last call: none may lie in memory that a later call uses."""
    function = runnable(op, name, device.put(np.zeros(1, dtype)))
    cases = samples(op, dtype)
    ndarray = device.cupy.ndarray
    results = []
    for arrays, params in cases:
        moved = device.put(copy.deepcopy(list(arrays)))
        sent = [] if device.is_gpu else device.transfers
        sent.clear()
        results.append(outcome(op, function, moved, params, ndarray))
        if name == "reference" and not op.endswith(("lars_step", "lamb_step")):
            assert [t for t in sent if t[1] > 8] == []
    for got, (arrays, params) in zip(results, cases, strict=True):
        with np.errstate(all="ignore"):
            own = copy.deepcopy(list(arrays))
            expected = outcome(op, kernels.op(op).reference, own, params, np.ndarray)
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_close(one.get(), other, dtype)


@pytest.mark.parametrize(("op", "name"), CASES)
def test_strided_inputs_and_out(device: Any, op: str, name: str) -> None:
    function = runnable(op, name, device.put(np.zeros(1, "float32")))
    ndarray = device.cupy.ndarray
    for arrays, params in samples(op, "float32"):
        expected = outcome(op, function, device.put(copy.deepcopy(list(arrays))), params, ndarray)
        got = outcome(op, function, strided(device, list(arrays)), params, ndarray)
        for one, other in zip(got, expected, strict=True):
            assert_close(one.get(), other.get(), "float32")
        if not kernels.op(op).in_place:
            outs = tuple([device.cupy.full_like(e, 7) for e in expected])
            returned = function(*device.put(list(arrays)), out=_form(outs), **params)
            for out, back, e in zip(outs, arrays_in(returned, ndarray), expected, strict=True):
                assert back is out
                assert_close(out.get(), e.get(), "float32")
            if name == "reference":
                continue
            wide = [device.cupy.full((*e.shape, 2), 7, e.dtype) for e in expected]
            outs = tuple([w[..., 0] for w in wide])
            function(*device.put(list(arrays)), out=_form(outs), **params)
            for w, e in zip(wide, expected, strict=True):
                assert_close(w[..., 0].get(), e.get(), "float32")
                assert (w[..., 1] == 7).all()


def _form(outs: tuple[Any, ...]) -> Any:
    return outs[0] if len(outs) == 1 else outs


def strided(device: Any, value: Any) -> Any:
    """The same numbers on the device, with other numbers between them."""
    if isinstance(value, list):
        return [strided(device, item) for item in value]
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return device.put(value)
    wide = np.full((*value.shape[:-1], 2 * value.shape[-1]), 77, value.dtype)
    wide[..., ::2] = value
    return device.put(wide)[..., ::2]


def test_dropout_draws_the_same_bits(device: Any) -> None:
    """Known by the CPU's own known-answer tests: here the two are compared, bit by bit."""
    x = np.random.default_rng(0).standard_normal((37, 1001)).astype("float32")
    for seed, offset in ((0, 0), (2**64 - 1, 2**33 + 5)):
        params = {"p": 0.3, "seed": seed, "offset": offset}
        on_cpu = kernels.find("dropout", (x,), params, "reference")(x, **params)
        moved = device.put(x)
        np.testing.assert_array_equal(
            kernels.find("dropout", (moved,), params)(moved, **params).get(), on_cpu
        )
