"""Every op's record on the device: values and gradients of both orders are those of the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import CASES, Case, Sample
from cases.record import close, is_float

import tinygrad_course as tg
from tinygrad_course.node import Leaf
from tinygrad_course.tensor import Tensor, wrap

EVERY = pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
DIFFERENTIABLE = [c for c in CASES if c.differentiable]
GRADIENTS = pytest.mark.parametrize("case", DIFFERENTIABLE, ids=[c.name for c in DIFFERENTIABLE])


def samples(case: Case) -> list[Sample]:
    return list(case.samples(np.random.default_rng(0)))


def leaves_of(arrays: Any) -> tuple[list[Any], list[Tensor]]:
    """The arguments with float arrays as leaves, integer arrays as constants; and the leaves."""
    inputs: list[Any] = []
    for a in arrays:
        floats = hasattr(a, "dtype") and a.dtype.kind == "f"
        inputs.append(wrap(a, Leaf()) if floats else a)
    return inputs, [t for t in inputs if isinstance(t, Tensor)]


def upstream(shape: tuple[int, ...], dtype: Any, seed: int = 1) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def on(device: Any, arrays: Any) -> list[Any]:
    """Arrays that have numbers, and lists of them, on the device."""
    return [device.put(a) for a in arrays]


def options(device: Any, s: Sample) -> dict[str, Any]:
    """The keyword arguments, index arrays among them on the device."""
    return {name: device.put(value) for name, value in s.options.items()}


@EVERY
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values(device: Any, case: Case, dtype: str) -> None:
    for s in samples(case):
        arrays = s.cast(dtype)
        on_cpu = case.function(*[wrap(a, None) if is_float(a) else a for a in arrays], **s.options)
        moved = [
            wrap(m, None) if is_float(a) else m
            for a, m in zip(arrays, on(device, arrays), strict=True)
        ]
        y = case.function(*moved, **options(device, s))
        assert y.device == "cuda:0"
        assert y.dtype == on_cpu.dtype
        close(y.cpu().numpy(), on_cpu.numpy(), 1e-12 if dtype == "float64" else 1e-5)


@GRADIENTS
def test_first_gradients(device: Any, case: Case) -> None:
    for s in samples(case):
        expected = first(case, s.options, s.arrays, lambda a: a)
        got = first(case, options(device, s), on(device, s.arrays), device.put)
        for g, e in zip(got, expected, strict=True):
            assert g.device == "cuda:0"
            close(g.cpu().numpy(), e.numpy(), 1e-11)


def first(case: Case, given: dict[str, Any], arrays: Any, put: Any) -> list[Tensor]:
    inputs, leaves = leaves_of(arrays)
    y = case.function(*inputs, **given)
    return tg.grad(y, leaves, put(upstream(y.shape, y.dtype)))  # type: ignore[no-any-return]


@GRADIENTS
def test_second_gradients(device: Any, case: Case) -> None:
    for s in samples(case):
        expected = second(case, s.options, s.arrays, lambda a: a)
        got = second(case, options(device, s), on(device, s.arrays), device.put)
        for g, e in zip(got, expected, strict=True):
            assert g.device == "cuda:0"
            close(g.cpu().numpy(), e.numpy(), 1e-10)


def second(case: Case, given: dict[str, Any], arrays: Any, put: Any) -> list[Tensor]:
    """The gradients of sum_i <u_i, dL/dx_i> with L = <v, y>, for every x_i and for v."""
    inputs, leaves = leaves_of(arrays)
    y = case.function(*inputs, **given)
    v = wrap(put(upstream(y.shape, y.dtype)), Leaf())
    grads = tg.grad(y, leaves, v, create_graph=True)
    total: Any = 0.0
    for i, g in enumerate(grads):
        total = (g * put(upstream(g.shape, g.dtype, 10 + i))).sum() + total
    if not isinstance(total, Tensor) or not total.requires_grad:
        return []
    return tg.grad(total, [*leaves, v])  # type: ignore[no-any-return]


@EVERY
def test_nothing_crosses_unseen(device: Any, case: Case) -> None:
    """Forward and backward move no array: at most single numbers, which a check waits for."""
    if device.is_gpu:
        return  # the double sees what crosses, a GPU does not tell
    for s in samples(case):
        inputs, leaves = leaves_of(on(device, s.cast("float32")))
        given = options(device, s)
        device.transfers.clear()
        y = case.function(*inputs, **given)
        sent = [t for t in device.transfers if t[0] == "to host" and t[1] > 8]
        assert sent == []
        if case.differentiable and leaves:
            v = device.put(upstream(y.shape, y.dtype))
            device.transfers.clear()
            tg.grad(y, leaves, v)
            assert device.transfers == []
