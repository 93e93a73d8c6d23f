"""What the user's own data have in common: an `Info`, labels as numbers, a part held out.

Next: `folder.py`, `archive.py`, `table.py`, each of which reads one kind.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, DataError, nearest
from .checks import Array
from .dataset import Dataset, Info, Split, assemble
from .splits import hold_out

TASKS = ("auto", "classification", "regression")


def as_path(path: str | os.PathLike[str], function: str) -> Path:
    """`path` as a Path, with `~` replaced.

    Raises:
        ArgumentTypeError: no path.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentTypeError(f"{function}: path must be a string or a Path, but it is {path!r}")
    return Path(path).expanduser()


def check_task(task: str, function: str) -> None:
    """Make sure that `task` is one of `TASKS`."""
    if task not in TASKS:
        raise ArgumentError(f"{function}: no task {task!r}; {nearest(str(task), TASKS)}")


def own_info(
    path: Path,
    what: str,
    classes: Sequence[str],
    train: Split,
    test: Split,
    features: Sequence[str] = (),
) -> Dataset:
    """The data set that was read from `path`.

    Args:
        path: where it came from; its name becomes the name.
        what: one sentence on what it holds.
        classes: the names of the classes; empty for regression.
        train: the training part.
        test: the test part.
        features: the names of the columns.
    """
    info = Info(
        name=path.stem if path.is_file() else path.resolve().name,
        description=what,
        classes=tuple(classes),
        input_shape=train.x.shape[1:],
        train_size=len(train.x),
        test_size=len(test.x),
        origin="own",
        licence="the owner's",
        source=str(path),
        features=tuple(features),
    )
    return assemble(info, train, test)


def held_out(
    x: Array, y: Array, classes: Sequence[str], test: float, seed: int, where: str
) -> tuple[Split, Split]:
    """Training and test part by seed; of every class the same share.

    Raises:
        DataError: a class with a single sample.
        ArgumentError: a share outside 0 .. 1.
    """
    stratify = None
    if classes:
        counts = np.bincount(y, minlength=len(classes))
        if counts.min() < 2:
            rare = [f"{name!r}" for name, n in zip(classes, counts, strict=True) if n < 2]
            raise DataError(
                f"{where}: every class needs two samples, one to learn and one to be judged on, "
                f"but {', '.join(rare[:5])} {'has' if len(rare) == 1 else 'have'} one; add samples "
                "or leave such classes out"
            )
        stratify = y
    parts = hold_out(len(x), test=test, stratify=stratify, seed=seed)
    return Split(x[parts.train], y[parts.train]), Split(x[parts.test], y[parts.test])


def labels(values: Array, where: str) -> tuple[Array, tuple[str, ...]]:
    """Labels 0 .. K-1 for text or numbers, and the names of the classes in order.

    Args:
        values: shape (N,), text, integers, bools or whole floats.
        where: the file, for the error.

    Raises:
        DataError: only one class, or numbers that are not whole.
    """
    if values.dtype.kind == "f":
        if not (values == np.round(values)).all():
            raise DataError(
                f"{where}: labels must be whole numbers or text, but one is "
                f"{values[values != np.round(values)][0]}; for numbers to be predicted use "
                "task='regression'"
            )
        values = values.astype(np.int64)
    names, codes = np.unique(values, return_inverse=True)
    if len(names) < 2:
        raise DataError(
            f"{where}: expected at least two classes, but every label is {names[0]!s}; with one "
            "class there is nothing to tell apart"
        )
    return codes.reshape(-1).astype(np.int64), tuple(str(name) for name in names)


def targets(values: Array, dtype: np.dtype[Any], where: str) -> Array:
    """Numbers to be predicted, (N,) or (N, 1), as (N, 1) floats.

    Raises:
        DataError: text or several numbers a sample.
    """
    if (
        values.dtype.kind not in "biuf"
        or values.ndim not in (1, 2)
        or values.shape[1:] not in ((), (1,))
    ):
        raise DataError(
            f"{where}: expected one number a sample to predict, but y has the dtype "
            f"{values.dtype} and the shape {values.shape}"
        )
    return values.reshape(-1, 1).astype(dtype)
