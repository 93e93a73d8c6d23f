"""Initializers: functions from a shape to an array of first weights.

`distributions.py` has those that know nothing of the layer, `scaling.py` those whose variance
follows its fans, `structured.py` orthogonal matrices and the identity. Read `scaling.py` next.
"""

from __future__ import annotations

from typing import Any, Protocol

from ..random import Generator
from .distributions import constant, normal, truncated_normal, uniform, zeros
from .fans import Array, fans, gain
from .scaling import (
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    variance_scaling,
    xavier_normal,
    xavier_uniform,
)
from .structured import identity, orthogonal

__all__ = [
    "Initializer",
    "constant",
    "fans",
    "gain",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]


class Initializer(Protocol):
    """What a layer's `init` argument may be: any function of a shape with these two keywords."""

    def __call__(self, shape: Any, /, *, generator: Generator | None, dtype: Any) -> Array:
        """An array of this shape and dtype."""
