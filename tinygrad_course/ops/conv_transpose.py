"""Transposed convolution: the input gradient of conv2d, used as a layer that enlarges images.

Its own gradients are a convolution and a filter gradient, which `conv.py` has: so it is closed
under differentiation with the trio there. Read next: `unfold.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, launch
from ..dtypes import operands
from ..errors import ArgumentError, ShapeError
from ..function import Function
from ..tensor import Tensor
from .conv import Conv2d, Conv2dWeightGrad
from .linear import sum_rows
from .windows import Padding, Pair, check_image, pair, regular_padding


class ConvTranspose2d(Function):
    """y = the adjoint of u -> u * w', applied to x, + b        dL/dx = dL/dy * w'

    with w' the filters whose inputs and outputs changed places. `size` is what the windows of x
    cover; `extra` rows and columns below and right of it hold nothing but b.
    """

    name = "conv_transpose2d"
    promotes = True

    def __init__(self, *, size: Pair, extra: Pair, **geometry: Any) -> None:
        self.size = size
        self.extra = extra
        self.geometry = geometry

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        turned = exchanged(w, self.geometry["groups"])
        self.turned_shape = turned.shape
        covered = (len(x), *self.size, w.shape[3])
        y = launch("conv2d_input_grad", x, turned, x_shape=covered, **self.geometry)
        if any(self.extra):
            y = np.pad(y, ((0, 0), (0, self.extra[0]), (0, self.extra[1]), (0, 0)))
        if b is not None:
            y += b
        return y

    def grad_x(self, grad: Any, w: Any) -> Any:
        turned = exchanged(w, self.geometry["groups"])
        return Conv2d(**self.geometry).apply(self.covered(grad), turned)

    def grad_w(self, grad: Any, x: Any) -> Any:
        op = Conv2dWeightGrad(w_shape=self.turned_shape, **self.geometry)
        return exchanged(op.apply(self.covered(grad), x), self.geometry["groups"])

    def grad_b(self, grad: Any) -> Any:
        return sum_rows(grad)

    def covered(self, y: Any) -> Any:
        """The part of y that windows of x reach."""
        return y[:, : self.size[0], : self.size[1]] if any(self.extra) else y


def exchanged(w: Any, groups: int) -> Any:
    """(KH, KW, A / groups, B) as (KH, KW, B / groups, A), each group's filters transposed."""
    KH, KW, A, B = w.shape
    split = w.reshape(KH, KW, A, groups, B // groups)
    return split.transpose(0, 1, 4, 3, 2).reshape(KH, KW, B // groups, groups * A)


def conv_transpose2d(
    x: Any,
    w: Any,
    b: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Transposed convolution: every pixel of x adds its multiple of the filter to y.

    y[n, p stride + i dilation - top, q stride + j dilation - left, o]
        += x[n, p, q, c] w[i, j, c, o]

    It has the geometry of conv2d's input gradient: where a conv2d with this stride and padding maps
    (OH, OW) to (H, W), this maps (H, W) back to (OH, OW). It is not an inverse.

    Args:
        x: images (N, H, W, C).
        w: filters (KH, KW, C / groups, O). C is this layer's own input.
        b: (O,), or None.
        stride: distance in y between neighbours in x; an integer or (vertical, horizontal).
        padding: rows and columns cut off around y: an integer, (vertical, horizontal) or
            ((top, bottom), (left, right)).
        output_padding: rows and columns added at the bottom and the right, less than the stride or
            the dilation: a conv2d with a stride maps several sizes to one, and this says which.
        dilation: distance between the taps of a filter.
        groups: the channels are split into this many groups that do not see one another.

    Returns:
        (N, OH, OW, O) with
        OH = (H - 1) stride - top - bottom + dilation (KH - 1) + output_padding + 1.

    Raises:
        ShapeError: shapes that do not fit, naming both, or an output without rows or columns.
        ArgumentError: a stride, padding, dilation or groups out of range.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x = tg.tensor([[[[1.0], [2.0]]]])
        >>> w = tg.tensor(np.array([1.0, 10.0, 100.0], "float32").reshape(1, 3, 1, 1))
        >>> tg.conv_transpose2d(x, w, stride=2)[0, 0, :, 0].tolist()
        [1.0, 10.0, 102.0, 20.0, 200.0]

    References:
        Zeiler, Krishnan, Taylor, Fergus, "Deconvolutional networks", CVPR 2010; Dumoulin, Visin, "A
        guide to convolution arithmetic for deep learning", arXiv 1603.07285, chapter 4.
    """
    x, w, b = operands(x, w, optional=[b])
    name = "conv_transpose2d"
    check_image(name, x)
    _check_weight(x, w, groups)
    if b is not None and tuple(b.shape) != (w.shape[3],):
        raise ShapeError(
            f"{name}: bias must have shape {(w.shape[3],)} for weight shape {tuple(w.shape)}, "
            f"but has {tuple(b.shape)}"
        )
    steps, gaps = pair(name, "stride", stride), pair(name, "dilation", dilation)
    sides = transposed_padding(name, padding)
    added = checked_output_padding(name, output_padding, steps, gaps)
    size, extra, cut = _covered(x.shape[1:3], w.shape[:2], steps, gaps, sides, added)
    op = ConvTranspose2d(
        size=size, extra=extra, stride=steps, padding=cut, dilation=gaps, groups=groups
    )
    return op.apply(x, w) if b is None else op.apply(x, w, b)


def transposed_padding(name: str, padding: Any) -> Padding:
    """What is cut off, as ((top, bottom), (left, right)); words would need the output's size."""
    if isinstance(padding, str):
        raise ArgumentError(
            f"{name}: padding must be an integer, (vertical, horizontal) or ((top, bottom), "
            f"(left, right)), but it is {padding!r}"
        )
    return regular_padding(name, padding, (1, 1), (1, 1), (1, 1), (1, 1))


def checked_output_padding(name: str, value: Any, stride: Pair, dilation: Pair) -> Pair:
    """The output padding as a pair, less than the stride or the dilation each way."""
    added = pair(name, "output_padding", value, least=0)
    for n, s, d in zip(added, stride, dilation, strict=True):
        if n >= max(s, d):
            raise ArgumentError(
                f"{name}: output_padding must be less than the stride {stride} or the dilation "
                f"{dilation}, but it is {value!r}"
            )
    return added


def _covered(
    image: Pair, window: Pair, stride: Pair, dilation: Pair, sides: Padding, added: Pair
) -> tuple[Pair, Pair, Padding]:
    """(size that windows cover, rows and columns beyond it, what is cut off around it).

    Output padding first gives back what padding cut off behind; what is left of it is beyond.
    """
    sizes, extras, cuts = [], [], []
    for n, k, s, d, (before, after), more in zip(
        image, window, stride, dilation, sides, added, strict=True
    ):
        behind = after - min(after, more)
        size = (n - 1) * s + (k - 1) * d + 1 - before - behind
        if size < 1:
            raise ShapeError(
                f"conv_transpose2d: images of {tuple(image)} with a window of {tuple(window)}, "
                f"stride {stride} and padding {sides} leave an output of {size} along one axis; "
                "use less padding"
            )
        sizes.append(size)
        extras.append(more - (after - behind))
        cuts.append((before, behind))
    return (sizes[0], sizes[1]), (extras[0], extras[1]), (cuts[0], cuts[1])


def _check_weight(x: Any, w: Any, groups: Any) -> None:
    name = "conv_transpose2d"
    if len(w.shape) != 4:
        raise ShapeError(
            f"{name}: weight must be (KH, KW, C_in / groups, C_out), but has shape {tuple(w.shape)}"
        )
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1:
        raise ShapeError(f"{name}: groups must be an integer of at least 1, but it is {groups!r}")
    if x.shape[3] != w.shape[2] * groups:
        of = f"{w.shape[2]} x {groups} groups = {w.shape[2] * groups}" if groups > 1 else w.shape[2]
        raise ShapeError(
            f"{name}: weight expects {of} input channels (weight shape {tuple(w.shape)}), but x "
            f"has {x.shape[3]} (shape {tuple(x.shape)})"
        )
    if w.shape[3] % groups:
        raise ShapeError(
            f"{name}: {w.shape[3]} output channels (weight shape {tuple(w.shape)}) do not divide "
            f"into {groups} groups"
        )
