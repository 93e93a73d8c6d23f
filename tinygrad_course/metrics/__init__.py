"""Metrics: arrays in, numbers out. No tensor, no graph, nothing to differentiate.

Read `classification.py` next.
"""

from .classification import accuracy, confusion_matrix, precision, recall

__all__ = ["accuracy", "confusion_matrix", "precision", "recall"]
