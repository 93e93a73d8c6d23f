"""Derivatives of functions: vjp, jvp, jacobian, hessian, hvp. All of them are calls of `grad`.

A function here takes tensors and returns a tensor (or a tuple, for vjp and jvp).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .dtypes import array_from, literal
from .errors import ArgumentError, ArgumentTypeError, ShapeError
from .grad_mode import enable_grad
from .gradients import grad
from .node import Leaf
from .ops.joining import stack
from .tensor import Tensor, filled, wrap


def vjp(f: Callable[..., Any], inputs: Any, v: Any = None) -> tuple[Any, Any]:
    """The value of f, and v^T J: one row of the Jacobian, or a sum of rows. Costs one backward.

    Args:
        f: a function of tensors.
        inputs: a tensor (array, number), or a list of them.
        v: the weights of f's outputs, of its shape; may be left out for a scalar.

    Returns:
        f(inputs), and the gradient of <v, f> for each input, in the form of `inputs`.

    Example:
        >>> import tinygrad_course as tg
        >>> y, slope = tg.vjp(lambda x: x * x, 3.0)
        >>> y.item(), slope.item()
        (9.0, 6.0)
    """
    leaves, single = _leaves(inputs)
    with enable_grad():
        y = f(*leaves)
    _check_result("vjp", y)
    grads = grad(y, leaves, v)
    value = tuple([t.detach() for t in y]) if isinstance(y, tuple) else y.detach()
    return value, grads[0] if single else grads


def jvp(f: Callable[..., Any], inputs: Any, v: Any) -> tuple[Any, Any]:
    """The value of f, and J v: how f changes when its inputs move along v.

    Costs two backward passes: v^T J is linear in its weights u, so the gradient of <u^T J, v> with
    respect to u is J v.

    Args:
        f: a function of tensors.
        inputs: a tensor (array, number), or a list of them.
        v: the direction, in the form and shapes of `inputs`.

    Example:
        >>> import tinygrad_course as tg
        >>> y, change = tg.jvp(lambda x: x * x, [3.0], [0.5])
        >>> change.item()
        3.0
    """
    leaves, single = _leaves(inputs)
    directions = _directions("jvp", leaves, [v] if single else v)
    with enable_grad():
        y = f(*leaves)
        _check_result("jvp", y)
        outputs = y if isinstance(y, tuple) else (y,)
        weights = [wrap(filled(o, o.shape, 0.0), Leaf()) for o in outputs]
        rows = grad(outputs, leaves, weights, create_graph=True)
        total = _dot(rows, directions)
    moved = grad(total, weights) if total.requires_grad else [wrap(w.data, None) for w in weights]
    values = tuple([o.detach() for o in outputs])
    return (values, tuple(moved)) if isinstance(y, tuple) else (values[0], moved[0])


def jacobian(f: Callable[..., Tensor], inputs: Any, *, create_graph: bool = False) -> Any:
    """dy_i / dx_j for every element: shape y.shape + x.shape. Costs one backward per output.

    Args:
        f: a function of tensors that returns one tensor.
        inputs: a tensor (array, number), or a list of them.
        create_graph: make the Jacobian differentiable.

    Returns:
        One Jacobian per input, in the form of `inputs`.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.jacobian(lambda x: x * x, tg.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """
    leaves, single = _leaves(inputs, keep=create_graph)
    with enable_grad():
        y = f(*leaves)
        _check_result("jacobian", y)
        rows = []
        for place in np.ndindex(*y.shape) if y.requires_grad else ():
            unit = filled(y, y.shape, 0.0)
            unit[place] = 1.0
            rows.append(grad(y, leaves, unit, create_graph=create_graph, retain_graph=True))
        if not rows:
            out = [wrap(filled(x, (*y.shape, *x.shape), 0.0), None) for x in leaves]
        else:
            out = [
                stack([row[j] for row in rows]).reshape((*y.shape, *x.shape))
                for j, x in enumerate(leaves)
            ]
    if not create_graph:
        out = [t.detach() for t in out]
    return out[0] if single else out


def hessian(f: Callable[..., Tensor], x: Any) -> Tensor:
    """d^2 f / dx_i dx_j of a scalar function of one tensor: shape x.shape + x.shape.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.hessian(lambda x: (x * x * x).sum(), tg.tensor([1.0, 2.0])).tolist()
        [[6.0, 0.0], [0.0, 12.0]]
    """

    def slope(t: Tensor) -> Tensor:
        return grad(_scalar("hessian", f(t)), t, create_graph=True)  # type: ignore[no-any-return]

    return jacobian(slope, x)  # type: ignore[no-any-return]


def hvp(f: Callable[..., Tensor], inputs: Any, v: Any) -> tuple[Tensor, Any]:
    """The value of a scalar f, and its Hessian times v, without making the Hessian.

    Args:
        f: a function of tensors that returns a scalar.
        inputs: a tensor (array, number), or a list of them.
        v: the direction, in the form and shapes of `inputs`.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.hvp(lambda x: (x * x * x).sum(), tg.tensor([1.0, 2.0]), [1.0, 1.0])[1].tolist()
        [6.0, 12.0]

    References:
        Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 1994.
    """
    leaves, single = _leaves(inputs)
    directions = _directions("hvp", leaves, [v] if single else v)
    with enable_grad():
        y = _scalar("hvp", f(*leaves))
        slopes = grad(y, leaves, create_graph=True)
        total = _dot(slopes, directions)
    if total.requires_grad:
        products = grad(total, leaves)
    else:
        products = [wrap(filled(x, x.shape, 0.0), None) for x in leaves]
    return y.detach(), products[0] if single else products


def _directions(name: str, leaves: list[Tensor], given: Sequence[Any]) -> list[Tensor]:
    """One constant per input, of its shape and dtype."""
    if not isinstance(given, (list, tuple)) or len(given) != len(leaves):
        count = len(given) if isinstance(given, (list, tuple)) else f"a {type(given).__name__}"
        raise ArgumentError(f"{name}: {len(leaves)} inputs need as many directions, not {count}")
    directions = []
    for i, (x, v) in enumerate(zip(leaves, given, strict=True)):
        d = v.data if isinstance(v, Tensor) else literal(v, x.dtype, x.data)
        if x.shape != d.shape:
            raise ShapeError(
                f"{name}: input {i} has shape {x.shape}, but its direction has {d.shape}"
            )
        directions.append(wrap(d, None))
    return directions


def _check_result(name: str, y: Any) -> None:
    """Raise unless a function returned a tensor or a tuple of tensors."""
    for t in y if isinstance(y, tuple) and y else (y,):
        if not isinstance(t, Tensor):
            raise ArgumentTypeError(
                f"{name}: the function must return a tensor or a tuple of tensors, but returned a "
                f"{type(t).__name__}"
            )


def _dot(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    total = (a[0] * b[0]).sum()
    for x, y in zip(a[1:], b[1:], strict=True):
        total = total + (x * y).sum()
    return total


def _scalar(name: str, y: Tensor) -> Tensor:
    _check_result(name, y)
    if y.size != 1:
        raise ShapeError(f"{name}: the function must return a scalar, but returned shape {y.shape}")
    return y.reshape(())


def _leaves(inputs: Any, keep: bool = False) -> tuple[list[Tensor], bool]:
    """The inputs as leaves of their own (or, with `keep`, as they are), and whether it was one."""
    single = not isinstance(inputs, (list, tuple))
    leaves = []
    for value in [inputs] if single else inputs:
        if isinstance(value, Tensor):
            leaves.append(value if keep and value.node is not None else wrap(value.data, Leaf()))
        else:
            leaves.append(wrap(array_from(value), Leaf()))
    for i, leaf in enumerate(leaves):
        if leaf.dtype.kind != "f":
            leaves[i] = wrap(leaf.data.astype(np.float32), Leaf())
    return leaves, single
