"""What stands around training, on the device: derivatives, clipping, averages, anomalies, tools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import nn, optim
from tinygrad_course.errors import AnomalyError, GraphError


def there(values: Any, grad: bool = False) -> tg.Tensor:
    return tg.tensor(np.asarray(values, "float64"), device="cuda", requires_grad=grad)


def model_there() -> nn.Module:
    tg.manual_seed(0)
    model = nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 2))
    return model.astype("float64").to("cuda")


def test_derivatives(device: Any) -> None:
    x = there([1.0, 2.0])
    cube = lambda v: (v * v * v).sum()  # noqa: E731
    assert tg.hessian(cube, x).cpu().tolist() == [[6.0, 0.0], [0.0, 12.0]]
    assert tg.hvp(cube, x, [1.0, 1.0])[1].tolist() == [6.0, 12.0]
    y, slope = tg.jvp(lambda v: v * v, x, [1.0, 0.0])
    assert (y.device, slope.tolist()) == ("cuda:0", [2.0, 0.0])
    _, pulled = tg.vjp(lambda v: v * v, x, [1.0, 1.0])
    assert pulled.tolist() == [2.0, 4.0]
    assert tg.jacobian(lambda v: v * v, x).cpu().tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_backward_steps(device: Any) -> None:
    x = there(3.0, grad=True)
    steps = list(tg.backward_steps(x * x + 1.0))
    assert [type(s.node).__name__ for s in steps] == ["Add", "Mul"]
    assert float(x.grad) == 6.0


def test_clipping(device: Any) -> None:
    model = model_there()
    model(there(np.ones((2, 3)))).sum().backward()
    if not device.is_gpu:
        device.transfers.clear()
    norm = optim.clip_grad_norm(model.parameters(), 0.5)
    if not device.is_gpu:  # all parameters' largest numbers, all sums of squares: two waits
        assert [kind for kind, _ in device.transfers] == ["to host"] * 2
    squares = sum(float((p.grad.cpu().numpy() ** 2).sum()) for p in model.parameters())
    assert norm > 0.5
    assert squares**0.5 == pytest.approx(0.5)
    optim.clip_grad_value(model.parameters(), 0.01)
    assert max(float(abs(p.grad).max()) for p in model.parameters()) <= 0.01
    model.parameters()[1].grad.data[0] = np.nan
    with pytest.raises(AnomalyError, match="the gradient of parameter '1'"):
        optim.clip_grad_norm(model.parameters(), 0.5)


def test_averages_follow_a_move(device: Any) -> None:
    model = model_there()
    average = optim.MovingAverage(model.named_parameters(), decay=0.5)
    average.update()
    model.cpu()
    average.update()
    with average.applied():
        assert model.parameters()[0].device == "cpu"
    average.load_state_dict(average.state_dict())
    model.cuda()
    average.update()


def test_anomalies(device: Any) -> None:
    x = there([0.0, 1.0], grad=True)
    with tg.detect_anomaly(), pytest.raises(AnomalyError, match=r"Sqrt\(\) made an infinity"):
        tg.sqrt(x).sum().backward()
    with tg.detect_anomaly(), pytest.raises(AnomalyError, match="made a NaN in forward"):
        tg.log(x - 1.0)
    with tg.detect_anomaly():
        loss = (x * x).sum()
        x.data[...] = 5.0
        with pytest.raises(AnomalyError, match="written into since"):
            loss.backward()


def test_a_write_after_forward_is_seen(device: Any) -> None:
    x = there([1.0], grad=True)
    y = x * x
    x.assign([2.0])
    with pytest.raises(GraphError, match="overwritten after the forward pass"):
        y.backward()


def test_summary_and_profile(device: Any) -> None:
    model = model_there()
    assert "Dense" in str(tg.summary(model, (1, 3)))
    with tg.profile() as profile:
        model(there(np.ones((2, 3)))).sum().backward()
    assert "Dense" in str(profile)


def test_gradients_are_accumulated(device: Any) -> None:
    w = tg.Parameter([1.0], device="cuda")
    for _ in range(3):
        (w * 2.0).sum().backward()
    assert w.grad.tolist() == [6.0]
    w.zero_grad()
    assert w.grad is None
    assert "device=cuda:0" in str(w)
