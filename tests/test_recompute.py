"""recompute: the gradients of f, of all it closed over, at the memory of its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentTypeError, GraphError

RNG = np.random.default_rng(0)
X, W = RNG.standard_normal((4, 3)), RNG.standard_normal((3, 3))


def both(make: Callable[[Any, tg.Tensor, tg.Tensor], tg.Tensor]) -> None:
    """`make(run, x, w)` with run = recompute and with run = a plain call give the same."""
    found = []
    for run in (tg.recompute, lambda f, *a: f(*a)):
        x, w = tg.tensor(X, requires_grad=True), tg.Parameter(W)
        loss = make(run, x, w)
        loss.backward()
        found.append((loss.data, x.grad.data, w.grad.data))
    for a, b in zip(*found, strict=True):  # sums may be taken in another order
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * np.abs(b).max())


def test_closed_over_weights_get_their_gradients() -> None:
    both(lambda run, x, w: run(lambda h: tg.tanh(h @ w), x).sum())


def test_closed_over_inner_tensors() -> None:
    def make(run: Any, x: tg.Tensor, w: tg.Tensor) -> tg.Tensor:
        inner = tg.exp(x @ w)
        return (run(lambda h: tg.tanh(h * inner) + inner, x) * inner).sum()

    both(make)


def test_an_input_that_is_an_inner_tensor() -> None:
    both(lambda run, x, w: (run(lambda h: tg.tanh(h) * h, x @ w) * w[0]).sum())


def test_nothing_but_closed_over_tensors() -> None:
    both(lambda run, x, w: run(lambda: tg.tanh(x @ w)).sum())


def test_constants_and_integers_among_the_inputs() -> None:
    def make(run: Any, x: tg.Tensor, w: tg.Tensor) -> tg.Tensor:
        def block(h: tg.Tensor, scale: tg.Tensor, power: int, mask: np.ndarray) -> tg.Tensor:
            return tg.where(mask, (h @ w) ** power * scale, 0.0)

        return run(block, x, tg.tensor(np.array(0.5)), 2, X > 0.0).sum()

    both(make)


def test_f_that_returns_its_input() -> None:
    both(lambda run, x, w: (run(lambda h: h, x) @ w).sum())
    both(lambda run, x, w: (run(lambda h: h, x @ w) * 2.0).sum())


def test_nested() -> None:
    def make(run: Any, x: tg.Tensor, w: tg.Tensor) -> tg.Tensor:
        def outer(h: tg.Tensor) -> tg.Tensor:
            return run(lambda t: tg.tanh(t @ w), h) * h

        return run(outer, x).sum()

    both(make)


def test_tuple_outputs() -> None:
    def make(run: Any, x: tg.Tensor, w: tg.Tensor) -> tg.Tensor:
        a, b, _ = run(lambda h: (tg.tanh(h @ w), tg.exp(h), h @ w @ w), x)
        return (a * b).sum()

    both(make)


def test_one_after_another() -> None:
    def make(run: Any, x: tg.Tensor, w: tg.Tensor) -> tg.Tensor:
        for _ in range(4):
            x = run(lambda h: tg.tanh(h @ w), x)
        return x.sum()

    both(make)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_dropout_is_replayed(depth: int) -> None:
    results = []
    for run in (tg.recompute, lambda f, *a: f(*a)):
        generator = tg.Generator(7)
        x, w = tg.tensor(X, requires_grad=True), tg.Parameter(W)

        def block(
            h: tg.Tensor, n: int = depth, run: Any = run, w: Any = w, g: Any = generator
        ) -> Any:
            h = tg.dropout(tg.tanh(h @ w), 0.5, generator=g)
            if n > 1:
                h = run(lambda t: block(t, n - 1), h)
            return tg.dropout(h * h + 1.0, 0.3, generator=g)

        loss = run(block, x).sum() + tg.dropout(x, 0.5, generator=generator).sum()
        state = generator.state()
        loss.backward()
        assert generator.state() == state
        results.append((loss.item(), x.grad.tolist(), w.grad.tolist(), state))
    assert results[0] == results[1]


def test_running_statistics_are_updated_once() -> None:
    for run in (tg.recompute, lambda f, *a: f(*a)):
        mean, var = tg.tensor(np.zeros(3)), tg.tensor(np.ones(3))
        x = tg.tensor(X, requires_grad=True)
        loss = (run(lambda h: tg.batch_norm(h, None, None, mean, var), x) ** 3).sum()  # noqa: B023
        loss.backward()
        np.testing.assert_allclose(mean.data, 0.1 * X.mean(0))
        np.testing.assert_allclose(var.data, 0.9 + 0.1 * X.var(0, ddof=1))


def test_create_graph() -> None:
    found = []
    for run in (tg.recompute, lambda f, *a: f(*a)):
        x, w = tg.tensor(X, requires_grad=True), tg.Parameter(W)
        y = run(lambda h: tg.tanh(h @ w) * h, x).sum()  # noqa: B023
        slope = tg.grad(y, x, create_graph=True)
        found.append([g.data for g in tg.grad((slope * slope).sum(), [x, w])])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_an_overwritten_weight_is_noticed() -> None:
    x, w = tg.tensor(X, requires_grad=True), tg.Parameter(W)
    loss = tg.recompute(lambda h: tg.tanh(h @ w), x).sum()
    w.assign(W + 1.0)
    with pytest.raises(GraphError, match=r"overwritten after the forward pass"):
        loss.backward()
    loss = tg.recompute(lambda h: tg.tanh(h @ w), x).sum()
    x.assign(X + 1.0)
    with pytest.raises(GraphError, match=r"overwritten after the forward pass"):
        loss.backward()


def test_nothing_to_differentiate() -> None:
    y = tg.recompute(lambda h: h * 2.0, tg.tensor(X))
    assert not y.requires_grad
    with tg.no_grad():
        assert not tg.recompute(lambda h: h * 2.0, tg.tensor(X, requires_grad=True)).requires_grad


def test_f_must_return_tensors() -> None:
    x = tg.tensor(X, requires_grad=True)
    with pytest.raises(ArgumentTypeError, match=r"recompute: .*returned float"):
        tg.recompute(lambda h: h.sum().item(), x)


def test_it_prints_the_function() -> None:
    def block(h: tg.Tensor) -> tg.Tensor:
        return h * 2.0

    y = tg.recompute(block, tg.tensor(X, requires_grad=True))
    assert repr(y.node) == "Recompute(block)"


def test_a_generator_that_was_seeded_anew_repeats_its_draws() -> None:
    """The mask of the second run is the first one's, whatever became of the generator."""
    grads = []
    for reseed in (False, True):
        generator = tg.Generator(5)
        x = tg.tensor(np.ones(64), requires_grad=True)
        y = tg.recompute(lambda h, g=generator: tg.dropout(h, 0.5, generator=g), x)
        if reseed:
            generator.set_state((9, 0))
        y.sum().backward()
        assert np.array_equal(x.grad.numpy(), y.numpy())
        grads.append(x.grad.tolist())
    assert grads[0] == grads[1]


def test_a_function_that_draws_more_the_second_time_is_named() -> None:
    runs = []

    def unsteady(h: tg.Tensor) -> tg.Tensor:
        runs.append(1)
        for _ in runs:
            h = tg.dropout(h, 0.5)
        return h

    y = tg.recompute(unsteady, tg.tensor([1.0, 2.0], requires_grad=True))
    with pytest.raises(GraphError, match="draws more random numbers"):
        y.sum().backward()
