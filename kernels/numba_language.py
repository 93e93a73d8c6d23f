"""What a GPU kernel in Python is written with: Numba's words, and two decorators.

Imported by the `numba_cuda.py` files alone, and so only when one of their kernels first runs: Numba
takes its time. Read next: `activation/numba_cuda.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba import cuda as _cuda

Function = TypeVar("Function", bound=Callable[..., Any])

cuda: Any = _cuda
"""`cuda.blockIdx`, `cuda.threadIdx`, `cuda.shared.array`, `cuda.syncthreads`."""

float32: Any = numba.float32
int32: Any = numba.int32
uint32: Any = numba.uint32
"""A number, or a conversion: where none stands, Numba counts in 64 bits."""


def kernel(function: Function) -> Function:
    """Compile a function for the GPU when it is first launched, for the types it is launched with.

    Example:
        >>> @kernel
        ... def twice(x: Any) -> None:
        ...     x[cuda.grid(1)] *= float32(2)
    """
    return cast("Function", cuda.jit(function))


def device_function(function: Function) -> Function:
    """What kernels call: it becomes part of them.

    Example:
        >>> @device_function
        ... def square(x: Any) -> Any:
        ...     return x * x
    """
    return cast("Function", cuda.jit(device=True)(function))
