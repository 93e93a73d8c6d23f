"""The activation that a layer's own kernel ends with: `activation=` of add, dense, conv2d, ...

Forward, it costs no pass over the memory of its own. Backward, dL/dy goes through `activation_grad`
once, and then through the layer's formulas as they are. Read next: `linear.py`.
"""

from __future__ import annotations

from typing import Any

from ..backend import Array, launch
from ..dtypes import check_no_bools
from ..errors import ArgumentError, nearest
from ..function import Function

KINDS = ("relu", "tanh", "sigmoid")

LARGE = 16_384
"""Elements from which a pass over the memory costs more than the way to a kernel, about 1 us."""


class ActivationGrad(Function):
    """dz = dy f'(z), written by y = f(z): relu sign(y), tanh 1 - y^2, sigmoid y (1 - y)"""

    def __init__(self, *, kind: str) -> None:
        self.kind = kind

    def forward(self, dy: Array, y: Array) -> Array:
        return launch("activation_grad", dy, y, kind=self.kind)

    def grad_dy(self, grad: Any, y: Any) -> Any:
        return activation_grad(grad, y, self.kind)

    def grad_y(self, grad: Any, dy: Any, y: Any) -> Any:
        if self.kind == "relu":
            return None  # sign(y) is a step: its slope is 0 wherever it has one
        return grad * dy * (-2.0 * y if self.kind == "tanh" else 1.0 - 2.0 * y)


def activation_grad(dy: Any, y: Any, kind: str) -> Any:
    """dL/dz for z with y = f(z), given dL/dy: what stands before the formulas of a layer."""
    return ActivationGrad(kind=kind).apply(dy, y)


class AddActivation(Function):
    """y = f(a + b)        dL/da = dL/db = dL/dz = dL/dy f'(z), z = a + b"""

    name = "add"
    broadcasts = True

    def __init__(self, *, activation: str) -> None:
        self.activation = activation

    def forward(self, a: Array, b: Array) -> Array:
        if a.dtype.kind == b.dtype.kind == "b":
            check_no_bools(self.name, (a, b))
        if a.shape == b.shape:
            return launch("add", a, b, activation=self.activation)
        return launch("activation", a + b, None, kind=self.activation)

    def upstream(self, grad: Any, y: Any) -> Any:
        return activation_grad(grad, y, self.activation)

    def grad_a(self, grad: Any) -> Any:
        return grad

    def grad_b(self, grad: Any) -> Any:
        return grad


def activation_kind(op: str, kind: Any) -> str | None:
    """`kind` if it is None or one of `KINDS`.

    Raises:
        ArgumentError: another word, with the nearest.
    """
    if kind is None or (isinstance(kind, str) and kind in KINDS):
        return kind
    raise ArgumentError(
        f"{op}: activation must be None or one of {', '.join(KINDS)}, but it is {kind!r}; "
        f"{nearest(str(kind), KINDS)} (others are functions of their own: F.gelu(F.{op}(...)))"
    )
