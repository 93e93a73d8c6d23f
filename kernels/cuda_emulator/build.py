"""From CUDA source to a library for this CPU: the emulator's headers, the source, g++, a cache.

Stands beside `fibers.h` and the other headers, which it puts before and after the source.
Read next: `module.py`, which loads the library and calls kernels in it.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from importlib import resources
from pathlib import Path

from ..registry import KernelError

MODES: dict[str, tuple[str, ...]] = {
    "plain": ("-O2",),
    "thread": ("-O1", "-fsanitize=thread"),
    "address": (
        "-O1",
        "-fsanitize=address,undefined",
        "-fsanitize-sections=cuda_shared",
        "-fno-omit-frame-pointer",
    ),
    # Without optimisation: each access of the source is one, and a vector stays whole.
    "traffic": ("-O0", "-fsanitize=thread", "-fno-threadsafe-statics", "-DEMULATOR_COUNTS"),
}
"""What each way to compile adds: for speed, for races, for overruns, and to count accesses."""

_FLAGS = (
    "-std=c++17",
    "-g",
    "-fPIC",
    "-fno-exceptions",
    "-fno-strict-aliasing",  # float4 loads from float arrays, which CUDA allows
    "-ffp-contract=off",  # every compiler the same bits
    "-Wall",
    "-Wno-unused-function",
    "-Wno-unused-variable",  # threadIdx and others, where a file does without
    "-Wno-unknown-pragmas",  # unroll
)


class EmulationError(KernelError):
    """A kernel that does not compile, is called wrongly, or waits for threads that never come."""


@functools.cache
def compiler() -> str | None:
    """The path of g++, or None where there is none.

    Example:
        >>> compiler() is None or compiler().endswith("g++")
        True
    """
    return shutil.which("g++")


def available() -> bool:
    """Whether CUDA kernels can be emulated here: g++ is there, on Linux.

    Example:
        >>> available() == (compiler() is not None and os.uname().sysname == "Linux")
        True
    """
    return compiler() is not None and os.name == "posix" and os.uname().sysname == "Linux"


def kernel_names(source: str) -> list[str]:
    """The names of the kernels in a source, in its order; each declaration begins a line.

    Example:
        >>> kernel_names('extern "C" __global__ void __launch_bounds__(256) scale(float* x) {}')
        ['scale']
    """
    declaration = r'^extern "C" __global__ void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\('
    return re.findall(declaration, source, re.MULTILINE)


def library(source: str, label: str, options: tuple[str, ...], mode: str) -> ctypes.CDLL:
    """The source compiled for this CPU and loaded; from the cache where it was compiled before.

    Args:
        source: CUDA C++, its kernels declared `extern "C"`.
        label: the name that error messages and sanitizers call the source by.
        options: definitions such as `-DVEC=4`.
        mode: one of `MODES`.

    Raises:
        EmulationError: no g++, or a source that does not compile; the message holds g++'s.
    """
    path = compiler()
    if path is None or not available():
        raise EmulationError(
            "the CUDA emulator compiles kernels with g++ on Linux, and found none here: install "
            "it (Debian, Ubuntu: apt install g++), or use another implementation"
        )
    unit = _translation_unit(source, label)
    key = hashlib.sha256("\0".join((unit, _version(path), *options, *MODES[mode])).encode())
    target = cache_folder() / f"{key.hexdigest()[:32]}.so"
    if not target.exists():
        _compile(path, unit, label, (*_FLAGS, *MODES[mode], *options), target, mode)
    return ctypes.CDLL(str(target))


def _translation_unit(source: str, label: str) -> str:
    """Headers, source and entries as one text; every part keeps its own line numbers.

    The source goes into an unnamed namespace: then no function of it is shared with other
    libraries, and all its `__shared__` arrays can lie in one section.
    """
    headers = ("fibers.h", "scheduler.h", "traffic.h", "language.h")
    parts = [_header(name) for name in headers]
    parts += [f'namespace {{\n#line 1 "{label}"\n{source}\n}}\n', _header("entry.h")]
    parts += [f"EMULATOR_KERNEL({name})\n" for name in kernel_names(source)]
    return "".join(parts)


def _header(name: str) -> str:
    text = (resources.files(__package__) / name).read_text(encoding="utf-8")
    return f'#line 1 "cuda_emulator/{name}"\n{text}\n'


@functools.cache
def _version(path: str) -> str:
    """The compiler's own words: another compiler, other bits."""
    command = [path, "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def cache_folder() -> Path:
    """Where compiled kernels are kept; for a home that cannot be written, a temporary folder."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "tinygrad_course" / "cuda_emulator"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(_fallback_folder())
    return folder if os.access(folder, os.W_OK) else Path(_fallback_folder())


@functools.cache
def _fallback_folder() -> str:
    """For a home that cannot be written: kept until the machine cleans its temporary files."""
    return tempfile.mkdtemp(prefix="cuda_emulator_")


def _compile(
    path: str, unit: str, label: str, flags: tuple[str, ...], target: Path, mode: str
) -> None:
    """Compile beside the target and rename: a library is whole, or not there."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder)
        (made / "unit.cpp").write_text(unit, encoding="utf-8")
        names = f"-fdebug-prefix-map={folder}/="  # a source is named by its label alone
        objects = [path, *flags, names, f"-fdebug-prefix-map={folder}=", "-c", "unit.cpp"]
        objects += ["-o", "unit.o"]
        # Counting needs the instrumentation of ThreadSanitizer, but not its library.
        linked = [flag for flag in flags if mode != "traffic" or flag != "-fsanitize=thread"]
        link = [path, *linked, "-shared", "-Wl,-Bsymbolic", "unit.o", "-o", "unit.so"]
        for command in (objects, link):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise EmulationError(f"{label}: g++ does not compile it:\n{done.stderr.strip()}")
        (made / "unit.so").replace(target)
