"""A border around a tensor: of a constant, or of the tensor's own values continued.

What was read several times gets the sum of the gradients of its copies. Reading and adding are each
other's gradient, so the pair differentiates as often as you like. Read next: `indexing.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, array_module
from ..dtypes import operand
from ..errors import ArgumentError, DtypeError, ShapeError, nearest
from ..function import Function
from ..tensor import Tensor
from .numbers import number

MODES = ("constant", "reflect", "symmetric", "replicate", "circular")
NUMPY_NAMES = {"edge": "replicate", "wrap": "circular"}

Widths = tuple[tuple[int, int], ...]


class Pad(Function):
    """y = x with a border of a constant        dL/dx = dL/dy without the border"""

    def __init__(self, *, widths: Widths, value: float | int) -> None:
        self.widths = widths
        self.value = value

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        return np.pad(x, self.widths, constant_values=self.value) if self.widths else x.copy()

    def grad_x(self, grad: Any) -> Any:
        inner = [slice(w[0], w[0] + n) for w, n in zip(self.widths, self.x_shape, strict=True)]
        return grad[tuple(inner)]


class PadFromInput(Function):
    """y[i] = x[source(i)] along each axis        dL/dx[j] = sum of dL/dy[i] over source(i) = j"""

    def __init__(self, *, widths: Widths, mode: str) -> None:
        self.widths = widths
        self.mode = mode

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        y = x
        for axis, width in enumerate(self.widths):
            if any(width):
                places = source(x.shape[axis], width, self.mode)
                y = np.take(y, array_module(x).asarray(places), axis)
        return x.copy() if y is x else y

    def grad_x(self, grad: Any) -> Any:
        op = PadFromInputGrad(widths=self.widths, mode=self.mode, x_shape=self.x_shape)
        return op.apply(grad)


class PadFromInputGrad(Function):
    """dx = dy without its border, and the border's slices added where they were read"""

    def __init__(self, *, widths: Widths, mode: str, x_shape: tuple[int, ...]) -> None:
        self.widths = widths
        self.mode = mode
        self.x_shape = x_shape

    def forward(self, dy: Array) -> Array:
        dx = dy
        for axis, (size, width) in enumerate(zip(self.x_shape, self.widths, strict=True)):
            if not any(width):
                continue
            along = (slice(None),) * axis
            dy, dx = dx, dx[(*along, slice(width[0], width[0] + size))].copy()
            for i, j in enumerate(source(size, width, self.mode).tolist()):
                if not width[0] <= i < width[0] + size:
                    dx[(*along, j)] += dy[(*along, i)]
        return dx.copy() if dx is dy else dx

    def grad_dy(self, grad: Any) -> Any:
        return PadFromInput(widths=self.widths, mode=self.mode).apply(grad)


def source(size: int, widths: tuple[int, int], mode: str) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Where each place of a padded axis reads: from 0 to size - 1.

    Example:
        >>> [source(3, (2, 2), mode).tolist() for mode in ("reflect", "symmetric")]
        [[2, 1, 0, 1, 2, 1, 0], [1, 0, 0, 1, 2, 2, 1]]
        >>> [source(3, (2, 2), mode).tolist() for mode in ("replicate", "circular")]
        [[0, 0, 0, 1, 2, 2, 2], [1, 2, 0, 1, 2, 0, 1]]
    """
    places = np.arange(-widths[0], size + widths[1])
    if mode == "replicate":
        return places.clip(0, size - 1)
    if mode == "circular":
        return places % size
    # There and back again: 0 1 2 1 | 0 1 2 1 ..., or with the ends twice, 0 1 2 2 1 0 | ...
    last = 2 * size - 1 if mode == "symmetric" else 2 * size - 2
    places %= last + 1 if mode == "symmetric" else max(last, 1)
    return np.minimum(places, last - places)


def pad(x: Any, widths: Any, value: float = 0.0, *, mode: str = "constant") -> Tensor:
    """x with a border, of `value` or of its own values.

    Args:
        x: a tensor or an array.
        widths: (before, after) per axis; or one such pair, or one number, for all axes.
        value: what a constant border holds.
        mode: "constant"; "reflect", x mirrored at its first and last value; "symmetric", the same
            with these values twice; "replicate", the nearest value of x; "circular", x again and
            again. NumPy's names "edge" and "wrap" mean the last two. Any width will do: a border
            longer than x goes on in the same way.

    Raises:
        ShapeError: a negative width, pairs for another number of axes, or nothing to continue.
        ArgumentError: another mode, or a value for a border that is not constant.
        DtypeError: a border of fractions, or of a number out of their range, around integers.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([1.0, 2.0, 3.0])
        >>> tg.pad(x, (1, 2)).tolist()
        [0.0, 1.0, 2.0, 3.0, 0.0, 0.0]
        >>> tg.pad(x, 2, mode="reflect").tolist()
        [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]
        >>> tg.pad(x, (0, 2), mode="circular").tolist()
        [1.0, 2.0, 3.0, 1.0, 2.0]
    """
    x = operand(x)
    regular = _regular(widths, tuple(x.shape))
    fill = _fill(value, x.dtype)
    mode = NUMPY_NAMES.get(mode, mode) if isinstance(mode, str) else str(mode)
    if mode not in MODES:
        raise ArgumentError(
            f"pad: mode {mode!r} does not exist; {nearest(mode, (*MODES, *NUMPY_NAMES))}"
        )
    if mode == "constant":
        return Pad(widths=regular, value=fill).apply(x)
    if fill:
        raise ArgumentError(
            f"pad: a border of mode {mode!r} holds values of x; leave value={value!r} out, or "
            "choose mode='constant'"
        )
    for axis, (width, size) in enumerate(zip(regular, x.shape, strict=True)):
        if any(width) and not size:
            raise ShapeError(
                f"pad: mode {mode!r} continues what axis {axis} holds, but x of shape "
                f"{tuple(x.shape)} has nothing there; mode='constant' pads it"
            )
    return PadFromInput(widths=regular, mode=mode).apply(x)


def _fill(value: Any, dtype: Any) -> float | int:
    """The value of a constant border, as a number that an array of `dtype` holds.

    Raises:
        ArgumentTypeError: no number. DtypeError: fractions, or an integer out of range.
    """
    if dtype.kind == "b" and isinstance(value, (bool, np.bool_)):
        return int(value)
    found = number("pad", "value", value)
    if dtype.kind == "f":
        return found
    least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if not found.is_integer() or not least <= int(value) <= most:  # a float would round 2**53 + 1
        wider = "float32" if dtype.itemsize == 8 or not found.is_integer() else "int64"
        raise DtypeError(
            f"pad: a border of {value} does not fit x of {dtype}; convert it with "
            f".astype('{wider}')"
        )
    return int(value)


def _regular(widths: Any, shape: tuple[int, ...]) -> Widths:
    """The widths as a (before, after) pair for each axis."""
    ndim = len(shape)
    try:
        pairs = np.broadcast_to(np.asarray(widths), (ndim, 2))
    except ValueError:
        raise ShapeError(
            f"pad: widths must be a number, a (before, after) pair or {ndim} pairs (x has shape "
            f"{shape}), but they are {widths}"
        ) from None
    if pairs.dtype.kind not in "iu" or (pairs < 0).any():
        raise ShapeError(f"pad: widths must be integers >= 0, but they are {widths}")
    return tuple([(int(before), int(after)) for before, after in pairs])
