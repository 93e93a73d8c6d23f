"""The backward pass: accumulation, release, paths, steps, a million nodes."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.engine import engine
from tinygrad_course.errors import ArgumentError, GraphError, ShapeError


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


def scalar(value: float) -> tg.Tensor:
    return tg.tensor(np.array(value), requires_grad=True)


# Sums of gradients.


def test_a_diamond_counts_every_path() -> None:
    """b = a + a; c = b + b: visiting c's inputs before b was complete would give 2 or 3."""
    a = scalar(1.0)
    b = a + a
    c = b + b
    c.backward()
    assert a.grad.item() == 4.0
    a.zero_grad()
    b = a * 2.0
    (b * a + b * b * a).backward()  # 2 a^2 + 4 a^3
    assert a.grad.item() == 16.0


def test_gradients_accumulate_until_they_are_zeroed() -> None:
    x = leaf(1.0, 2.0)
    (x * 3.0).sum().backward()
    first = x.grad
    (x * 4.0).sum().backward()
    assert x.grad.tolist() == [7.0, 7.0]
    assert first.tolist() == [3.0, 3.0]
    x.zero_grad()
    assert x.grad is None
    (x * 4.0).sum().backward()
    assert x.grad.tolist() == [4.0, 4.0]


def test_two_leaves_do_not_share_a_gradient() -> None:
    a, b = leaf(1.0), leaf(2.0)
    (a + b).backward(np.array([5.0]))
    assert not np.shares_memory(a.grad.data, b.grad.data)
    a.grad.data[...] = 0.0
    assert b.grad.tolist() == [5.0]


def test_the_users_gradient_is_copied() -> None:
    x, v = leaf(1.0, 2.0), np.array([3.0, 4.0])
    x.backward(v)
    assert not np.shares_memory(x.grad.data, v)
    (x * 1.0).backward([1.0, 1.0])
    assert x.grad.tolist() == [4.0, 5.0]
    assert v.tolist() == [3.0, 4.0]


def test_seeds_are_checked() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(ShapeError, match=r"shape \(2,\) needs a direction"):
        (x * 2.0).backward()
    with pytest.raises(ShapeError, match=r"backward: .*shape \(2,\).*\(3,\)"):
        (x * 2.0).backward(np.ones(3))
    with pytest.raises(GraphError, match=r"does not require a gradient"):
        tg.tensor(1.0).backward()
    y = tg.tensor([[2.0]], requires_grad=True)
    (y * 3.0).backward()
    assert y.grad.tolist() == [[3.0]]
    (y * 3.0).backward(np.ones((1, 1)))  # float64 for float32
    assert y.grad.dtype == "float32"


# Release.


def test_a_second_backward_says_so() -> None:
    x = leaf(1.0, 2.0)
    loss = (x * x).sum()
    loss.backward()
    with pytest.raises(GraphError, match=r"released at Sum.*retain_graph=True"):
        loss.backward()
    with pytest.raises(GraphError, match=r"released"):
        tg.grad(loss, x)
    y = x * x
    first, second = y.sum(), (y * 2.0).sum()
    first.backward()
    with pytest.raises(GraphError, match=r"released at Mul"):
        second.backward()


def test_retain_graph() -> None:
    x = leaf(1.0, 2.0)
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    loss.backward(retain_graph=True)
    loss.backward()
    assert x.grad.tolist() == [6.0, 12.0]
    with pytest.raises(GraphError, match=r"released"):
        loss.backward()


def test_retain_grad() -> None:
    x = leaf(1.0, 2.0)
    h = x * 3.0
    h.retain_grad()
    (h * h).sum().backward()
    assert h.grad.tolist() == [6.0, 12.0]
    assert (x * 1.0).grad is None
    with pytest.raises(GraphError, match=r"retain_grad: this tensor is a constant"):
        tg.tensor(1.0).retain_grad()


