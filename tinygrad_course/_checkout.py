"""In a checkout the folder `kernels/` lies beside the package; a wheel carries it inside.

Imported first, so that `tinygrad_course.kernels` is found in both.
"""

from __future__ import annotations

import os
import sys

_package = sys.modules[__package__ or "tinygrad_course"]
_root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
if all(
    os.path.isfile(os.path.join(_root, *parts))  # noqa: PTH113, PTH118 - pathlib takes 3 ms
    for parts in (("pyproject.toml",), ("kernels", "__init__.py"))
):
    _package.__path__.append(_root)
