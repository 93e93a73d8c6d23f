"""Penalties, constraints, averages, per-layer groups: what is done around an optimizer's step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_course as tg
from tinygrad_course import nn, optim
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError

SHAPES = [(3, 4), (4,), (), (2, 1, 3)]


def fresh(dtype: str = "float64") -> list[tg.Parameter]:
    rng = np.random.default_rng(1)
    return [tg.Parameter(rng.standard_normal(shape), dtype=dtype) for shape in SHAPES]


def give_gradients(parameters: list[tg.Parameter], step: int = 0) -> None:
    rng = np.random.default_rng(100 + step)
    for p in parameters:
        p.grad = np.asarray(rng.standard_normal(p.shape), p.dtype)


def no_gradients(parameters: list[tg.Parameter]) -> None:
    for p in parameters:
        p.grad = np.zeros(p.shape, p.dtype)


# Penalties.


@pytest.mark.parametrize("penalty", [optim.l2_penalty, optim.l1_penalty])
def test_what_is_added_is_the_derivative_of_what_is_returned(penalty: Any) -> None:
    parameters = fresh()
    no_gradients(parameters)
    total = penalty(parameters, 0.3)
    p, step = parameters[0], 1e-6
    for place in np.ndindex(*p.shape):
        ends = []
        for sign in (1, -1):
            moved = fresh()
            moved[0].data[place] += sign * step
            no_gradients(moved)
            ends.append(penalty(moved, 0.3))
        slope = (ends[0] - ends[1]) / (2 * step)
        assert p.grad.data[place] == pytest.approx(slope, rel=1e-8)
    assert penalty(parameters, 0.3) == total  # it returns the penalty of the values alone


def test_the_slides_factor_of_two() -> None:
    """The loss lambda w^2 has the update (1 - 2 lr lambda) w, not the slide's (1 - lr lambda) w."""
    lr, strength = 0.1, 0.25
    w = tg.Parameter([2.0], dtype="float64")
    (strength * w * w).sum().backward()
    optim.SGD([w], lr=lr).step()
    assert w.item() == pytest.approx(2.0 * (1 - 2 * lr * strength), rel=1e-15)
    assert w.item() != pytest.approx(2.0 * (1 - lr * strength), rel=1e-3)
    half = tg.Parameter([2.0], dtype="float64")
    no_gradients([half])
    assert optim.l2_penalty([half], strength) == pytest.approx(strength / 2 * 2.0**2)
    optim.SGD([half], lr=lr).step()
    assert half.item() == pytest.approx(2.0 * (1 - lr * strength), rel=1e-15)


def test_l2_is_the_weight_decay_of_sgd_bit_by_bit() -> None:
    ours, theirs = fresh("float32"), fresh("float32")
    added = optim.SGD(ours, lr=0.1, momentum=0.9)
    decayed = optim.SGD(theirs, lr=0.1, momentum=0.9, weight_decay=0.01)
    for step in range(10):
        give_gradients(ours, step)
        give_gradients(theirs, step)
        optim.l2_penalty(ours, 0.01)
        added.step()
        decayed.step()
    assert all(p.data.tobytes() == q.data.tobytes() for p, q in zip(ours, theirs, strict=True))


