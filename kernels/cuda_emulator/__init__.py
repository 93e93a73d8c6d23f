"""CUDA C++ on a CPU: the very `.cu` files of the kernels, compiled by g++ and run on NumPy arrays.

Read `fibers.h` first, then `scheduler.h`, `language.h`, `entry.h`, `build.py` and `module.py`.
"""

from .build import EmulationError, available
from .module import Kernel, Module, thread_order

__all__ = ["EmulationError", "Kernel", "Module", "available", "thread_order"]
