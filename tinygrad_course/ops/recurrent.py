"""What the recurrent layers share: stacks of layers in one or two directions, and the checks.

A layer's weights are (w_x, w_h, b_x, b_h): what acts on the input and what acts on the state.
Read next: `rnn.py`, then `lstm.py` and `gru.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..backend import Array, array_module, launch
from ..dtypes import floating, operand, operands
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..tensor import filled
from .joining import concatenate, stack


def run_layers(
    name: str,
    run: Callable[..., Any],
    x: Any,
    states: Sequence[Any],
    layers: Any,
    *,
    gates: int,
    bidirectional: bool,
) -> tuple[Any, list[Any]]:
    """Layers one above the other; the second of a pair reads the sequence backwards.

    Args:
        name: of the function, for its errors.
        run: (x, *state, w_x, w_h, b_x, b_h) to (y, last state), of one layer in one direction.
        x: (N, T, D).
        states: first states (layers, N, H), or None for zeros.
        layers: the weights of each layer, of each direction of it.
        gates: how many blocks of H columns the weights have.
        bidirectional: whether every second one runs backwards.

    Returns:
        y (N, T, H), or (N, T, 2 H); and the last states, each (layers, N, H).
    """
    directions = 2 if bidirectional else 1
    x = floating(x)
    if len(x.shape) != 3 or not x.shape[1]:
        raise ShapeError(
            f"{name}: x must be (N, T, D) with at least one step, but has shape {tuple(x.shape)}"
        )
    if not isinstance(layers, Sequence) or not layers or len(layers) % directions:
        raise ArgumentError(
            f"{name}: layers must be a list of (w_x, w_h, b_x, b_h), "
            + ("two for each layer (forwards, backwards)" if bidirectional else "one a layer")
        )
    N, lasts = x.shape[0], []
    H = _hidden_size(name, layers[0])
    given = [_first_state(name, s, (len(layers), N, H), x) for s in states]
    for first in range(0, len(layers), directions):
        outputs = []
        for i in range(first, first + directions):
            weights = checked_weights(name, layers[i], x, H, gates, which=f" of layer {i}")
            y, last = run(x if i == first else x[:, ::-1], *[s[i] for s in given], *weights)
            outputs.append(y if i == first else y[:, ::-1])
            lasts.append(last)
        x = concatenate(outputs, -1) if bidirectional else outputs[0]
    return x, [stack([last[k] for last in lasts]) for k in range(len(given))]


def step_by_step(cell: Callable[..., Any]) -> Callable[..., Any]:
    """A layer in one direction as a loop of a composed cell: (y, last state)."""

    def run(x: Any, *rest: Any) -> Any:
        state, weights = rest[:-4], rest[-4:]
        hidden = []
        for t in range(x.shape[1]):
            after = cell(x[:, t], *state, *weights)
            state = after if isinstance(after, tuple) else (after,)
            hidden.append(state[0])
        return stack(hidden, 1), state

    return run


def checked_weights(
    name: str, weights: Any, x: Any, H: int, gates: int, *, which: str = ""
) -> list[Any]:
    """w_x (D, gates H), w_h (H, gates H), and the biases (gates H,), zeros where there is none."""
    if not isinstance(weights, (tuple, list)) or not 2 <= len(weights) <= 4:
        raise ArgumentTypeError(
            f"{name}: the weights{which} must be (w_x, w_h) or (w_x, w_h, b_x, b_h)"
        )
    wide = gates * H
    shapes = {"w_x": (x.shape[-1], wide), "w_h": (H, wide), "b_x": (wide,), "b_h": (wide,)}
    out = []
    given = (*weights, *[None] * (4 - len(weights)))
    for (what, shape), value in zip(shapes.items(), given, strict=True):
        if value is None and what[0] == "b":
            out.append(filled(x, shape, 0.0))
            continue
        array = operands(x, value)[1]
        if tuple(array.shape) != shape:
            raise ShapeError(
                f"{name}: {what}{which} must have shape {shape} for x of shape {tuple(x.shape)} "
                f"and {H} hidden numbers, but has {tuple(array.shape)}"
            )
        out.append(array)
    return out


def checked_cell(
    name: str, x: Any, states: Sequence[Any], weights: Sequence[Any], gates: int
) -> tuple[Any, list[Any], list[Any]]:
    """The arguments of one step: x (N, D), states (N, H), weights."""
    x = floating(x)
    if len(x.shape) != 2:
        raise ShapeError(f"{name}: x must be (N, D), but has shape {tuple(x.shape)}")
    H = _hidden_size(name, weights)
    out = operands(x, *states)[1:]
    for s in out:
        if tuple(s.shape) != (x.shape[0], H):
            raise ShapeError(
                f"{name}: the state must have shape {(x.shape[0], H)} for x of shape "
                f"{tuple(x.shape)} and {H} hidden numbers, but has {tuple(s.shape)}"
            )
    return x, out, checked_weights(name, list(weights), x, H, gates)


def _hidden_size(name: str, weights: Any) -> int:
    """H, the rows of w_h."""
    if not isinstance(weights, (tuple, list)) or len(weights) < 2:
        raise ArgumentTypeError(f"{name}: weights must be (w_x, w_h) or (w_x, w_h, b_x, b_h)")
    shape = tuple(operand(weights[1]).shape)
    if len(shape) != 2:
        raise ShapeError(f"{name}: w_h must be (H, gates H), but has shape {shape}")
    return int(shape[0])


def _first_state(name: str, state: Any, shape: tuple[int, ...], x: Any) -> Any:
    if state is None:
        return filled(x, shape, 0.0)
    state = operands(x, state)[1]
    if tuple(state.shape) != shape:
        raise ShapeError(
            f"{name}: the first state must be (layers, N, H) = {shape}, but has shape "
            f"{tuple(state.shape)}"
        )
    return state


def projected(x: Array, w: Array, b: Array) -> Array:
    """x w + b for all samples and steps at once: (N, T, D) to (N, T, columns)."""
    N, T, D = x.shape
    y: Array = launch("dense", x.reshape(N * T, D), w, b, activation=None)
    return y.reshape(N, T, w.shape[1])


def before(h0: Array, y: Array) -> Array:
    """The state that each step began with: h0, then all outputs but the last."""
    return array_module(y).concatenate([h0[:, None], y[:, :-1]], axis=1)


def through_weights(
    da_x: Array, da_h: Array, x: Array, h: Array, w_x: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """(dx, dw_x, dw_h, db_x, db_h) from the gradients of x w_x + b_x and of h w_h + b_h.

    The weights serve every step, so their gradients are sums over all of them: one product each.
    """
    N, T, D = x.shape
    rows_x, rows_h = (a.reshape(N * T, a.shape[2]) for a in (da_x, da_h))
    dx = launch("matmul", rows_x, w_x.T).reshape(x.shape)
    dw_x = launch("matmul", x.reshape(N * T, D).T, rows_x)
    dw_h = launch("matmul", h.reshape(N * T, h.shape[2]).T, rows_h)
    return dx, dw_x, dw_h, launch("sum_rows", rows_x), launch("sum_rows", rows_h)
