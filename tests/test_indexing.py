"""Indexing is NumPy's, in full, with gradients: Hypothesis against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_course as tg


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


@st.composite
def indexed(draw: st.DrawFn) -> tuple[np.ndarray, Any]:
    """An array and any index NumPy accepts for it."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    array = np.random.default_rng(0).standard_normal(shape)
    kind = draw(st.sampled_from(["basic", "advanced", "boolean", "mixed"]))
    if kind == "basic":
        index = draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    elif kind == "advanced":
        index = draw(hnp.integer_array_indices(shape))
    elif kind == "boolean":
        depth = draw(st.integers(1, len(shape)))
        index = draw(hnp.arrays(bool, shape[:depth]))
    else:
        parts: list[Any] = []
        count = draw(st.integers(1, 3))
        for n in shape:
            choices: list[Any] = [
                st.integers(-n, n - 1),
                st.slices(n),
                st.lists(st.integers(-n, n - 1), min_size=count, max_size=count),
            ]
            parts.append(draw(st.one_of(choices)))
        parts = parts[: draw(st.integers(1, len(parts)))]
        parts.insert(draw(st.integers(0, len(parts))), draw(st.sampled_from([..., None])))
        index = tuple(parts)
    return array, index


@given(indexed())
def test_indexing_is_numpys(case: tuple[np.ndarray, Any]) -> None:
    array, index = case
    x = tg.tensor(array, requires_grad=True)
    expected = array[index]
    y = x[index]
    assert y.data.dtype == expected.dtype
    np.testing.assert_array_equal(y.data, expected)
    v = np.random.default_rng(1).standard_normal(expected.shape)
    # Numbering the places makes the gradient a count by bincount: independent of add.at.
    places = np.arange(array.size).reshape(array.shape)[index]
    adjoint = np.bincount(places.ravel(), v.ravel(), array.size).reshape(array.shape)
    slope = tg.grad(y, x, v, create_graph=True)
    np.testing.assert_allclose(slope.data, adjoint, rtol=1e-12, atol=1e-14)
    x.zero_grad()
    x[index].backward(v)
    np.testing.assert_allclose(x.grad.data, adjoint, rtol=1e-12, atol=1e-14)
    # The gradient is linear in v: its own gradient reads at the index.
    weights = tg.tensor(v, requires_grad=True)
    slope = tg.grad(x[index], x, weights, create_graph=True)
    u = np.random.default_rng(2).standard_normal(array.shape)
    if slope.requires_grad:
        np.testing.assert_array_equal(tg.grad(slope, weights, u).data, u[index])


def test_indices_that_are_tensors() -> None:
    x = leaf(1.0, 2.0, 3.0)
    order = tg.tensor(np.array([2, 0, 0]))
    y = x[order]
    y.sum().backward()
    assert y.tolist() == [3.0, 1.0, 1.0]
    assert x.grad.tolist() == [2.0, 0.0, 1.0]
    assert x[x > 1.5].tolist() == [2.0, 3.0]
    assert x[tg.argmax(x)].item() == 3.0
    assert x[tg.tensor(1)].item() == 2.0
    grid = tg.tensor(np.arange(6.0).reshape(2, 3))
    assert grid[tg.tensor(np.array([0, 1])), tg.tensor(np.array([2, 0]))].tolist() == [2.0, 3.0]
    assert grid[[]].shape == (0, 3)


def test_basic_indices_are_views_and_others_copies() -> None:
    x = tg.tensor(np.arange(6.0).reshape(2, 3))
    assert np.shares_memory(x[0].data, x.data)
    assert np.shares_memory(x[:, ::-1].data, x.data)
    assert not np.shares_memory(x[[0]].data, x.data)
    assert not np.shares_memory(x[x > 1.0].data, x.data)


def test_an_index_changed_afterwards_moves_no_gradient():
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    index = np.array([0, 1])
    y = x[index].sum()
    index[0] = 2
    y.backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0]
