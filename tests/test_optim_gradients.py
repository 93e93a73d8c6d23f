"""Clipping and accumulation: what is done to gradients between backward and the step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_course as tg
from tinygrad_course import functional as F
from tinygrad_course import nn, optim
from tinygrad_course.errors import AnomalyError, ArgumentError, ArgumentTypeError


def with_gradients(*gradients: list[float], dtype: str = "float64") -> list[tg.Parameter]:
    parameters = [tg.Parameter(np.zeros(len(g)), dtype=dtype) for g in gradients]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = np.array(g, dtype)
    return parameters


@given(
    st.lists(st.lists(st.floats(-100, 100), max_size=4), min_size=1, max_size=4),
    st.floats(0.01, 1000),
)
def test_the_norm_is_the_joint_one_and_the_direction_stays(
    values: list[list[float]], max_norm: float
) -> None:
    parameters = with_gradients(*values)
    before = np.concatenate([np.array(v, float) for v in values])
    expected = math.hypot(*before)
    norm = optim.clip_grad_norm(parameters, max_norm)
    after = np.concatenate([p.grad.data for p in parameters])
    assert norm == pytest.approx(expected, rel=1e-13)
    if norm <= max_norm:
        assert np.array_equal(before, after)
    else:
        np.testing.assert_allclose(after, before * (max_norm / norm), rtol=1e-14)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_norm_neither_overflows_nor_vanishes(scale: float) -> None:
    (p,) = with_gradients([3 * scale, 4 * scale], dtype="float32")
    assert optim.clip_grad_norm([p], math.inf) == pytest.approx(5 * scale, rel=1e-6)
    (q,) = with_gradients([3e200, 4e200])
    assert optim.clip_grad_norm([q], 1.0) == pytest.approx(5e200)
    assert q.grad.tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("function", [optim.clip_grad_norm, optim.clip_grad_value])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_is_named_and_nothing_moves(function, bad: float) -> None:
    fine, broken = with_gradients([3.0, 4.0], [1.0, bad])
    with pytest.raises(AnomalyError, match=r"parameter 'head' \(shape \(2,\)\) holds a NaN or"):
        function([("body", fine), ("head", broken)], 1.0)
    assert fine.grad.tolist() == [3.0, 4.0]


def test_clipping_values_and_passing_over_the_rest() -> None:
    p, q = with_gradients([3.0, -4.0, 0.5], [])
    optim.clip_grad_value([p, q, tg.Parameter([1.0])], 1.0)
    assert p.grad.tolist() == [1.0, -1.0, 0.5]
    assert optim.clip_grad_norm([tg.Parameter([1.0])], 1.0) == 0.0


@pytest.mark.parametrize("function", [optim.clip_grad_norm, optim.clip_grad_value])
def test_clipping_refuses_what_makes_no_sense(function) -> None:
    (p,) = with_gradients([1.0])
    for limit in (0.0, -1.0, math.nan):
        with pytest.raises(ArgumentError, match="must be above 0"):
            function([p], limit)
    with pytest.raises(ArgumentTypeError, match="must be a number"):
        function([p], "1")
    with pytest.raises(ArgumentTypeError, match="put the tensor into one"):
        function(p, 1.0)
    with pytest.raises(ArgumentTypeError, match="must be a Parameter"):
        function([1.0], 1.0)


def classifier() -> nn.Sequential:
    generator = tg.Generator(3)
    return nn.Sequential(
        nn.Dense(5, 7, generator=generator, dtype="float64"),
        nn.Tanh(),
        nn.Dense(7, 3, generator=generator, dtype="float64"),
    )


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=9),
    window=st.integers(1, 4),
)
def test_accumulation_equals_the_large_batch(sizes: list[int], window: int) -> None:
    """Also where batches differ in size and the last window is not full."""
    rng = np.random.default_rng(sum(sizes))
    batches = [(rng.standard_normal((n, 5)), rng.integers(0, 3, n)) for n in sizes]
    small, large = classifier(), classifier()
    ours = optim.SGD(small.parameters(), lr=0.5, momentum=0.9)
    theirs = optim.SGD(large.parameters(), lr=0.5, momentum=0.9)
    for (x, y), weight, last in optim.accumulate(batches, window):
        (F.cross_entropy(small(tg.tensor(x)), y) * weight).backward()
        if last:
            ours.step()
            ours.zero_grad()
    for start in range(0, len(batches), window):
        part = batches[start : start + window]
        x, y = (np.concatenate(arrays) for arrays in zip(*part, strict=True))
        F.cross_entropy(large(tg.tensor(x)), y).backward()
        theirs.step()
        theirs.zero_grad()
    assert ours.steps == theirs.steps == math.ceil(len(sizes) / window)
    for p, q in zip(small.parameters(), large.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-12, atol=1e-12)


def test_batch_norm_sees_the_small_batch() -> None:
    """Statistics of halves are not those of the whole: there accumulation is no large batch."""
    x = np.random.default_rng(0).standard_normal((8, 3))
    layer = nn.BatchNorm(3, dtype="float64")
    whole = layer(tg.tensor(x)).data
    halves = np.concatenate([layer(tg.tensor(part)).data for part in (x[:4], x[4:])])
    assert np.abs(whole - halves).max() > 0.1


def test_accumulation_counts_samples_as_told() -> None:
    batches = [{"x": [1, 2, 3]}, {"x": [4]}]
    weights = [m.weight for m in optim.accumulate(batches, 2, samples=lambda b: len(b["x"]))]
    assert weights == [0.75, 0.25]
    arrays = [np.ones((2, 2)), np.ones((6, 2))]
    assert [m.weight for m in optim.accumulate(arrays, 2)] == [0.25, 0.75]
    assert list(optim.accumulate([], 3)) == []
    assert next(iter(optim.accumulate([arrays], 1))).weight == 1.0


def test_accumulation_refuses_what_makes_no_sense() -> None:
    for window in (0, -1):
        with pytest.raises(ArgumentError, match=f"at least 1, but it is {window}"):
            optim.accumulate([], window)
    for wrong in (1.5, True, "2"):
        with pytest.raises(ArgumentTypeError, match="window must be an integer"):
            optim.accumulate([], wrong)
    with pytest.raises(ArgumentError, match="a batch has no samples"):
        list(optim.accumulate([np.ones((0, 2))], 1))