def test_retain_grad_of_a_leaf_changes_nothing() -> None:
    x = leaf(1.0, 2.0)
    x.retain_grad()
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_grad_returns_and_leaves_every_grad_alone() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    h = x * w
    h.retain_grad()
    gx, gh = tg.grad((h * h).sum(), [x, h])
    assert gx.tolist() == [18.0, 64.0]
    assert gh.tolist() == [6.0, 16.0]
    assert (x.grad, w.grad, h.grad) == (None, None, None)


# tg.grad.


def test_grad_visits_only_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = leaf(1.0), leaf(2.0)
    side = tg.exp(w)
    monkeypatch.setattr(type(side.node), "grad_x", None)
    y = x * 3.0 + side
    assert tg.grad(y, x).tolist() == [3.0]
    inner = x * 2.0
    deep = tg.sqrt(inner) * side
    assert tg.grad(deep, inner)[0].item() == pytest.approx(np.exp(2.0) / 2.0 / np.sqrt(2.0))


def test_grad_of_an_unused_input_is_zeros() -> None:
    x, unused = leaf(1.0, 2.0), tg.tensor(np.ones((2, 3), "float32"), requires_grad=True)
    gx, gu = tg.grad((x * x).sum(), [x, unused])
    assert gx.tolist() == [2.0, 4.0]
    assert gu.tolist() == np.zeros((2, 3)).tolist()
    assert gu.dtype == "float32"


def test_grad_of_several_outputs_with_weights() -> None:
    x = leaf(1.0, 2.0)
    y, z = x * x, (x * 3.0).sum()
    g = tg.grad([y, z], x, [np.array([1.0, 10.0]), None])
    assert g.tolist() == [5.0, 43.0]
    y, z = x * x, (x * 3.0).sum()
    g, again = tg.grad([z, z, tg.tensor(1.0)], [x, x])
    assert g.tolist() == again.tolist() == [6.0, 6.0]
    assert tg.grad(x, x, np.array([1.0, 2.0])).tolist() == [1.0, 2.0]


def test_grad_refusals() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(GraphError, match=r"grad: input 1 does not require a gradient"):
        tg.grad(x.sum(), [x, tg.tensor(1.0)])
    with pytest.raises(ArgumentError, match=r"grad: 2 outputs need as many grad_outputs, not 1"):
        tg.grad([x.sum(), x.sum()], x, [None])
    with pytest.raises(GraphError, match=r"does not require a gradient"):
        tg.grad(tg.tensor(1.0), x)
    with pytest.raises(ShapeError, match=r"needs a direction"):
        tg.grad(x * 1.0, x)


def test_create_graph_and_the_warning() -> None:
    x = scalar(3.0)
    slope = tg.grad(x * x * x, x, create_graph=True)
    assert slope.item() == 27.0
    assert tg.grad(slope, x, create_graph=True).item() == 18.0
    with pytest.warns(UserWarning, match=r"cycle.*tg.grad\(loss, inputs, create_graph=True\)"):
        (x * x).backward(create_graph=True)
    assert x.grad.requires_grad
    x.zero_grad()
    assert not tg.grad(x * x, x).requires_grad


def test_a_gradient_of_a_gradient_penalty() -> None:
    """The gradient reaches the weights through the slope: d/dw |d(w x^2)/dx|^2 = 8 w x^2."""
    w, x = scalar(3.0), scalar(2.0)
    slope = tg.grad(w * x * x, x, create_graph=True)
    (slope * slope).backward()
    assert w.grad.item() == pytest.approx(8 * 3 * 4)
    assert x.grad.item() == pytest.approx(8 * 9 * 2)


# Steps.


def test_backward_steps_are_backward() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    steps = list(tg.backward_steps((x * w + 1.0).sum()))
    assert [type(s.node).__name__ for s in steps] == ["Sum", "Add", "Mul"]
    assert steps[2].grad_out.tolist() == [1.0, 1.0]
    assert [g.tolist() for g in steps[2].grads_in] == [[3.0, 4.0], [1.0, 2.0]]
    assert steps[1].grads_in[1] is None
    assert x.grad.tolist() == [3.0, 4.0]


