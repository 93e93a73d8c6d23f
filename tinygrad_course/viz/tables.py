"""The report's tables: numbers put into the words and units that a reader expects.

Everything here returns plain text; the template escapes it. Read `report.py` next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..metrics import precision, recall

MOST_CONFUSIONS = 10
EPOCH_COLUMNS = (
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "train_r2",
    "test_r2",
    "lr",
    "seconds",
)


class Table(NamedTuple):
    """A heading for each column, and the cells row by row."""

    columns: list[str]
    rows: list[list[str]]


def label(key: object) -> str:
    """A key as words.

    Example:
        >>> label("train_seconds"), label("test_accuracy")
        ('train time', 'test accuracy')
    """
    return str(key).replace("_", " ").replace("seconds", "time").strip()


def words(key: object, value: Any) -> str:
    """A value as text, with the unit that its key names.

    Example:
        >>> words("test_accuracy", 0.9865), words("train_seconds", 41.27), words("steps", 61706)
        ('98.65 %', '41.3 s', '61,706')
    """
    name = str(key)
    if isinstance(value, Mapping):
        return ", ".join(f"{label(inner)} {words(inner, item)}" for inner, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(words("", item) for item in value)
    if value is None or isinstance(value, (bool, np.bool_)):
        return "—" if value is None else "yes" if value else "no"
    if isinstance(value, (int, float, np.integer, np.floating)) and math.isfinite(value):
        return _number(name, value)
    return str(value)


def _number(name: str, value: Any) -> str:
    if name.endswith("accuracy"):
        return f"{100 * value:.2f} %"
    if name.endswith("seconds"):
        return duration(float(value))
    if isinstance(value, (int, np.integer)):
        return str(value) if name.endswith("seed") else f"{value:,}"
    if name.endswith("loss"):
        return f"{value:.4f}" if abs(value) >= 1e-3 or value == 0 else f"{value:.3g}"
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """A time span in the unit that suits its length.

    Example:
        >>> duration(0.25), duration(41.27), duration(3725)
        ('0.25 s', '41.3 s', '1 h 2 min')
    """
    if seconds < 1:
        return f"{seconds:.2g} s"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def pairs(mapping: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A mapping as (label, text) pairs, in its own order."""
    return [(label(key), words(key, value)) for key, value in mapping.items()]


def epoch_table(epochs: Sequence[Mapping[str, Any]]) -> Table:
    """One row an epoch, with the columns that any of them has."""
    keys = [key for key in EPOCH_COLUMNS if any(key in record for record in epochs)]
    rows = [
        [str(record["epoch"]), *(words(key, record.get(key)) for key in keys)] for record in epochs
    ]
    return Table(["epoch", *(label(key).replace("lr", "learning rate") for key in keys)], rows)


def class_table(counts: npt.NDArray[Any], names: Sequence[str]) -> Table:
    """One row a class: how many examples, how many of them found, how far its name is trusted."""
    rows = [
        [name, f"{examples:,}", _percent(found), _percent(trusted)]
        for name, examples, found, trusted in zip(
            names, counts.sum(axis=1), recall(counts), precision(counts), strict=True
        )
    ]
    return Table(["class", "examples", "recall", "precision"], rows)


def confusion_table(counts: npt.NDArray[Any], names: Sequence[str]) -> Table:
    """The most frequent mistakes: the true class, what was said, how often."""
    mistakes = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:MOST_CONFUSIONS]
    rows = [
        [names[true], names[said], f"{mistakes[true, said]:,}"]
        for true, said in zip(*np.unravel_index(order, counts.shape), strict=True)
        if mistakes[true, said] > 0
    ]
    return Table(["true class", "said", "times"], rows)


def _percent(share: float) -> str:
    return "—" if math.isnan(share) else f"{100 * share:.1f} %"