def test_penalties_pass_over_what_has_no_gradient() -> None:
    p, frozen, unused = (tg.Parameter([2.0]) for _ in range(3))
    frozen.requires_grad = False
    p.grad = np.ones(1, "f4")
    assert optim.l2_penalty([p, frozen, unused], 1.0) == 2.0
    assert optim.l1_penalty([("p", p), ("unused", unused)], 1.0) == 2.0
    assert p.grad.tolist() == [4.0]
    assert unused.grad is None


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"lr": 0.1, "momentum": 0.9}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        ("Adam", {"lr": optim.cosine(0.1, 1500)}),
        ("AMSGrad", {"lr": optim.cosine(0.1, 1500)}),
        ("NAdam", {"lr": optim.cosine(0.1, 1500)}),
        ("RAdam", {"lr": optim.cosine(0.1, 1500)}),
        ("Adagrad", {"lr": 0.5}),
        ("RMSprop", {"lr": optim.cosine(0.1, 1500)}),
        ("Rprop", {"lr": 0.1, "step_sizes": (0.0, 50.0)}),
    ],
)
def test_every_optimizer_finds_the_ridge_solution(name: str, options: dict[str, Any]) -> None:
    """(X'X + lambda I)^-1 X'y of the centred data, and an intercept that is not shrunk."""
    x, y = regression()
    x, y, strength = x + 0.5, y + 2.0, 0.3
    centred = x - x.mean(axis=0)
    gram = centred.T @ centred / len(y) + strength * np.eye(20)
    expected = np.linalg.solve(gram, centred.T @ (y - y.mean()) / len(y))
    w, b = tg.Parameter(np.zeros(20), dtype="float64"), tg.Parameter([0.0], dtype="float64")
    optimizer = getattr(optim, name)([w, b], **options)
    for _ in range(1500):
        error = x @ w.data + b.data - y
        w.grad, b.grad = x.T @ error / len(y), error.mean(keepdims=True)
        optim.l2_penalty([w], strength)
        optimizer.step()
    np.testing.assert_allclose(w.data, expected, atol=1e-6)
    assert b.item() == pytest.approx(y.mean() - x.mean(axis=0) @ expected, abs=1e-6)


# Decay, soft-thresholding, norms.


def test_decoupled_decay_makes_adamw_of_adam() -> None:
    ours, theirs = fresh("float32"), fresh("float32")
    rate = optim.cosine(0.1, 20)
    adam, adamw = optim.Adam(ours, lr=rate), optim.AdamW(theirs, lr=rate, weight_decay=0.1)
    for step in range(20):
        give_gradients(ours, step)
        give_gradients(theirs, step)
        optim.decay_weights(ours, 0.1, adam.values(step=adam.steps)["lr"])
        adam.step()
        adamw.step()
    assert all(p.data.tobytes() == q.data.tobytes() for p, q in zip(ours, theirs, strict=True))


