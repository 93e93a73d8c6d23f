"""Sums of many numbers: `+` and the backward pass hand them to a kernel, with NumPy's bits."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import kernels
from tinygrad_course.backend import MANY, added

RNG = np.random.default_rng(0)


def launches() -> int:
    """How often the kernel ran since the last `reset_report`."""
    return sum(kernels.report().ran.get("add", {}).values())


def many(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype("float32")


def test_the_operator_runs_the_kernel_from_many_numbers_on():
    for size, calls in ((MANY - 1, 0), (MANY, 1)):
        a, b = many(size), many(size)
        kernels.reset_report()
        np.testing.assert_array_equal((tg.tensor(a) + b).numpy(), a + b)
        assert launches() == calls


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (many(MANY, 2)[:, 0], many(MANY)),
        (many(400, 400).T, many(400, 400)),
        (many(400, 400), many(400)),
        (many(400, 400).astype("float64"), many(400, 400).astype("float64")),
        (np.arange(MANY), np.arange(MANY)),
    ],
    ids=["strided", "transposed", "broadcast", "float64", "integers"],
)
def test_what_the_kernel_is_not_for_is_added_by_numpy(a, b):
    kernels.reset_report()
    np.testing.assert_array_equal(added(a, b), a + b)
    assert launches() == 0
    np.testing.assert_array_equal(tg.add(tg.tensor(a), b).numpy(), a + b)


def test_gradients_that_meet_are_added_and_neither_is_written_into():
    a, b, c = many(MANY), many(MANY), many(MANY)
    x = tg.tensor(a, requires_grad=True)
    inner = x * 1.0
    first, second = inner * b, inner * c
    kernels.reset_report()
    (first + second).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), b + c)
    assert launches() == 2  # forward's sum, and that of the gradients


def test_a_residual_block_keeps_one_array_for_sum_and_relu():
    a, b = (tg.tensor(many(MANY), requires_grad=True) for _ in range(2))
    y = tg.add(a, b, activation="relu")
    assert [array is y.data for array in y.node.kept] == [True]
    y.sum().backward()
    expected = (a.data + b.data > 0).astype("float32")
    np.testing.assert_array_equal(a.grad.numpy(), expected)
    np.testing.assert_array_equal(b.grad.numpy(), expected)
