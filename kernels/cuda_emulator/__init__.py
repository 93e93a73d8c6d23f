"""CUDA C++ on a CPU: the very `.cu` files of the kernels, compiled by g++ and run on NumPy arrays.

Read `fibers.h` first, then `scheduler.h`, `language.h`, `entry.h`, `build.py`, `module.py`;
`sanitize.py` finds races and overruns, `traffic.py` counts what is asked of memory.
"""

from .build import EmulationError, available
from .module import Kernel, Module, thread_order
from .traffic import Accesses, Traffic, count_traffic

__all__ = [
    "Accesses",
    "EmulationError",
    "Kernel",
    "Module",
    "Traffic",
    "available",
    "count_traffic",
    "thread_order",
]