def regression() -> tuple[np.ndarray, np.ndarray]:
    """200 samples of 20 features, of which the first five matter."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((200, 20))
    weights = np.r_[3.0, -2.0, 1.5, 1.0, -1.0, np.zeros(15)]
    return x, x @ weights + 0.5 * rng.standard_normal(200)


def lasso(*, proximal: bool, strength: float = 0.2, steps: int = 400) -> np.ndarray:
    """1/2 mean (x w - y)^2 + strength sum |w| by gradient descent."""
    x, y = regression()
    w = tg.Parameter(np.full(20, 0.1), dtype="float64")
    optimizer = optim.SGD([w], lr=0.1)
    for _ in range(steps):
        w.grad = x.T @ (x @ w.data - y) / len(y)
        if not proximal:
            optim.l1_penalty([w], strength)
        optimizer.step()
        if proximal:
            optim.proximal_l1([w], strength, optimizer.lr)
    return w.numpy().copy()


def test_soft_thresholding_makes_real_zeros_and_the_subgradient_none() -> None:
    subgradient, proximal = lasso(proximal=False), lasso(proximal=True)
    assert np.count_nonzero(subgradient) == 20
    assert np.count_nonzero(proximal) == 5
    assert (proximal[5:] == 0.0).all()
    assert not np.signbit(proximal[proximal == 0]).any()
    assert np.abs(subgradient[5:]).max() < 0.05  # small, and never there


def test_proximal_descent_reaches_the_lasso() -> None:
    """Where w is 0 the loss pulls by at most the strength; elsewhere by exactly that."""
    x, y = regression()
    w = lasso(proximal=True)
    pull = -x.T @ (x @ w - y) / len(y)
    np.testing.assert_allclose(pull[:5], 0.2 * np.sign(w[:5]), atol=1e-10)
    assert np.abs(pull[5:]).max() < 0.2


def test_soft_thresholding_is_the_closed_form_of_an_orthonormal_design() -> None:
    x = np.linalg.qr(np.random.default_rng(0).standard_normal((30, 6)))[0]
    best = np.array([2.0, -1.0, 0.3, -0.2, 0.0, 0.7])
    w = tg.Parameter(np.zeros(6), dtype="float64")
    optimizer = optim.SGD([w], lr=0.5)
    for _ in range(80):
        w.grad = x.T @ (x @ (w.data - best))
        optimizer.step()
        optim.proximal_l1([w], 0.25, optimizer.lr)
    expected = [1.75, -0.75, 0.05, 0, 0, 0.45]
    np.testing.assert_allclose(w.data, expected, atol=1e-12)
    assert np.count_nonzero(w.data) == 4


@given(
    st.sampled_from([(4, 3), (3, 3, 2, 5), (2, 0, 4)]),
    st.floats(0.05, 5),
    st.sampled_from(["float32", "float64"]),
)
def test_max_norm_shortens_each_units_incoming_weights(
    shape: tuple[int, ...], limit: float, dtype: str
) -> None:
    before = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    w = tg.Parameter(before)
    optim.max_norm([w], limit)
    eps = np.finfo(dtype).eps
    for unit in range(shape[-1]):
        old = before[..., unit].astype(np.float64)
        length = float(np.linalg.norm(old))
        expected = old * min(1.0, limit / length) if length else old
        np.testing.assert_allclose(w.data[..., unit], expected, rtol=4 * eps)
        if length <= limit:
            assert np.array_equal(w.data[..., unit], before[..., unit])


def test_max_norm_leaves_biases_and_zeros_alone() -> None:
    bias, zeros = tg.Parameter([9.0, 9.0]), tg.Parameter(np.zeros((2, 2)))
    optim.max_norm([bias, zeros], 1.0)
    assert bias.tolist() == [9.0, 9.0]
    assert zeros.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_max_norm_keeps_a_large_rate_from_blowing_up() -> None:
    """Half of (|w|^2 / 2)'s curvature is passed at rate 3: without the constraint w doubles."""
    free, held = (tg.Parameter([[1.0], [1.0]], dtype="float64") for _ in range(2))
    for p in (free, held):
        optimizer = optim.SGD([p], lr=3.0)
        for _ in range(20):
            p.grad = p.data.copy()
            optimizer.step()
            if p is held:
                optim.max_norm([p], math.sqrt(15))
    assert np.linalg.norm(free.data) > 1e5
    assert np.linalg.norm(held.data) <= math.sqrt(15) * (1 + 1e-15)


CONSTRAINTS: list[Callable[[Any], None]] = [
    lambda p: optim.decay_weights(p, 0.5, 0.5),
    lambda p: optim.proximal_l1(p, 0.5, 0.5),
    lambda p: optim.max_norm(p, 0.5),
]


@pytest.mark.parametrize("constrain", CONSTRAINTS)
def test_frozen_weights_stay_and_old_graphs_are_refused(constrain: Callable[[Any], None]) -> None:
    w, frozen = (tg.Parameter([[2.0], [2.0]]) for _ in range(2))
    frozen.requires_grad = False
    loss = (w * w).sum()
    constrain([w, frozen])
    assert frozen.tolist() == [[2.0], [2.0]]
    assert w.tolist() != [[2.0], [2.0]]
    with pytest.raises(tg.errors.GraphError):
        loss.backward()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes_stay(dtype: str) -> None:
    parameters = fresh(dtype)
    give_gradients(parameters)
    optim.l2_penalty(parameters, np.float64(0.1))
    optim.l1_penalty(parameters, np.float64(0.1))
    for constrain in CONSTRAINTS:
        constrain(parameters)
    assert all(p.dtype == p.grad.dtype == dtype for p in parameters)


