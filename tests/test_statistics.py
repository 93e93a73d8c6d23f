"""Products, norms, parts and einsums beyond their records: extremes, orders, memory, integers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_course as tg
from tinygrad_course.errors import GraphError


def test_products_of_many_zeros_have_exact_gradients_of_all_orders() -> None:
    """d3/dabc of abc is 1, also where all three are 0, and of abcd it is d."""
    x = tg.tensor(np.zeros(3), requires_grad=True)
    first = tg.grad(tg.prod(x), x, create_graph=True)
    second = tg.grad(first[0], x, create_graph=True)
    third = tg.grad(second[1], x)
    assert (first.tolist(), second.tolist(), third.tolist()) == ([0, 0, 0], [0, 0, 0], [0, 0, 1])
    assert tg.prod(tg.tensor(np.zeros((2, 0))), 1).tolist() == [1.0, 1.0]
    assert tg.prod(tg.tensor(np.array([2, 3, 4]))).item() == 24


def test_norms_neither_overflow_nor_vanish() -> None:
    for scale in (1e-300, 1e300):
        for p, expected in ((2, 5.0), (3.0, 91.0 ** (1 / 3))):
            values = np.array([3.0, -4.0]) * scale
            x = tg.tensor(values, requires_grad=True)
            y = tg.norm(x, p=p)
            y.backward()
            assert y.item() == pytest.approx(expected * scale, rel=1e-14)
            assert x.grad is not None
            slopes = [(3.0 / expected) ** (p - 1), -((4.0 / expected) ** (p - 1))]
            np.testing.assert_allclose(x.grad.data, slopes, rtol=1e-14)


@pytest.mark.parametrize("p", [1, 2, 3.0, math.inf])
def test_norms_of_what_is_not_finite(p: float) -> None:
    assert tg.norm(tg.tensor([1.0, -math.inf]), p=p).item() == math.inf
    assert math.isnan(tg.norm(tg.tensor([1.0, math.nan]), p=p).item())


def test_the_deviation_of_too_few_values_is_nan() -> None:
    for values, ddof in (([1.0], 1), ([], 0), ([1.0, 2.0], 3)):
        assert math.isnan(tg.std(tg.tensor(np.array(values)), ddof=ddof).item())


def test_statistics_of_columns_keep_the_digits_of_nist() -> None:
    """NumAcc4 of NIST's reference datasets as columns, against exact arithmetic."""
    values = np.array([10000000.2] + [10000000.1, 10000000.3] * 500)
    exact = [Fraction(v) for v in values]
    middle = sum(exact) / 1001
    variance = float(sum((v - middle) ** 2 for v in exact) / 1000)
    x = tg.tensor(np.stack([values, values], 1))
    np.testing.assert_allclose(tg.mean(x, 0).data, float(middle), rtol=1e-14)
    np.testing.assert_allclose(tg.var(x, 0, ddof=1).data, variance, rtol=1e-13)
    np.testing.assert_allclose(tg.std(x, 0, ddof=1).data, math.sqrt(variance), rtol=1e-13)


@pytest.mark.parametrize("shape", [(200_000, 2), (2, 100, 2000, 3), (2, 100_000, 1, 2)])
def test_many_float32_rows_are_added_closely(shape: tuple[int, ...]) -> None:
    values = (100 + np.random.default_rng(0).random(shape)).astype(np.float32)
    axes = tuple(range(len(shape) // 2 - 1, len(shape) - 1)) if len(shape) > 2 else (0,)
    x, exact = tg.tensor(values), values.astype(np.float64)
    np.testing.assert_allclose(tg.mean(x, axes).data, exact.mean(axes), rtol=1e-6)
    np.testing.assert_allclose(tg.var(x, axes).data, exact.var(axes), rtol=1e-5)
    np.testing.assert_allclose(tg.std(x, axes).data, exact.std(axes), rtol=1e-5)


def test_the_gradient_of_a_broadcast_row_is_added_closely() -> None:
    rows = tg.tensor(np.zeros((300_000, 2), np.float32))
    for shape in ((2,), (1, 2)):
        b = tg.tensor(np.zeros(shape, np.float32), requires_grad=True)
        ((rows + b) * 0.1).sum().backward()
        assert b.grad is not None
        np.testing.assert_allclose(b.grad.data, np.full(shape, 30_000.0), rtol=1e-5)
        b.zero_grad()
        tg.mean(rows + b).backward()  # its gradient is a broadcast number
        np.testing.assert_allclose(b.grad.data, np.full(shape, 0.5), rtol=1e-5)


def test_sums_of_slices_and_of_transposed_arrays_are_as_close() -> None:
    x = tg.tensor(np.full((300_000, 3), 0.1, np.float32))
    for y in (tg.mean(x[:, :2], 0), tg.mean(tg.transpose(x), 1), tg.mean(x[::2], 0)):
        np.testing.assert_allclose(y.data, np.float32(0.1), rtol=1e-5)


def test_split_gives_all_parts_and_gathers_their_gradients() -> None:
    x = tg.tensor(np.arange(12.0).reshape(2, 6), requires_grad=True)
    parts = tg.split(x, [1, 4], axis=1)
    assert [p.shape for p in parts] == [(2, 1), (2, 3), (2, 2)]
    np.testing.assert_array_equal(tg.concatenate(parts, 1).data, x.data)
    (parts[0].sum() * 2.0 + (parts[2] * parts[2]).sum()).backward()
    assert x.grad is not None
    expected = [[2.0, 0, 0, 0, 8.0, 10.0], [2.0, 0, 0, 0, 20.0, 22.0]]
    assert x.grad.tolist() == expected


def test_a_part_of_an_overwritten_leaf_is_noticed() -> None:
    """The parts share the leaf's memory, so what was kept of one is stale."""
    x = tg.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    loss = tg.square(tg.split(x, 2)[1]).sum()
    x.assign(np.zeros(4))
    with pytest.raises(GraphError, match="overwritten"):
        loss.backward()


def test_take_and_scatter_add_are_adjoint() -> None:
    """<take(x), g> = <x, scatter_add(g)> for random x and g."""
    rng = np.random.default_rng(0)
    index = rng.integers(-4, 4, size=(3, 2))
    x, g = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 3, 2, 3))
    left = (tg.take(x, index, 1) * g).sum()
    right = (x * tg.scatter_add(g, index, 1, size=4)).sum()
    assert left == pytest.approx(right, rel=1e-13)


