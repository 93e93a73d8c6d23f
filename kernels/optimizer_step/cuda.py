"""The steps of SGD and Adam in CUDA C++: the launchers of `cuda.cu`, eighty tensors a launch.

Every number is read once and written once. Error: as the reference's, a few eps of the largest
term. Read beside it: `cuda.cu`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import cuda_launch
from ..arrays import Array
from ..cuda_geometry import THREADS
from ..cuda_launch import address, contiguous

_MOST, _CHUNK = 80, 4096
_TENSORS = np.dtype(
    [("at", "u8", (4, _MOST)), ("size", "i8", (_MOST,)), ("first_chunk", "i4", (_MOST + 1,))],
    align=True,
)
_SGD = np.dtype(
    [(name, "f4") for name in ("lr", "momentum", "dampening", "weight_decay")]
    + [(name, "i4") for name in ("nesterov", "first")]
)
_ADAM = np.dtype(
    [
        (name, "f4")
        for name in ("step_size", "beta1", "rest1", "beta2", "rest2", "eps", "root_of_correction")
    ]
    + [(name, "f4") for name in ("weight_decay", "shrink")]
)


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
    with_velocity = velocities if momentum and velocities is not None else None
    rule = np.array((lr, momentum, dampening, weight_decay, nesterov, first), _SGD)
    _run("sgd_step", rule, parameters, gradients, with_velocity)


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
    rule = np.array(
        (
            lr / (1 - beta1**step),
            beta1,
            1 - beta1,
            beta2,
            1 - beta2,
            eps,
            (1 - beta2**step) ** 0.5,
            0.0 if decoupled else weight_decay,
            1 - lr * weight_decay if decoupled else 1.0,
        ),
        _ADAM,
    )
    _run("adam_step", rule, parameters, gradients, first_moments, second_moments)


def _run(name: str, rule: Any, *lists: Sequence[Array] | None) -> None:
    """One launch for each eighty tensors; arrays with gaps are packed, and copied back."""
    places = [place for place, array in enumerate(lists[0] or ()) if array.size]
    for start in range(0, len(places), _MOST):
        some = places[start : start + _MOST]
        given = [None if whole is None else [whole[place] for place in some] for whole in lists]
        packed = [None if part is None else [contiguous(array) for array in part] for part in given]
        like = given[0][0]  # type: ignore[index]
        tensors, blocks = _tensors(packed)
        run = cuda_launch.kernel("optimizer_step/cuda.cu", name, like)
        run((blocks,), (THREADS,), (tensors, np.int32(len(some)), rule))
        for array, copy in _written(given, packed):
            if copy is not array:
                array[...] = copy


def _tensors(lists: Sequence[Sequence[Array] | None]) -> tuple[Any, int]:
    """The struct `Tensors` of `cuda.cu`, and the number of all chunks."""
    tensors = np.zeros((), _TENSORS)
    at, count = tensors["at"], len(lists[0] or ())
    for role, arrays in enumerate(lists):
        if arrays is not None:
            at[role, :count] = [address(array) for array in arrays]
    sizes = [array.size for array in lists[0] or ()]
    ends = list(itertools.accumulate(-(-size // _CHUNK) for size in sizes))
    tensors["size"][:count] = sizes
    tensors["first_chunk"][1 : count + 1] = ends
    return tensors, ends[-1]


def _written(
    given: Sequence[Sequence[Array] | None], packed: Sequence[Sequence[Array] | None]
) -> Iterator[tuple[Array, Array]]:
    """The arrays that a step writes, with their packed twins: all but the gradients."""
    for role, (arrays, copies) in enumerate(zip(given, packed, strict=True)):
        if role != 1 and arrays is not None and copies is not None:
            yield from zip(arrays, copies, strict=True)
