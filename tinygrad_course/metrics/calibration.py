"""Calibration: whether things said to be 80 % sure happen eight times in ten.

A model may name the right class and still say too high a probability; accuracy does not notice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, nearest
from .inputs import Floats, as_classes, as_probabilities, as_zeros_and_ones

STRATEGIES = ("uniform", "quantile")


class ReliabilityBins(NamedTuple):
    """What was said and what happened, bin by bin.

    Attributes:
        edges: (B + 1,) from the lowest confidence to the highest; a bin holds its upper edge.
        counts: (B,) examples in each bin.
        confidence: (B,) the mean probability given; NaN in an empty bin.
        frequency: (B,) the share of examples where it happened; NaN in an empty bin.
    """

    edges: Floats
    counts: npt.NDArray[np.int64]
    confidence: Floats
    frequency: Floats


def reliability_bins(
    probabilities: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    bins: int = 10,
    strategy: str = "uniform",
) -> ReliabilityBins:
    """Sort examples into bins of confidence, and compare it with what happened.

    The pairs (confidence, frequency) are a reliability diagram: on the diagonal where the model is
    calibrated, below it where it is too sure.

    Args:
        probabilities: (N,) that of class 1 of two, and what may happen is class 1; or (N, K), rows
            that sum to 1, and what may happen is that the class with the largest is right.
        targets: (N,) zeros and ones; or classes from 0 to K - 1.
        bins: how many, at least 1.
        strategy: "uniform" cuts [0, 1] into equal lengths, "quantile" cuts the examples into
            (nearly) equal numbers.

    Raises:
        ShapeError: shapes that do not fit together, or no examples.
        DtypeError: strings.
        ArgumentError: a probability outside [0, 1], rows that do not sum to 1, targets out of
            their range, an unknown strategy.

    Example:
        >>> result = reliability_bins([0.1, 0.2, 0.7, 0.9], [0, 1, 1, 1], bins=2)
        >>> result.counts, result.confidence.round(2), result.frequency
        (array([2, 2]), array([0.15, 0.8 ]), array([0.5, 1. ]))

    References:
        Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks",
        section 2.
    """
    return _bins("reliability_bins", probabilities, targets, bins, strategy)


def expected_calibration_error(
    probabilities: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    bins: int = 15,
    strategy: str = "uniform",
) -> float:
    """How far, on average, the probability given lies from what happened.

    ECE = sum_b (n_b / N) |frequency_b - confidence_b|

    It depends on the bins: too few hide errors that cancel, too many see noise. A model that says
    the share of positives to everybody has an ECE of 0: see `brier_score` for a score that no
    such answer wins.

    Args:
        probabilities: (N,) that of class 1; or (N, K), rows that sum to 1. See `reliability_bins`.
        targets: (N,) zeros and ones; or classes from 0 to K - 1.
        bins: how many, at least 1.
        strategy: "uniform" or "quantile".

    Returns:
        A number from 0 to 1.

    Raises:
        ShapeError: shapes that do not fit together, or no examples.
        DtypeError: strings.
        ArgumentError: as `reliability_bins`.

    Example:
        >>> expected_calibration_error([0.25, 0.25, 0.75, 1.0], [0, 1, 1, 1], bins=2)
        0.1875

    References:
        Naeini, Cooper and Hauskrecht 2015; Guo, Pleiss, Sun and Weinberger 2017, section 2.
    """
    found = _bins("expected_calibration_error", probabilities, targets, bins, strategy)
    used = found.counts > 0
    gaps = np.abs(found.frequency[used] - found.confidence[used])
    return float(gaps @ found.counts[used] / found.counts.sum())


def brier_score(probabilities: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The mean squared distance of the probabilities from what happened. Lower is better.

    (N,):     mean (p - y)^2, from 0 to 1
    (N, K):   mean sum_k (p_k - y_k)^2, y one-hot, from 0 to 2: for K = 2, twice the former

    It is a proper score: in expectation, no answer does better than the true probabilities.

    Args:
        probabilities: (N,) that of class 1; or (N, K), rows that sum to 1.
        targets: (N,) zeros and ones; or classes from 0 to K - 1.

    Returns:
        A number from 0 to 1, or to 2.

    Raises:
        ShapeError: shapes that do not fit together, or no examples.
        DtypeError: strings.
        ArgumentError: a probability outside [0, 1], rows that do not sum to 1, targets out of
            their range.

    Example:
        >>> brier_score([0.5, 1.0], [0, 1])
        0.125

    References:
        Brier 1950, "Verification of forecasts expressed in terms of probability".
    """
    given = as_probabilities("brier_score", probabilities)
    if given.ndim == 1:
        happened = as_zeros_and_ones("brier_score", "targets", targets, given.shape)
        return float(np.mean((given - happened) ** 2))
    classes = as_classes("brier_score", targets, (given.shape[0], given.shape[1]))
    one_hot = classes[:, None] == np.arange(given.shape[1])
    return float(np.mean(((given - one_hot) ** 2).sum(axis=1)))


def _bins(
    function: str, probabilities: npt.ArrayLike, targets: npt.ArrayLike, bins: int, strategy: str
) -> ReliabilityBins:
    given = as_probabilities(function, probabilities)
    if given.ndim == 1:
        confidence = given
        happened = as_zeros_and_ones(function, "targets", targets, given.shape)
    else:
        classes = as_classes(function, targets, (given.shape[0], given.shape[1]))
        confidence, happened = given.max(axis=1), given.argmax(axis=1) == classes
    if bins < 1:
        raise ArgumentError(f"{function}: bins expects at least 1, but got {bins}")
    if strategy not in STRATEGIES:
        raise ArgumentError(
            f"{function}: there is no strategy {strategy!r}; {nearest(strategy, STRATEGIES)}"
        )
    edges = np.linspace(0.0, 1.0, bins + 1)
    if strategy == "quantile":
        edges = np.percentile(confidence, edges * 100)
    place = np.searchsorted(edges[1:-1], confidence)
    counts = np.bincount(place, minlength=bins)

    def mean(values: Floats) -> Floats:
        sums = np.bincount(place, weights=values, minlength=bins)
        means: Floats = np.divide(sums, counts, out=np.full(bins, np.nan), where=counts > 0)
        return means

    return ReliabilityBins(
        edges, counts.astype(np.int64), mean(confidence), mean(happened.astype(np.float64))
    )
