"""What a GPU kernel in Python is written with: Numba's words, and the types of its parameters.

A kernel's annotations are its signature, and the only one: it is compiled for these types, and its
arguments are converted to them at each launch. An array reaches it as in CUDA C++: the address of
its first number, and nothing else. Read next: `activation/numba_cuda.py`, then `numba_launch.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from . import numba_here

Function = TypeVar("Function", bound=Callable[..., Any])

Floats: TypeAlias = Any
"""The address of float32 numbers: `x[i]` reads one, `x[i] = ...` writes it."""
Labels: TypeAlias = Any
"""The address of int64 numbers."""
ManyFloats: TypeAlias = Any
"""`MANY` addresses of float32 numbers: `xs[k][i]`."""
ManyCounts: TypeAlias = Any
"""`MANY` int64 numbers."""
Count: TypeAlias = Any
"""An int64: a size, a place. Arrays may have more than 2^31 numbers."""
Int: TypeAlias = Any
"""An int32: a choice, a flag."""
Float: TypeAlias = Any
"""A float32."""

MANY = 16
"""How many tensors one launch takes."""


class Parameter(NamedTuple):
    """What a parameter's annotation stands for.

    Attributes:
        dtype: of the number, or of the numbers at the address.
        address: whether it is an address.
        many: how many of them there are, as a tuple; 0 for one that stands by itself.
    """

    dtype: np.dtype[Any]
    address: bool = False
    many: int = 0


PARAMETERS = {
    "Floats": Parameter(np.dtype("float32"), address=True),
    "Labels": Parameter(np.dtype("int64"), address=True),
    "ManyFloats": Parameter(np.dtype("float32"), address=True, many=MANY),
    "ManyCounts": Parameter(np.dtype("int64"), many=MANY),
    "Count": Parameter(np.dtype("int64")),
    "Int": Parameter(np.dtype("int32")),
    "Float": Parameter(np.dtype("float32")),
}

if numba_here.simulates_gpus() or numba_here.compiles_for_gpus():
    import numba
    from numba import cuda as _cuda

    cuda: Any = _cuda
    """`cuda.blockIdx`, `cuda.threadIdx`, `cuda.shared.array`, `cuda.syncthreads`."""
    float32: Any = numba.float32
    """A number of 32 bits, or a conversion: 0.5 alone has 64, and so has what is made with it."""
else:  # compiled elsewhere: the names have to be there, and no kernel's body runs
    cuda, float32 = None, np.float32


class Kernel:
    """A function for the GPU, and its parameters in order; `numba_launch.launch` runs it.

    Attributes:
        function: as it is written.
        name: the function's.
        file: the Python file that it stands in.
        parameters: by name.
        simulated: Numba's simulated kernel, in a process that simulates; elsewhere None.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = function.__name__
        self.file = Path(function.__code__.co_filename)
        words = {name: word for name, word in function.__annotations__.items() if name != "return"}
        self.parameters = {name: PARAMETERS[word] for name, word in words.items()}
        self.simulated: Any = cuda.jit(function) if numba_here.simulates_gpus() else None


def kernel(function: Callable[..., Any]) -> Kernel:
    """Make a kernel of a function that returns nothing and whose parameters are annotated.

    Example:
        >>> @kernel
        ... def twice(x: Floats, count: Count) -> None:
        ...     i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        ...     if i < count:
        ...         x[i] *= float32(2)
        >>> list(twice.parameters)
        ['x', 'count']
    """
    return Kernel(function)


def device_function(function: Function) -> Function:
    """What kernels call: it is put in the place of the call.

    Example:
        >>> @device_function
        ... def square(x: Float) -> Float:
        ...     return x * x
    """
    if cuda is None:
        return function
    made: Function = cuda.jit(device=True, inline="always")(function)
    return made
