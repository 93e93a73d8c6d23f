"""A leaf's gradient is an array of its own: taken over where nobody else holds it, else copied."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tinygrad_course.kernels import workspace

import tinygrad_course as tg
from tinygrad_course.observer import Observer, observing

N = 6


class Returns(tg.Function):
    """y = x, with any gradient one likes; `made` remembers the array without holding it."""

    def __init__(self, gradient: Callable[[np.ndarray], np.ndarray]) -> None:
        self.gradient = gradient
        self.made: Any = None

    def forward(self, x):
        return x + 0.0

    def grad_x(self, grad):
        g = self.gradient(grad)
        self.made = weakref.ref(g)
        return g


def leaf() -> tg.Tensor:
    return tg.tensor(np.arange(1.0, N + 1.0), requires_grad=True)


def run(gradient: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, Any]:
    """The leaf's gradient, and the array that the formula made, if it still exists."""
    x, op = leaf(), Returns(gradient)
    op.apply(x).backward(np.full(N, 2.0))
    return x.grad.data, op.made()


def test_an_array_that_nobody_holds_becomes_the_leafs_own() -> None:
    g, made = run(lambda grad: grad * 3.0)
    assert g is made
    assert g.tolist() == [6.0] * N


def test_the_pools_memory_is_taken_over_and_comes_back() -> None:
    size = 1 << 20

    def pooled(grad: np.ndarray) -> np.ndarray:
        g = workspace.empty((size,), np.float64)
        g[...] = grad
        return g

    x, op = tg.tensor(np.zeros(size), requires_grad=True), Returns(pooled)
    before = workspace.report().in_use
    op.apply(x).backward(np.ones(size))
    assert x.grad.data is op.made()
    assert workspace.report().in_use >= before + 8 * size
    x.zero_grad()
    assert op.made() is None
    assert workspace.report().in_use == before


HELD = np.full(N, 7.0)
WIDE = np.full((N, 2), 7.0)


@pytest.mark.parametrize(
    "gradient",
    [
        lambda grad: HELD,
        lambda grad: HELD[:],
        lambda grad: WIDE[:, 0],
        lambda grad: np.broadcast_to(np.float64(7.0), N),
        lambda grad: np.full((N, 2), 7.0)[:, 0],
        lambda grad: np.full((2, N), 7.0)[1],
    ],
    ids=["held", "view", "column", "read-only", "column of its own", "row of its own"],
)
def test_anything_else_is_copied(gradient: Callable[[np.ndarray], np.ndarray]) -> None:
    g, made = run(gradient)
    assert g is not made
    assert g.base is None
    assert g.flags.carray
    g[...] = 0.0
    assert HELD.tolist() == [7.0] * N
    assert (WIDE == 7.0).all()


def test_columns_become_contiguous() -> None:
    x = tg.tensor(np.ones((2, 3)), requires_grad=True)
    Returns(lambda grad: np.asfortranarray(grad * 2.0)).apply(x).backward(np.ones((2, 3)))
    assert x.grad.data.flags.c_contiguous


def test_leaves_that_are_handed_one_array_do_not_share_it() -> None:
    a, b = leaf(), leaf()
    Returns(lambda grad: grad * 3.0).apply(a + b).backward(np.ones(N))
    assert not np.shares_memory(a.grad.data, b.grad.data)
    a, b = leaf(), leaf()
    (a.reshape(2, 3) + b.reshape(2, 3)).sum().backward()
    a.grad.data[...] = 0.0
    assert b.grad.tolist() == [1.0] * N


def test_a_retained_gradient_is_not_the_leafs() -> None:
    a = leaf()
    h = a + 1.0
    h.retain_grad()
    Returns(lambda grad: grad * 3.0).apply(h).backward(np.ones(N))
    assert not np.shares_memory(a.grad.data, h.grad.data)
    h.grad.data[...] = 0.0
    assert a.grad.tolist() == [3.0] * N


def test_who_reads_the_steps_keeps_what_was_read() -> None:
    x = leaf()
    steps = list(tg.backward_steps(x * 3.0, np.ones(N)))
    assert not np.shares_memory(steps[0].grads_in[0], x.grad.data)


def test_an_observer_keeps_what_it_saw() -> None:
    class Holds(Observer):
        seen: Any = None

        def after_backward(self, node, grads):
            self.seen = grads[0]

    observer, x = Holds(), leaf()
    with observing(observer):
        (x * 3.0).backward(np.ones(N))
    assert not np.shares_memory(observer.seen, x.grad.data)


def test_one_gradient_asked_for_twice_is_two_arrays() -> None:
    x = leaf()
    first, second = tg.grad((x * 3.0).sum(), [x, x])
    assert not np.shares_memory(first.data, second.data)
    h = x + 1.0
    of_h, of_x = tg.grad((h * 3.0).sum(), [h, x])
    assert not np.shares_memory(of_h.data, of_x.data)


def test_a_gradient_that_somebody_holds_is_not_written_by_the_next_pass() -> None:
    x = leaf()
    loss = (x * 3.0).sum()
    loss.backward(retain_graph=True)
    first, values = x.grad, x.grad.data
    loss.backward(retain_graph=True)
    assert first.tolist() == values.tolist() == [3.0] * N
    assert x.grad.tolist() == [6.0] * N
    x.zero_grad()
    loss.backward()
    assert x.grad.data is not values
    assert values.tolist() == [3.0] * N


def test_a_pass_that_breaks_off_gives_no_leaf_a_part() -> None:
    """Also one that is younger than ops of the graph, whose gradient was complete by then."""
    x = leaf()
    h = x * 2.0
    young = leaf()  # its turn comes before h's
    walk = tg.backward_steps((h * young).sum())
    for step in walk:
        if step.node is h.node:
            break
    walk.close()
    assert (x.grad, young.grad) == (None, None)
