"""Precision-recall-gain: the precision-recall curve on axes where a straight line is right.

The harmonic scale makes linear interpolation, areas and comparisons across data sets valid, none of
which holds for precision and recall themselves. Read `timeseries.py` next.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError
from .inputs import Floats, as_floats, need_both
from .ranking import ranked


def gain(values: npt.ArrayLike, positive_share: float) -> Any:
    """Precision, recall or F-score on the harmonic scale on which guessing is 0 and perfection 1.

    gain(v) = (1 / pi - 1 / v) / (1 / pi - 1) = (v - pi) / ((1 - pi) v)

    pi, the share of positives, is the precision (and, at recall 1, the least F-score worth
    having) of calling everything positive. F-scores become means: the gain of F_beta is

        (gain(precision) + beta^2 gain(recall)) / (1 + beta^2)

    Args:
        values: from 0 to 1, of any shape.
        positive_share: pi, between 0 and 1.

    Returns:
        float64 of values' shape, at most 1; negative below pi, minus infinity at 0. A float for
        a number.

    Raises:
        ArgumentError: pi is not between 0 and 1.

    Example:
        >>> gain([0.25, 0.4, 1.0], positive_share=0.25)
        array([0. , 0.5, 1. ])

    References:
        Flach and Kull 2015, "Precision-recall-gain curves: PR analysis done right", section 3.
    """
    if not 0 < positive_share < 1:
        raise ArgumentError(
            f"gain: positive_share expects a share between 0 and 1, but got {positive_share}; "
            "it is the mean of the targets (1 for positives, 0 for negatives)"
        )
    v = as_floats("gain", "values", values)
    part, whole = v - positive_share, (1 - positive_share) * v
    gains = np.divide(part, whole, out=np.full(v.shape, -np.inf), where=whole != 0)
    return gains if gains.ndim else float(gains)


class PrecisionRecallGainCurve(NamedTuple):
    """Precision gain against recall gain, from recall gain 0 to 1.

    Attributes:
        precision_gain: (T,) at most 1; negative where precision is below the share of positives.
        recall_gain: (T,) not falling, from 0 to 1.
        thresholds: (T,) falling; NaN for a first point that lies between two thresholds.
    """

    precision_gain: Floats
    recall_gain: Floats
    thresholds: Floats


def precision_recall_gain_curve(
    scores: npt.ArrayLike, targets: npt.ArrayLike
) -> PrecisionRecallGainCurve:
    """Precision and recall at each threshold, both as gains.

    With P positives and N negatives

        precision gain = 1 - (P / N) (FP / TP)       recall gain = 1 - (P / N) (FN / TP)

    Points with a recall below the share of positives have a negative recall gain: they are worse
    than calling everything positive, and are left out. The curve begins where it crosses recall
    gain 0, at TP = P^2 / (P + N), between two thresholds as the case may be; there TP and FP are
    interpolated, which on these axes is a straight line.

    Args:
        scores: (N,) the higher, the more positive.
        targets: (N,) 1 for positives, 0 for negatives.

    Returns:
        The curve's points.

    Raises:
        ShapeError: shapes other than (N,), or no examples.
        DtypeError: strings.
        ArgumentError: targets other than 0 and 1, or a NaN among the scores.
        DataError: examples of one class only.

    Example:
        >>> curve = precision_recall_gain_curve([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0])
        >>> curve.recall_gain, curve.precision_gain
        (array([0., 0., 1., 1.]), array([1. , 0. , 0.5, 0. ]))

    References:
        Flach and Kull 2015, "Precision-recall-gain curves: PR analysis done right", section 4.
    """
    return _curve("precision_recall_gain_curve", scores, targets)


def precision_recall_gain_auc(scores: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The area under the precision-recall-gain curve, by trapezoids, which are exact here.

    It is 0 for calling everything positive and 1 for a perfect order, whatever the share of
    positives, and it ranks models as their expected F1 gain does. It is negative where most of the
    curve lies below precision gain 0.

    Args:
        scores: (N,) the higher, the more positive.
        targets: (N,) 1 for positives, 0 for negatives.

    Returns:
        A number, at most 1.

    Raises:
        ShapeError: shapes other than (N,), or no examples.
        DtypeError: strings.
        ArgumentError: targets other than 0 and 1, or a NaN among the scores.
        DataError: examples of one class only.

    Example:
        >>> precision_recall_gain_auc([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0])
        0.25

    References:
        Flach and Kull 2015, "Precision-recall-gain curves: PR analysis done right", section 4.2.
    """
    precision_gain, recall_gain, _ = _curve("precision_recall_gain_auc", scores, targets)
    return float(np.trapezoid(precision_gain, recall_gain))


def _curve(
    function: str, scores: npt.ArrayLike, targets: npt.ArrayLike
) -> PrecisionRecallGainCurve:
    tp, fp, thresholds = ranked(function, scores, targets)
    p, n = tp[-1], fp[-1]
    need_both(function, p, n)
    inside = int(np.flatnonzero(tp * (p + n) >= p * p)[0])
    crosses = tp[inside] * (p + n) > p * p
    if crosses:
        before_tp, before_fp = (tp[inside - 1], fp[inside - 1]) if inside else (0.0, 0.0)
        way = (p * p / (p + n) - before_tp) / (tp[inside] - before_tp)
        start_tp = before_tp + way * (tp[inside] - before_tp)
        start_fp = before_fp + way * (fp[inside] - before_fp)
        tp, fp = np.append(start_tp, tp[inside:]), np.append(start_fp, fp[inside:])
        thresholds = np.append(np.nan, thresholds[inside:])
    else:
        tp, fp, thresholds = tp[inside:], fp[inside:], thresholds[inside:]
    # On a common denominator the counts are whole numbers, and the last point is (1, 0) exactly.
    precision_gain, recall_gain = (n * tp - p * fp) / (n * tp), (n * tp - p * (p - tp)) / (n * tp)
    recall_gain[0] = 0.0
    return PrecisionRecallGainCurve(precision_gain, recall_gain, thresholds)
