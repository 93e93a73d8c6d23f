"""tinygrad_course: a neural-network engine to read, written by hand and proved.

    import tinygrad_course as tg

Read `tensor.py`, `function.py`, `engine.py`, `grad_mode.py` in this order, then one file of `ops/`.
"""

from __future__ import annotations

from pathlib import Path as _Path

# In a checkout the folder `kernels/` lies beside this package (a wheel carries it inside).
_root = _Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "kernels" / "__init__.py").is_file():
    __path__.append(str(_root))

from . import errors, kernels, random
from .tensor import Parameter, Tensor, from_dlpack, tensor