def test_einsum_of_a_constant_and_a_tensor_computes_one_gradient() -> None:
    a = tg.tensor(np.ones((2, 3)), requires_grad=True)
    b = np.arange(12.0).reshape(3, 4)
    tg.einsum("ij,jk->ik", a, b).sum().backward()
    assert a.grad is not None
    np.testing.assert_array_equal(a.grad.data, np.tile(b.sum(1), (2, 1)))
    for step in tg.backward_steps(tg.einsum("ij,jk->", a, b)):
        assert len(step.grads_in) == 2
        assert step.grads_in[1] is None


@pytest.mark.parametrize("name", ["std", "norm"])
def test_deviations_and_norms_of_integers_are_float32(name: str) -> None:
    x = np.array([[1, 2, 3], [4, 0, 1]])
    y = getattr(tg, name)(tg.tensor(x))
    assert y.dtype == "float32"
    np.testing.assert_allclose(y.data, getattr(tg, name)(x.astype(float)), rtol=1e-6)


@st.composite
def equations(draw: st.DrawFn) -> tuple[str, list[tuple[int, ...]]]:
    """One to three terms of up to three letters of five, repeated ones too, and a result."""
    sizes = dict(
        zip("abcde", draw(st.lists(st.integers(0, 3), min_size=5, max_size=5)), strict=True)
    )
    terms = draw(st.lists(st.text("abcde", max_size=3), min_size=1, max_size=3))
    there = sorted(set("".join(terms)))
    result = draw(st.permutations(there))[: draw(st.integers(0, len(there)))]
    shapes = [tuple(sizes[c] for c in term) for term in terms]
    return f"{','.join(terms)}->{''.join(result)}", shapes


@given(equations(), st.integers(0, 9))
def test_drawn_einsums_are_numpys_and_their_gradients_are_adjoint(
    drawn: tuple[str, list[tuple[int, ...]]], seed: int
) -> None:
    """y is linear in each operand, so <dL/dx, x> = <v, y> for each of them."""
    equation, shapes = drawn
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(rng.standard_normal(shape)) for shape in shapes]
    xs = [tg.tensor(a, requires_grad=True) for a in arrays]
    y = tg.einsum(equation, *xs)
    expected = np.einsum(equation, *arrays)
    np.testing.assert_allclose(y.data, expected, rtol=1e-12, atol=1e-12)
    v = np.asarray(rng.standard_normal(y.shape))
    for x, g in zip(xs, tg.grad(y, xs, v), strict=True):
        assert g.shape == x.shape
        assert (g.data * x.data).sum() == pytest.approx((v * expected).sum(), rel=1e-9, abs=1e-9)


@given(st.lists(st.sampled_from([0.0, 0.5, -2.0, 3.0]), max_size=9))
def test_drawn_products_have_the_gradient_of_the_definition(values: list[float]) -> None:
    x = tg.tensor(np.array(values, float), requires_grad=True)
    tg.prod(x).backward()
    assert x.grad is not None
    others = [math.prod(values[:i] + values[i + 1 :]) for i in range(len(values))]
    np.testing.assert_array_equal(x.grad.data, others)
