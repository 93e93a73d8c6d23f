"""Convolution of images: conv2d, its two gradients, and the plain composition beside them.

The three ops are a closed trio: the gradient of each is made of the other two, so second order
needs nothing new. Read next: `kernels/conv2d/reference.py` for the arithmetic, or `pool.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, array_module, launch
from ..dtypes import operands
from ..errors import ShapeError
from ..function import Function
from ..tensor import Tensor, values
from .epilogue import activation_grad, activation_kind
from .joining import concatenate
from .linear import matmul, sum_rows
from .padding import pad
from .shaping import reshape
from .windows import Padding, Pair, check_image, output_size, pair, regular_padding


class Conv2d(Function):
    """y = x * w + b (cross-correlation, NHWC)

    y[n, p, q, o] = b[o] + sum over i, j, c of x[n, p sh + i dh - top, q sw + j dw - left, c]
    w[i, j, c, o]
    """

    promotes = True

    def __init__(self, *, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> None:
        self.geometry: dict[str, Any] = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
        }

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        self.x_shape, self.w_shape = x.shape, w.shape
        return launch("conv2d", x, w, b, **self.geometry)

    def grad_x(self, grad: Any, w: Any) -> Any:
        return Conv2dInputGrad(x_shape=self.x_shape, **self.geometry).apply(grad, w)

    def grad_w(self, grad: Any, x: Any) -> Any:
        return Conv2dWeightGrad(w_shape=self.w_shape, **self.geometry).apply(x, grad)

    def grad_b(self, grad: Any) -> Any:
        return sum_rows(grad)


class Conv2dActivation(Conv2d):
    """y = f(x * w + b), in one kernel        dL/dz = dL/dy f'(z), and on as in Conv2d"""

    def __init__(self, *, activation: str, **geometry: Any) -> None:
        super().__init__(**geometry)
        self.activation = activation

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        self.x_shape, self.w_shape = x.shape, w.shape
        return launch("conv2d", x, w, b, activation=self.activation, **self.geometry)

    def upstream(self, grad: Any, y: Any) -> Any:
        return activation_grad(grad, y, self.activation)


class Conv2dInputGrad(Function):
    """dx = the adjoint of x -> x * w, applied to dy"""

    def __init__(self, *, x_shape: tuple[int, ...], **geometry: Any) -> None:
        self.x_shape = x_shape
        self.geometry = geometry

    def forward(self, dy: Array, w: Array) -> Array:
        self.w_shape = w.shape
        return launch("conv2d_input_grad", dy, w, x_shape=self.x_shape, **self.geometry)

    def grad_dy(self, grad: Any, w: Any) -> Any:
        return Conv2d(**self.geometry).apply(grad, w)

    def grad_w(self, grad: Any, dy: Any) -> Any:
        return Conv2dWeightGrad(w_shape=self.w_shape, **self.geometry).apply(grad, dy)


class Conv2dWeightGrad(Function):
    """dw = the adjoint of w -> x * w, applied to dy"""

    def __init__(self, *, w_shape: tuple[int, ...], **geometry: Any) -> None:
        self.w_shape = w_shape
        self.geometry = geometry

    def forward(self, x: Array, dy: Array) -> Array:
        self.x_shape = x.shape
        return launch("conv2d_weight_grad", x, dy, w_shape=self.w_shape, **self.geometry)

    def grad_x(self, grad: Any, dy: Any) -> Any:
        return Conv2dInputGrad(x_shape=self.x_shape, **self.geometry).apply(dy, grad)

    def grad_dy(self, grad: Any, x: Any) -> Any:
        return Conv2d(**self.geometry).apply(x, grad)


def conv2d(
    x: Any,
    w: Any,
    b: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    activation: str | None = None,
) -> Tensor:
    """Convolution of a batch of images: y = f(x * w + b) (a cross-correlation: w is not flipped).

    Args:
        x: images (N, H, W, C).
        w: filters (KH, KW, C / groups, O).
        b: (O,), or None.
        stride: step between windows; an integer or (vertical, horizontal).
        padding: zeros around the image: an integer, (vertical, horizontal),
            ((top, bottom), (left, right)), "valid" (none), or "same": the output is
            ceil(H / stride) by ceil(W / stride), an odd remainder at the bottom and the right.
        dilation: distance between the taps of a filter.
        groups: the channels are split into this many groups that do not see one another.
        activation: "relu", "tanh" or "sigmoid", computed in the same kernel; None for no f.

    Returns:
        (N, OH, OW, O) with OH = floor((H + top + bottom - dilation (KH - 1) - 1) / stride) + 1.

    Raises:
        ShapeError: shapes that do not fit, naming both.
        ArgumentError: a stride, padding, dilation or groups out of range, another activation.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x, w = np.ones((1, 4, 4, 1), "float32"), np.ones((3, 3, 1, 1), "float32")
        >>> tg.conv2d(tg.tensor(x), tg.tensor(w), padding="same")[0, :, :, 0].tolist()
        [[4.0, 6.0, 6.0, 4.0], [6.0, 9.0, 9.0, 6.0], [6.0, 9.0, 9.0, 6.0], [4.0, 6.0, 6.0, 4.0]]

    References:
        LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
        Proc. IEEE 1998, section II; Dumoulin, Visin, "A guide to convolution arithmetic for deep
        learning", arXiv 1603.07285, for the geometry.
    """
    x, w, b, geometry = _checked(x, w, b, stride, padding, dilation, groups)
    kind = activation_kind("conv2d", activation)
    op = Conv2d(**geometry) if kind is None else Conv2dActivation(activation=kind, **geometry)
    return op.apply(x, w) if b is None else op.apply(x, w, b)


