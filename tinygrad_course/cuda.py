"""GPUs: whether there is one, why not, what it is called, and how much of its memory is in use.

Exported as `tg.cuda`. Nothing is asked of the machine before a function here is called, and CuPy is
first imported then. Arrays go to a GPU by `tensor.to("cuda")` and `model.to("cuda")` alone.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from .backend import check_device, load_cupy
from .errors import DeviceError

_DRIVERS = {"win32": "nvcuda.dll"}


def is_available() -> bool:
    """Whether tensors can be put on a GPU: CuPy works, and a GPU has computed something.

    Looked at once. Numba's CUDA simulator plays no part in it.

    Example:
        >>> import tinygrad_course as tg
        >>> device = "cuda" if tg.cuda.is_available() else "cpu"
    """
    return why_not() is None


@lru_cache(maxsize=1)
def why_not() -> str | None:
    """Why no GPU can be used, and what to install, in one sentence; None where one can.

    Looked at once: after a change, start Python again.
    """
    driver = driver_version()
    variants = _installed_variants()
    if driver is None:
        return (
            "no NVIDIA driver was found on this machine; a GPU needs one (in a container, start it "
            f"with the GPUs of its host), and then CuPy: {_install(None)}"
        )
    if driver < 12000:
        return (
            f"the NVIDIA driver is too old: it supports CUDA {_dotted(driver)}, and CuPy needs 12 "
            f"or 13; install a newer driver, and then {_install(None)}"
        )
    if importlib.util.find_spec("cupy") is None:
        return f"CuPy is not installed; {_install(driver)}"
    if len(variants) > 1:
        return (
            f"several variants of CuPy are installed ({', '.join(variants)}), which break one "
            f"another; pip uninstall {' '.join(variants)}, and then {_install(driver)}"
        )
    try:
        cupy = load_cupy()
    except Exception as error:  # noqa: BLE001 - whatever it is, the reader has to know it
        return f"CuPy cannot be imported ({_line(error)}); {_install(driver)}"
    return _cannot_compute(cupy, driver)


def _cannot_compute(cupy: Any, driver: int) -> str | None:
    """Why CuPy, once imported, does not work on this driver, or None if it does."""
    runtime = cupy.cuda.runtime
    try:
        wanted = runtime.runtimeGetVersion()
        if wanted // 1000 > driver // 1000:
            return (
                f"this CuPy is the variant for CUDA {wanted // 1000}, but the driver supports CUDA "
                f"{_dotted(driver)}; {_install(driver)}, or install a newer driver"
            )
        if runtime.getDeviceCount() == 0:
            return _no_device()
    except Exception as error:  # noqa: BLE001
        if "NoDevice" in str(error):
            return _no_device()
        return f"CuPy does not reach the driver ({_line(error)}); {_install(driver)}"
    return _wrong_result(cupy, driver)


def _wrong_result(cupy: Any, driver: int) -> str | None:
    """What goes wrong when the GPU adds two numbers: that takes memory, a compiler and a kernel."""
    try:
        if float((cupy.zeros(2, "float32") + 1).sum()) == 2:
            return None
        reason = "it computes wrong results: 0 + 1, added up twice, is not 2"
    except Exception as error:  # noqa: BLE001
        reason = f"CuPy cannot compute on it ({_line(error)}); CUDA's libraries may be missing"
    name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    return f"there is a GPU, {name}, but {reason}: {_install(driver)}"


def _no_device() -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    hidden = "" if visible is None else f" (CUDA_VISIBLE_DEVICES is {visible!r})"
    return f"the NVIDIA driver shows no GPU{hidden}; `nvidia-smi` lists those that it sees"


def _install(driver: int | None) -> str:
    """The command that installs what suits the driver."""
    extra = "cuda12" if driver is not None and driver < 13000 else "cuda13"
    older = " (cuda12 for drivers before 580)" if driver is None else ""
    return f"pip install 'tinygrad-course[{extra}]'{older}"


def _installed_variants() -> list[str]:
    """The distributions of CuPy that are installed; more than one is a mistake."""
    from importlib.metadata import distributions  # takes its time to import

    names = {d.metadata["Name"] for d in distributions()}
    return sorted(n for n in names if n and (n == "cupy" or n.startswith("cupy-")))


def _line(error: BaseException) -> str:
    """An error in one line."""
    text = str(error).strip().partition("\n")[0].rstrip(".:")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _dotted(version: int) -> str:
    """13000 as 13.0."""
    return f"{version // 1000}.{version % 1000 // 10}"


@lru_cache(maxsize=1)
def driver_version() -> int | None:
    """The newest CUDA that the driver supports, 13000 for 13.0; None without a driver."""
    version = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL(_DRIVERS.get(sys.platform, "libcuda.so.1"))
        failed = driver.cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    return None if failed or not version.value else version.value


# Which GPU.


def device_count() -> int:
    """How many GPUs there are; 0 where none can be used."""
    return int(load_cupy().cuda.runtime.getDeviceCount()) if is_available() else 0


def current_device() -> int:
    """The number of the GPU that this thread works on, and that "cuda" means.

    Raises:
        DeviceError: no GPU can be used.
    """
    return int(_cupy().cuda.Device().id)


@contextmanager
def device(name: str) -> Iterator[None]:
    """Inside, this thread works on another GPU: for machines that have several.

    Args:
        name: such as "cuda:1".

    Raises:
        DeviceError: there is no such GPU.
    """
    with _cupy().cuda.Device(_number(name)):
        yield


def device_name(device: str = "cuda") -> str:
    """What a GPU is called, such as "NVIDIA H200".

    Raises:
        DeviceError: there is no such GPU.
    """
    name: bytes = _cupy().cuda.runtime.getDeviceProperties(_number(device))["name"]
    return name.decode()


def compute_capability(device: str = "cuda") -> tuple[int, int]:
    """What a GPU can do, in NVIDIA's numbers: (9, 0) for an H200."""
    digits = _cupy().cuda.Device(_number(device)).compute_capability
    return int(digits[:-1]), int(digits[-1])


