"""The double's `cupy.cuda`: two devices, streams that are always done, a pool that counts.

Names and parameters are those of CuPy 14.2 as far as the project uses them; `test_device_double.py`
holds them against the installed CuPy.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

DEVICES = 2


class _Current(threading.local):
    device = 0
    stream: Any = None


current = _Current()
hooks: dict[str, Any] = {}


class Memory:
    """The memory of one NumPy array, held and counted as if it lay on a device."""

    def __init__(self, owner: np.ndarray[Any, Any], device: int) -> None:
        self.owner, self.device, self.size = owner, device, owner.nbytes
        pool = pools[device]
        pool.used += self.size
        pool.total = max(pool.total, pool.used)
        for hook in list(hooks.values()):
            hook.malloc_postprocess(
                device_id=device, size=self.size, mem_size=self.size, mem_ptr=0, pmem_id=0
            )

    def __del__(self) -> None:
        pools[self.device].used -= self.size


class MemoryPointer:
    def __init__(self, memory: Memory, ptr: int) -> None:
        self.mem, self.ptr, self.device_id = memory, ptr, memory.device
        self.device = Device(memory.device)


class _DevicePool:
    """What one device holds."""

    def __init__(self) -> None:
        self.used = self.total = 0


pools = [_DevicePool() for _ in range(DEVICES)]


class MemoryPool:
    """One for all devices; like CuPy's it answers for the device that is current at the call."""

    def used_bytes(self) -> int:
        return pools[current.device].used

    def total_bytes(self) -> int:
        return pools[current.device].total

    def free_bytes(self) -> int:
        return self.total_bytes() - self.used_bytes()

    def free_all_blocks(self, stream: Any = None) -> None:
        pools[current.device].total = pools[current.device].used


pool = MemoryPool()


class MemoryHook:
    name = "MemoryHook"

    def __enter__(self) -> Any:
        if self.name in hooks:
            raise KeyError(f"memory hook {self.name} already exists")
        hooks[self.name] = self
        return self

    def __exit__(self, *_: object) -> None:
        del hooks[self.name]

    def malloc_postprocess(self, **kwargs: Any) -> None: ...


class Device:
    def __init__(self, device: Any = None) -> None:
        self.id = current.device if device is None else int(device)
        self._before: list[int] = []

    @property
    def compute_capability(self) -> str:
        return "90"

    @property
    def attributes(self) -> dict[str, int]:
        return {"MultiProcessorCount": 2, "MaxSharedMemoryPerBlockOptin": 99 << 10}

    @property
    def mem_info(self) -> tuple[int, int]:
        return (1 << 30) - pools[self.id].used, 1 << 30

    def use(self) -> None:
        if not 0 <= self.id < DEVICES:
            raise runtime.CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        current.device = self.id

    def synchronize(self) -> None: ...

    def __enter__(self) -> Device:
        self._before.append(current.device)
        self.use()
        return self

    def __exit__(self, *_: object) -> None:
        current.device = self._before.pop()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"


class Stream:
    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False,
                 priority: Any = None) -> None:  # fmt: skip
        self.ptr = 0 if null else id(self)
        self._before: list[Any] = []

    def synchronize(self) -> None: ...

    def record(self, event: Any = None) -> Any:
        return event or Event()

    def wait_event(self, event: Any) -> None: ...

    def __enter__(self) -> Stream:
        self._before.append(current.stream)
        current.stream = self
        return self

    def __exit__(self, *_: object) -> None:
        current.stream = self._before.pop()


Stream.null = Stream(null=True)


class Event:
    def __init__(self, block: bool = False, disable_timing: bool = False,
                 interprocess: bool = False) -> None: ...  # fmt: skip

    def record(self, stream: Any = None) -> None: ...

    def synchronize(self) -> None: ...


def get_current_stream(device_id: int = -1) -> Stream:
    return current.stream or Stream.null


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    return 0.0


def is_available() -> bool:
    return True


def get_device_id() -> int:
    return current.device


class Capsule:
    """What `__dlpack__` hands over: the array itself, for the double's own `from_dlpack`."""

    def __init__(self, array: Any) -> None:
        self.array = array


class runtime:
    """`cupy.cuda.runtime`."""

    class CUDARuntimeError(RuntimeError): ...

    @staticmethod
    def getDeviceCount() -> int:
        return DEVICES

    @staticmethod
    def getDevice() -> int:
        return current.device

    @staticmethod
    def getDeviceProperties(device: int) -> dict[str, Any]:
        return {"name": b"Double", "totalGlobalMem": 1 << 30, "major": 9, "minor": 0}

    @staticmethod
    def runtimeGetVersion() -> int:
        return 13020

    @staticmethod
    def driverGetVersion() -> int:
        return 13000

    @staticmethod
    def deviceSynchronize() -> None: ...


@contextlib.contextmanager
def using_allocator(allocator: Any = None) -> Iterator[None]:
    yield
