"""The definitions of the pools: the largest number under each window, or the mean of them.

Two triads. Max: the pool, its gradient (a scatter to the places found), and the gather at the same
places, which is the gradient's gradient. Average: linear, so the pool and its gradient suffice.
"""

from __future__ import annotations

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


def _window_taps(
    size: tuple[int, int], counts: tuple[int, int], stride: tuple[int, int]
) -> list[tuple[int, int, slice, slice]]:
    """Each place in a window, row by row, with the rows and columns it meets in the padded x."""
    return [
        (i, j, tap(i, counts[0], stride[0]), tap(j, counts[1], stride[1]))
        for i in range(size[0])
        for j in range(size[1])
    ]


def max_pool2d(
    x: Array,
    *,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """The largest number under each window, and where it stands.

        y[n, p, q, c] = max over i, j of x[n, p sh - top + i, q sw - left + j, c]

    Among equals the first place (row by row) wins; padding never does, not even against -inf; a
    NaN under the window is the result, and its place the argmax. Exact: y holds numbers of x.

    The maximum of all taps comes first. Then every tap that equals it bids its rank, the first
    place the highest, and the highest bid is the argmax: arithmetic on whole slices, because
    selecting by a mask costs a mispredicted branch per number (measured at five times the time).

    Args:
        x: (N, H, W, C).
        size: (KH, KW) of a window.
        stride: (sh, sw), rows and columns between windows.
        padding: ((top, bottom), (left, right)), each less than the window's size.
        out: C-contiguous arrays for y and argmax, or None for new ones.

    Returns:
        y (N, OH, OW, C) of x's dtype, and argmax of the same shape, of dtype intp: indices into
        the flattened x.

    Example:
        >>> import numpy as np
        >>> x = np.array([3.0, 7.0, 7.0, 5.0]).reshape(1, 2, 2, 1)
        >>> y, argmax = max_pool2d(x, size=(2, 2), stride=(2, 2), padding=((0, 0), (0, 0)))
        >>> float(y[0, 0, 0, 0]), int(argmax[0, 0, 0, 0])
        (7.0, 1)
    """
    xp = array_module(x)
    N, H, W, C = x.shape
    (top, bottom), (left, right) = padding
    OH = output_length(H, size[0], stride[0], padding[0])
    OW = output_length(W, size[1], stride[1], padding[1])
    if out is None:
        y = xp.empty((N, OH, OW, C), dtype=x.dtype)
        argmax = xp.empty((N, OH, OW, C), dtype=xp.intp)
    else:
        y, argmax = out
    taps = _window_taps(size, (OH, OW), stride)
    bid_type = xp.uint8 if len(taps) < 256 else xp.intp

    # argmax = the first number of the image + the corner of the window + the place in the window.
    corner_rows = xp.arange(OH) * stride[0] - top
    corner_columns = xp.arange(OW) * stride[1] - left
    corners = (corner_rows[:, None] * W + corner_columns)[:, :, None] * C + xp.arange(C)
    place = len(taps) - xp.arange(len(taps) + 1)  # of the bid that won, counted row by row
    places = (place // size[1] * W + place % size[1]) * C

    for chunk in image_chunks(N, len(taps) * OH * OW * C * x.itemsize):
        padded = pad_images(x[chunk], padding, -float("inf"))
        best = y[chunk]
        values = scratch("values", (len(taps), *best.shape), x)
        for value, (_, _, rows, columns) in zip(values, taps, strict=True):
            value[...] = padded[:, rows, columns]
        best[...] = values[0]
        for value in values[1:]:
            xp.maximum(best, value, out=best)
        bids = xp.zeros(best.shape, dtype=bid_type)
        for rank, value, (i, j, _, _) in zip(range(len(taps), 0, -1), values, taps, strict=True):
            wins = value == best
            wins |= value != value  # noqa: PLR0124  (a NaN, the only number unequal to itself)
            if top or bottom or left or right:
                rows, columns = corner_rows + i, corner_columns + j
                inside = ((rows >= 0) & (rows < H))[:, None] & (columns >= 0) & (columns < W)
                wins &= inside[:, :, None]
            xp.maximum(bids, xp.multiply(wins, rank, dtype=bid_type), out=bids)
        found = argmax[chunk]
        found[...] = places[bids]
        found += corners
        found += xp.arange(chunk.start, chunk.stop)[:, None, None, None] * (H * W * C)
    return y, argmax


def max_pool2d_grad(
    dy: Array, argmax: Array, *, x_shape: tuple[int, int, int, int], out: Array | None = None
) -> Array:
    """dx, the gradient of `max_pool2d`: each dy is added to the place its maximum came from.

        dx.flat[argmax[k]] += dy[k]     for every k, zero elsewhere

    Windows that overlap may have found the same place, and then their dy add up.

    Args:
        dy: the gradient for y (N, OH, OW, C).
        argmax: what `max_pool2d` returned beside y: for each number its place in the flattened x,
            always within its own image.
        x_shape: (N, H, W, C).
        out: C-contiguous array of shape x_shape for dx, or None for a new one.

    Returns:
        dx, of shape x_shape and dy's dtype.

    Example:
        >>> import numpy as np
        >>> dy, argmax = np.array([[[[1.0], [2.0]]]]), np.array([[[[1], [1]]]])
        >>> max_pool2d_grad(dy, argmax, x_shape=(1, 1, 3, 1)).ravel()
        array([0., 3., 0.])
    """
    xp = array_module(dy)
    dx: Array = xp.empty(x_shape, dtype=dy.dtype) if out is None else out
    dx[...] = 0
    xp.add.at(dx.reshape(-1), argmax.reshape(-1), dy.reshape(-1))
    return dx


def max_pool2d_gather(x: Array, argmax: Array, *, out: Array | None = None) -> Array:
    """The numbers of x at the places a maximum was found: the adjoint of `max_pool2d_grad`.

    Args:
        x: (N, H, W, C), for instance a gradient for the dx above.
        argmax: (N, OH, OW, C), indices into the flattened x.
        out: array of argmax's shape, or None for a new one.

    Returns:
        x.flat[argmax], of argmax's shape and x's dtype.

    Example:
        >>> import numpy as np
        >>> max_pool2d_gather(np.array([[[[1.0], [2.0]]]]), np.array([[[[1]]]])).ravel()
        array([2.])
    """
    gathered: Array = x.reshape(-1)[argmax]
    if out is None:
        return gathered
    out[...] = gathered
    return out


def _numbers_under(
    x_shape: tuple[int, ...],
    dy: Array,
    *,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    count_include_pad: bool,
) -> Array:
    """What each window's sum is divided by, as (OH, OW, 1): its size, or its part inside x."""
    xp = array_module(dy)
    lengths = []
    for k in (0, 1):
        start = xp.arange(dy.shape[1 + k]) * stride[k] - padding[k][0]
        stop = start + size[k]
        if not count_include_pad:
            start, stop = xp.maximum(start, 0), xp.minimum(stop, x_shape[1 + k])
        lengths.append(stop - start)
    numbers: Array = (lengths[0][:, None] * lengths[1])[:, :, None].astype(dy.dtype)
    return numbers


def avg_pool2d(
    x: Array,
    *,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    count_include_pad: bool,
    out: Array | None = None,
) -> Array:
    """The mean of the numbers under each window.

        y[n, p, q, c] = (sum over i, j of x[n, p sh - top + i, q sw - left + j, c]) / count[p, q]

    with zeros outside x. Error: |y - exact| <= KH KW eps mean |x| under the window.

    Args:
        x: (N, H, W, C).
        size: (KH, KW) of a window.
        stride: (sh, sw), rows and columns between windows.
        padding: ((top, bottom), (left, right)), each less than the window's size.
        count_include_pad: divide by KH KW everywhere, instead of by the numbers that are in x.
        out: array to write y into, or None for a new one.

    Returns:
        y (N, OH, OW, C), of x's dtype.

    Example:
        >>> import numpy as np
        >>> x = np.array([3.0, 7.0, 7.0, 5.0]).reshape(1, 2, 2, 1)
        >>> pool = {"size": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0))}
        >>> avg_pool2d(x, count_include_pad=True, **pool).ravel()
        array([5.5])
    """
    xp = array_module(x)
    N, H, W, C = x.shape
    OH = output_length(H, size[0], stride[0], padding[0])
    OW = output_length(W, size[1], stride[1], padding[1])
    y: Array = xp.empty((N, OH, OW, C), dtype=x.dtype) if out is None else out
    y[...] = 0
    padded = pad_images(x, padding)
    for _, _, rows, columns in _window_taps(size, (OH, OW), stride):
        y += padded[:, rows, columns]
    y /= _numbers_under(
        x.shape,
        y,
        size=size,
        stride=stride,
        padding=padding,
        count_include_pad=count_include_pad,
    )
    return y


def avg_pool2d_grad(
    dy: Array,
    *,
    x_shape: tuple[int, int, int, int],
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    count_include_pad: bool,
    out: Array | None = None,
) -> Array:
    """dx, the gradient and adjoint of `avg_pool2d`: each window shares out its dy evenly.

        dx[n, p sh - top + i, q sw - left + j, c] += dy[n, p, q, c] / count[p, q]

    Error: |dx - exact| <= (windows over a place + 1) eps (sum of their |dy| / count).

    Args:
        dy: the gradient for y (N, OH, OW, C).
        x_shape: (N, H, W, C).
        size: as in `avg_pool2d`.
        stride: as in `avg_pool2d`.
        padding: as in `avg_pool2d`.
        count_include_pad: as in `avg_pool2d`.
        out: array of shape x_shape to write dx into, or None for a new one.

    Returns:
        dx, of shape x_shape and dy's dtype.

    Example:
        >>> import numpy as np
        >>> pool = {"size": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0))}
        >>> dy, x_shape = np.ones((1, 1, 1, 1)), (1, 2, 2, 1)
        >>> avg_pool2d_grad(dy, x_shape=x_shape, count_include_pad=True, **pool).ravel()
        array([0.25, 0.25, 0.25, 0.25])
    """
    xp = array_module(dy)
    N, H, W, C = x_shape
    (top, bottom), (left, right) = padding
    share = dy / _numbers_under(
        x_shape,
        dy,
        size=size,
        stride=stride,
        padding=padding,
        count_include_pad=count_include_pad,
    )
    padded = xp.zeros((N, H + top + bottom, W + left + right, C), dtype=dy.dtype)
    for _, _, rows, columns in _window_taps(size, dy.shape[1:3], stride):
        padded[:, rows, columns] += share
    dx: Array = xp.empty(x_shape, dtype=dy.dtype) if out is None else out
    dx[...] = padded[:, top : top + H, left : left + W]
    return dx
