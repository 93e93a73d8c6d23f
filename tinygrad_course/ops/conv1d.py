"""Convolution of sequences: conv1d, which is conv2d on images of one row.

Nothing is computed here: a sequence (N, T, C) is an image (N, 1, T, C), and a filter of K steps a
filter of one row. Read next: `conv_transpose.py`, or `conv.py` for the arithmetic.
"""

from __future__ import annotations

from typing import Any

from ..dtypes import operands
from ..errors import ShapeError
from ..tensor import Tensor
from .conv import Conv2d
from .numbers import whole
from .shaping import reshape
from .windows import one_sided, output_length


def conv1d(
    x: Any,
    w: Any,
    b: Any = None,
    *,
    stride: int = 1,
    padding: Any = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of a batch of sequences: y = x * w + b (w is not flipped).

    y[n, t, o] = b[o] + sum over i, c of x[n, t stride + i dilation - left, c] w[i, c, o]

    Args:
        x: sequences (N, T, C).
        w: filters (K, C / groups, O).
        b: (O,), or None.
        stride: step between windows.
        padding: zeros around the sequence: an integer, (left, right), "valid" (none), or "same".
            (dilation (K - 1), 0) is causal: y at t sees x up to t.
        dilation: distance between the taps of a filter.
        groups: the channels are split into this many groups that do not see one another.

    Returns:
        (N, OT, O) with OT = floor((T + left + right - dilation (K - 1) - 1) / stride) + 1.

    Raises:
        ShapeError: shapes that do not fit, naming both.
        ArgumentError: a stride, padding, dilation or groups out of range.
        ArgumentTypeError: one that is no integer.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([[[1.0], [2.0], [4.0]]])
        >>> tg.conv1d(x, tg.tensor([[[-1.0]], [[1.0]]])).tolist()
        [[[1.0], [2.0]]]

    References:
        Waibel, Hanazawa, Hinton, Shikano, Lang, "Phoneme recognition using time-delay neural
        networks", IEEE TASSP 1989.
    """
    x, w, b = operands(x, w, optional=[b])
    if len(x.shape) != 3:
        hint = "; add the batch axis with x[None]" if len(x.shape) == 2 else ""
        raise ShapeError(
            f"conv1d: x must be a batch of sequences (N, T, C), but has shape "
            f"{tuple(x.shape)}{hint}"
        )
    if len(w.shape) != 3:
        raise ShapeError(
            f"conv1d: weight must be (K, C_in / groups, C_out), but has shape {tuple(w.shape)}"
        )
    groups = whole("conv1d", "groups", groups, least=1)
    if x.shape[2] != w.shape[1] * groups:
        of = f"{w.shape[1]} x {groups} groups = {w.shape[1] * groups}" if groups > 1 else w.shape[1]
        raise ShapeError(
            f"conv1d: weight expects {of} input channels (weight shape {tuple(w.shape)}), but x "
            f"has {x.shape[2]} (shape {tuple(x.shape)})"
        )
    N, T, C = x.shape
    K, _, O = w.shape
    if O % groups:
        raise ShapeError(
            f"conv1d: {O} output channels (weight shape {tuple(w.shape)}) do not divide into "
            f"{groups} groups"
        )
    if b is not None and tuple(b.shape) != (O,):
        raise ShapeError(
            f"conv1d: bias must have shape {(O,)} for weight shape {tuple(w.shape)}, but has "
            f"{tuple(b.shape)}"
        )
    step = whole("conv1d", "stride", stride, least=1)
    tap = whole("conv1d", "dilation", dilation, least=1)
    sides = one_sided("conv1d", padding, T, K, step, tap)
    output_length("conv1d", T, K, step, sides, tap)
    op = Conv2d(stride=(1, step), padding=((0, 0), sides), dilation=(1, tap), groups=groups)
    op.name = "conv1d"
    image, filters = reshape(x, (N, 1, T, C)), reshape(w, (1, *w.shape))
    y = op.apply(image, filters) if b is None else op.apply(image, filters, b)
    return reshape(y, (N, y.shape[2], O))