# Its memory and its work.


def memory_allocated(device: str = "cuda") -> int:
    """The bytes that arrays occupy now."""
    return _of_pool(device, "used_bytes")


def memory_reserved(device: str = "cuda") -> int:
    """The bytes taken from the GPU: arrays, and what is kept for the next ones."""
    return _of_pool(device, "total_bytes")


def memory_total(device: str = "cuda") -> int:
    """The bytes that the GPU has."""
    return int(_cupy().cuda.Device(_number(device)).mem_info[1])


class Peak:
    """What `peak_memory` measured.

    Attributes:
        bytes: the most that arrays occupied at one time.
    """

    bytes = 0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Inside, note the most memory that arrays occupy at one time on the current GPU.

    Raises:
        DeviceError: no GPU can be used.
    """
    cupy = _cupy()
    pool = cupy.get_default_memory_pool()
    peak = Peak()
    peak.bytes = int(pool.used_bytes())

    class Hook(cupy.cuda.MemoryHook):  # type: ignore[misc, name-defined]
        name = f"tinygrad_course peak {id(peak)}"

        def malloc_postprocess(self, **_: Any) -> None:
            peak.bytes = max(peak.bytes, int(pool.used_bytes()))

    with Hook():
        yield peak


def empty_cache() -> None:
    """Give the GPU back what is reserved but unused; nothing where there is no GPU."""
    if is_available():
        load_cupy().get_default_memory_pool().free_all_blocks()


def synchronize(device: str = "cuda") -> None:
    """Wait until the GPU has done what it was told: before a clock is read.

    Raises:
        DeviceError: there is no such GPU.
    """
    _cupy().cuda.Device(_number(device)).synchronize()


def _cupy() -> Any:
    """CuPy, if it works."""
    check_device("cuda:0")
    return load_cupy()


def _number(device: str) -> int:
    """The number in a GPU's name."""
    if device == "cpu":
        raise DeviceError("device 'cpu' is no GPU; name one: 'cuda' or 'cuda:0'")
    return int(check_device(device).partition(":")[2])


def _of_pool(device: str, figure: str) -> int:
    """What CuPy's pool says of one GPU: it answers for the one in use at the call."""
    cupy = _cupy()
    with cupy.cuda.Device(_number(device)):
        return int(getattr(cupy.get_default_memory_pool(), figure)())
