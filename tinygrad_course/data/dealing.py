"""How samples are dealt to parts or folds: in turn, by shares, or in whole groups.

Each function gives the number of the part of every sample. `order` is a random order of the
samples and the only source of chance. Next: `splits.py`, which checks and asks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]


def deal_in_turn(classes: Indices, folds: int, order: Indices) -> Indices:
    """Deal the samples like cards, class after class: folds and their classes differ by one.

    Args:
        classes: the class of each sample, (N,).
        folds: number of folds.
        order: a random order of the samples.

    Example:
        >>> deal_in_turn(np.array([0, 0, 0, 1, 1, 1]), 3, np.arange(6))
        array([0, 1, 2, 0, 1, 2])
    """
    # Sorted by class, in random order within one: every run of a class goes round the folds.
    row = order[np.argsort(classes[order], kind="stable")]
    fold = np.empty(len(classes), np.intp)
    fold[row] = np.arange(len(classes)) % folds
    return fold


def shares_by_class(classes: Indices, shares: Sequence[float], order: Indices) -> Indices:
    """Give every part its share of the samples and of each class, rounded up or down.

    Args:
        classes: the class of each sample, (N,).
        shares: of the parts, adding up to 1; the first part (training) takes what is left.
        order: a random order of the samples.

    Example:
        >>> np.bincount(shares_by_class(np.zeros(10, int), [0.5, 0.2, 0.3], np.arange(10)))
        array([5, 2, 3])
    """
    sizes = np.bincount(classes)
    row = order[np.argsort(classes[order], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    used = np.zeros_like(sizes)
    part = np.zeros(len(classes), np.intp)
    for number in range(1, len(shares)):
        exact = np.asarray(sizes * shares[number], np.float64)
        # One sample of every class is left to train on.
        taken = _rounded(exact, round(len(classes) * shares[number]), sizes - used - 1)
        for start, take in zip(starts + used, taken, strict=True):
            part[row[start : start + take]] = number
        used += taken
    return part


def _rounded(exact: npt.NDArray[np.float64], total: int, limit: Indices) -> Indices:
    """Whole numbers next to `exact` that add up to `total`: the largest remainders round up."""
    exact = np.where(np.abs(exact - np.round(exact)) < 1e-9, np.round(exact), exact)
    whole = np.minimum(np.floor(exact).astype(np.intp), limit)
    spare = np.where((whole < limit) & (exact > whole), exact - whole, -1.0)
    first = np.argsort(-spare, kind="stable")[: max(0, total - int(whole.sum()))]
    whole[first[spare[first] > 0]] += 1
    return whole


def deal_groups(
    groups: Indices,
    classes: Indices | None,
    shares: Sequence[float],
    order: Indices,
    *,
    largest_first: bool,
) -> Indices:
    """Deal whole groups, each to the part where it disturbs the balance least.

    With n_pc samples of class c in part p and N_c in all, a group with g_c of them goes where

        sum_p sum_c n_pc**2 / (share_p N_c**2)

    grows least, which is where sum_c (2 n_pc g_c + g_c**2) / (share_p N_c**2) is smallest. That sum
    is least when every part has its share of every class; the number of samples counts as one more
    class. A part that is empty and as large as another always comes first, so no fold stays empty.

    Args:
        groups: the group of each sample, (N,).
        classes: the class of each sample, or None.
        shares: of the parts; 0 for one that gets nothing.
        order: a random order of the samples: that in which the groups are dealt.
        largest_first: deal the largest groups first (a better balance), the order breaking ties.

    Example:
        >>> deal_groups(np.array([0, 0, 1, 2, 2, 3]), None, [0.5, 0.5], np.arange(6),
        ...             largest_first=True)
        array([0, 0, 0, 1, 1, 1])
    """
    count = int(groups.max()) + 1
    kinds = 0 if classes is None else int(classes.max()) + 1
    table = np.zeros((count, kinds + 1))
    table[:, kinds] = np.bincount(groups)
    if classes is not None:
        pairs = np.bincount(groups * kinds + classes, minlength=count * kinds)
        table[:, :kinds] = pairs.reshape(count, kinds)
    weight = 1 / table.sum(0) ** 2
    _, first = np.unique(groups[order], return_index=True)
    turn = np.argsort(first, kind="stable")  # the groups, as the random order meets them
    if largest_first:
        turn = turn[np.argsort(-table[turn, kinds], kind="stable")]
    share = np.asarray(shares)
    filled = np.zeros((len(share), kinds + 1))
    part_of = np.empty(count, np.intp)
    with np.errstate(divide="ignore"):
        for group in turn:
            grows = ((2 * filled + table[group]) * table[group] * weight).sum(1) / share
            part_of[group] = np.argmin(grows)
            filled[part_of[group]] += table[group]
    return part_of[groups]
