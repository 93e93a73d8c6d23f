"""The steps of SGD and Adam as GPU kernels in Python: sixteen tensors a launch.

A launch takes about as long as a small tensor's whole update, so the grid has a second axis: block
(i, t) works on tensor t. A kernel's arguments are 4 KiB at most, which is sixteen times four
arrays. Error: as the reference's, a few eps of the largest term. Read beside it: `cuda.cu`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array, array_module
from ..cuda_launch import contiguous
from ..numba_language import cuda, float32, kernel, uint32
from ..numba_launch import launch

MOST = 16
_THREADS = 256
_MOST_BLOCKS = 256


@kernel
def sgd(
    ps: Any,
    gs: Any,
    vs: Any,
    lr: Any,
    momentum: Any,
    rest: Any,
    decay: Any,
    nesterov: Any,
    first: Any,
) -> None:
    """g <- g + decay p;  v <- momentum v + rest g;  p <- p - lr (g, v, or g + momentum v)."""
    p, g, v = ps[cuda.blockIdx.y], gs[cuda.blockIdx.y], vs[cuda.blockIdx.y]
    i = uint32(cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x)
    numbers_at_once = uint32(cuda.gridDim.x * cuda.blockDim.x)
    while i < uint32(p.size):
        gradient = g[i] + decay * p[i]
        direction = gradient
        if v.size > 0:
            velocity = gradient if first else momentum * v[i] + rest * gradient
            v[i] = velocity
            direction = gradient + momentum * velocity if nesterov else velocity
        p[i] -= lr * direction
        i = uint32(i + numbers_at_once)  # Numba adds in 64 bits, and compares those as floats


@kernel
def adam(
    ps: Any,
    gs: Any,
    ms: Any,
    vs: Any,
    step_size: Any,
    beta1: Any,
    beta2: Any,
    eps: Any,
    root: Any,
    decay: Any,
    shrink: Any,
) -> None:
    """p <- shrink p - step m / (sqrt(v) / root + eps), with the running means m, v of g, g^2."""
    p, g = ps[cuda.blockIdx.y], gs[cuda.blockIdx.y]
    m, v = ms[cuda.blockIdx.y], vs[cuda.blockIdx.y]
    i = uint32(cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x)
    numbers_at_once = uint32(cuda.gridDim.x * cuda.blockDim.x)
    one = float32(1)
    while i < uint32(p.size):
        gradient = g[i] + decay * p[i]
        first_moment = beta1 * m[i] + (one - beta1) * gradient
        second_moment = beta2 * v[i] + (one - beta2) * gradient * gradient
        m[i] = first_moment
        v[i] = second_moment
        p[i] = shrink * p[i] - step_size * first_moment / (math.sqrt(second_moment) / root + eps)
        i = uint32(i + numbers_at_once)  # Numba adds in 64 bits, and compares those as floats


def sgd_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    velocities: Sequence[Array] | None,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    nesterov: bool,
    weight_decay: float,
    first: bool,
) -> None:
    """One step of gradient descent, as `reference.sgd_step`."""
    kept = velocities if momentum and velocities is not None else None
    numbers = [np.float32(value) for value in (lr, momentum, 1 - dampening, weight_decay)]
    flags = np.bool_(nesterov), np.bool_(first)
    _run(sgd, (parameters, gradients, kept), (*numbers, *flags))


def adam_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    first_moments: Sequence[Array],
    second_moments: Sequence[Array],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    step: int,
) -> None:
    """One step of Adam or AdamW, as `reference.adam_step`."""
    numbers = (
        lr / (1 - beta1**step),
        beta1,
        beta2,
        eps,
        (1 - beta2**step) ** 0.5,
        0.0 if decoupled else weight_decay,
        1 - lr * weight_decay if decoupled else 1.0,
    )
    lists = parameters, gradients, first_moments, second_moments
    _run(adam, lists, tuple([np.float32(value) for value in numbers]))


def _run(step: Any, lists: Sequence[Sequence[Array] | None], numbers: Sequence[Any]) -> None:
    """One launch for each sixteen tensors; arrays with gaps are packed, and copied back."""
    parameters = lists[0] or ()
    places = [k for k, parameter in enumerate(parameters) if parameter.size]
    for start in range(0, len(places), MOST):
        some = places[start : start + MOST]
        none = array_module(parameters[some[0]]).empty(0, parameters[some[0]].dtype)
        packed = [[none if a is None else contiguous(a[k]) for k in some] for a in lists]
        longest = max(array.size for array in packed[0])
        blocks = min(_MOST_BLOCKS, -(-longest // _THREADS))
        filled = [
            tuple([a.reshape(-1) for a in own] + [none] * (MOST - len(own))) for own in packed
        ]
        launch(step, (blocks, len(some)), (_THREADS,), *filled, *numbers)
        for given, own in zip(lists, packed, strict=True):
            for k, array in zip(some, own, strict=True):
                if given is not None and given is not lists[1] and array is not given[k]:
                    given[k][...] = array
