"""Four of the training steps in JAX, each one function compiled by `jax.jit`.

The networks of `networks.py`; the residual ones and AlexNet are not written out here. Imported in a
worker process only, where JAX is installed.
"""

# mypy: disable-error-code="import-not-found, misc, no-any-return, untyped-decorator"
from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..errors import ArgumentError
from .networks import batch_of

Step = Callable[[], object]
Weights = list[Any]


def make(step: str, variant: str) -> Step:
    """A function that trains one step and waits for its result.

    Raises:
        ArgumentError: a step that is not written in JAX.
    """
    if step not in _NETWORKS:
        raise ArgumentError(f"{step} is not written in JAX here; these are: {', '.join(_NETWORKS)}")
    forward, shapes = _NETWORKS[step]
    rng = np.random.default_rng(0)
    weights = [
        jnp.asarray(0.05 * rng.standard_normal(shape).astype(np.float32)) for shape in shapes
    ]
    x, y = (jnp.asarray(array) for array in batch_of(step))
    update = {"xor": _descent, "vgg_small": _adam}.get(step, _momentum)

    def loss_of(weights: Weights, key: Any) -> Any:
        logits = forward(weights, x, key)
        if step == "xor":
            return jnp.mean(jnp.maximum(logits, 0) - logits * y + jnp.log1p(jnp.exp(-abs(logits))))
        return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(y)), y])

    @jax.jit
    def step_of(weights: Weights, memory: Any, key: Any) -> Any:
        key, drawn = jax.random.split(key)
        loss, gradients = jax.value_and_grad(loss_of)(weights, drawn)
        weights, memory = update(weights, gradients, memory)
        return weights, memory, key, loss

    zeros = [jnp.zeros_like(w) for w in weights]
    state: list[Any] = [weights, (zeros, zeros, jnp.zeros(())), jax.random.PRNGKey(0)]

    def train() -> object:
        *state[:], loss = step_of(*state)
        return jax.block_until_ready(loss)

    return train


def _descent(weights: Weights, gradients: Weights, memory: Any) -> tuple[Weights, Any]:
    return [w - 0.1 * g for w, g in zip(weights, gradients, strict=True)], memory


def _momentum(weights: Weights, gradients: Weights, memory: Any) -> tuple[Weights, Any]:
    velocity = [0.9 * v + g for v, g in zip(memory[0], gradients, strict=True)]
    return [w - 0.01 * v for w, v in zip(weights, velocity, strict=True)], (velocity, *memory[1:])


def _adam(weights: Weights, gradients: Weights, memory: Any) -> tuple[Weights, Any]:
    count = memory[2] + 1
    m = [0.9 * m + 0.1 * g for m, g in zip(memory[0], gradients, strict=True)]
    v = [0.999 * v + 0.001 * g * g for v, g in zip(memory[1], gradients, strict=True)]
    c1, c2 = 1 - 0.9**count, 1 - 0.999**count
    moved = [
        w - 1e-3 * (m / c1) / (jnp.sqrt(v / c2) + 1e-8)
        for w, m, v in zip(weights, m, v, strict=True)
    ]
    return moved, (m, v, count)


def _conv(x: Any, w: Any, padding: str) -> Any:
    return lax.conv_general_dilated(
        x, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _pool(x: Any, combine: Any, start: float) -> Any:
    return lax.reduce_window(x, start, combine, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def _drop(x: Any, key: Any, p: float) -> Any:
    return jnp.where(jax.random.bernoulli(key, 1 - p, x.shape), x / (1 - p), 0)


def _xor(weights: Weights, x: Any, key: Any) -> Any:
    w1, b1, w2, b2 = weights
    return jnp.tanh(x @ w1 + b1) @ w2 + b2


def _mlp(weights: Weights, x: Any, key: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = weights
    first, second = jax.random.split(key)
    h = _drop(jax.nn.relu(x @ w1 + b1), first, 0.5)
    return _drop(jax.nn.relu(h @ w2 + b2), second, 0.5) @ w3 + b3


def _lenet5(weights: Weights, x: Any, key: Any) -> Any:
    k1, c1, k2, c2, w1, b1, w2, b2, w3, b3 = weights
    h = _pool(jnp.tanh(_conv(x, k1, "VALID") + c1), lax.add, 0.0) / 4
    h = _pool(jnp.tanh(_conv(h, k2, "VALID") + c2), lax.add, 0.0) / 4
    h = jnp.tanh(h.reshape(len(h), -1) @ w1 + b1)
    return jnp.tanh(h @ w2 + b2) @ w3 + b3


def _vgg_small(weights: Weights, x: Any, key: Any) -> Any:
    *keys, last = jax.random.split(key, 4)
    for layer in range(6):
        w, b, gamma, beta = weights[4 * layer : 4 * layer + 4]
        x = _conv(x, w, "SAME") + b
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        x = jax.nn.relu((x - mean) * lax.rsqrt(variance + 1e-5) * gamma + beta)
        if layer % 2:
            x = _drop(_pool(x, lax.max, -jnp.inf), keys[layer // 2], 0.25)
    w1, b1, w2, b2 = weights[24:]
    return _drop(jax.nn.relu(x.reshape(len(x), -1) @ w1 + b1), last, 0.5) @ w2 + b2


def _vgg_shapes() -> list[tuple[int, ...]]:
    shapes: list[tuple[int, ...]] = []
    for c, o in ((3, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)):
        shapes += [(3, 3, c, o), (o,), (o,), (o,)]
    return [*shapes, (2048, 256), (256,), (256, 10), (10,)]


def _dense_shapes(*sizes: int) -> list[tuple[int, ...]]:
    return [s for i, o in itertools.pairwise(sizes) for s in ((i, o), (o,))]


_NETWORKS: dict[str, tuple[Callable[[Weights, Any, Any], Any], list[tuple[int, ...]]]] = {
    "xor": (_xor, _dense_shapes(2, 8, 1)),
    "mlp": (_mlp, _dense_shapes(784, 800, 800, 10)),
    "lenet5": (
        _lenet5,
        [(5, 5, 1, 6), (6,), (5, 5, 6, 16), (16,), *_dense_shapes(400, 120, 84, 10)],
    ),
    "vgg_small": (_vgg_small, _vgg_shapes()),
}
