"""Moving between devices, the one op whose result lies elsewhere than its input; DLPack.

Read next: `../backend.py`, which knows the devices.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, check_device, device_of, load_cupy, to_device
from ..dtypes import operand
from ..errors import ArgumentTypeError
from ..pointwise import Unary
from ..tensor import Tensor, wrap

DLPACK_CPU = 1
"""DLPack's number for the CPU."""


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


def from_dlpack(other: Any) -> Tensor:
    """A constant tensor that shares the memory of another library's tensor, on a CPU or a GPU.

    Raises:
        ArgumentTypeError: an object that does not speak DLPack.
        DeviceError: it is on a GPU, and none can be used here.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.from_dlpack(np.arange(3.0)).tolist()
        [0.0, 1.0, 2.0]
    """
    if not hasattr(other, "__dlpack_device__"):
        raise ArgumentTypeError(
            f"from_dlpack: a {type(other).__name__} does not speak DLPack; copy it with "
            "tg.tensor(...)"
        )
    kind, number = other.__dlpack_device__()
    if kind == DLPACK_CPU:
        return wrap(np.from_dlpack(other), None)
    check_device(f"cuda:{int(number)}")
    return wrap(load_cupy().from_dlpack(other), None)
