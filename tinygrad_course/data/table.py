"""Tables in text files: columns of numbers to learn from, and one column to predict.

Nothing is repaired behind the user's back: missing values and columns of text are named, each with
what can be done about it. Next: `cells.py`, which reads the file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, DataError, nearest
from .cells import Column, find, read_columns
from .checks import Array, check_finite, whole_number
from .dataset import Dataset, Split, float_dtype
from .own import as_path, check_task, held_out, labels, own_info

_FEW = 20
"""Whole numbers of at most so many different values are taken for classes."""

_MISSING = ("refuse", "drop", "mean")


def load_csv(
    path: str | os.PathLike[str],
    target: str | int | None,
    *,
    task: str = "auto",
    drop: Sequence[str | int] = (),
    one_hot: bool | Sequence[str | int] = False,
    missing: str = "refuse",
    header: bool | None = None,
    delimiter: str | None = None,
    test: float = 0.2,
    seed: int = 0,
    dtype: npt.DTypeLike = np.float32,
) -> Dataset:
    r"""A table, one column of which is to be predicted from the others.

    Args:
        path: a .csv file (also .tsv, .txt, and any of them compressed as .gz), UTF-8.
        target: the column to predict: its name, or its number from 0 (-1 is the last).
        task: "classification" (every different value is a class), "regression" (a number), or
            "auto": regression if the target holds fractions, or more than 20 different numbers.
        drop: columns to leave out: identifiers, names, what is known only afterwards.
        one_hot: columns of text to turn into numbers, one column of 0 and 1 for each of their
            values; True does it to all of them.
        missing: "refuse" raises; "drop" leaves out rows with a missing value; "mean" fills in the
            mean that the column has in the training part. A row without a target is left out
            unless it is "refuse". Missing are empty cells and NA, N/A, NaN, null, none and ?.
        header: whether the first row names the columns; by default it does if no cell of it is a
            number. Without one the columns are called "0", "1", ...
        delimiter: by default the most frequent of comma, semicolon, tab and bar in the first line.
        test: share of the rows held out.
        seed: the held-out rows are a function of it.
        dtype: float32 or float64.

    Returns:
        x of shape (N, D); y of shape (N,), int64, or (N, 1), floats, for regression. The columns
        are not scaled: fit a `Standardize` on the training part.

    Raises:
        DataError: not there or no table; missing values or text where numbers belong, naming every
            such column and the remedy.
        ArgumentError: no target, a column that does not exist, another task.
        DtypeError: another dtype.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "flats.csv")
        ...     rows = [f"{40 + 5 * i},{i % 3},{'new' if i % 2 else 'old'}" for i in range(10)]
        ...     _ = path.write_text("\n".join(["area,floor,state", *rows]))
        ...     data = load_csv(path, "state")
        >>> data
        Dataset('flats': train 8, test 2, samples (2,) float32, 2 classes)
        >>> data.features, data.classes
        (('area', 'floor'), ('new', 'old'))
    """
    check_task(task, "load_csv")
    if missing not in _MISSING:
        raise ArgumentError(
            f"load_csv: no way {missing!r} to treat missing values; "
            f"{nearest(str(missing), _MISSING)}"
        )
    kind = float_dtype(dtype, "load_csv")
    seed = whole_number(seed, "load_csv: seed", 0)
    file = as_path(path, "load_csv")
    columns = read_columns(file, header=header, delimiter=delimiter)
    if target is None:
        names = ", ".join(column.name for column in columns)
        raise ArgumentError(
            f"load_csv: {file}: which column is to be predicted? Give target=COLUMN, one of {names}"
        )
    place = find(columns, target, "target", file)
    left_out = {find(columns, each, "drop", file) for each in drop} | {place}
    answer = columns[place]
    inputs = [column for i, column in enumerate(columns) if i not in left_out]
    coded = _coded(columns, one_hot, file)
    if not inputs:
        raise DataError(f"load_csv: {file}: no column is left to predict {answer.name!r} from")
    if missing != "refuse":
        gone = answer.missing.copy()
        if missing == "drop":
            gone |= np.any([column.missing for column in inputs], axis=0)
        answer, inputs = answer.rows(~gone), [column.rows(~gone) for column in inputs]
        if not len(answer.cells):
            raise DataError(f"load_csv: {file}: every row lacks a value; drop the emptiest columns")
    _complain(file, [*inputs, answer], answer, coded, missing, task)
    y, classes = _answers(answer, task, kind, file)
    blocks = [_block(column, column.name in coded) for column in inputs]
    x = np.concatenate([values for values, _ in blocks], axis=1)
    train, held = held_out(x, y, classes, test, seed, f"load_csv: {file}")
    train, held = _filled(train, held)
    what = f"{len(classes)} classes of" if classes else "predicts"
    return own_info(
        file,
        f"{len(y)} rows, {x.shape[1]} numbers each; {what} {answer.name}",
        classes,
        Split(check_finite(train.x, str(file)).astype(kind), train.y),
        Split(check_finite(held.x, str(file)).astype(kind), held.y),
        [name for _, names in blocks for name in names],
    )


def _coded(columns: Sequence[Column], one_hot: bool | Sequence[str | int], file: Path) -> set[str]:
    """The names of the columns to be turned into zeros and ones."""
    if one_hot is True:
        return {column.name for column in columns if column.text.any()}
    return {columns[find(columns, each, "one_hot", file)].name for each in one_hot or ()}


def _complain(
    file: Path, columns: Sequence[Column], answer: Column, coded: set[str], missing: str, task: str
) -> None:
    """Name every column that cannot be used as it is, and what to do about it."""
    faults = []
    for column in columns:
        lacks, text = int(column.missing.sum()), int(column.text.sum())
        labels_allowed = column is answer and task != "regression"
        name, rows = column.name, len(column.cells)
        if lacks and missing == "refuse":
            faults.append(
                f"  {name!r} lacks {lacks} of {rows} values: missing='drop' leaves out those rows"
                + ("" if column is answer else f", missing='mean' fills them, drop=[{name!r}]")
            )
        if not text or labels_allowed or (name in coded and column is not answer):
            continue
        kinds = np.unique(column.cells[column.text])
        shown = ", ".join(map(repr, kinds[:3].tolist())) + (", ..." if len(kinds) > 3 else "")
        if column is answer:
            remedy = "it can only be classified: task='classification'"
        elif text < rows - lacks and text * 10 <= rows:
            row = int(np.argmax(column.text)) + 1
            remedy = f"the first is in row {row} of the data: correct it, or drop=[{name!r}]"
        else:
            remedy = f"one_hot=[{name!r}] makes numbers of it, drop=[{name!r}] leaves it out"
        faults.append(f"  {name!r} holds text in {text} of {rows} rows ({shown}): {remedy}")
    if faults:
        raise DataError(f"load_csv: {file}: not every column is numbers\n" + "\n".join(faults))


def _answers(
    answer: Column, task: str, kind: np.dtype[np.generic], file: Path
) -> tuple[Array, tuple[str, ...]]:
    """Labels and the names of the classes, or targets and none."""
    where = f"load_csv: {file}: {answer.name}"
    if answer.text.any():
        return labels(answer.cells, where)
    values = check_finite(answer.numbers, where)
    whole = bool((values == np.round(values)).all())
    if task == "auto":
        task = "classification" if whole and len(np.unique(values)) <= _FEW else "regression"
    if task == "classification":
        return labels(values, where)
    return values[:, np.newaxis].astype(kind), ()


def _block(column: Column, coded: bool) -> tuple[Array, list[str]]:
    """The numbers a column becomes, (N, 1) or one for each of its values, and their names."""
    if not coded:
        return column.numbers[:, np.newaxis], [column.name]
    values = np.unique(column.cells[~column.missing])
    return (
        (column.cells[:, np.newaxis] == values).astype(np.float64),
        [f"{column.name}={value}" for value in values],
    )


def _filled(train: Split, held: Split) -> tuple[Split, Split]:
    """Missing numbers replaced by the mean of the training part."""
    gaps = np.isnan(train.x), np.isnan(held.x)
    if not (gaps[0].any() or gaps[1].any()):
        return train, held
    there = np.maximum((~gaps[0]).sum(0), 1)
    mean = np.where(gaps[0], 0.0, train.x).sum(0) / there
    return (
        Split(np.where(gaps[0], mean, train.x), train.y),
        Split(np.where(gaps[1], mean, held.x), held.y),
    )
