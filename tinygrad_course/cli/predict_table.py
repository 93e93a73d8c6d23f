"""`tgc predict FILE.csv`: what a model that learned from a table says of other rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .options import print_json

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint

SHOWN = 20
"""Rows of the answer on a terminal; `--json` has all."""


def is_table(path: Path) -> bool:
    """Whether a file is a table, by its ending.

    Example:
        >>> is_table(Path("flats.csv.gz")), is_table(Path("digit.png"))
        (True, False)
    """
    name = path.name.lower().removesuffix(".gz")
    return name.endswith((".csv", ".tsv", ".txt"))


def takes_table(saved: Checkpoint) -> bool:
    """Whether the model learned from the columns of a table."""
    return bool(saved.facts.get("features"))


def rows_of(saved: Checkpoint, path: Path) -> Any:
    """The rows of a table as the model takes them, (N, D), scaled as its training data were.

    Raises:
        DataError: a column is missing, or holds something that is not a number.
    """
    from ..data.cells import read_columns

    try:
        read = read_columns(path, header=None, delimiter=None)
    except DataError as error:
        raise DataError(str(error).removeprefix("load_csv: ")) from error
    columns = {column.name: column for column in read}
    blocks = []
    for feature in saved.facts["features"]:
        name, _, value = feature.partition("=")
        if feature in columns:
            numbers = columns[feature].numbers
            if np.isnan(numbers).any():
                row = int(np.isnan(numbers).argmax())
                raise DataError(
                    f"{path}: column {feature!r} expects numbers, but row {row + 1} has "
                    f"{str(columns[feature].cells[row])!r}; correct it, or leave the row out"
                )
            blocks.append(numbers)
        elif value and name in columns:
            blocks.append((columns[name].cells == value).astype(np.float64))
        else:
            raise DataError(
                f"{path}: the model expects the column {(name if value else feature)!r}, but the "
                f"table has {', '.join(columns)}; the columns must be those of {saved.recipe.data}"
            )
    return saved.scaling.samples(np.stack(blocks, axis=1).astype(saved.recipe.dtype))


def answer_table(saved: Checkpoint, path: Path, as_json: bool) -> None:
    """Print what the model says of each row."""
    from .. import no_grad, tensor
    from ..functional import softmax

    rows = rows_of(saved, path)
    with no_grad():
        outputs = saved.model()(tensor(rows))
    answers: list[dict[str, Any]]
    if saved.classes:
        shares = softmax(outputs).numpy()
        answers = [
            {"class": saved.classes[int(row.argmax())], "confidence": float(row.max())}
            for row in shares
        ]
    else:
        numbers = saved.scaling.predictions(outputs.numpy().astype(np.float64))
        answers = [{"value": float(number)} for number in numbers.reshape(-1)]
    if as_json:
        for number, answer in enumerate(answers, 1):
            print_json({"event": "prediction", "table": str(path), "row": number, **answer})
        return
    from .terminal import console, path_markup, table

    def cells(number: int, answer: dict[str, Any]) -> tuple[object, ...]:
        if "value" in answer:
            return number, f"{answer['value']:.5g}"
        return number, answer["class"], f"{100 * answer['confidence']:.1f} %"

    screen = console()
    columns = ("row", saved.recipe.target or "prediction", *(("sure",) if saved.classes else ()))
    shown = [cells(number, answer) for number, answer in enumerate(answers[:SHOWN], 1)]
    screen.print(table(columns, shown, right=(0, 2) if saved.classes else (0, 1)))
    if len(answers) > SHOWN:
        screen.print(f"[dim]and {len(answers) - SHOWN:,} more rows; --json prints all[/]")
    screen.print(f"[dim]{saved.recipe.model} from[/] {path_markup(saved.path)}", soft_wrap=True)
