"""The user's own kernel: `my.py::softmax`, found, and its signature held against the op's.

A NumPy function, a Numba `@njit` one, a function that launches a `@cuda.jit` kernel (in Numba's
simulator, where there is no GPU), or a `.cu` file with the kernels of the op's own `cuda.cu`, which
the op's launcher then runs in the emulator. Read next: `kernel_worker.py`, where it is run.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import kernels
from ..errors import ArgumentError, nearest
from ..kernels import cuda_launch

Kernel = Callable[..., Any]


def parts_of(target: str, ops: list[str]) -> tuple[Path, str, str]:
    """(file, function, op) of `FILE.py::NAME` and the ops named beside it.

    Raises:
        ArgumentError: no such file, several ops, or a name that tells no op.
    """
    text, _, name = target.rpartition("::") if "::" in target else (target, "", "")
    path = Path(text)
    if not path.is_file():
        raise ArgumentError(f"--with: there is no file {path}; expected FILE.py::FUNCTION")
    if len(ops) > 1:
        raise ArgumentError(
            f"--with: one kernel computes one op, but {len(ops)} are named: {', '.join(ops)}"
        )
    op = ops[0] if ops else name or path.stem
    if op not in kernels.names():
        raise ArgumentError(
            f"--with: there is no op {op!r}; {nearest(op, kernels.names())}. Name the op that it "
            f"computes: tgc bench kernels OP --with {target}"
        )
    return path, name or op, op


def load(path: Path, name: str, op: str) -> Kernel:
    """The function, with the op's signature.

    Raises:
        ArgumentError: the file raises, has no such function, or it takes other arguments.
    """
    if path.suffix == ".cu":
        return _load_cuda(path, op)
    spec = importlib.util.spec_from_file_location(f"benched_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"--with: {path} is no Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ArgumentError(f"--with: {path} raises {type(error).__name__}: {error}") from error
    function: Kernel | None = getattr(module, name, None)
    if not callable(function):
        own = [n for n, v in vars(module).items() if _written_in(module.__name__, v)]
        raise ArgumentError(f"--with: {path} has no function {name!r}; {nearest(name, own)}")
    if "cuda" in type(function).__module__.lower():
        raise ArgumentError(
            f"--with: {name} is a CUDA kernel, which says nothing of its grid; name a function "
            f"({', '.join(_parameters(kernels.op(op).reference))}) that launches it: "
            f"{name}_kernel[blocks, threads](...)"
        )
    check_signature(function, name, op)
    return function


def _load_cuda(path: Path, op: str) -> Kernel:
    """The op's own launcher, with the user's file in place of its `cuda.cu`, in the emulator."""
    emulated = kernels.implementations(op).get("cuda-emulated")
    if emulated is None:
        have = [n for n in kernels.names() if "cuda-emulated" in kernels.implementations(n)]
        raise ArgumentError(
            f"--with: {op} has no launcher for CUDA C++; these ops have one: {', '.join(have)}. "
            "Otherwise launch your kernel in a Python function, and name that"
        )
    if not emulated.available():
        raise ArgumentError("--with: a .cu file runs in the emulator, which needs g++; install it")
    launcher = emulated.load()
    own = f"{launcher.__module__.split('.')[-2]}/cuda.cu"
    cuda_launch.replaced[own] = path
    return launcher


def check_signature(function: Kernel, name: str, op: str) -> None:
    """Raise unless the function takes what the op's reference takes; only `out` may be missing.

    Whether a parameter is keyword-only does not matter: compiled functions know no such thing.

    Example:
        >>> check_signature(lambda a, b: a @ b, "mine", "matmul")
        >>> check_signature(lambda a, b, c: a, "mine", "matmul")
        Traceback (most recent call last):
        tinygrad_course.errors.ArgumentError: --with: mine takes (a, b, c), but matmul takes \
(a, b, *, out); give it the same parameters, out if it can write there
    """
    try:
        given = _parameters(function)
    except (TypeError, ValueError):
        return  # a ufunc, say: the first call will tell
    expected = [word for word in _parameters(kernels.op(op).reference) if word != "*"]
    plain = [word for word in given if word != "*"]
    if plain not in (expected, [word for word in expected if word != "out"]):
        reference = ", ".join(_parameters(kernels.op(op).reference))
        raise ArgumentError(
            f"--with: {name} takes ({', '.join(given)}), but {op} takes ({reference}); give it the "
            "same parameters, out if it can write there"
        )


def _written_in(module: str, value: Any) -> bool:
    """Whether a value is a function, compiled or not, that this module defines."""
    return callable(value) and getattr(value, "__module__", None) == module


def wants_simulator(path: Path) -> bool:
    """Whether the file asks for CUDA in Python."""
    return path.suffix == ".py" and "cuda" in path.read_text(errors="replace")


def _parameters(function: Kernel) -> list[str]:
    return kernels.signature(inspect.unwrap(getattr(function, "py_func", function)))
