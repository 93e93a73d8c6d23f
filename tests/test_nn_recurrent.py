"""Recurrent layers and cells: each is its function; sizes, names, first weights, learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import functional as F
from tinygrad_course import nn
from tinygrad_course.errors import ArgumentError, ArgumentTypeError

KINDS = {"RNN": (1, F.rnn), "LSTM": (4, F.lstm), "GRU": (3, F.gru)}


def drawn(*shape: int) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(0).standard_normal(shape))


def same(one: Any, other: Any) -> None:
    if isinstance(one, tuple):
        for a, b in zip(one, other, strict=True):
            same(a, b)
    else:
        assert np.array_equal(one.data, other.data)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_layer_is_its_function(kind: str, bidirectional: bool) -> None:
    gates, function = KINDS[kind]
    layer = getattr(nn, kind)(3, 4, 2, bidirectional=bidirectional, dtype="float64")
    x, D = drawn(2, 5, 3), 8 if bidirectional else 4
    weights = [(c.weight_x, c.weight_h, c.bias_x, c.bias_h) for c in layer.cells]
    assert [w[0].shape[0] for w in weights] == [3, D] if not bidirectional else [3, 3, D, D]
    same(layer(x), function(x, None, weights, bidirectional=bidirectional))
    h = drawn(len(weights), 2, 4)
    state = (h, h) if kind == "LSTM" else h
    same(layer(x, state), function(x, state, weights, bidirectional=bidirectional))
    assert layer(x)[0].shape == (2, 5, D)
    assert all(w[1].shape == (4, gates * 4) for w in weights)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_a_loop_of_its_cell(kind: str) -> None:
    layer = getattr(nn, kind)(3, 4, dtype="float64")
    x, zero = drawn(2, 5, 3), np.zeros((2, 4))
    state: Any = (zero, zero) if kind == "LSTM" else zero
    outputs = []
    for t in range(5):
        state = layer.cells[0](x[:, t], state)
        outputs.append(state[0] if kind == "LSTM" else state)
    y, last = layer(x)
    np.testing.assert_allclose(y.data, np.stack([h.data for h in outputs], 1), rtol=1e-12)
    if kind == "LSTM":
        np.testing.assert_allclose(last[1].data[0], state[1].data, rtol=1e-12)
        last = last[0]
    np.testing.assert_allclose(last.data[0], outputs[-1].data, rtol=1e-12)


def test_names_and_first_weights() -> None:
    layer = nn.LSTM(3, 16, generator=tg.Generator(0))
    assert [name for name, _ in layer.named_parameters()] == [
        f"cells.0.{part}" for part in ("weight_x", "weight_h", "bias_x", "bias_h")
    ]
    for p in layer.parameters():
        assert 0.2 < np.abs(p.data).max() <= 0.25  # 1 / sqrt(16)
    assert repr(layer).startswith("LSTM(3, 16)")
    plain = nn.GRU(3, 4, bias=False, init=nn.init.xavier_uniform)
    assert [p.shape for p in plain.parameters()] == [(3, 12), (4, 12)]
    assert not nn.RNNCell(3, 4, init=nn.init.xavier_uniform).bias_x.data.any()
    assert "bias=False" in repr(plain)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.RNN(0, 3), ArgumentError, "RNN: input_size must be at least 1"),
        (lambda: nn.LSTM(3, 0), ArgumentError, "LSTM: hidden_size must be at least 1"),
        (lambda: nn.GRU(3, 3, 0), ArgumentError, "GRU: num_layers must be at least 1"),
        (lambda: nn.RNN(3, 3, nonlinearity="rleu"), ArgumentError, "did you mean 'relu'"),
        (lambda: nn.LSTMCell(1.5, 3), ArgumentTypeError, "LSTMCell: input_size"),
    ],
)
def test_wrong_arguments(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("kind", KINDS)
def test_remembering_the_first_step(kind: str) -> None:
    """The sign of the first number, after five steps of noise."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 6, 1)).astype("float32")
    y = (x[:, 0, 0] > 0).astype(int)
    generator = tg.Generator(1)
    layer = getattr(nn, kind)(1, 12, generator=generator)
    head = nn.Dense(12, 2, generator=generator)
    optimizer = tg.optim.Adam([*layer.parameters(), *head.parameters()], lr=0.03)
    for _ in range(80):
        loss = F.cross_entropy(head(layer(tg.tensor(x))[0][:, -1]), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss.item() < 0.1
