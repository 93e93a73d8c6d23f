"""Records of `ops/rnn.py`, `ops/lstm.py` and `ops/gru.py`: all outputs of a call, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, ShapeError

from .record import Bad, Case, Sample, normal, positive, sample

RNG = np.random.Generator
F = tg.functional


def joined(outputs: Any) -> Any:
    """Outputs of several shapes as one vector."""
    flat: list[Any] = []

    def walk(value: Any) -> None:
        if isinstance(value, (tuple, list)):
            for v in value:
                walk(v)
        else:
            flat.append(value.reshape(int(np.prod(value.shape))))

    walk(outputs)
    return tg.concatenate(flat) if not isinstance(flat[0], np.ndarray) else np.concatenate(flat)


def sizes(rng: RNG, gates: int, D: int, H: int, draw: Any = normal) -> list[np.ndarray]:
    """The weights of one layer, held small enough that nothing saturates."""
    wide = gates * H
    return [
        0.5 * draw(rng, D, wide), 0.5 * draw(rng, H, wide), 0.3 * draw(rng, wide),
        0.3 * draw(rng, wide),
    ]  # fmt: skip


def sequences(gates: int, states: int) -> Callable[[RNG], Iterator[Sample]]:
    """x, the first states, and four arrays for each layer (two without biases)."""

    def draws(rng: RNG) -> Iterator[Sample]:
        def first(layers: int, N: int, H: int) -> list[np.ndarray]:
            return [0.5 * normal(rng, layers, N, H) for _ in range(states)]

        yield sample(normal(rng, 2, 3, 3), *first(1, 2, 2), *sizes(rng, gates, 3, 2))
        yield sample(normal(rng, 1, 1, 2), *first(1, 1, 1), *sizes(rng, gates, 2, 1))
        yield sample(
            normal(rng, 1, 3, 2), *first(2, 1, 2), *sizes(rng, gates, 2, 2),
            *sizes(rng, gates, 2, 2),
        )  # fmt: skip
        yield sample(
            normal(rng, 2, 2, 1), *first(2, 2, 2), *sizes(rng, gates, 1, 2),
            *sizes(rng, gates, 1, 2), bidirectional=True,
        )  # fmt: skip
        yield sample(normal(rng, 0, 2, 3), *first(1, 0, 2), *sizes(rng, gates, 3, 2))

    return draws


def cells(gates: int, states: int) -> Callable[[RNG], Iterator[Sample]]:
    def draws(rng: RNG) -> Iterator[Sample]:
        for N, D, H in ((3, 2, 2), (1, 1, 3), (0, 2, 2)):
            before = [0.5 * normal(rng, N, H) for _ in range(states)]
            yield sample(normal(rng, N, D), *before, *sizes(rng, gates, D, H))

    return draws


def plain(gates: int, states: int) -> Callable[[RNG], Iterator[Sample]]:
    """No first state and no biases."""

    def draws(rng: RNG) -> Iterator[Sample]:
        yield sample(normal(rng, 2, 3, 2), *sizes(rng, gates, 2, 2)[:2])

    return draws


def layer(function: Callable[..., Any], states: int) -> Callable[..., Any]:
    def run(x, *rest, **options):
        h, weights = rest[:states], rest[states:]
        state = h[0] if states == 1 else h
        layers = [weights[i : i + 4] for i in range(0, len(weights), 4)]
        return joined(function(x, state, layers, **options))

    run.__name__ = getattr(function, "__name__", "run")
    return run


def stateless(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, w_x, w_h: joined(function(x, None, [(w_x, w_h)]))


def cell(function: Callable[..., Any]) -> Callable[..., Any]:
    run = lambda *a, **options: joined(function(*a, **options))  # noqa: E731
    run.__name__ = getattr(function, "__name__", "run")
    return run


def _s(a):
    return 1.0 / (1.0 + np.exp(-a))


def _np_rnn(x, h, w_x, w_h, b_x=0.0, b_h=0.0, nonlinearity="tanh"):
    a = x @ w_x + b_x + h @ w_h + b_h
    return np.tanh(a) if nonlinearity == "tanh" else a * (a > 0)


def _np_lstm(x, h, c, w_x, w_h, b_x=0.0, b_h=0.0):
    i, f, g, o = np.split(x @ w_x + b_x + h @ w_h + b_h, 4, axis=-1)
    c = _s(f) * c + _s(i) * np.tanh(g)
    return _s(o) * np.tanh(c), c


def _np_gru(x, h, w_x, w_h, b_x=0.0, b_h=0.0):
    xr, xz, xn = np.split(x @ w_x + b_x, 3, axis=-1)
    hr, hz, hn = np.split(h @ w_h + b_h, 3, axis=-1)
    z = _s(xz + hz)
    return (1.0 - z) * np.tanh(xn + _s(xr + hr) * hn) + z * h


def _np_layers(step: Callable[..., Any], states: int) -> Callable[..., Any]:
    """Each layer and direction by a loop over its steps."""

    def run(x, state, layers, bidirectional=False, **options):
        if state is None:
            state = [np.zeros((len(layers), len(x), len(layers[0][1])))] * states
        first = state if states > 1 else [state] if isinstance(state, np.ndarray) else state
        lasts = []
        for bottom in range(0, len(layers), 2 if bidirectional else 1):
            both = []
            for i in range(bottom, bottom + (2 if bidirectional else 1)):
                now = [s[i] for s in first]
                order = range(x.shape[1])
                hidden = {}
                for t in reversed(order) if i > bottom else order:
                    after = step(x[:, t], *now, *layers[i], **options)
                    now = list(after) if isinstance(after, tuple) else [after]
                    hidden[t] = now[0]
                both.append(np.stack([hidden[t] for t in order], axis=1))
                lasts.append(now)
            x = np.concatenate(both, axis=-1)
        last = [np.stack([now[k] for now in lasts]) for k in range(states)]
        return x, last

    return run


def _relu(rng: RNG) -> Iterator[Sample]:
    """Everything positive: no step lies at the kink."""
    yield sample(
        positive(rng, 2, 3, 2), positive(rng, 1, 2, 2), *sizes(rng, 1, 2, 2, positive),
        nonlinearity="relu",
    )  # fmt: skip
    yield sample(
        normal(rng, 2, 4, 2), normal(rng, 1, 2, 3), *sizes(rng, 1, 2, 3),
        nonlinearity="relu", smooth=False,
    )  # fmt: skip


X, W, H = tg.tensor(np.ones((2, 3, 4))), np.ones((4, 5)), np.ones((5, 5))


def _errors(name: str, gates: int) -> tuple[Bad, ...]:
    wx, wh = np.tile(W, gates), np.tile(H, gates)
    wide = 5 * gates
    return (
        Bad((tg.tensor(np.ones((2, 4))), None, [(wx, wh)]), ShapeError, rf"{name}: x .*\(2, 4\)"),
        Bad((tg.tensor(np.ones((2, 0, 4))), None, [(wx, wh)]), ShapeError, "at least one step"),
        Bad((X, None, []), ArgumentError, f"{name}: layers must be a list"),
        Bad((X, None, [(wx, wh)]), ArgumentError, "two for each layer", {"bidirectional": True}),
        Bad((X, None, [(wx,)]), ArgumentTypeError, f"{name}: weights must be"),
        Bad((X, None, [(wx, wh[0])]), ShapeError, f"{name}: w_h must be"),
        Bad(
            (X, None, [(wx[:3], wh)]),
            ShapeError,
            rf"{name}: w_x of layer 0 must have shape \(4, {wide}\) .*\(2, 3, 4\).*\(3, {wide}\)",
        ),
        Bad((X, None, [(wx, wh, np.ones(3))]), ShapeError, rf"{name}: b_x .*\({wide},\).*\(3,\)"),
    )


def _case(name: str, step: Callable[..., Any], gates: int, states: int) -> tuple[Case, ...]:
    fused, composed = getattr(tg, name), getattr(F, f"{name}_composed")
    one, one_composed = getattr(tg, f"{name}_cell"), getattr(F, f"{name}_cell_composed")
    reference = _np_layers(step, states)
    return (
        Case(
            name, layer(fused, states), layer(reference, states), sequences(gates, states),
            twin=layer(composed, states),
        ),
        Case(f"{name} (errors)", fused, reference, lambda _: (), bad=_errors(name, gates)),
        Case(f"{name} (no state, no biases)", stateless(fused), stateless(reference),
             plain(gates, states), twin=stateless(composed)),
        Case(f"{name}_cell", cell(one), cell(step), cells(gates, states), twin=cell(one_composed)),
    )  # fmt: skip


CASES = (
    *_case("rnn", _np_rnn, 1, 1),
    *_case("lstm", _np_lstm, 4, 2),
    *_case("gru", _np_gru, 3, 1),
    Case("rnn (relu)", layer(tg.rnn, 1), layer(_np_layers(_np_rnn, 1), 1), _relu,
         twin=layer(F.rnn_composed, 1)),
    Case(
        "rnn (more errors)",
        tg.rnn,
        _np_rnn,
        lambda _: (),
        bad=(
            Bad((X, np.ones((1, 3, 5)), [(W, H)]), ShapeError, r"\(1, 2, 5\).*\(1, 3, 5\)"),
            Bad((X, None, [(W, H)]), ArgumentError, "rnn: there is no nonlinearity 'rleu'.*relu",
                {"nonlinearity": "rleu"}),
        ),
    ),
    Case(
        "lstm_cell (errors)",
        tg.lstm_cell,
        _np_lstm,
        lambda _: (),
        bad=(
            Bad((X, H, H, np.tile(W, 4), np.tile(H, 4)), ShapeError, r"lstm_cell: x .*\(2, 3, 4\)"),
            Bad((tg.tensor(np.ones((2, 4))), H, H, np.tile(W, 4), np.tile(H, 4)), ShapeError,
                r"lstm_cell: the state .*\(2, 5\).*\(5, 5\)"),
        ),
    ),
    Case(
        "lstm (more errors)",
        tg.lstm,
        _np_lstm,
        lambda _: (),
        bad=(Bad((X, H, [(np.tile(W, 4), np.tile(H, 4))]), ArgumentTypeError, "lstm: state must"),),
    ),
)  # fmt: skip
