"""The steps of SGD and Adam as GPU kernels in Python: sixteen tensors a launch.

A launch takes about as long as a small tensor's whole update, so the grid has a second axis: block
(i, t) works on tensor t. Error: as the reference's, a few eps of the largest term. Read beside it:
`cuda.cu`, whose blocks find their tensor by themselves, so that a small one gets no idle blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..arrays import Array
from ..cuda_launch import contiguous
from ..numba_language import MANY, Float, Int, Kernel, ManyCounts, ManyFloats, cuda, float32, kernel
from ..numba_launch import launch

_THREADS = 256
_MOST_BLOCKS = 256


@kernel
def sgd(
    ps: ManyFloats,
    gs: ManyFloats,
    vs: ManyFloats,
    sizes: ManyCounts,
    lr: Float,
    momentum: Float,
    rest: Float,
    decay: Float,
    with_velocity: Int,
    nesterov: Int,
    first: Int,
) -> None:
    """g <- g + decay p;  v <- momentum v + rest g;  p <- p - lr (g, v, or g + momentum v)."""
    p, g, v = ps[cuda.blockIdx.y], gs[cuda.blockIdx.y], vs[cuda.blockIdx.y]
    size = sizes[cuda.blockIdx.y]
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    numbers_at_once = cuda.gridDim.x * cuda.blockDim.x
    while i < size:
        gradient = g[i] + decay * p[i]
        direction = gradient
        if with_velocity:
            velocity = gradient if first else momentum * v[i] + rest * gradient
            v[i] = velocity
            direction = gradient + momentum * velocity if nesterov else velocity
        p[i] -= lr * direction
        i += numbers_at_once


@kernel
def adam(
    ps: ManyFloats,
    gs: ManyFloats,
    ms: ManyFloats,
    vs: ManyFloats,
    sizes: ManyCounts,
    step_size: Float,
    beta1: Float,
    beta2: Float,
    eps: Float,
    root: Float,
    decay: Float,
    shrink: Float,
) -> None:
    """p <- shrink p - step m / (sqrt(v) / root + eps), with the running means m, v of g, g^2."""
    p, g = ps[cuda.blockIdx.y], gs[cuda.blockIdx.y]
    m, v = ms[cuda.blockIdx.y], vs[cuda.blockIdx.y]
    size = sizes[cuda.blockIdx.y]
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    numbers_at_once = cuda.gridDim.x * cuda.blockDim.x
    one = float32(1)
    while i < size:
        gradient = g[i] + decay * p[i]
        first_moment = beta1 * m[i] + (one - beta1) * gradient
        second_moment = beta2 * v[i] + (one - beta2) * gradient * gradient
        m[i] = first_moment
        v[i] = second_moment
        p[i] = shrink * p[i] - step_size * first_moment / (math.sqrt(second_moment) / root + eps)
        i += numbers_at_once


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
    numbers = lr, momentum, 1 - dampening, weight_decay, kept is not None, nesterov, first
    _run(sgd, (parameters, gradients, kept), numbers)


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
    _run(adam, lists, numbers)


def _run(step: Kernel, lists: Sequence[Sequence[Array] | None], numbers: Sequence[Any]) -> None:
    """One launch for each sixteen tensors; arrays with gaps are packed, and copied back."""
    parameters = lists[0] or ()
    places = [k for k, parameter in enumerate(parameters) if parameter.size]
    for start in range(0, len(places), MANY):
        some = places[start : start + MANY]
        packed = [[] if a is None else [contiguous(a[k]) for k in some] for a in lists]
        sizes = [parameters[k].size for k in some]
        blocks = min(_MOST_BLOCKS, -(-max(sizes) // _THREADS))
        launch(step, (blocks, len(some)), (_THREADS,), *packed, sizes, *numbers)
        for given, own in zip(lists, packed, strict=True):
            for k, array in zip(some, own, strict=False):
                if given is not None and given is not lists[1] and array is not given[k]:
                    given[k][...] = array
