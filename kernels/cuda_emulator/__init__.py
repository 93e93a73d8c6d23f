"""CUDA C++ on a CPU: the very `.cu` files of the kernels, compiled by g++ and run on NumPy arrays.

Read `scheduler.h` first (threads as fibers), then `language.h`, `entry.h`, `build.py`, `module.py`.
"""

from .build import EmulationError, available
from .module import Kernel, Module, thread_order

__all__ = ["EmulationError", "Kernel", "Module", "available", "thread_order"]
