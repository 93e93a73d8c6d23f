"""Winograd's F(2x2, 3x3): 16 multiplications for 36, as exact as the direct convolution.

The same as `numba_winograd.py` with smaller tiles; it runs under `numerics("precise")`.
"""

from __future__ import annotations

from ..arrays import Array, Padding
from .numba_winograd import run_forward, run_input_grad, run_weight_grad


def conv2d(
    x: Array,
    w: Array,
    b: Array | None,
    *,
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int],
    groups: int,
    activation: str | None = None,
    out: Array | None = None,
) -> Array:
    """y = f(x * w + b) by F(2x2, 3x3). Error: up to 2e-6 of the largest |y|."""
    return run_forward(
        2, x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups,
        activation=activation, out=out,
    )  # fmt: skip


def conv2d_input_grad(
    dy: Array,
    w: Array,
    *,
    x_shape: tuple[int, int, int, int],
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int],
    groups: int,
    out: Array | None = None,
) -> Array:
    """dx by F(2x2, 3x3). Error: up to 2e-6 of the largest |dx|."""
    return run_input_grad(
        2, dy, w, x_shape=x_shape, stride=stride, padding=padding, dilation=dilation,
        groups=groups, out=out,
    )  # fmt: skip


def conv2d_weight_grad(
    x: Array,
    dy: Array,
    *,
    w_shape: tuple[int, int, int, int],
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int],
    groups: int,
    out: Array | None = None,
) -> Array:
    """dw by the adjoint of F(2x2, 3x3). Error: up to 2e-6 of the largest |dw|."""
    return run_weight_grad(
        2, x, dy, w_shape=w_shape, stride=stride, padding=padding, dilation=dilation,
        groups=groups, out=out,
    )  # fmt: skip
