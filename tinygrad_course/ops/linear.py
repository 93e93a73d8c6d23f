"""Linear maps: matmul, dense and the outer product (`einsum.py` holds the general one).

A product's gradients are products with the other factor transposed. Read next: `activation.py`.
"""

from __future__ import annotations

from typing import Any

from ..backend import Array, is_small, launch
from ..dtypes import operand, operands, unbroadcast
from ..errors import ShapeError
from ..function import Function
from ..tensor import Tensor
from .activation import ReLU
from .elementary import Sigmoid, Tanh
from .epilogue import activation_kind
from .shaping import broadcast_to, reshape

FORMS: dict[str, Any] = {"relu": ReLU(), "tanh": Tanh(), "sigmoid": Sigmoid()}
"""The activations that `dense` ends with, as the ops that they also are; for their formulas."""


class MatMul(Function):
    """y = a b        dL/da = dL/dy b^T        dL/db = a^T dL/dy

    On the last two axes; the axes before them broadcast.
    """

    promotes = True

    def forward(self, a: Array, b: Array) -> Array:
        self.a_shape, self.b_shape = a.shape, b.shape
        return launch("matmul", a, b)

    def grad_a(self, grad: Any, b: Any) -> Any:
        return unbroadcast(matmul(grad, b.swapaxes(-1, -2)), self.a_shape)

    def grad_b(self, grad: Any, a: Any) -> Any:
        return unbroadcast(matmul(a.swapaxes(-1, -2), grad), self.b_shape)


class Dense(Function):
    """y = x w + b        dL/dx = dL/dy w^T        dL/dw = x^T dL/dy        dL/db = sum dL/dy"""

    promotes = True

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        check_dense(x, w, b)
        if is_small(x.size * w.shape[1]):
            return few(x, w) if b is None else few(x, w) + b
        return launch("dense", x, w, b)

    def grad_x(self, grad: Any, w: Any) -> Any:
        return product(grad, w.swapaxes(0, 1))

    def grad_w(self, grad: Any, x: Any) -> Any:
        return product(_rows(x).swapaxes(0, 1), _rows(grad))

    def grad_b(self, grad: Any) -> Any:
        return added_rows(grad)


class DenseActivation(Dense):
    """y = f(x w + b), in one kernel        dL/dz = dL/dy f'(z), and on as in Dense"""

    def __init__(self, *, activation: str) -> None:
        self.activation = activation
        self.f = FORMS[activation]

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        check_dense(x, w, b)
        if is_small(x.size * w.shape[1]):
            return self.f.forward(few(x, w) if b is None else few(x, w) + b)
        return launch("dense", x, w, b, activation=self.activation)

    def upstream(self, grad: Any, y: Any) -> Any:
        return self.f.grad_x(grad, y)


class Outer(Function):
    """y_ij = a_i b_j        dL/da = dL/dy b        dL/db = dL/dy^T a"""

    promotes = True

    def forward(self, a: Array, b: Array) -> Array:
        return a[:, None] * b

    def grad_a(self, grad: Any, b: Any) -> Any:
        return matmul(grad, b)

    def grad_b(self, grad: Any, a: Any) -> Any:
        return matmul(a, grad)


class SumRows(Function):
    """y = sum of x over all axes but the last        dL/dx = dL/dy for every row"""

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        return launch("sum_rows", x)

    def grad_x(self, grad: Any) -> Any:
        return broadcast_to(grad, self.x_shape)


def product(a: Any, b: Any) -> Any:
    """a b, of arrays or tensors known to fit, b a matrix."""
    if not isinstance(a, Tensor) and is_small(a.size * b.shape[1]):
        return few(a, b)
    return matmul(a, b)


def few(a: Array, b: Array) -> Array:
    """a b of few numbers. Of two matrices `dot` makes it in half the time of `@`, with its bits."""
    return a.dot(b) if a.ndim == b.ndim == 2 else a @ b


def _rows(x: Any) -> Any:
    """(..., D) as (rows, D). No -1: of zero rows NumPy could not infer it."""
    if len(x.shape) == 2:
        return x
    rows = 1
    for n in x.shape[:-1]:
        rows *= n
    return x.reshape(rows, x.shape[-1])


def sum_rows(x: Any) -> Tensor:
    """The sum over all axes but the last: the gradient of a bias that was added to every row.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.functional.sum_rows(tg.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [4.0, 6.0]
    """
    x = operand(x)
    if not x.shape:
        raise ShapeError("sum_rows: x must be (..., D), but has shape ()")
    total: Tensor = added_rows(x)
    return total


