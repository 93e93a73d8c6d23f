"""What the bank's probes are made of: shapes of different small primes, values away from kinks.

Read next: `linear.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
Generator = np.random.Generator


def sizes(rng: Generator, count: int, square: bool = False) -> list[int]:
    """Axis lengths: different small primes, or all the same where square shapes are asked for.

    Example:
        >>> len(set(sizes(np.random.default_rng(0), 3)))
        3
    """
    if square:
        return [int(rng.choice([3, 4, 5]))] * count
    return [int(n) for n in rng.permutation([2, 3, 5, 7])[:count]]


def normal(rng: Generator, *shape: int) -> Array:
    """Values of both signs, between 0.2 and 1.8 in magnitude: away from zero and from each other.

    Example:
        >>> bool(abs(normal(np.random.default_rng(0), 5)).min() >= 0.2)
        True
    """
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.2, 1.8, shape)


def spread(rng: Generator, *shape: int) -> Array:
    """Values no two of which are closer than 0.05: maxima without ties.

    Example:
        >>> spread(np.random.default_rng(0), 2, 3).shape
        (2, 3)
    """
    count = int(np.prod(shape))
    values = (rng.permutation(count) - count / 2 + 0.25) * 0.11 + rng.uniform(-0.02, 0.02, count)
    return values.reshape(shape)


def positive(rng: Generator, *shape: int) -> Array:
    """Values between 0.3 and 2.3.

    Example:
        >>> bool(positive(np.random.default_rng(0), 5).min() >= 0.3)
        True
    """
    return rng.uniform(0.3, 2.3, shape)
