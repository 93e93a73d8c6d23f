"""Lists of arrays for the optimizers' specifications: shapes, samples, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..registry import Arrays, Cost, Params, Shape

Make: TypeAlias = Callable[[np.random.Generator, Any, Sequence[Shape], Params], Arrays]
Samples: TypeAlias = Callable[[np.random.Generator, Any], Iterator[tuple[Arrays, Params]]]

SHAPES: tuple[Shape, ...] = ((3, 4), (4,), (), (0, 2), (37, 500))
LENET: tuple[Shape, ...] = (
    (5, 5, 1, 6),
    (6,),
    (5, 5, 6, 16),
    (16,),
    (400, 120),
    (120,),
    (120, 84),
    (84,),
    (84, 10),
    (10,),
)

MLP: tuple[Shape, ...] = ((784, 800), (800,), (800, 800), (800,), (800, 10), (10,))


def normal_lists(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], count: int
) -> Arrays:
    """`count` lists of normal arrays of these shapes.

    Example:
        >>> p, g = normal_lists(np.random.default_rng(0), "float32", [(2, 3), ()], 2)
        >>> [array.shape for array in g]
        [(2, 3), ()]
    """
    return tuple(
        [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes] for _ in range(count)
    )


def squares(arrays: Sequence[Any]) -> list[Any]:
    """Their squares: second moments are never negative.

    Example:
        >>> squares([np.array([-2.0])])
        [array([4.])]
    """
    return [np.asarray(array * array) for array in arrays]


def variations(make: Make, params: Params, *changes: Params) -> Samples:
    """Samples on `SHAPES`, one for each change to `params`, and one of empty lists.

    Example:
        >>> samples = variations(lambda r, d, s, p: normal_lists(r, d, s, 2), {"lr": 1.0}, {})
        >>> [len(arrays[0]) for arrays, _ in samples(np.random.default_rng(0), "float64")]
        [5, 0]
    """

    def samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
        for change in changes:
            changed = {**params, **change}
            yield make(rng, dtype, SHAPES, changed), changed
        yield make(rng, dtype, (), params), dict(params)

    return samples


def cost_per_number(flops: int) -> Callable[..., Cost]:
    """The cost of a step that reads all its lists once, and writes all but the gradients.

    Example:
        >>> p, g, v = ([np.zeros(5)] for _ in range(3))
        >>> cost_per_number(4)(p, g, v, None, lr=0.1)
        Cost(flops=20, bytes=200)
    """

    def cost(*lists: Any, **_: Any) -> Cost:
        kept = [arrays for arrays in lists if arrays is not None]
        moved = sum(a.size * a.itemsize for arrays in kept for a in arrays)
        written = moved - sum(a.size * a.itemsize for a in lists[1])
        return Cost(flops * sum(a.size for a in lists[0]), moved + written)

    return cost


def large_enough(lists: Arrays, params: Params) -> str:
    """The rule of all steps, by `has_large_parameter`.

    LeNet-5's ten parameters: momentum 12 us compiled, 38 by the reference; Adam 16 and 115. The
    four parameters of a 2-8-1 network, 33 numbers: SGD 3.5 and 3.9, nothing to compile for.

    Example:
        >>> large_enough(([np.zeros(1000)], [np.ones(1000)]), {"lr": 0.1})
        'numba'
    """
    return "numba" if has_large_parameter(lists, params) else "reference"


def has_large_parameter(lists: Arrays, params: Params) -> bool:
    """Whether one of the parameters is large enough to compile for.

    Example:
        >>> has_large_parameter(([np.zeros(3), np.zeros(4)], [np.ones(3), np.ones(4)]), {})
        False
    """
    return any(parameter.size >= 256 for parameter in lists[0])
