"""A delimited text file as columns of cells: delimiter, header, what is a number, what is missing.

Text only; what the cells mean to a network is decided in `table.py`, which is next.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, ArgumentTypeError, DataError, nearest
from .idx import decompress

MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}
"""What stands for a missing value, in any case, blanks around it stripped."""

_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: from the header, else its number, from 0.
        cells: the text of each row, stripped.
        numbers: the value of each row; NaN where it is missing or is not a number.
        missing: which rows have no value.
    """

    name: str
    cells: npt.NDArray[np.str_]
    numbers: npt.NDArray[np.float64]
    missing: npt.NDArray[np.bool_]

    @property
    def text(self) -> npt.NDArray[np.bool_]:
        """Which rows hold something that is not a number."""
        result: npt.NDArray[np.bool_] = np.isnan(self.numbers) & ~self.missing
        return result

    def rows(self, keep: npt.NDArray[np.bool_]) -> Column:
        """The column with the rows that `keep` says."""
        return Column(self.name, self.cells[keep], self.numbers[keep], self.missing[keep])


def read_columns(file: Path, *, header: bool | None, delimiter: str | None) -> list[Column]:
    """The columns of a file, plain or compressed by gzip, UTF-8.

    Args:
        file: the file.
        header: whether the first row names the columns; None decides: it does if no cell of it is
            a number or missing.
        delimiter: between the cells; None takes the one of `, ; tab |` that is most frequent in
            the first line.

    Raises:
        DataError: not there, no text, no rows, rows of different lengths, a name there twice.
    """
    rows = _rows(file, delimiter)
    if header is None:
        header = all(_number(cell) is None and not _missing(cell) for cell in rows[0])
    names = rows.pop(0) if header else [str(place) for place in range(len(rows[0]))]
    if not rows:
        raise DataError(f"load_csv: {file}: expected rows below the header, but there is none")
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise DataError(
            f"load_csv: {file}: two columns are called {double[0]!r}; rename one, or use "
            "header=False if the first row is none"
        )
    return [
        _column(name, cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)
    ]


def find(columns: Sequence[Column], wanted: str | int, what: str, file: Path) -> int:
    """The place of a column, by its name or its number (from 0; from the end if negative).

    Raises:
        ArgumentError: there is none; the message holds the nearest name.
    """
    names = [column.name for column in columns]
    if isinstance(wanted, bool) or not isinstance(wanted, (str, int)):
        raise ArgumentTypeError(
            f"load_csv: {what} must be a column's name or number, but it is {wanted!r}"
        )
    if wanted in names:
        return names.index(str(wanted))
    try:
        place = int(wanted)
        if -len(names) <= place < len(names):
            return place % len(names)
    except ValueError:
        pass
    raise ArgumentError(
        f"load_csv: {file}: no column {wanted!r} for {what}; {nearest(str(wanted), names)}"
    )


def _rows(file: Path, delimiter: str | None) -> list[list[str]]:
    try:
        text = decompress(file.read_bytes(), str(file)).decode("utf-8-sig")
    except OSError as error:
        raise DataError(
            f"load_csv: {file} cannot be read ({error.strerror or error}); check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"load_csv: {file}: byte {error.start} is not UTF-8 text; save it as UTF-8"
        ) from error
    if delimiter is None:
        line = next((line for line in text.splitlines() if line.strip()), "")
        delimiter = max(_DELIMITERS, key=line.count)
    elif not isinstance(delimiter, str) or len(delimiter) != 1:
        raise ArgumentError(f"load_csv: delimiter must be one character, but it is {delimiter!r}")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows: list[list[str]] = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if rows and len(cells) != len(rows[0]):
                raise DataError(
                    f"load_csv: {file}, line {reader.line_num}: expected {len(rows[0])} cells as "
                    f"in the first row, got {len(cells)}; is {delimiter!r} the delimiter?"
                )
            rows.append(cells)
    except csv.Error as error:
        raise DataError(f"load_csv: {file}, line {reader.line_num}: {error}") from error
    if not rows:
        raise DataError(f"load_csv: {file}: expected a table, but the file is empty")
    return rows


def _column(name: str, cells: Sequence[str]) -> Column:
    numbers = [_number(cell) for cell in cells]
    missing = np.array([_missing(cell) for cell in cells])
    values = np.array([np.nan if number is None else number for number in numbers])
    values[missing] = np.nan
    return Column(name, np.array(cells), values, missing)


def _missing(cell: str) -> bool:
    return cell.lower() in MISSING


def _number(cell: str) -> float | None:
    # Python reads 1_000 as a number; in a table it is a name.
    if "_" in cell or not cell.isascii():
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return None if np.isnan(value) else value
