"""Metrics: arrays in, numbers out. No tensor, no graph, nothing to differentiate.

Predictions or scores come first, targets second. Read `classification.py` next.
"""

from .calibration import (
    ReliabilityBins,
    brier_score,
    expected_calibration_error,
    reliability_bins,
)
from .classification import accuracy, confusion_matrix, top_k_accuracy
from .precision_recall import (
    PrecisionRecallCurve,
    average_precision,
    interpolated_precision,
    precision_recall_auc,
    precision_recall_curve,
)
from .precision_recall_gain import (
    PrecisionRecallGainCurve,
    gain,
    precision_recall_gain_auc,
    precision_recall_gain_curve,
)
from .ranking import RocCurve, roc_auc, roc_curve
from .rates import balanced_accuracy, f1, f_beta, mcc, precision, recall, specificity
from .regression import mae, mse, r2, rmse
from .timeseries import range_precision, range_recall, ranges

__all__ = [
    "PrecisionRecallCurve",
    "PrecisionRecallGainCurve",
    "ReliabilityBins",
    "RocCurve",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier_score",
    "confusion_matrix",
    "expected_calibration_error",
    "f1",
    "f_beta",
    "gain",
    "interpolated_precision",
    "mae",
    "mcc",
    "mse",
    "precision",
    "precision_recall_auc",
    "precision_recall_curve",
    "precision_recall_gain_auc",
    "precision_recall_gain_curve",
    "r2",
    "range_precision",
    "range_recall",
    "ranges",
    "recall",
    "reliability_bins",
    "rmse",
    "roc_auc",
    "roc_curve",
    "specificity",
    "top_k_accuracy",
]