def added_rows(x: Any) -> Any:
    """`sum_rows` of an array or a tensor with axes."""
    return x.sum(axis=0) if x.ndim == 2 and is_small(x.size) else SumRows().apply(x)


def matmul(a: Any, b: Any) -> Tensor:
    """y = a b, the matrix product; the operator `@`.

    Args:
        a: (..., n, k), or a vector (k,).
        b: (..., k, m), or a vector (k,). The axes before the last two broadcast.

    Returns:
        (..., n, m); a vector's axis is left out.

    Raises:
        ShapeError: a number where a matrix belongs, or inner sizes that differ.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.matmul(tg.tensor([[1.0, 2.0]]), tg.tensor([[3.0], [4.0]])).tolist()
        [[11.0]]
    """
    a, b = operands(a, b)
    left, right = a.shape, b.shape
    if not left or not right:
        raise ShapeError(
            f"matmul: shapes {left} and {right}: a number cannot be multiplied as a matrix; use *"
        )
    if len(left) > 1 and len(right) > 1 and left[-1] == right[-2] and left[:-2] == right[:-2]:
        return MatMul().apply(a, b)
    if left[-1] != right[-2 if len(right) > 1 else 0]:
        raise ShapeError(
            f"matmul: the inner sizes differ: a has {left[-1]} columns (shape {left}), but b has "
            f"{right[-2 if len(right) > 1 else 0]} rows (shape {right})"
        )
    batch_a, batch_b = left[:-2], right[:-2]
    for n, m in zip(reversed(batch_a), reversed(batch_b), strict=False):
        if n != m and 1 not in (n, m):
            raise ShapeError(
                f"matmul: the axes before the last two do not broadcast: {batch_a} (shape {left}) "
                f"and {batch_b} (shape {right})"
            )
    x = reshape(a, (1, *left)) if len(left) == 1 else a
    y = MatMul().apply(x, reshape(b, (*right, 1)) if len(right) == 1 else b)
    if len(left) > 1 and len(right) > 1:
        return y
    shape = y.shape[: len(y.shape) - 2]
    rows = y.shape[-2:-1] if len(left) > 1 else ()
    columns = y.shape[-1:] if len(right) > 1 else ()
    return reshape(y, (*shape, *rows, *columns))


def outer(a: Any, b: Any) -> Tensor:
    """y_ij = a_i b_j, the outer product of two vectors.

    Args:
        a: (n,).
        b: (m,).

    Returns:
        (n, m).

    Raises:
        ShapeError: what is no vector. (NumPy would flatten it.)

    Example:
        >>> import tinygrad_course as tg
        >>> tg.outer(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0])).tolist()
        [[3.0, 4.0], [6.0, 8.0]]
    """
    a, b = operands(a, b)
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise ShapeError(
            f"outer: expected two vectors, but the shapes are {tuple(a.shape)} and "
            f"{tuple(b.shape)}; flatten them first"
        )
    return Outer().apply(a, b)


def dense(x: Any, w: Any, b: Any = None, *, activation: str | None = None) -> Tensor:
    """y = f(x w + b): the textbook's affine map, and the activation f if one is named.

    Args:
        x: (..., in_features).
        w: (in_features, out_features).
        b: (out_features,), or None.
        activation: "relu", "tanh" or "sigmoid", computed in the same kernel; None for no f.

    Returns:
        (..., out_features).

    Raises:
        ShapeError: sizes that do not fit.
        ArgumentError: another activation.

    Example:
        >>> import tinygrad_course as tg
        >>> x, w, b = tg.tensor([[1.0, 2.0]]), tg.tensor([[3.0], [4.0]]), tg.tensor([0.5])
        >>> tg.dense(x, w, b).tolist()
        [[11.5]]
    """
    kind = activation_kind("dense", activation)
    op = Dense() if kind is None else DenseActivation(activation=kind)
    return op.apply(x, w) if b is None else op.apply(x, w, b)


def check_dense(x: Array, w: Array, b: Array | None) -> None:
    """Raise unless the shapes are (..., in_features), (in_features, out_features) and its last."""
    if w.ndim != 2:
        raise ShapeError(
            f"dense: weight must be (in_features, out_features), but has shape {w.shape}"
        )
    if x.shape[-1:] != w.shape[:1]:
        have = x.shape[-1] if x.shape else "no axis"
        raise ShapeError(
            f"dense: weight expects {w.shape[0]} input features (weight shape {w.shape}), but x "
            f"has {have} (shape {x.shape}); is a Flatten missing before the first dense layer?"
        )
    if b is not None and b.shape != w.shape[1:]:
        raise ShapeError(
            f"dense: bias must have shape {w.shape[1:]} for weight shape {w.shape}, but has "
            f"{b.shape}"
        )
