"""Gradients by central differences with two Richardson steps: independent of the package."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

STEP = 0.01


def directional(
    f: Callable[..., float], arrays: Sequence[np.ndarray], i: int, u: np.ndarray
) -> float:
    """d/dt f(..., arrays[i] + t u, ...) at t = 0."""

    def difference(h: float) -> float:
        ahead, behind = list(arrays), list(arrays)
        ahead[i], behind[i] = np.asarray(arrays[i] + h * u), np.asarray(arrays[i] - h * u)
        return (f(*ahead) - f(*behind)) / (2.0 * h)

    first, second, third = (difference(STEP / 2**k) for k in range(3))
    once, twice = (4.0 * second - first) / 3.0, (4.0 * third - second) / 3.0
    return (16.0 * twice - once) / 15.0


def directions(
    rng: np.random.Generator, shape: tuple[int, ...], count: int = 6
) -> list[np.ndarray]:
    """Every unit vector of a small array, `count` random sign patterns of a larger one."""
    size = int(np.prod(shape))
    if size <= count:
        return list(np.eye(size).reshape(size, *shape))
    return [rng.choice([-1.0, 1.0], shape) for _ in range(count)]


def check_gradients(
    f: Callable[..., float],
    arrays: Sequence[np.ndarray],
    gradients: Sequence[np.ndarray],
    rng: np.random.Generator,
    rtol: float = 1e-6,
) -> None:
    """Assert that `gradients` are those of f, in several directions per input, at `rtol`."""
    for i, (x, g) in enumerate(zip(arrays, gradients, strict=True)):
        assert g.shape == x.shape
        us = directions(rng, x.shape)
        numeric = np.array([directional(f, arrays, i, u) for u in us])
        analytic = np.array([float((g * u).sum()) for u in us])
        # Relative to the gradient's own size; 1e-9 is what the differences can resolve of 0.
        scale = max(np.abs(numeric).max(initial=0.0), np.abs(analytic).max(initial=0.0), 1e-3)
        error = np.abs(numeric - analytic).max(initial=0.0)
        assert error <= rtol * scale, f"input {i}: analytic {analytic}, numeric {numeric}"