# Averages.


@given(st.floats(0, 0.999), st.integers(1, 30))
def test_the_average_is_the_weighted_sum(decay: float, updates: int) -> None:
    values = np.random.default_rng(0).standard_normal(updates + 1)
    w = tg.Parameter([values[0]], dtype="float64")
    average = optim.MovingAverage([w], decay)
    for value in values[1:]:
        w.assign(np.array([value]))
        average.update()
    weights = (1 - decay) * decay ** np.arange(updates)[::-1]
    expected = decay**updates * values[0] + weights @ values[1:]
    assert average.averages["0"].item() == pytest.approx(expected, abs=1e-12)
    assert average.updates == updates


def test_a_scheduled_decay_makes_the_plain_mean() -> None:
    w = tg.Parameter([1.0], dtype="float64")
    average = optim.MovingAverage([("w", w)], lambda n: (n + 1) / (n + 2))
    for value in (2.0, 6.0, 7.0):
        w.assign([value])
        average.update()
    assert average.averages["w"].item() == pytest.approx(4.0)


def test_averages_are_swapped_in_and_out_even_after_an_error() -> None:
    model = nn.Sequential(nn.Dense(2, 3), nn.BatchNorm(3))
    average = optim.MovingAverage([*model.named_parameters(), *model.named_buffers()], 0.5)
    before = model.state_dict()
    for p in model.parameters():
        p.assign(p.data + 1)
    model(tg.tensor([[1.0, 2.0], [3.0, 5.0]]))
    trained = model.state_dict()
    average.update()
    inside = {}

    def fails_while_evaluating() -> None:
        with average.applied():
            inside.update(model.state_dict())
            with pytest.raises(ArgumentError, match="swapped in already"), average.applied():
                pass
            with pytest.raises(ArgumentError, match=r"leave applied\(\) first"):
                average.update()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_while_evaluating()
    after = model.state_dict()
    for name, value in trained.items():
        np.testing.assert_allclose(inside[name], (before[name] + value) / 2, rtol=1e-6)
        assert after[name].tobytes() == value.tobytes()
    assert not np.array_equal(before["layers.1.running_mean"], inside["layers.1.running_mean"])


def test_a_graph_made_before_the_swap_is_refused() -> None:
    w = tg.Parameter([2.0])
    average = optim.MovingAverage([w], 0.5)
    loss = (w * w).sum()
    with average.applied(), pytest.raises(tg.errors.GraphError):
        loss.backward()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_resumed_average_goes_on_bit_by_bit(dtype: str) -> None:
    def go(average: optim.MovingAverage, parameters: list[tg.Parameter], steps: range) -> None:
        for step in steps:
            give_gradients(parameters, step)
            optim.SGD(parameters, lr=0.1).step()
            average.update()

    straight, halted = fresh(dtype), fresh(dtype)
    whole = optim.MovingAverage(straight, 0.9)
    go(whole, straight, range(10))
    first = optim.MovingAverage(halted, 0.9)
    go(first, halted, range(4))
    state = first.state_dict()
    second = optim.MovingAverage(halted, 0.9)
    second.load_state_dict(state)
    go(second, halted, range(4, 10))
    assert second.updates == 10
    for name, array in whole.averages.items():
        assert array.tobytes() == second.averages[name].tobytes()
        assert array.dtype == dtype


def test_loading_an_average_writes_all_or_nothing() -> None:
    average = optim.MovingAverage(fresh())
    good = average.state_dict()
    for wrong, error, message in [
        (good | {"average.1": np.zeros(5)}, ShapeError, r"'average.1' has shape \(5,\)"),
        (good | {"average.1": np.zeros(4, "f4")}, DtypeError, "float32"),
        (good | {"averge.1": np.zeros(4)}, ArgumentError, r"did you mean 'average.1'\?"),
        (good | {"updates": np.array(-1)}, ArgumentError, "'updates' must be a count"),
        ({"updates": np.array(0)}, ArgumentError, "lacks 'average.0'"),
    ]:
        with pytest.raises(error, match=message):
            average.load_state_dict(wrong)
    assert average.state_dict().keys() == good.keys()


