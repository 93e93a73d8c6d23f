"""GPU kernels in Python as PTX, the assembly that every CUDA driver reads: made, kept, brought.

    python -m tinygrad_course.kernels.numba_ptx FOLDER

compiles all of them into FOLDER; it needs numba-cuda and no GPU. With TGC_NUMBA_PTX=FOLDER they run
on a machine that has CuPy and no Numba. Elsewhere each is compiled when it is first launched, into
the folder of compiled kernels: what is launched is such a file in both cases, and launched by CuPy.
Read next: `numba_launch.py`.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import compiled, numba_here, registry

if TYPE_CHECKING:
    from .numba_language import Kernel

OLDEST = (7, 5)
"""The compute capability compiled for: a driver makes of PTX what its card runs, newer ones too."""

_HOME = Path(__file__).parent
_COMMAND = "python -m tinygrad_course.kernels.numba_ptx FOLDER"


def brought(source: str) -> bool:
    """Whether the kernels of a Python file came along as PTX, of this very version of it.

    Args:
        source: the file, from this folder.
    """
    folder, path = os.environ.get("TGC_NUMBA_PTX"), _HOME / source
    return folder is not None and any(
        Path(folder).glob(f"{path.parent.name}-*-{_digest(path)}.ptx")
    )


def file_of(kernel: Kernel) -> Path:
    """The file with the PTX of a kernel: the one that came along, or one compiled now.

    Raises:
        KernelError: there is none, and Numba cannot make one.
    """
    folders = [Path(folder) for folder in [os.environ.get("TGC_NUMBA_PTX")] if folder]
    folders += [_own_folder()] if numba_here.compiles_for_gpus() else []
    for folder in folders:
        path = folder / _file_name(kernel)
        if path.exists():
            return path
    if not numba_here.compiles_for_gpus():
        raise registry.KernelError(
            f"kernel {kernel.name}: no PTX of this version of {kernel.file.name} lies in "
            f"TGC_NUMBA_PTX ({folders[0] if folders else 'not set'}), and numba-cuda, which makes "
            f"it, is not installed; pip install 'numba-cuda[cu13]', or run {_COMMAND} where it is"
        )
    return write(kernel, _own_folder())


def write(kernel: Kernel, folder: Path) -> Path:
    """Compile a kernel into a folder, the file whole or not at all, whoever else does so."""
    path = folder / _file_name(kernel)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        part = Path(own) / path.name
        part.write_text(ptx(kernel), encoding="utf-8")
        part.replace(path)
    return path


def ptx(kernel: Kernel) -> str:
    """A kernel's PTX, its entry called as the kernel is.

    Raises:
        KernelError: Numba's compiler fails, or parts of it are not installed.
    """
    from numba import cuda as numba_cuda

    cuda: Any = numba_cuda
    try:
        made, _ = cuda.compile_ptx(kernel.function, _signature(kernel), cc=OLDEST)
    except Exception as error:
        line = next(iter(str(error).strip().splitlines()), "")
        raise registry.KernelError(
            f"kernel {kernel.name}: numba-cuda does not compile it here "
            f"({type(error).__name__}: {line}); its compiler comes with "
            "pip install 'numba-cuda[cu13]' (cu12 for a driver of CUDA 12)"
        ) from error
    entry = re.search(r"\.entry (\w+)", made)
    assert entry is not None  # noqa: S101 - a kernel has one
    return str(made).replace(entry[1], kernel.name)


def _signature(kernel: Kernel) -> tuple[Any, ...]:
    """The parameters as Numba's types."""
    from numba import types as numba_types

    types: Any = numba_types
    found = []
    for parameter in kernel.parameters.values():
        one = getattr(types, parameter.dtype.name)
        one = types.CPointer(one) if parameter.address else one
        found.append(types.UniTuple(one, parameter.many) if parameter.many else one)
    return tuple(found)


def _file_name(kernel: Kernel) -> str:
    return f"{kernel.file.parent.name}-{kernel.name}-{_digest(kernel.file)}.ptx"


@functools.cache
def _digest(source: Path) -> str:
    """Of what a file's kernels are made of: PTX of another version is not taken for this one's."""
    language = _HOME / "numba_language.py"
    return hashlib.sha256(source.read_bytes() + language.read_bytes()).hexdigest()[:12]


@functools.cache
def _own_folder() -> Path:
    """Where PTX that is compiled here is kept, if only for this process."""
    kept = compiled.cache_folder()
    if kept is None:
        return Path(tempfile.mkdtemp(prefix="tinygrad_course_ptx_"))
    folder = kept / "ptx"
    folder.mkdir(exist_ok=True)
    return folder


def all_kernels() -> list[Kernel]:
    """Every GPU kernel in Python, by the ops that run them."""
    from .numba_language import Kernel

    found: dict[Kernel, None] = {}
    for op in registry.names():
        implementation = registry.implementations(op).get("numba-cuda")
        if implementation is not None:
            module = importlib.import_module(implementation.load().__module__)
            found.update({k: None for k in vars(module).values() if isinstance(k, Kernel)})
    return list(found)


def main(arguments: list[str]) -> int:
    """Compile all kernels into the folder named."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write(f"usage: {_COMMAND}\n")
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    if not numba_here.compiles_for_gpus():
        sys.stderr.write("numba-cuda is not installed; pip install 'numba-cuda[cu13]'\n")
        return 1
    for kernel in all_kernels():
        sys.stdout.write(f"{write(kernel, folder)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
