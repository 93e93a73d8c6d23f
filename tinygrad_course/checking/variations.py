"""Other inputs like the user's: a mistake is named by what it does to several.

The same inputs with other values, cut down to small primes, resized so that a factor N is told from
a factor 5, and scalars grown to arrays. Read next: `whole.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = Any

GROWN = 5
PRIMES = [2, 3, 5, 7, 11, 13, 17, 19]
MANY = 256
"""Elements from which on an array is cut down sooner."""


def moved(inputs: Sequence[Any], arguments: Sequence[bool], seed: int) -> list[Any]:
    """Other inputs like these: floats changed by up to 40 %, signs, zeros and masks kept.

    Args:
        inputs: all inputs.
        arguments: which of them are differentiated; the others stay.
        seed: draws the changes.

    Example:
        >>> import numpy as np
        >>> x, mask = moved([np.array([1.0, -2.0]), np.array([0.0, 1.0])], [True, True], 0)
        >>> np.sign(x).tolist(), mask.tolist()
        ([1.0, -1.0], [0.0, 1.0])
    """
    rng = np.random.default_rng(seed)
    out = []
    for value, free in zip(inputs, arguments, strict=True):
        if not free or _is_special(np.asarray(value)):
            out.append(value)
        else:
            out.append(np.asarray(value * rng.uniform(0.6, 1.4, np.shape(value))))
    return out


def shrunk(inputs: Sequence[Any]) -> list[Any] | None:
    """The same inputs cut down: axes of one length to one small prime, everywhere.

    What f makes of them need not make sense; then it raises, and there is no small case.

    Axes of 9 and more are long; where an array has more than 256 elements, those of 6 and more.

    Returns:
        None where nothing is long.

    Example:
        >>> import numpy as np
        >>> x, w, labels = shrunk([np.ones((64, 100)), np.ones((100, 10)), np.full(64, 9)])
        >>> x.shape, w.shape, labels.tolist()
        ((5, 3), (3, 7), [2, 2, 2, 2, 2])
    """
    lengths = _lengths(inputs)
    many = max((v.size for v in inputs if isinstance(v, np.ndarray)), default=0) > MANY
    long = 6 if many else 9
    if all(n < long for n in lengths):
        return None
    taken = {n for n in lengths if n < long}
    small = iter([p for p in (5, 3, 7, 2) if p not in taken] + [5, 3, 7, 2] * len(lengths))
    return _refitted(inputs, {n: n if n < long else next(small) for n in lengths})


def resized(inputs: Sequence[Any], number: int) -> list[Any]:
    """Inputs like these of other shapes: what was equally long still is, what was longer still is.

    With them a factor N is told from a factor 5. As with `shrunk`, f may refuse them.

    Example:
        >>> import numpy as np
        >>> [v.shape for v in resized([np.ones((5, 3)), np.ones((3, 4))], 1)]
        [(7, 3), (3, 5)]
    """
    lengths = sorted({n for n in _lengths(inputs) if n > 1})
    count = len(lengths)
    if count <= 3:
        series = [PRIMES[k : k + count] for k in (1, 0, 2)]
    else:  # primes would make large arrays
        series = [list(range(k, k + count)) for k in (3, 2, 4)]
    others = [sizes for sizes in series if sizes != lengths]
    return _refitted(inputs, {1: 1, **dict(zip(lengths, others[number - 1], strict=False))})


def _lengths(inputs: Sequence[Any]) -> list[int]:
    """The lengths of all axes, each once, in the order in which they appear."""
    return list(dict.fromkeys(n for v in inputs if isinstance(v, np.ndarray) for n in v.shape))


def _refitted(inputs: Sequence[Any], sizes: Mapping[int, int]) -> list[Any]:
    """The arrays cut, or repeated, so that axes of length n have length sizes[n]."""
    out = []
    for v in inputs:
        if not isinstance(v, np.ndarray):
            out.append(v)
            continue
        fitted = v
        for axis, n in enumerate(v.shape):
            fitted = np.take(fitted, np.arange(sizes.get(n, n)), axis, mode="wrap")
        if v.dtype.kind in "iu":  # labels stay below the number of classes
            above = [n for n in sizes if n > v.max(initial=0)]
            fitted = fitted % sizes[min(above)] if above else fitted
        out.append(fitted.copy())
    return out


def grown(inputs: Sequence[Any]) -> list[Any] | None:
    """Scalars as arrays of five: of one number alone, every mistake is a factor.

    Returns:
        None unless all floats are scalars.

    Example:
        >>> import numpy as np
        >>> [x.shape for x in grown([np.array(2.0)])]
        [(5,)]
    """
    floats = [v for v in inputs if isinstance(v, np.ndarray) and v.dtype.kind == "f"]
    if not floats or any(v.ndim for v in floats):
        return None
    return [np.full(GROWN, v) if any(v is f for f in floats) else v for v in inputs]


def _is_special(x: Array) -> bool:
    """Masks, one-hot targets and probabilities: changed, they would be something else."""
    if x.ndim and x.size > 1 and np.isin(x, (0.0, 1.0)).all():
        return True
    return bool(x.ndim and x.shape[-1] > 1 and (x >= 0).all() and np.allclose(x.sum(axis=-1), 1.0))
