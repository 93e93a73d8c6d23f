"""Which samples to learn from, which to choose by, which to be judged on: index arrays, by seed.

`hold_out` cuts once, into two or three parts; `k_fold` cuts k times, so that every sample is in a
validation fold once. Both can keep the shares of the classes (`stratify`) and keep what belongs
together on one side (`groups`: a patient's scans, a writer's digits). Next: `dealing.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, ArgumentTypeError, DataError, ShapeError
from .checks import whole_number
from .dealing import deal_groups, deal_in_turn, shares_by_class
from .streams import SPLIT, permutation

Indices = npt.NDArray[np.intp]


class Parts(NamedTuple):
    """The three parts of a hold-out, ascending indices of the samples.

    Attributes:
        train: to learn from.
        validation: to choose by (a learning rate, when to stop); empty in a two-way hold-out.
        test: to be judged on, once.
    """

    train: Indices
    validation: Indices
    test: Indices


class Fold(NamedTuple):
    """One fold of a cross-validation, ascending indices of the samples.

    Attributes:
        train: to learn from.
        validation: to be judged on, in this fold only.
    """

    train: Indices
    validation: Indices


def hold_out(
    count: int,
    *,
    test: float = 0.2,
    validation: float = 0.0,
    stratify: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Parts:
    """Cut the samples once: for training, for validation, for testing.

    Without groups the parts have round(share * count) samples; with `stratify` every class has in
    each part its share, rounded up or down. With groups the shares are met as nearly as whole
    groups allow.

    Args:
        count: number of samples, N.
        test: share of the test part, between 0 and 1.
        validation: share of the validation part; 0 makes a two-way hold-out.
        stratify: the class of each sample, shape (N,).
        groups: what each sample belongs to, shape (N,); no group is in two parts.
        seed: the parts are a function of it.

    Returns:
        `Parts(train, validation, test)`; together every sample once.

    Raises:
        ArgumentError: shares outside 0 .. 1, or a part that would be empty.
        DataError: a class with a single sample (it cannot be on both sides), too few groups.
        ShapeError: stratify or groups of another length.

    Example:
        >>> parts = hold_out(10, test=0.2, validation=0.3, seed=1)
        >>> [part.tolist() for part in parts]
        [[1, 5, 6, 7, 8], [0, 4, 9], [2, 3]]
        >>> y = np.repeat([0, 1], [90, 10])
        >>> np.bincount(y[hold_out(100, stratify=y).test]).tolist()
        [18, 2]
    """
    size = whole_number(count, "hold_out: count", 2)
    seed = whole_number(seed, "hold_out: seed", 0)
    shares = _shares(test, validation)
    classes = _codes(stratify, size, "stratify", "hold_out")
    together = _codes(groups, size, "groups", "hold_out")
    order = permutation(seed, 0, size, SPLIT)
    if together is not None:
        part = deal_groups(together, classes, shares, order, largest_first=False)
    else:
        labels = np.zeros(size, np.intp) if classes is None else classes
        if classes is not None:
            _two_of_each(labels, "hold_out")
        part = shares_by_class(labels, shares, order)
    names = ("train", "validation", "test")
    for number, (name, share) in enumerate(zip(names, shares, strict=True)):
        if share and not (part == number).any():
            what = f"{size} samples"
            if together is not None:
                what = f"{together.max() + 1} groups ({size} samples)"
            raise ArgumentError(
                f"hold_out: the {name} part would be empty: a share of {share:g} of {what}; "
                "use a larger share or more data"
            )
    return Parts(*(np.flatnonzero(part == number) for number in range(3)))


def k_fold(
    count: int,
    k: int,
    *,
    stratify: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    seed: int = 0,
) -> list[Fold]:
    """Cut the samples k times: every sample is in the validation fold of exactly one cut.

    Without groups the folds differ by at most one sample, and with `stratify` so does every class
    from fold to fold. With groups the largest are dealt first, each to the fold that it leaves
    best balanced.

    k = N is leave-one-out, the largest k there is; k = 1 would leave nothing to train on. That the
    variance of the estimate falls as k grows is no general rule: leave-one-out is nearly unbiased
    and often varies much, and no estimator of that variance is unbiased for every distribution
    (Bengio and Grandvalet). What is in a validation fold was never for testing: a model chosen by
    cross-validation still needs a test part of its own.

    Args:
        count: number of samples, N.
        k: number of folds, 2 .. N.
        stratify: the class of each sample, shape (N,).
        groups: what each sample belongs to, shape (N,); no group is on both sides of a fold.
        seed: the folds are a function of it.

    Returns:
        k folds `Fold(train, validation)`.

    Raises:
        ArgumentError: k below 2 or above N.
        DataError: a class with fewer samples than folds, fewer groups than folds.
        ShapeError: stratify or groups of another length.

    Example:
        >>> [fold.validation.tolist() for fold in k_fold(5, 2, seed=1)]
        [[0, 1, 2], [3, 4]]
        >>> len(k_fold(5, 5))  # leave-one-out
        5
        >>> k_fold(150, 1)
        Traceback (most recent call last):
        ...
        tinygrad_course.errors.ArgumentError: k_fold: k must be at least 2, but it is 1: with one \
