"""The definition of the convolution trio: three matrix products over the same windows.

Each of the three is linear in each of its two arrays, and each is the gradient of the others, so
they answer for every order of differentiation. Read downward: windows, forward, gradients.
"""

from __future__ import annotations

from ..activation.reference import activation as activate
from ..arrays import (
    Array,
    Padding,
    array_module,
    image_chunks,
    output_length,
    pad_images,
    tap,
)
from ..workspace import scratch


def _windows(
    x: Array, size: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int], groups: int
) -> Array:
    """im2col: padded images (n, H, W, C) as (groups, n OH OW, KH KW C / groups).

    Row r of a group holds the numbers under window r, in the order of the weight's first three
    axes. The windows are first a view of x, by strides alone; the copy then holds each number once
    for every window it lies in. It is scratch memory, good until the next call.
    """
    n, H, W, C = x.shape
    KH, KW = size
    OH = output_length(H, KH, stride[0], (0, 0), dilation[0])
    OW = output_length(W, KW, stride[1], (0, 0), dilation[1])
    group_channels = C // groups
    step_n, step_h, step_w, step_c = x.strides
    view: Array = array_module(x).lib.stride_tricks.as_strided(
        x,
        shape=(groups, n, OH, OW, KH, KW, group_channels),
        strides=(
            group_channels * step_c,
            step_n,
            step_h * stride[0],
            step_w * stride[1],
            step_h * dilation[0],
            step_w * dilation[1],
            step_c,
        ),
    )
    copied = scratch("windows", view.shape, x)
    copied[...] = view
    return copied.reshape(groups, n * OH * OW, KH * KW * group_channels)


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
    """The cross-correlation of images with filters, y = f(x * w + b), by im2col and a product.

        y[n, p, q, o] = f(b[o] + sum over i, j, c of
            x[n, p sh - top + i dh, q sw - left + j dw, c] w[i, j, c, o])

    where x is zero outside its frame and, with groups, c runs over the channels of o's group.
    Images are taken a few at a time, so that the copied windows stay in the cache.
    Error: |y - exact| <= (K + 1) eps (|x| * |w| + |b|) entry by entry, K = KH KW C / groups,
    before f.

    Args:
        x: images (N, H, W, C).
        w: filters (KH, KW, C / groups, O).
        b: (O,), or None for no bias.
        stride: (sh, sw), rows and columns between windows.
        padding: ((top, bottom), (left, right)), zeros around the images.
        dilation: (dh, dw), rows and columns between a filter's weights.
        groups: channels are cut into this many groups, each with its own O / groups filters.
        activation: the kind of f (`../activation`), or None for the identity.
        out: C-contiguous array to write y into, or None for a new one.

    Returns:
        y (N, OH, OW, O) with OH = floor((H + top + bottom - (KH - 1) dh - 1) / sh) + 1.

    Example:
        >>> import numpy as np
        >>> x, w = np.arange(4.0).reshape(1, 1, 4, 1), np.array([1.0, -1.0]).reshape(1, 2, 1, 1)
        >>> geometry = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
        >>> conv2d(x, w, None, groups=1, **geometry).ravel()
        array([-1., -1., -1.])

    References:
        Chellapilla, Puri and Simard, High Performance Convolutional Neural Networks for Document
        Processing, 2006, section 3 (the windows copied into one matrix).
    """
    xp = array_module(x)
    N, H, W, _ = x.shape
    KH, KW, group_channels, O = w.shape
    OH = output_length(H, KH, stride[0], padding[0], dilation[0])
    OW = output_length(W, KW, stride[1], padding[1], dilation[1])
    K = KH * KW * group_channels
    filters = w.reshape(K, groups, O // groups).transpose(1, 0, 2)
    y: Array = xp.empty((N, OH, OW, O), dtype=x.dtype) if out is None else out
    for chunk in image_chunks(N, groups * OH * OW * K * x.itemsize):
        padded = pad_images(x[chunk], padding)
        windows = _windows(padded, (KH, KW), stride, dilation, groups)
        n = chunk.stop - chunk.start  # no -1 below: of no filters NumPy cannot infer it
        rows = y[chunk].reshape(n * OH * OW, groups, O // groups).transpose(1, 0, 2)
        xp.matmul(windows, filters, out=rows)
        if b is not None or activation is not None:  # while these rows are in the cache
            activate(y[chunk], b, kind=activation or "identity", out=y[chunk])
    return y


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
    """dw, the gradient of `conv2d` for its filters: every window, weighted by its output's dy.

        dw[i, j, c, o] = sum over n, p, q of
            x[n, p sh - top + i dh, q sw - left + j dw, c] dy[n, p, q, o]

    The windows of the forward pass are built again, not kept: they are KH KW / (sh sw) times x.
    Error: |dw - exact| <= M eps (|x| * |dy|) entry by entry, M = N OH OW.

    Args:
        x: images (N, H, W, C).
        dy: the gradient for y (N, OH, OW, O).
        w_shape: (KH, KW, C / groups, O).
        stride: as in `conv2d`.
        padding: as in `conv2d`.
        dilation: as in `conv2d`.
        groups: as in `conv2d`.
        out: C-contiguous array of shape w_shape to write dw into, or None for a new one.

    Returns:
        dw, of shape w_shape.

    Example:
        >>> import numpy as np
        >>> x, dy = np.arange(4.0).reshape(1, 1, 4, 1), np.ones((1, 1, 3, 1))
        >>> geometry = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
        >>> conv2d_weight_grad(x, dy, w_shape=(1, 2, 1, 1), groups=1, **geometry).ravel()
        array([3., 6.])
    """
    xp = array_module(x)
    KH, KW, group_channels, O = w_shape
    N, OH, OW, _ = dy.shape
    K = KH * KW * group_channels
    total = xp.zeros((groups, K, O // groups), dtype=x.dtype)
    for chunk in image_chunks(N, groups * OH * OW * K * x.itemsize):
        padded = pad_images(x[chunk], padding)
        windows = _windows(padded, (KH, KW), stride, dilation, groups)
        n = chunk.stop - chunk.start  # no -1 below: of no filters NumPy cannot infer it
        rows = xp.ascontiguousarray(dy[chunk]).reshape(n * OH * OW, groups, O // groups)
        total += windows.transpose(0, 2, 1) @ rows.transpose(1, 0, 2)
    dw = xp.empty(w_shape, dtype=x.dtype) if out is None else out
    dw.reshape(K, groups, O // groups)[...] = total.transpose(1, 0, 2)
    return dw


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
    """dx, the gradient of `conv2d` for its images (and the forward of a transposed convolution).

        part[n, p, q, i, j, c] = sum over o of dy[n, p, q, o] w[i, j, c, o]
        dx[n, p sh - top + i dh, q sw - left + j dw, c] += part[n, p, q, i, j, c]

    for every window (p, q) and tap (i, j). One matrix product makes the parts of all taps; each is
    then added to the images as one strided slice. The slice of one tap meets no place twice, so
    there is no scatter by index, and strides and dilations cost nothing extra.
    Error: |dx - exact| <= K eps (|dy| * |w|) entry by entry, K = KH KW O / groups.

    Args:
        dy: the gradient for y (N, OH, OW, O).
        w: filters (KH, KW, C / groups, O).
        x_shape: (N, H, W, C).
        stride: as in `conv2d`.
        padding: as in `conv2d`.
        dilation: as in `conv2d`.
        groups: as in `conv2d`.
        out: array of shape x_shape to write dx into, or None for a new one.

    Returns:
        dx, of shape x_shape; zero where no window reached.

    Example:
        >>> import numpy as np
        >>> dy, w = np.ones((1, 1, 3, 1)), np.array([1.0, -1.0]).reshape(1, 2, 1, 1)
        >>> geometry = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
        >>> conv2d_input_grad(dy, w, x_shape=(1, 1, 4, 1), groups=1, **geometry).ravel()
        array([ 1.,  0.,  0., -1.])
    """
    xp = array_module(dy)
    N, H, W, C = x_shape
    KH, KW, group_channels, O = w.shape
    OH, OW = dy.shape[1:3]
    (top, bottom), (left, right) = padding
    filters = w.reshape(KH * KW, group_channels, groups, O // groups).transpose(0, 2, 3, 1)
    filters = xp.ascontiguousarray(filters)
    dx: Array = xp.empty(x_shape, dtype=dy.dtype) if out is None else out
    for chunk in image_chunks(N, KH * KW * OH * OW * C * dy.itemsize):
        n = chunk.stop - chunk.start  # no -1 below: of no filters NumPy cannot infer it
        rows = xp.ascontiguousarray(dy[chunk]).reshape(n * OH * OW, groups, O // groups)
        parts = scratch("parts", (KH * KW, groups, n * OH * OW, group_channels), dy)
        xp.matmul(rows.transpose(1, 0, 2), filters, out=parts)
        parts = parts.reshape(KH * KW, groups, n, OH, OW, group_channels)
        frame = (n, H + top + bottom, W + left + right, groups, group_channels)
        padded = scratch("frame", frame, dy)
        padded[...] = 0
        for i in range(KH):
            reached_rows = padded[:, tap(i, OH, stride[0], dilation[0])]
            for j in range(KW):
                reached = reached_rows[:, :, tap(j, OW, stride[1], dilation[1])]
                reached += parts[i * KW + j].transpose(1, 2, 3, 0, 4)
        dx[chunk] = padded.reshape(*frame[:3], C)[:, top : top + H, left : left + W]
    return dx