# Per-layer rates.


def test_groups_by_pattern_reach_the_optimizer() -> None:
    model = nn.Sequential(nn.Dense(2, 3), nn.Dense(3, 3), nn.Dense(3, 1))
    rate = optim.cosine(0.5, 10)
    groups = optim.groups_by_pattern(
        model.named_parameters(),
        {
            "*.bias": {"weight_decay": 0.0},
            "layers.0.*": {"lr": optim.scaled(rate, 0.1)},
            "layers.?.weight": {"lr": rate},
        },
    )
    assert [[name for name, _ in group["params"]] for group in groups] == [
        ["layers.0.bias", "layers.1.bias", "layers.2.bias"],
        ["layers.0.weight"],
        ["layers.1.weight", "layers.2.weight"],
    ]
    optimizer = optim.SGD(groups, lr=0.25, weight_decay=0.1)
    rates = [optimizer.values(group) for group in optimizer.groups]
    assert [(now["lr"], now["weight_decay"]) for now in rates] == [
        (0.25, 0.0), (0.05, 0.1), (0.5, 0.1),
    ]  # fmt: skip
    assert len(optim.groups_by_pattern(model.named_parameters(), {})) == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: optim.l2_penalty(p, -1), ArgumentError, "l2_penalty: strength must be a finite"),
        (lambda p: optim.l1_penalty(p, "1"), ArgumentTypeError, "l1_penalty: strength must be a"),
        (lambda p: optim.l1_penalty(p[0], 1.0), ArgumentTypeError, "a Parameter; put it in a list"),
        (lambda p: optim.proximal_l1(p, 1.0, math.nan), ArgumentError, "proximal_l1: lr must be"),
        (lambda p: optim.decay_weights([1.0], 1.0, 1.0), ArgumentTypeError, "must be a Parameter"),
        (lambda p: optim.max_norm(p, 0.0), ArgumentError, "max_norm: limit must be above 0"),
        (lambda p: optim.max_norm(nn.Dense(1, 1), 1), ArgumentTypeError, r"pass its \.parameters"),
        (lambda p: optim.MovingAverage(p, 1.0), ArgumentError, "decay must be .* below 1"),
        (lambda p: optim.MovingAverage(p, lambda n: 2.0), ArgumentError, "value at step 0"),
        (lambda p: optim.MovingAverage(p[0]), ArgumentTypeError, "tensors must be a list"),
        (lambda p: optim.MovingAverage([]), ArgumentError, "there are no tensors"),
        (lambda p: optim.MovingAverage([("a", p[0])] * 2), ArgumentError, "two tensors are named"),
        (
            lambda p: optim.MovingAverage([tg.tensor([1, 2])]),
            ArgumentTypeError,
            "must be a tensor of floats",
        ),
        (
            lambda p: optim.groups_by_pattern(p, {}),
            ArgumentTypeError,
            "must be .name, parameter. p",
        ),
        (lambda p: optim.groups_by_pattern(3, {}), ArgumentTypeError, "parameters must be a list"),
        (
            lambda p: optim.groups_by_pattern([("head", p[0])], {"haed": {}}),
            ArgumentError,
            r"pattern 'haed' fits no parameter; did you mean 'head'\?",
        ),
        (
            lambda p: optim.groups_by_pattern([("head", p[0])], {"*": {}, "head": {}}),
            ArgumentError,
            "put the narrower pattern first",
        ),
        (
            lambda p: optim.groups_by_pattern([("head", p[0])], {"*": 0.1}),
            ArgumentTypeError,
            "needs a dict of hyper-parameters",
        ),
    ],
)
def test_errors(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(fresh())
