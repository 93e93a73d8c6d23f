"""The definitions of unfold (im2col) and of its adjoint, fold (col2im).

Both are a loop over the places in a window, each a whole strided slice of the images.
"""

from __future__ import annotations

from ..arrays import Array, Padding, array_module, output_length, pad_images, tap


def unfold(
    x: Array,
    *,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int],
    out: Array | None = None,
) -> Array:
    """Every window of the images as one row. Exact: y holds numbers of x, and zeros.

        y[n, p, q, (i KW + j) C + c] = x[n, p sh - top + i dh, q sw - left + j dw, c]

    Args:
        x: images (N, H, W, C).
        size: (KH, KW) of a window.
        stride: (sh, sw), rows and columns between windows.
        padding: ((top, bottom), (left, right)), zeros around the images.
        dilation: (dh, dw), rows and columns between the numbers of a window.
        out: C-contiguous array to write y into, or None for a new one.

    Returns:
        y (N, OH, OW, KH KW C).

    Example:
        >>> import numpy as np
        >>> geometry = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
        >>> unfold(np.arange(3.0).reshape(1, 1, 3, 1), size=(1, 2), **geometry)[0, 0]
        array([[0., 1.],
               [1., 2.]])

    References:
        Chellapilla, Puri and Simard, High Performance Convolutional Neural Networks for Document
        Processing, 2006, section 3.
    """
    N, H, W, C = x.shape
    KH, KW = size
    OH = output_length(H, KH, stride[0], padding[0], dilation[0])
    OW = output_length(W, KW, stride[1], padding[1], dilation[1])
    shape = (N, OH, OW, KH * KW * C)
    y: Array = array_module(x).empty(shape, dtype=x.dtype) if out is None else out
    padded = pad_images(x, padding)
    for i in range(KH):
        rows = padded[:, tap(i, OH, stride[0], dilation[0])]
        for j in range(KW):
            first = (i * KW + j) * C
            y[..., first : first + C] = rows[:, :, tap(j, OW, stride[1], dilation[1])]
    return y


def fold(
    y: Array,
    *,
    x_shape: tuple[int, int, int, int],
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int],
    out: Array | None = None,
) -> Array:
    """Rows of windows added back to the places they came from: the adjoint of `unfold`.

        x[n, p sh - top + i dh, q sw - left + j dw, c] += y[n, p, q, (i KW + j) C + c]

    Error: (windows over a place) eps of the sum of their |y|.

    Args:
        y: (N, OH, OW, KH KW C).
        x_shape: (N, H, W, C).
        size: as in `unfold`.
        stride: as in `unfold`.
        padding: as in `unfold`; what falls there is dropped.
        dilation: as in `unfold`.
        out: array of shape x_shape to write x into, or None for a new one.

    Returns:
        x, of shape x_shape; zero where no window reached.

    Example:
        >>> import numpy as np
        >>> geometry = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
        >>> y = np.ones((1, 1, 2, 2))
        >>> fold(y, x_shape=(1, 1, 3, 1), size=(1, 2), **geometry).ravel()
        array([1., 2., 1.])
    """
    xp = array_module(y)
    N, H, W, C = x_shape
    OH, OW = y.shape[1:3]
    (top, bottom), (left, right) = padding
    padded = xp.zeros((N, H + top + bottom, W + left + right, C), dtype=y.dtype)
    for i in range(size[0]):
        rows = padded[:, tap(i, OH, stride[0], dilation[0])]
        for j in range(size[1]):
            first = (i * size[1] + j) * C
            rows[:, :, tap(j, OW, stride[1], dilation[1])] += y[..., first : first + C]
    x: Array = xp.empty(x_shape, dtype=y.dtype) if out is None else out
    x[...] = padded[:, top : top + H, left : left + W]
    return x