def test_abandoned_steps_release_the_graph() -> None:
    x = leaf(1.0, 2.0)
    h = tg.exp(x)
    loss = (h * h + h).sum()
    walk = tg.backward_steps(loss)
    next(walk)
    next(walk)
    walk.close()
    assert x.grad is None
    assert h.node.edges is None
    assert h.node.kept is None
    with pytest.raises(GraphError, match=r"released"):
        loss.backward()
    loss = tg.exp(x).sum()
    for _ in tg.backward_steps(loss, retain_graph=True):
        break
    loss.backward()
    assert x.grad is not None


def test_a_pass_that_fails_leaves_no_half_of_the_graph() -> None:
    class Fails(tg.Function):
        def forward(self, x):
            return x * 1.0

        def grad_x(self, grad):
            raise KeyError("mine")

    x = leaf(1.0, 2.0)
    with pytest.raises(KeyError, match=r"mine"):
        (Fails().apply(x) + tg.exp(x)).sum().backward()
    assert x.grad is None
    (x * 2.0).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_formula_that_writes_into_its_gradient_is_told_so() -> None:
    class Doubled(tg.Function):
        def forward(self, x):
            return x * 2.0

        def grad_x(self, grad):
            grad *= 2.0
            return grad

    class Masked(Doubled):
        def grad_x(self, grad):
            grad[0] = 0.0
            return grad

    class Refuses(Doubled):
        def grad_x(self, grad):
            raise ShapeError("read-only as it is")

    for op in (Doubled, Masked):
        x = leaf(1.0, 2.0)
        told = rf"{op.__name__}\(\).*read-only.*grad = grad \* 2"
        for y in (op().apply(x).sum(), op().apply(x).mean()):
            with pytest.raises(GraphError, match=told):
                y.backward()
    y = Refuses().apply(leaf(1.0))
    with pytest.raises(ShapeError, match="read-only as it is"):  # an error of ours stays
        y.backward(np.ones(1))


# Size.


def test_a_million_nodes_in_a_chain() -> None:
    """Linear and without recursion: every node is taken once, and freeing the chain works."""
    x = scalar(1.0)
    y, nodes = x, 1_000_000
    for _ in range(nodes):
        y = y + 1.0
    assert y.item() == nodes + 1.0
    y.backward()
    assert x.grad.item() == 1.0
    del y


def test_a_long_chain_takes_one_step_per_node() -> None:
    x = scalar(1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    assert sum(1 for _ in tg.backward_steps(y)) == 20_000
    y = x
    for _ in range(40):
        y = y + y  # 2^40 paths
    assert sum(1 for _ in tg.backward_steps(y)) == 40
    assert x.grad.item() == 1.0 + 2.0**40


def test_a_long_chain_is_freed_without_backward() -> None:
    y = scalar(1.0)
    for _ in range(200_000):
        y = y + 1.0
    del y


def test_the_engine_is_one_generator() -> None:
    x = scalar(2.0)
    y = x * x
    steps = list(engine([y.node], [np.array(1.0)], silent=False))
    assert [s.node for s in steps] == [y.node]
    assert list(engine([(x * x).node], [np.array(1.0)])) == []
    assert x.grad.item() == 8.0


def test_a_retained_gradient_accumulates_as_a_leaf_does():
    x = tg.tensor(2.0, requires_grad=True)
    h = x * 3.0
    h.retain_grad()
    loss = h * h
    loss.backward(retain_graph=True)
    loss.backward()
    assert (h.grad.item(), x.grad.item()) == (24.0, 72.0)


def test_grad_through_a_released_graph_is_refused() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    e = 3.0 - x * 2.0
    tg.grad(e * e, x)
    with pytest.raises(GraphError, match="released"):
        tg.grad(e * e * 0.5, x)
