"""The dtype rules: scalars are weak, integers take the float's dtype, two floats raise."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


def test_scalars_are_weak() -> None:
    for dtype in ("float32", "float64"):
        x = tg.tensor([1.0, 2.0], dtype=dtype, requires_grad=True)
        for scalar in (2, 2.5, True, np.float64(2.5), np.float32(2.5), np.int64(3), [1.0, 2.0]):
            for y in (
                x + scalar,
                scalar * x,
                x / scalar,
                x**scalar,
                scalar - x,
                tg.maximum(x, scalar),
            ):
                assert y.dtype == dtype
                assert y.requires_grad


def test_integers_take_the_floats_dtype() -> None:
    x, n = tg.tensor([1.0, 2.0], requires_grad=True), np.array([2, 3])
    for y in (
        x * n,
        n * x,
        x * tg.tensor(n),
        tg.where(n > 2, x, n),
        tg.concatenate([x, n]),
        x * (n > 2),
    ):
        assert y.dtype == "float32"
    y = x * n
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 3.0]
    assert (tg.tensor(n) * 2).dtype == n.dtype
    for y in (tg.tensor(n) * 0.5, tg.tensor(n) / 2, 1 / tg.tensor(n), tg.tensor(n) + np.float64(1)):
        assert y.dtype == "float32"


def test_two_float_dtypes_raise() -> None:
    x, y = tg.tensor([1.0], requires_grad=True), tg.tensor(np.array([1.0]))
    for op in (lambda: x + y, lambda: y * x, lambda: x / y.data, lambda: tg.maximum(x, y)):
        with pytest.raises(DtypeError, match=r"float(32|64) with float(64|32).*\.astype\("):
            op()
    assert (x + y.astype("float32")).dtype == "float32"


def test_scalar_constants_are_not_shared_between_dtypes() -> None:
    """The cache of constants tells 1 from True, 0.0 from -0.0 and float32 from float64."""
    x = tg.tensor([1.0])
    assert np.signbit((x * -0.0).data).all()
    assert not np.signbit((x * 0.0).data).any()
    assert (tg.tensor([2]) * 1.0).dtype == "float32"
    assert (tg.tensor([2]) * 1).dtype == tg.tensor([2]).dtype
    assert (tg.tensor([2]) * True).dtype == tg.tensor([2]).dtype


def test_complex_numbers_and_text_are_refused() -> None:
    x = tg.tensor([1.0, 2.0])
    for other in (np.array([1j, 2j]), np.array(["a", "b"]), np.array([None, None])):
        for op in (
            lambda o=other: x * o,
            lambda o=other: o + x,
            lambda o=other: tg.maximum(x, o),
            lambda o=other: tg.tensor([1, 2]) + o,
        ):
            with pytest.raises(ArgumentTypeError, match=r"expected real numbers"):
                op()


def test_numpys_integers_are_integers() -> None:
    x, w = tg.tensor(np.ones((1, 3, 3, 2))), np.ones((2, 2, 1, 2))
    two = np.int64(2)
    assert tg.conv2d(x, w, groups=two, stride=two).shape == (1, 1, 1, 2)
    assert tg.sum(x, np.int64(3)).shape == (1, 3, 3)
    assert x.reshape(np.int64(9), two).shape == (9, 2)


def test_what_a_dtype_cannot_hold_takes_another() -> None:
    n, mask = tg.tensor([1, 2]), tg.tensor([True, False])
    assert tg.add(n, [0.5, 0.5]).tolist() == [1.5, 2.5]
    assert (mask + 2).tolist() == [3, 2]
    assert (mask * 2).tolist() == [2, 0]
    assert (1 - mask).tolist() == [0, 1]
    assert (mask * 0.5).tolist() == [0.5, 0.0]
    for op in (lambda: -mask, lambda: mask - mask):
        with pytest.raises(DtypeError, match=r"bools are no numbers here.*\.astype"):
            op()


def test_integers_do_not_wrap_round() -> None:
    small = tg.tensor(np.array([1, 2], np.uint8))
    for wide in (300, -1, np.int64(300), [300, 1]):
        with pytest.raises(ArgumentError, match=r"does not fit uint8.*\.astype"):
            small + wide
    with pytest.raises(ArgumentError, match="does not fit"):
        tg.tensor([1.0]) * 10**400


def test_comparisons_are_weak_too() -> None:
    x = tg.tensor([0.1, 0.2])
    for other in (0.1, np.float64(0.1), [0.1, 0.1], np.float32(0.1)):
        assert (x == other).tolist() == [True, False]
    with pytest.raises(ShapeError, match="do not broadcast"):
        x.__lt__([1.0, 2.0, 3.0])


def test_masks_are_weak_too() -> None:
    small, mask = tg.tensor(np.array([7, 8], np.uint8)), tg.tensor([True, False])
    for scalar in (3, np.int64(3), [3, 3]):
        for y in (small & scalar, scalar & small):
            assert y.dtype == np.uint8
            assert y.tolist() == [3, 0]
    assert (small | np.array([256, 0])).dtype == np.int64  # an array is no scalar
    assert (mask & True).dtype == bool
    assert (mask ^ [True, True]).tolist() == [False, True]
    with pytest.raises(ArgumentError, match=r"300 does not fit uint8.*\.astype\('int64'\)"):
        small & 300


@pytest.mark.parametrize("dtype", ["complex64", "U1", object, "fruit"])
def test_a_tensor_holds_real_numbers(dtype: object) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match="dtype"):
        tg.tensor([1.0], dtype=dtype)


def test_small_integers_are_computed_in_float32() -> None:
    """NumPy would compute e^x of a uint8 in float16, and -x of it wraps round."""
    for dtype in (np.uint8, np.int8, np.int64, bool):
        n = np.array([0, 1], dtype)
        for op in (tg.exp, tg.sigmoid, tg.tanh, tg.softplus, tg.silu, tg.gelu, tg.sin):
            expected = op(n.astype(np.float32))
            for y in (op(n), op(tg.tensor(n)).numpy()):
                assert y.dtype == np.float32
                assert np.array_equal(y, expected)
    assert tg.relu(tg.tensor([-1, 2])).dtype == np.int64


def test_bools_are_converted_where_floats_are_needed() -> None:
    mask, w = tg.tensor(np.ones((1, 3, 3, 1), bool)), tg.tensor(np.ones((3, 3, 1, 1), "float32"))
    assert tg.conv2d(mask, w).item() == 9.0
    with pytest.raises(ShapeError, match=r"window of .* is empty"):
        tg.conv2d(mask, np.ones((0, 3, 1, 1), "float32"))


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i4"])
def test_a_tensor_holds_numbers_in_this_machines_order_of_bytes(dtype: str) -> None:
    foreign = np.arange(6).astype(dtype)
    x = tg.tensor(foreign)
    assert x.dtype == foreign.dtype.newbyteorder("=")
    assert x.dtype.isnative
    np.testing.assert_array_equal(x.numpy(), np.arange(6))


@pytest.mark.filterwarnings("error::tinygrad_course.kernels.registry.KernelWarning")
def test_arrays_in_another_order_of_bytes_reach_the_same_kernels() -> None:
    """A file of another machine: the fast kernels go on running, and give the same numbers."""
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((600, 30)).astype("float32"), rng.integers(0, 30, 600)
    weight = tg.tensor(x)
    for take in (
        lambda order: tg.functional.relu(x.astype(order + "f4")),
        lambda order: tg.cross_entropy(x.astype(order + "f4"), labels.astype(order + "i4")),
        lambda order: tg.functional.embedding(labels.astype(order + "i8"), weight),
        lambda order: tg.tensor(x) @ x.T.astype(order + "f4"),
    ):
        np.testing.assert_array_equal(np.asarray(take(">")), np.asarray(take("<")))