def conv2d_im2col(
    x: Any,
    w: Any,
    b: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` as a plain composition: gather every window into a row, multiply by the filters.

    The lesson, and the oracle that tests hold `conv2d` against. Arguments as there.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x, w = np.ones((1, 4, 4, 1), "float32"), np.ones((3, 3, 1, 1), "float32")
        >>> tg.functional.conv2d_im2col(tg.tensor(x), tg.tensor(w)).shape
        (1, 2, 2, 1)

    References:
        Chellapilla, Puri, Simard, "High performance convolutional neural networks for document
        processing", IWFHR 2006, section 3.1.
    """
    x, w, b, geometry = _checked(x, w, b, stride, padding, dilation, groups)
    (sh, sw), (dh, dw) = geometry["stride"], geometry["dilation"]
    KH, KW, C, O = w.shape
    padded = pad(x, ((0, 0), *geometry["padding"], (0, 0)))
    N, H, W, _ = padded.shape
    OH, OW = (H - (KH - 1) * dh - 1) // sh + 1, (W - (KW - 1) * dw - 1) // sw + 1
    xp = array_module(values(x))
    rows = xp.arange(OH)[:, None, None, None] * sh + xp.arange(KH)[:, None] * dh
    columns = xp.arange(OW)[:, None, None] * sw + xp.arange(KW) * dw
    windows = padded[:, rows, columns]  # (N, OH, OW, KH, KW, channels)
    outputs = []
    for g in range(groups):
        of_group = windows[..., g * C : (g + 1) * C]
        filters = w[..., g * (O // groups) : (g + 1) * (O // groups)]
        matrix = reshape(of_group, (N * OH * OW, KH * KW * C))
        y = matmul(matrix, reshape(filters, (KH * KW * C, O // groups)))
        outputs.append(reshape(y, (N, OH, OW, O // groups)))
    y = concatenate(outputs, -1) if groups > 1 else outputs[0]
    return y if b is None else y + b


def _checked(
    x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The arguments as tensors or arrays that fit, and the regular geometry."""
    x, w, b = operands(x, w, optional=[b])
    check_image("conv2d", x)
    if len(w.shape) != 4:
        raise ShapeError(
            f"conv2d: weight must be (KH, KW, C_in / groups, C_out), but has shape {tuple(w.shape)}"
        )
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or groups < 1:
        raise ShapeError(f"conv2d: groups must be an integer of at least 1, but it is {groups!r}")
    channels, filters = w.shape[2] * groups, w.shape[3]
    if x.shape[3] != channels:
        of = f"{w.shape[2]} x {groups} groups = {channels}" if groups > 1 else str(channels)
        raise ShapeError(
            f"conv2d: weight expects {of} input channels (weight shape {tuple(w.shape)}), but x "
            f"has {x.shape[3]} (shape {tuple(x.shape)})"
        )
    if filters % groups:
        raise ShapeError(
            f"conv2d: {filters} output channels (weight shape {tuple(w.shape)}) do not divide into "
            f"{groups} groups"
        )
    if b is not None and tuple(b.shape) != (filters,):
        raise ShapeError(
            f"conv2d: bias must have shape {(filters,)} for weight shape {tuple(w.shape)}, but "
            f"has {tuple(b.shape)}"
        )
    size, image = (w.shape[0], w.shape[1]), (x.shape[1], x.shape[2])
    steps, gaps = pair("conv2d", "stride", stride), pair("conv2d", "dilation", dilation)
    sides = regular_padding("conv2d", padding, image, size, steps, gaps)
    output_size("conv2d", image, size, steps, sides, gaps)
    return x, w, b, {"stride": steps, "padding": sides, "dilation": gaps, "groups": groups}