fold nothing is left to train on; leave-one-out is k = 150, the number of samples

    References:
        Stone, "Cross-validatory choice and assessment of statistical predictions", 1974.
        Bengio, Grandvalet, "No unbiased estimator of the variance of k-fold cross-validation",
        2004.
    """
    size = whole_number(count, "k_fold: count", 2)
    folds = whole_number(k, "k_fold: k", 0)
    seed = whole_number(seed, "k_fold: seed", 0)
    if folds < 2:
        raise ArgumentError(
            f"k_fold: k must be at least 2, but it is {folds}: with one fold nothing is left to "
            f"train on; leave-one-out is k = {size}, the number of samples"
        )
    if folds > size:
        raise ArgumentError(
            f"k_fold: k must be at most the number of samples, but it is {folds} and there are "
            f"{size}; k = {size} is leave-one-out"
        )
    classes = _codes(stratify, size, "stratify", "k_fold")
    together = _codes(groups, size, "groups", "k_fold")
    order = permutation(seed, 1, size, SPLIT)
    if together is not None:
        number = int(together.max()) + 1
        if number < folds:
            raise DataError(
                f"k_fold: k = {folds} folds need as many groups, but there are {number}; "
                "use a smaller k"
            )
        fold = deal_groups(together, classes, [1 / folds] * folds, order, largest_first=True)
    else:
        labels = np.zeros(size, np.intp) if classes is None else classes
        smallest = int(np.bincount(labels).min())
        if smallest < folds:
            raise DataError(
                f"k_fold: every class must have a sample for each of the {folds} folds, but one "
                f"has {smallest}; use k = {max(2, smallest)} or leave stratify out"
            )
        fold = deal_in_turn(labels, folds, order)
    return [Fold(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(folds)]


def _shares(test: float, validation: float) -> list[float]:
    for name, share in (("test", test), ("validation", validation)):
        if isinstance(share, bool) or not isinstance(share, (int, float, np.floating)):
            raise ArgumentTypeError(
                f"hold_out: {name} must be a share of the samples, but it is {share!r}"
            )
    if not (0 < test < 1 and 0 <= validation < 1 and test + validation < 1):
        raise ArgumentError(
            "hold_out: test must lie between 0 and 1, validation too or be 0, and something must "
            f"be left to train on, but test is {test} and validation is {validation}"
        )
    return [1 - test - validation, float(validation), float(test)]


def _codes(values: npt.ArrayLike | None, size: int, name: str, function: str) -> Indices | None:
    """`values`, numbers or text, as 0 .. K-1; None stays None."""
    if values is None:
        return None
    array = np.asarray(values)
    if array.shape != (size,):
        raise ShapeError(
            f"{function}: {name} must have the shape ({size},), one value a sample, but it is "
            f"{array.shape}"
        )
    if array.dtype.kind not in "biufUS":
        raise ArgumentTypeError(
            f"{function}: {name} must be numbers or text, but its dtype is {array.dtype}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(f"{function}: {name} must be finite, but it holds a NaN or an infinity")
    codes: Indices = np.unique(array, return_inverse=True)[1].reshape(size).astype(np.intp)
    return codes


def _two_of_each(labels: Indices, function: str) -> None:
    counts = np.bincount(labels)
    if counts.min() < 2:
        single = int((counts < 2).sum())
        raise DataError(
            f"{function}: stratify needs two samples of every class, but {single} of "
            f"{len(counts)} classes {'has' if single == 1 else 'have'} one; leave such classes or "
            "stratify out"
        )
