"""What the metrics take, and the errors for what they do not. Read `classification.py` next."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, DataError, DtypeError, ShapeError

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


def refuse_names(function: str, **arrays: Array) -> None:
    """Raise where an array holds strings or objects: names of classes instead of their numbers."""
    for name, values in arrays.items():
        if values.dtype.kind in "USO":
            raise DtypeError(
                f"{function}: {name} expects numbers, but its dtype is {values.dtype}; "
                "number the classes in one way on both sides: names = numpy.unique(targets), then "
                "numpy.searchsorted(names, targets), and the same for the predictions"
            )


def as_floats(function: str, name: str, values: npt.ArrayLike) -> Floats:
    """The values in float64, whatever they were in."""
    array = np.asarray(values)
    refuse_names(function, **{name: array})
    if array.dtype.kind == "c":
        raise DtypeError(f"{function}: {name} expects real numbers, but its dtype is {array.dtype}")
    return array.astype(np.float64)


def as_scores(function: str, name: str, values: npt.ArrayLike) -> Floats:
    """Scores in float64; a NaN is refused, since it has no place in an order."""
    scores = as_floats(function, name, values)
    if np.isnan(scores).any():
        raise ArgumentError(
            f"{function}: {name} hold NaN, which is neither above nor below another score; find "
            "the layer that made it with detect_anomaly"
        )
    return scores


def as_probabilities(function: str, values: npt.ArrayLike) -> Floats:
    """Probabilities of shape (N,), or rows (N, K) that sum to 1."""
    given = as_scores(function, "probabilities", values)
    if given.ndim not in {1, 2} or (given.ndim == 2 and given.shape[1] < 2):
        raise ShapeError(
            f"{function}: probabilities expects shape (N,), those of class 1, or (N, K) with K at "
            f"least 2, but has shape {given.shape}; index a single column with [:, 0]"
        )
    if given.size and (given.min() < 0 or given.max() > 1):
        wrong = given.min() if given.min() < 0 else given.max()
        raise ArgumentError(
            f"{function}: probabilities expects values from 0 to 1, but one is {wrong:g}; are they "
            "logits? Give them to softmax (or sigmoid) first"
        )
    if given.ndim == 2 and given.size and abs(given.sum(axis=1) - 1).max() > 1e-2:
        wrong = given.sum(axis=1)[abs(given.sum(axis=1) - 1).argmax()]
        raise ArgumentError(
            f"{function}: probabilities expects rows that sum to 1, but one sums to {wrong:g}; "
            "divide each row by its sum, or give logits to softmax"
        )
    return given


def as_zeros_and_ones(
    function: str, name: str, values: npt.ArrayLike, shape: tuple[int, ...]
) -> npt.NDArray[np.bool_]:
    """Targets of two classes, as booleans of the given shape (N,)."""
    array = np.asarray(values)
    refuse_names(function, **{name: array})
    if len(shape) != 1 or array.shape != shape:
        raise ShapeError(
            f"{function}: {name} expects shape (N,), one 0 or 1 for each of N scores, but has "
            f"shape {array.shape} beside scores of shape {shape}; for more than two classes give "
            "scores (N, K) where the function takes them, or one class at a time"
        )
    if not array.size:
        raise ShapeError(f"{function}: {name} is empty, and nothing is known of no examples")
    if not np.isin(array, (0, 1)).all():
        wrong = array[~np.isin(array, (0, 1))][0]
        raise ArgumentError(
            f"{function}: {name} expects 1 (positive) and 0 (negative), but one is {wrong}; "
            f"write ({name} == positive_class)"
        )
    return array.astype(bool)


def as_classes(function: str, values: npt.ArrayLike, shape: tuple[int, int]) -> Array:
    """Targets of K classes as integers (N,), beside scores of shape (N, K)."""
    array = np.asarray(values)
    refuse_names(function, targets=array)
    count, classes = shape
    if array.shape != (count,):
        raise ShapeError(
            f"{function}: targets expects shape ({count},), one class for each row of scores "
            f"{shape}, but has shape {array.shape}"
        )
    if not array.size:
        raise ShapeError(f"{function}: targets is empty, and nothing is known of no examples")
    if array.dtype.kind not in "biu":
        raise DtypeError(
            f"{function}: targets expects integer classes, but its dtype is {array.dtype}; use "
            ".astype(int)"
        )
    if array.min() < 0 or array.max() >= classes:
        wrong = array.min() if array.min() < 0 else array.max()
        raise ArgumentError(
            f"{function}: targets expects classes from 0 to {classes - 1}, since there are "
            f"{classes} columns of scores, but one is {wrong}; number the classes from 0"
        )
    return array.astype(np.int64)


def need_both(function: str, positives: float, negatives: float) -> None:
    """Raise unless there are positives and negatives: a rate of nothing is not a number."""
    if not (positives and negatives):
        only, rate = ("positive", "false") if positives else ("negative", "true")
        raise DataError(
            f"{function}: targets expects both classes, but all {positives + negatives:g} examples "
            f"are {only}, so no {rate} positive rate exists; evaluate on more data, or split it "
            "with stratification"
        )
