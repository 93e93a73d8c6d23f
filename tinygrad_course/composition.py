"""The gradient of an op as the gradient of a plain composition: `pullback_of`.

For second derivatives: an op whose gradient is a kernel differentiates the composition instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .backend import Array
from .grad_mode import enable_grad, mode
from .gradients import grad as gradients
from .node import Leaf
from .pointwise import Unary
from .tensor import Tensor, wrap


class Alias(Unary):
    """y = x: a second name for a tensor, so that a formula can tell its two uses apart."""

    view = True
    keeps_integers = True

    def forward(self, x: Array) -> Array:
        return x

    def grad_x(self, grad: Any) -> Any:
        return grad


def pullback_of(composed: Callable[..., Any], inputs: Iterable[Any], grad: Any) -> list[Any]:
    """The gradients of a plain composition, in whichever form (arrays, tensors) it is handed them.

    An op whose gradient has a kernel need not have formulas for the *second* derivative: the engine
    differentiates the composition instead. Aliases cut the nested pass off from the outer graph,
    where one input may be an ancestor of another.

    Args:
        composed: the op as a composition of other ops.
        inputs: the values to differentiate it at; integers are passed on as they are.
        grad: dL/dy, or a tuple of them for several outputs.

    Returns:
        One gradient per input, None for integers.
    """
    values = list(inputs)
    grads = grad if isinstance(grad, tuple) else (grad,)
    tensors = any(isinstance(g, Tensor) for g in grads)
    create = tensors and bool(mode.recording)
    with enable_grad():
        arguments = [_alias(v, create) for v in values]
        y = composed(*arguments)
        ys = y if isinstance(y, tuple) else (y,)
        wanted = [t for t in arguments if isinstance(t, Tensor) and t.node is not None]
        pairs = [
            (o, g) for o, g in zip(ys, grads, strict=True) if g is not None and o.node is not None
        ]
        found = iter(
            gradients([o for o, _ in pairs], wanted, [g for _, g in pairs], create_graph=create)
        )
    out = [next(found) if isinstance(t, Tensor) and t.node is not None else None for t in arguments]
    return out if tensors else [None if g is None else g.data for g in out]


def _alias(value: Any, create: bool) -> Any:
    """A tensor for the nested pass: tied to the outer graph when that pass is itself recorded."""
    if isinstance(value, Tensor):
        if create and value.node is not None:
            return Alias().apply(value)
        value = value.data
    return wrap(value, Leaf()) if value.dtype.kind == "f" else value
