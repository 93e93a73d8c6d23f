"""What is recorded: no_grad and enable_grad, per thread; leaves, frozen and thawed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentTypeError, DtypeError, GraphError, ShapeError


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


def test_no_grad_and_enable_grad() -> None:
    x = leaf(1.0)
    assert tg.is_grad_enabled()
    with tg.no_grad():
        assert not tg.is_grad_enabled()
        assert not (x * 2.0).requires_grad
        with tg.enable_grad():
            assert (x * 2.0).requires_grad
        assert not tg.is_grad_enabled()
        (x * 2.0).detach()
    assert (x * 2.0).requires_grad

    @tg.no_grad()
    def evaluate(t: tg.Tensor) -> tg.Tensor:
        return t * 2.0

    assert not evaluate(x).requires_grad
    with pytest.raises(KeyError), tg.no_grad():
        raise KeyError
    assert tg.is_grad_enabled()
    loss = (x * x).sum()
    with tg.no_grad():
        loss.backward()
    assert x.grad.tolist() == [2.0]


def test_no_grad_is_of_one_thread() -> None:
    inside: list[bool] = []
    with tg.no_grad():
        thread = threading.Thread(target=lambda: inside.append(tg.is_grad_enabled()))
        thread.start()
        thread.join()
    assert inside == [True]


def test_a_decorated_function_in_two_threads() -> None:
    """A call that began under no_grad ends while another thread, recording, is inside its own."""
    inside = {"a": threading.Event(), "b": threading.Event()}
    left = threading.Event()
    after: dict[str, bool] = {}

    @tg.no_grad()
    def wait(name: str) -> None:
        inside[name].set()
        assert (inside["b"] if name == "a" else left).wait(10)

    def first() -> None:
        with tg.no_grad():
            wait("a")
            after["a"] = tg.is_grad_enabled()
        left.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert inside["a"].wait(10)
    wait("b")
    after["b"] = tg.is_grad_enabled()
    thread.join()
    assert after == {"a": False, "b": True}


def test_requires_grad_is_switched_on_leaves_only() -> None:
    p = tg.Parameter([1.0])
    p.requires_grad = False
    assert not (p * 2.0).requires_grad
    p.requires_grad = True
    p.requires_grad = True
    assert (p * 2.0).requires_grad
    with pytest.raises(GraphError, match=r"computed by Mul\(\).*detach\(\)"):
        (p * 2.0).requires_grad = False
    with pytest.raises(TypeError, match=r"only floats have gradients, .*int64.*astype"):
        tg.tensor(np.array([1])).requires_grad = True
    with pytest.raises(TypeError, match=r"only floats"):
        tg.tensor([True], requires_grad=True)


def test_the_grad_setter() -> None:
    p = tg.Parameter([1.0, 2.0])
    p.grad = [3, 4]
    assert p.grad.dtype == "float32"
    (p * 1.0).sum().backward()
    assert p.grad.tolist() == [4.0, 5.0]
    p.grad = None
    assert p.grad is None
    with pytest.raises(ShapeError, match=r"grad: .*shape \(2,\).*\(3,\)"):
        p.grad = np.ones(3)
    with pytest.raises(DtypeError, match=r"grad: .*float32.*float64.*astype\('float32'\)"):
        p.grad = tg.tensor(np.ones(2))
    with pytest.raises(GraphError, match=r"only a leaf"):
        (p * 2.0).grad = np.ones(2)
    with pytest.raises(GraphError, match=r"only a leaf"):
        tg.tensor([1.0]).grad = np.ones(1)


def test_detach_shares_memory_and_ends_the_graph() -> None:
    x = leaf(1.0, 2.0)
    d = (x * 2.0).detach()
    assert d.node is None
    y = (d * x).sum()
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]
    assert x.detach().data is x.data


def test_threads_that_share_a_leaf_lose_no_gradient() -> None:
    w, count, workers = tg.tensor(np.zeros(2), requires_grad=True), 200, 4

    def work() -> None:
        for _ in range(count):
            (w * np.ones(2)).sum().backward()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert w.grad.tolist() == [count * workers] * 2


def test_a_generator_that_outlives_its_observer_leaves_no_trace() -> None:
    def inside() -> Iterator[tg.Tensor]:
        with tg.no_grad():
            yield leaf(1.0) * 2.0

    steps = inside()
    with tg.detect_anomaly():
        assert not next(steps).requires_grad
    steps.close()
    assert (leaf(1.0) * 2.0).requires_grad


def test_a_generator_cannot_be_decorated() -> None:
    def batches() -> Iterator[int]:
        yield 1

    with pytest.raises(ArgumentTypeError, match="no_grad: batches is a generator"):
        tg.no_grad()(batches)
