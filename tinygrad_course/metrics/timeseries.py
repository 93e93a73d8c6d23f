"""Precision and recall for time series, where what is found is a range of time, not a point.

An anomaly that lasts an hour is one event: found or not, more or less of it, early or late, in one
piece or in five. Read `regression.py` next.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, nearest
from .inputs import Floats, as_zeros_and_ones

Gamma = str | Callable[[int], float]
Bias = str | Callable[[int, int], float]

_BIASES: dict[str, Callable[[int, int], float]] = {
    "flat": lambda i, length: 1.0,
    "front": lambda i, length: float(length - i + 1),
    "back": lambda i, length: float(i),
    "middle": lambda i, length: float(min(i, length - i + 1)),
}
_GAMMAS: dict[str, Callable[[int], float]] = {
    "one": lambda pieces: 1.0,
    "reciprocal": lambda pieces: 1.0 / pieces,
}


def ranges(labels: npt.ArrayLike) -> list[tuple[int, int]]:
    """The runs of ones, as (start, stop), stop being the first place after the run.

    Args:
        labels: (T,) zeros and ones.

    Raises:
        ShapeError: a shape other than (T,), or no time steps.
        ArgumentError: labels other than 0 and 1.

    Example:
        >>> ranges([0, 1, 1, 0, 1])
        [(1, 3), (4, 5)]
    """
    return _ranges("ranges", "labels", labels)


def range_recall(
    predictions: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    alpha: float = 0.0,
    gamma: Gamma = "one",
    bias: Bias = "flat",
) -> float:
    """How well the real ranges were found: the mean over real ranges R_i of

        alpha Existence(R_i) + (1 - alpha) Overlap(R_i)

    Existence: 1 if any predicted range meets R_i, otherwise 0.
    Overlap:   Cardinality(R_i) times the sum, over the predicted ranges P_j, of
               w = sum of bias(i) over the places of R_i that P_j covers / over all places of R_i
    Cardinality: 1 if at most one P_j meets R_i, otherwise gamma of how many do.

    Where every range is a single point, this is the recall of `rates.py`, whatever the parameters.

    Args:
        predictions: (T,) 1 where the model says "anomaly", 0 elsewhere.
        targets: (T,) 1 where there is one.
        alpha: from 0 to 1: how much it is worth to find a range at all.
        gamma: "one", "reciprocal" (1 / pieces), or a function of the number of pieces (2 or more)
            into [0, 1]: what is left where one range was found in several pieces.
        bias: where in the range it matters: "flat", "front" (L - i + 1: find it early), "back"
            (i), "middle" (min(i, L - i + 1)), or a function of the place i, from 1, and the length
            L into numbers above 0.

    Returns:
        A number from 0 to 1; NaN where there are no real ranges.

    Raises:
        ShapeError: shapes other than (T,), or no time steps.
        ArgumentError: labels other than 0 and 1, or a parameter out of its range.

    Example:
        One real range of 4, of which the first and the last place were found.

        >>> found, real = [1, 0, 0, 1, 0], [1, 1, 1, 1, 0]
        >>> range_recall(found, real)
        0.5
        >>> range_recall(found, real, gamma="reciprocal")
        0.25
        >>> range_recall(found, real, alpha=0.5, gamma="reciprocal")
        0.625
        >>> range_recall([1, 0, 0, 0, 0], real, bias="front")
        0.4

    References:
        Tatbul, Lee, Zdonik, Alam and Gottschlich 2018, "Precision and recall for time series",
        section 4.
    """
    if not 0 <= alpha <= 1:
        raise ArgumentError(
            f"range_recall: alpha expects a number from 0 to 1, but got {alpha}; 0 rewards overlap "
            "alone, 1 existence alone"
        )
    return _mean_reward("range_recall", targets, predictions, alpha, gamma, bias)


def range_precision(
    predictions: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    gamma: Gamma = "one",
    bias: Bias = "flat",
) -> float:
    """How much of what was predicted is real: the mean over predicted ranges P_i of Overlap(P_i).

    It is `range_recall` with the parts of predictions and targets exchanged, but without the
    reward for existence: a prediction that merely touches an anomaly is no precise one.

    Args:
        predictions: (T,) 1 where the model says "anomaly", 0 elsewhere.
        targets: (T,) 1 where there is one.
        gamma: what is left where one predicted range spans several real ones; as in
            `range_recall`.
        bias: where in the predicted range it matters; as in `range_recall`.

    Returns:
        A number from 0 to 1; NaN where nothing was predicted.

    Raises:
        ShapeError: shapes other than (T,), or no time steps.
        ArgumentError: labels other than 0 and 1, or a parameter out of its range.

    Example:
        >>> range_precision([1, 1, 1, 1, 0], [0, 1, 1, 0, 0])
        0.5

    References:
        Tatbul, Lee, Zdonik, Alam and Gottschlich 2018, "Precision and recall for time series",
        section 4.
    """
    return _mean_reward("range_precision", predictions, targets, 0.0, gamma, bias)


def _mean_reward(
    function: str,
    wanted: npt.ArrayLike,
    others: npt.ArrayLike,
    alpha: float,
    gamma: Gamma,
    bias: Bias,
) -> float:
    """The mean over the wanted ranges of what the others cover of them."""
    names = ("targets", "predictions")
    mine, other = names if function == "range_recall" else names[::-1]
    wanted_ranges = _ranges(function, mine, wanted)
    other_ranges = _ranges(function, other, others, np.shape(wanted))
    weigh, left = _named(function, "bias", bias, _BIASES), _named(function, "gamma", gamma, _GAMMAS)
    rewards = []
    for start, stop in wanted_ranges:
        meeting = [(a, b) for a, b in other_ranges if a < stop and start < b]
        weights = _weights(function, weigh, stop - start)
        covered = sum(
            weights[max(a, start) - start : min(b, stop) - start].sum() for a, b in meeting
        )
        cardinality = 1.0 if len(meeting) < 2 else float(left(len(meeting)))
        if not 0 <= cardinality <= 1:
            raise ArgumentError(
                f"{function}: gamma expects a function into [0, 1], but it gave {cardinality:g} "
                f"for {len(meeting)} pieces; pieces may cost, never pay"
            )
        overlap = cardinality * covered / weights.sum()
        rewards.append(alpha * bool(meeting) + (1 - alpha) * overlap)
    return float(np.mean(rewards)) if rewards else math.nan


def _weights(function: str, weigh: Callable[[int, int], float], length: int) -> Floats:
    weights = np.array([weigh(i, length) for i in range(1, length + 1)], dtype=np.float64)
    if not (weights > 0).all():
        raise ArgumentError(
            f"{function}: bias expects a function into numbers above 0, but it gave "
            f"{weights.min():g} in a range of {length}; every place of a range counts"
        )
    return weights


def _named(
    function: str,
    argument: str,
    given: str | Callable[..., float],
    known: dict[str, Callable[..., float]],
) -> Callable[..., float]:
    if callable(given):
        return given
    if given not in known:
        raise ArgumentError(
            f"{function}: there is no {argument} {given!r}; {nearest(str(given), known)}, or a "
            "function of your own"
        )
    return known[given]


def _ranges(
    function: str, name: str, labels: npt.ArrayLike, shape: tuple[int, ...] | None = None
) -> list[tuple[int, int]]:
    array = np.asarray(labels)
    marked = as_zeros_and_ones(function, name, array, array.shape if shape is None else shape)
    edges = np.flatnonzero(np.diff(marked.astype(np.int8), prepend=0, append=0))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
