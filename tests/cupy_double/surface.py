"""What CuPy offers of NumPy's interface, as lines of text; `surface.txt` holds those of CuPy 14.2.

Run as a program where CuPy is installed (it needs no GPU), this prints the file anew. The double
in `array.py` is built from it, so that it has what CuPy has and nothing else.
"""

from __future__ import annotations

import inspect
import re
from types import ModuleType
from typing import Any

import numpy as np

METHODS = re.compile(r"\w+\.(\w+)\(self(?:, )?(.*?)\)(?: ->.*)?$")


def surface(cupy: ModuleType) -> list[str]:
    """One line for each function, ufunc and method that NumPy has too, sorted."""
    lines = []
    for name in dir(cupy):
        offered = getattr(cupy, name)
        if name.startswith("_") or isinstance(offered, type) or not callable(offered):
            continue
        if not callable(getattr(np, name, None)):
            continue
        if isinstance(offered, cupy.ufunc):
            lines.append(f"ufunc {name}")
        else:
            lines += [f"function {name}{parameters}" for parameters in _parameters(offered)]
    for name in dir(cupy.ndarray):
        match = METHODS.match((getattr(cupy.ndarray, name).__doc__ or "").partition("\n")[0])
        if match and not name.startswith("_"):
            words = [w.rpartition(" ")[2] for w in match[2].split(", ") if w]  # without C types
            lines.append(f"method {name}({', '.join(words)})")
    return sorted(lines)


def _parameters(function: Any) -> list[str]:
    """The parameters as written in Python, without annotations; none where they are unknown."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        return []
    plain = [
        p.replace(annotation=p.empty, default=_plain(p.default))
        for p in signature.parameters.values()
    ]
    return [str(inspect.Signature(plain))]


def _plain(default: Any) -> Any:
    """A default as a constant."""
    return (
        default.__name__ if isinstance(default, type) and default is not inspect._empty else default
    )


if __name__ == "__main__":
    pass
