"""A `torch.autograd.Function` in the checker: PyTorch runs both halves, on float64 copies.

Only where torch is installed, and imported by whoever passes one. Read next: `forms.py`.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .foreign import Pull, Run

Array = Any


def torch_halves(function: Any) -> tuple[Run, Pull]:
    """`apply` and its backward pass as `run` and `pull` on NumPy arrays.

    Args:
        function: a subclass of `torch.autograd.Function`.
    """
    torch: Any = sys.modules["torch"]

    def run(*inputs: Any) -> tuple[Any, Any]:
        given = [_entered(torch, v) for v in inputs]
        with torch.enable_grad():
            result = function.apply(*given)
        ys = result if isinstance(result, tuple) else (result,)
        arrays = tuple(y.detach().cpu().numpy() for y in ys)
        return (arrays if isinstance(result, tuple) else arrays[0]), (given, ys)

    def pull(grads: tuple[Array, ...], cache: Any, inputs: list[Any]) -> Any:
        given, ys = cache
        wanted = [v for v in given if isinstance(v, torch.Tensor) and v.requires_grad]
        pairs = [(y, torch.from_numpy(np.array(g))) for y, g in zip(ys, grads, strict=True)
                 if y.requires_grad]  # fmt: skip
        found = torch.autograd.grad([y for y, _ in pairs], wanted, [g for _, g in pairs],
                                    retain_graph=True, allow_unused=True)  # fmt: skip
        left = iter(found)
        return tuple(
            _left(next(left)) if isinstance(v, torch.Tensor) and v.requires_grad else None
            for v in given
        )

    return run, pull


def _entered(torch: Any, value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    tensor = torch.from_numpy(np.ascontiguousarray(value))
    return tensor.requires_grad_() if value.dtype.kind == "f" else tensor


def _left(gradient: Any) -> Any:
    return None if gradient is None else gradient.detach().cpu().numpy()
