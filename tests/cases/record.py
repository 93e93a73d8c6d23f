"""What a record says about an op, and how inputs are drawn away from the op's kinks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SHAPES = ((3, 4), (), (1,), (0,), (2, 0, 3), (2, 1, 3), (7,))
"""Shapes for elementwise ops: plain, 0-d, one value, empty, an axis of size 1."""

PAIRS = (
    ((3, 4), (3, 4)), ((3, 4), (4,)), ((2, 1, 4), (3, 1)), ((), (3,)), ((5,), ()), ((), ()),
    ((1,), (1,)), ((1, 3), (2, 1)), ((0, 3), (1, 3)), ((2, 0), (2, 1)), ((2, 3, 1), (1,)),
)  # fmt: skip
"""Pairs of shapes that broadcast, in every way they can."""


@dataclass(frozen=True)
class Sample:
    """One call: `function(*arrays, **options)`. Float arrays are inputs to differentiate.

    Attributes:
        arrays: the positional arguments; float arrays are float64 and cast by the loops.
        options: the keyword arguments.
        smooth: whether the function is smooth within 0.02 of these values.
    """

    arrays: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    smooth: bool = True

    def cast(self, dtype: Any) -> tuple[Any, ...]:
        """The arrays with floats in `dtype`."""
        return tuple([a.astype(dtype) if is_float(a) else a for a in self.arrays])


@dataclass(frozen=True)
class Bad:
    """A call that must raise, with a message that names both sides."""

    arrays: tuple[Any, ...]
    error: type[Exception]
    match: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kink:
    """The gradients promised where the function has none: upstream ones, expected gradients."""

    arrays: tuple[Any, ...]
    gradients: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One op.

    Attributes:
        name: its name in `tg`.
        function: tensors (and arrays) to a tensor.
        reference: the same in plain NumPy, written independently.
        samples: the inputs to try, from a generator.
        twin: the plain composition beside a fused op, if there is one.
        bad: calls that must raise.
        kinks: gradients at points where the function is not smooth.
        differentiable: False for an op whose result is a constant.
    """

    name: str
    function: Callable[..., Any]
    reference: Callable[..., Any]
    samples: Callable[[np.random.Generator], Iterable[Sample]]
    twin: Callable[..., Any] | None = None
    bad: tuple[Bad, ...] = ()
    kinks: tuple[Kink, ...] = ()
    differentiable: bool = True


def sample(*arrays: Any, smooth: bool = True, **options: Any) -> Sample:
    """A `Sample` as one writes a call."""
    return Sample(arrays, options, smooth)


def is_float(value: Any) -> bool:
    """Whether the loops differentiate with respect to `value`."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Standard normal values, always as an array."""
    return np.asarray(rng.standard_normal(shape))


def positive(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values from 0.5 to 2."""
    return np.asarray(rng.uniform(0.5, 2.0, shape))


def away(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values of both signs with 0.1 <= |x| <= 2: away from a kink at 0."""
    return np.asarray(rng.uniform(0.1, 2.0, shape) * rng.choice([-1.0, 1.0], shape))


def distinct(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values no two of which are closer than 0.1: no ties for a maximum."""
    count = int(np.prod(shape))
    return np.asarray((rng.permutation(count) - count / 2.0).reshape(shape) * 0.1)


def grid(rng: np.random.Generator, *shape: int, offset: float = 0.0) -> np.ndarray:
    """Multiples of 0.3 plus an offset: two grids of different offsets never tie."""
    return np.asarray(rng.integers(-5, 6, shape) * 0.3 + offset)


def close(actual: Any, expected: Any, rtol: float) -> None:
    """Equal up to `rtol` of the largest value."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    finite = np.isfinite(expected)
    scale = np.abs(expected[finite]).max(initial=0.0)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale)
