"""A kept value that was overwritten since is noticed: through views, and in every kind of pass."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.errors import GraphError, ShapeError


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


PASSES = {
    "backward": lambda loss, x: loss.backward(),
    "grad": tg.grad,
    "create_graph": lambda loss, x: tg.grad(loss, x, create_graph=True),
    "steps": lambda loss, x: list(tg.backward_steps(loss)),
}
MODES = pytest.mark.parametrize("mode", PASSES)


def stale(loss: tg.Tensor, x: tg.Tensor, mode: str) -> None:
    with pytest.raises(GraphError, match=r"overwritten after the forward pass"):
        PASSES[mode](loss, x)


@MODES
def test_an_overwritten_leaf_is_noticed(mode: str) -> None:
    x, w = leaf(1.0, 2.0), tg.Parameter(np.ones(2))
    loss = (x * w).sum()
    w.assign(np.zeros(2))
    stale(loss, x, mode)


@MODES
def test_an_overwritten_leaf_is_noticed_through_views(mode: str) -> None:
    w = tg.Parameter(np.ones((2, 3)))
    views = (
        w.reshape(3, 2), w.T, w[0], w[:, ::-1], tg.expand_dims(w, 0), w[None].squeeze(0),
        tg.broadcast_to(w, (2, 2, 3)), w.reshape(6)[2:].reshape(2, 2).T, w[..., 1:],
    )  # fmt: skip
    for view in views:
        loss = (view * view).sum()
        w.assign(w.data + 1.0)
        stale(loss, w, mode)


def test_a_copy_is_not_a_view() -> None:
    w = tg.Parameter(np.ones(3))
    copy = w[[0, 2]]
    loss = (copy * copy).sum()
    w.assign(np.zeros(3))
    loss.backward()
    assert w.grad.tolist() == [2.0, 0.0, 2.0]


def test_a_write_matters_only_where_the_value_was_kept() -> None:
    w = tg.Parameter(np.ones(2))
    loss = (w * 3.0 + w).sum()
    w.assign(np.zeros(2))
    loss.backward()
    assert w.grad.tolist() == [4.0, 4.0]
    w.zero_grad()
    loss = (w * w).sum()  # made after the write
    loss.backward()
    assert w.grad.tolist() == [0.0, 0.0]


def test_assign() -> None:
    w, memory = tg.Parameter([1.0, 2.0]), None
    memory = w.data
    w.assign([3, 4])
    assert w.data is memory
    assert w.tolist() == [3.0, 4.0]
    w.assign(tg.tensor(np.array([5.0, 6.0])))
    assert w.dtype == "float32"
    with pytest.raises(ShapeError, match=r"assign: expected shape \(2,\).*\(3,\)"):
        w.assign(np.zeros(3))
    with pytest.raises(ShapeError, match=r"assign: expected shape \(2,\).*\(\)"):
        w.assign(0.0)
    with pytest.raises(GraphError, match=r"assign: this tensor was computed by Mul"):
        (w * 2.0).assign(np.zeros(2))
    buffer = tg.tensor([1.0])
    buffer.assign([2.0])
    assert buffer.tolist() == [2.0]
