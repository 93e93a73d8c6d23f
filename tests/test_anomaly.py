"""detect_anomaly: names the op, this file and the line, for what forward and backward made."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.errors import AnomalyError

HERE = Path(__file__).name


def line() -> int:
    """The line that calls this."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


def log_of(x: tg.Tensor) -> tg.Tensor:
    return tg.log(x)


def test_a_nan_in_forward() -> None:
    x = leaf(1.0, -1.0)
    with tg.detect_anomaly():
        h = x * 2.0
        with pytest.raises(AnomalyError, match=r"Log\(\) made a NaN in forward") as caught:
            log_of(h)
    assert f"{HERE}:{log_of.__code__.co_firstlineno + 1}" in str(caught.value)


def test_a_nan_in_forward_of_a_constant() -> None:
    x = tg.tensor([-1.0])
    with tg.detect_anomaly(), pytest.raises(AnomalyError, match=r"Log.*NaN in forward") as caught:
        log_of(x)
    assert f"{HERE}:{log_of.__code__.co_firstlineno + 1}" in str(caught.value)


def test_an_infinity_in_backward() -> None:
    x = leaf(4.0, 0.0)
    with tg.detect_anomaly():
        expected = line() + 1
        y = tg.sqrt(x)
        loss = y.sum()
        with pytest.raises(
            AnomalyError, match=r"Sqrt\(\) made an infinity in backward.*input 0"
        ) as e:
            loss.backward()
    assert f"{HERE}:{expected}" in str(e.value)


def test_the_first_op_is_named_not_the_last() -> None:
    x = leaf(0.0)
    with (
        tg.detect_anomaly(),
        pytest.raises(AnomalyError, match=r"Log\(\) made an infinity in forward"),
    ):
        tg.exp(tg.log(x) * 0.0)


def test_a_write_into_a_kept_array() -> None:
    x, w = leaf(1.0, 2.0), np.array([3.0, 4.0])
    with tg.detect_anomaly():
        expected = line() + 1
        y = x * w
        w[0] = 5.0
        with pytest.raises(
            AnomalyError, match=r"Mul\(\).*kept an array for backward.*written"
        ) as e:
            y.sum().backward()
    assert f"{HERE}:{expected}" in str(e.value)
    y = tg.exp(x)
    with tg.detect_anomaly():
        y = tg.exp(x)
        y.data[...] = 0.0
        with pytest.raises(AnomalyError, match=r"Exp\(\).*written"):
            y.sum().backward()


@pytest.mark.parametrize("op", ["max_pool2d", "batch_norm", "concatenate", "tuple"])
def test_ops_of_every_kind_are_watched(op: str) -> None:
    images = tg.tensor(np.random.default_rng(0).standard_normal((2, 4, 4, 1)), requires_grad=True)
    with tg.detect_anomaly():
        if op == "max_pool2d":
            y = tg.max_pool2d(images, 2)
        elif op == "batch_norm":
            y = tg.batch_norm(images)
        elif op == "concatenate":
            y = tg.concatenate([images, images])
        else:
            y = tg.recompute(lambda t: (t * 2.0, t * 3.0), images)[0]
        y.sum().backward()
        assert images.grad is not None
        with pytest.raises(AnomalyError, match=r"made a NaN"):
            tg.relu(images * np.array(np.nan))


def test_create_graph_is_watched() -> None:
    x = leaf(0.0)
    with tg.detect_anomaly():
        slope = tg.grad((x**1.5).sum(), x, create_graph=True)
        assert slope.tolist() == [0.0]
        with pytest.raises(AnomalyError, match=r"made an infinity in"):
            tg.grad(slope.sum(), x)


def test_outside_nothing_is_watched() -> None:
    x = leaf(-1.0)
    with tg.detect_anomaly():
        pass
    with np.errstate(invalid="ignore"):
        assert np.isnan(tg.log(x).data).all()
    with pytest.raises(KeyError), tg.detect_anomaly():
        raise KeyError
    with np.errstate(invalid="ignore"):
        tg.log(x)
    assert tg.is_grad_enabled()


def test_no_grad_inside_and_outside() -> None:
    x = leaf(-1.0)
    with tg.detect_anomaly(), tg.no_grad():
        assert not tg.is_grad_enabled()
        with pytest.raises(AnomalyError, match=r"Log\(\) made a NaN"):
            tg.log(x)
        with tg.enable_grad():
            assert (x * 2.0).requires_grad
    with tg.no_grad(), tg.detect_anomaly():
        assert not (x * 2.0).requires_grad
    with tg.detect_anomaly(), tg.detect_anomaly():
        y = x * 2.0
        y.sum().backward()
    assert x.grad.tolist() == [2.0]


def test_finite_training_passes() -> None:
    w, x = tg.Parameter(np.ones((3, 2))), np.random.default_rng(0).standard_normal((4, 3))
    for _ in range(3):
        with tg.detect_anomaly():
            tg.cross_entropy(x @ w, np.array([0, 1, 1, 0])).backward()
        w.assign(w.data - 0.1 * w.grad.data)
        w.zero_grad()
