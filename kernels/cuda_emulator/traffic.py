"""What emulated kernels ask of memory: requests of warps, sectors, rounds in shared memory.

An instrument for learning, not a clock: it counts what the hardware would have to move without its
caches. Read beside it: `traffic.h`, and `examples/09_one_cuda_kernel.py`.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from . import module


class Accesses(NamedTuple):
    """Accesses of one kind, a warp's together.

    Attributes:
        requests: instructions that warps carried out.
        parts: global memory: sectors of 32 bytes touched, 4 a request at the least for 32 floats.
            Shared memory: rounds, 1 a request unless lanes want different words of one bank.
        bytes: what the threads asked for, all together.
    """

    requests: int = 0
    parts: int = 0
    bytes: int = 0


@dataclass
class Traffic:
    """What all launches of a block of code asked of memory."""

    global_reads: Accesses = field(default_factory=Accesses)
    global_writes: Accesses = field(default_factory=Accesses)
    shared_reads: Accesses = field(default_factory=Accesses)
    shared_writes: Accesses = field(default_factory=Accesses)

    @property
    def sectors(self) -> int:
        """Sectors of 32 bytes read from global memory and written to it."""
        return self.global_reads.parts + self.global_writes.parts

    @property
    def efficiency(self) -> float:
        """Bytes asked for over bytes of their sectors: 1 where nothing is moved in vain."""
        asked = self.global_reads.bytes + self.global_writes.bytes
        return asked / (32 * self.sectors) if self.sectors else 1.0


@contextlib.contextmanager
def count_traffic() -> Iterator[Traffic]:
    """Count what the kernels emulated in this block ask of memory; they run slower meanwhile.

    Example:
        >>> import numpy as np
        >>> from . import build
        >>> code = '''extern "C" __global__ void copy(const float* x, float* y, int stride) {
        ...     y[threadIdx.x] = x[threadIdx.x * stride];
        ... }'''
        >>> x, y = np.arange(256, dtype=np.float32), np.empty(32, np.float32)
        >>> copy = module.Module(code).get_function("copy")
        >>> for stride in (1, 8) if build.available() else ():
        ...     with count_traffic() as traffic:
        ...         copy((1,), (32,), (x[-x.ctypes.data // 4 % 8 :], y, np.int32(stride)))
        ...     assert traffic.global_reads.parts >= 4 * stride
    """
    before, module.settings.mode = module.settings.mode, "traffic"
    module.settings.counted = []
    traffic = Traffic()
    try:
        yield traffic
    finally:
        module.settings.mode = before
        totals = [0] * 12
        for library in {id(one): one for one in module.settings.counted}.values():
            numbers = (ctypes.c_ulonglong * 12)()
            library.emulator_traffic(numbers)
            totals = [a + b for a, b in zip(totals, numbers, strict=True)]
        kinds = [Accesses(*totals[start : start + 3]) for start in range(0, 12, 3)]
        traffic.global_reads, traffic.global_writes = kinds[:2]
        traffic.shared_reads, traffic.shared_writes = kinds[2:]
