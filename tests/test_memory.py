"""A training step leaves nothing behind: no cycle, no growth, no graph after its loss."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.tensor import mark_written


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Model:
    """Every kind of node: convolution, pool, batch norm, dropout, dense, cross-entropy."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.conv = tg.Parameter(rng.standard_normal((3, 3, 1, 4)) * 0.3, dtype="float32")
        self.gamma, self.beta = tg.Parameter(np.ones(4), dtype="float32"), tg.Parameter([0.0] * 4)
        self.mean, self.var = tg.tensor([0.0] * 4), tg.tensor([1.0] * 4)
        self.dense = tg.Parameter(rng.standard_normal((36, 3)) * 0.1, dtype="float32")
        self.bias = tg.Parameter([0.0] * 3)
        self.parameters = [self.conv, self.gamma, self.beta, self.dense, self.bias]

    def loss(self, x: np.ndarray, classes: np.ndarray) -> tg.Tensor:
        h = tg.relu(tg.conv2d(x, self.conv, padding="same"))
        h = tg.batch_norm(h, self.gamma, self.beta, self.mean, self.var)
        h = tg.max_pool2d(h, 2)
        h = tg.recompute(lambda t: tg.dropout(tg.tanh(t) * self.gamma, 0.2), h)
        parts = [h[:, :1], h[:, 1:]]
        return tg.cross_entropy(
            tg.dense(tg.flatten(tg.concatenate(parts, 1)), self.dense, self.bias), classes
        )

    def step(self, x: np.ndarray, classes: np.ndarray) -> float:
        loss = self.loss(x, classes)
        loss.backward()
        for p in self.parameters:
            assert p.grad is not None
            p.data -= 0.05 * p.grad.data
            p.zero_grad()
        mark_written(self.parameters)
        return loss.item()


def test_a_thousand_steps_leave_memory_flat(no_collector: None) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4, 6, 6, 1)).astype(np.float32)
    classes, model = np.array([0, 1, 2, 1]), Model()
    losses = [model.step(x, classes) for _ in range(50)]
    gc.collect()  # what compiling the kernels left behind
    tracemalloc.start()
    try:
        model.step(x, classes)
        before, _ = tracemalloc.get_traced_memory()
        losses += [model.step(x, classes) for _ in range(1000)]
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert losses[-1] < losses[0] / 2
    # The list of losses is 32 bytes a step; one leaked node a step would be 200 times that.
    assert after - before < 100_000
    assert peak - before < 300_000
    assert gc.collect() == 0


def test_second_order_steps_leave_nothing(no_collector: None) -> None:
    x = tg.tensor(np.arange(6.0).reshape(2, 3) / 6.0, requires_grad=True)
    w = tg.Parameter(np.ones((3, 3)))
    for repetition in range(20):
        if repetition == 1:
            gc.collect()  # what compiling the kernels left behind
        y = (
            (tg.tanh(x @ w) ** 2).sum()
            + tg.softmax(x @ w)[:, 0].sum()
            + tg.batch_norm(x @ w)[0].sum()
        )
        slope = tg.grad(y, x, create_graph=True)
        (slope * slope).sum().backward()
        w.zero_grad()
        x.zero_grad()
        del y, slope
    assert gc.collect() == 0


def test_dropping_the_loss_frees_the_graph(no_collector: None) -> None:
    model, x = Model(), np.ones((2, 6, 6, 1), np.float32)
    loss = model.loss(x, np.array([0, 1]))
    nodes, stack = [], [loss.node]
    while stack:
        node = stack.pop()
        nodes.append(weakref.ref(node))
        stack.extend([e for e in node.edges if e is not None and e.edges])
    del loss, node, stack
    assert len(nodes) > 8
    assert all(n() is None for n in nodes)


def test_backward_frees_the_kept_arrays_while_the_loss_lives(no_collector: None) -> None:
    x = tg.tensor(np.ones(1000), requires_grad=True)
    h = tg.exp(x)
    kept = weakref.ref(h.data)
    loss = (h * h).sum()
    del h
    assert kept() is not None
    loss.backward()
    assert kept() is None
    assert loss.item() > 0.0


def test_an_abandoned_walk_frees_the_graph(no_collector: None) -> None:
    x = tg.tensor(np.ones(10), requires_grad=True)
    h = tg.exp(x)
    kept = weakref.ref(h.data)
    loss = (h * h).sum()
    del h
    walk = tg.backward_steps(loss)
    next(walk)
    del walk
    assert kept() is None
    assert gc.collect() == 0


def test_recompute_keeps_only_its_inputs(no_collector: None) -> None:
    seen: list[weakref.ref[np.ndarray]] = []

    def block(h: tg.Tensor) -> tg.Tensor:
        for _ in range(3):
            h = tg.tanh(h)
            seen.append(weakref.ref(h.data))
        return h * h

    x = tg.tensor(np.ones(10), requires_grad=True)
    y = tg.recompute(block, x)
    assert len(seen) == 3
    assert all(r() is None for r in seen)
    y.sum().backward()
    assert len(seen) == 6
    assert all(r() is None for r in seen)
    assert gc.collect() == 0
