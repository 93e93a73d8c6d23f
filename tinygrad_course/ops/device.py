"""Moving between devices, the one op whose result lies elsewhere than its input.

Read next: `../backend.py`, which knows the devices.
"""

from __future__ import annotations

from typing import Any

from ..backend import Array, check_device, device_of, to_device
from ..dtypes import operand
from ..pointwise import Unary
from ..tensor import Tensor


class To(Unary):
    """y = x on another device        dL/dx = dL/dy, moved back"""

    keeps_integers = True
    moves = True

    def __init__(self, *, device: str) -> None:
        self.device = device

    def forward(self, x: Array) -> Array:
        self.source = device_of(x)
        return to_device(x, self.device)

    def grad_x(self, grad: Any) -> Any:
        return To(device=self.source).apply(grad)


def to(x: Any, device: str) -> Tensor:
    """x itself if it is on `device`, else a copy there.

    Args:
        x: a tensor or an array.
        device: "cpu", "cuda" (this thread's GPU) or "cuda:1".

    Raises:
        DeviceError: there is no such device; the message says what is missing.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.tensor([1.0], requires_grad=True).to("cpu").device
        'cpu'
    """
    x, wanted = operand(x), check_device(device)
    same: Tensor = x
    if (x.device if isinstance(x, Tensor) else device_of(x)) == wanted:
        return same
    return To(device=wanted).apply(x)
