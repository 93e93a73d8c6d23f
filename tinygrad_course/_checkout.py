"""In a checkout the folder `kernels/` lies beside the package; a wheel carries it inside.

Imported first, so that `tinygrad_course.kernels` is found in both.
"""

from __future__ import annotations

import sys
from pathlib import Path

_package = sys.modules[__package__ or "tinygrad_course"]
_root = Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "kernels" / "__init__.py").is_file():
    _package.__path__.append(str(_root))
