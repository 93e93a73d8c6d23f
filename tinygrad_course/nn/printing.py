"""How a layer prints itself: its arguments, and an indented tree of the layers in it.

A layer stores its arguments under their own names, so its line can be made from the signature.
Read next: `summary.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor


def arguments(layer: Any) -> str:
    """The layer's `__init__` arguments as text: all required ones, others if not the default."""
    parts = []
    for parameter in inspect.signature(type(layer).__init__).parameters.values():
        value = vars(layer).get(parameter.name, parameter.empty)
        if value is None and parameter.default is True:
            value = False  # `bias=True` becomes the parameter `bias`; None says there is none
        if value is parameter.empty or not _is_plain(value):
            continue
        if parameter.default is parameter.empty:
            parts.append(_shown(value))
        elif value is not parameter.default and _shown(value) != _shown(parameter.default):
            parts.append(f"{parameter.name}={_shown(value)}")
    return ", ".join(parts)


def tree(name: str, inside: str, children: Sequence[tuple[str, Any]]) -> str:
    """`name(arguments)` and under it, indented, one line for each layer below."""
    lines = [f"{label}: {child!r}".replace("\n", "\n  ") for label, child in children]
    return "\n  ".join([f"{name}({inside})", *lines])


def _is_plain(value: Any) -> bool:
    """Whether it is an argument to show, not something the layer is made of."""
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    return not (isinstance(value, (Tensor, dict)) or hasattr(value, "named_parameters"))


def _shown(value: Any) -> str:
    if isinstance(value, np.dtype):
        return repr(value.name)
    return getattr(value, "__name__", None) or repr(value)
