"""The report of a training run: three PNG files and one HTML page that needs nothing else.

The page holds its pictures as data URIs, in a light and a dark theme, wide and for a phone, and
fetches nothing: it can be mailed, archived and opened anywhere. Its text is in
`templates/report.html`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError
from ..files import replace_file
from ..metrics import confusion_matrix
from .confusion import confusion_matrix_figure, square
from .curves import Record, epochs_of, learning_curves
from .files import png_bytes
from .mistakes import worst_mistakes
from .predictions import predicted_against_true
from .style import DARK, LIGHT, Theme, names_of
from .tables import class_table, confusion_table, epoch_table, pairs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Drawing(NamedTuple):
    """A figure of the page: `draw(theme, narrow)`, and words for those who cannot see it."""

    words: str
    draw: Callable[[Theme, bool], Figure]
    has_narrow: bool = True


def write_report(
    folder: str | Path,
    summary: Mapping[str, Any],
    log: Sequence[Record],
    *,
    matrix: npt.ArrayLike | None = None,
    class_names: Sequence[object] | None = None,
    images: npt.ArrayLike | None = None,
    targets: npt.ArrayLike | None = None,
    predictions: npt.ArrayLike | None = None,
    confidences: npt.ArrayLike | None = None,
    count: int = 36,
) -> Path:
    """Write report.html and its pictures; what is not given is left out of the page.

    Args:
        folder: where; made if missing. It gets learning_curves.png (if the log has an epoch),
            confusion_matrix.png (if there is a matrix), mistakes.png (if there are images),
            predictions.png (if the targets are numbers) and report.html. Each file is written whole
            or not at all.
        summary: `title`, `subtitle` and `command` (text, all optional), and any mappings, each of
            which becomes a table under its key: `results` (shown large, at the top), `settings`,
            `environment`, ... A value whose key ends in "accuracy" is shown in percent, in
            "seconds" as a time.
        log: the run's records, as for `learning_curves`.
        matrix: counts (K, K); made from predictions and targets where it is not given.
        class_names: K names.
        images: the N test examples, as for `worst_mistakes`.
        targets: the N true classes; or numbers, floats, for a regression.
        predictions: the N predicted classes, or numbers.
        confidences: the N probabilities of the predicted classes.
        count: the most mistakes to show.

    Returns:
        The path of report.html.

    Raises:
        ArgumentError: images without targets, predictions and confidences.
        ShapeError: arrays that do not fit together.
        DataError: a file cannot be written; what stood there before is unchanged.
    """
    drawings: dict[str, Drawing] = {}
    tables = {}
    epochs = epochs_of(log)
    if epochs:
        drawings["learning_curves"] = Drawing(
            "Loss and accuracy, epoch by epoch; the table of epochs has the numbers.",
            lambda theme, narrow: learning_curves(epochs, theme=theme, columns=2 - narrow),
        )
        tables["epochs"] = epoch_table(epochs)
    numbers = targets is not None and np.asarray(targets).dtype.kind == "f"
    if numbers and targets is not None and predictions is not None:
        drawings["predictions"] = Drawing(
            "Predicted against true values; the closer to the diagonal, the better.",
            partial(_predictions, targets, predictions),
            has_narrow=False,
        )
    elif matrix is None and predictions is not None and targets is not None:
        matrix = confusion_matrix(
            predictions, targets, None if class_names is None else len(class_names)
        )
    if matrix is not None:
        counts = square("write_report", matrix)
        names = names_of("write_report", class_names, len(counts))
        drawings["confusion_matrix"] = Drawing(
            "Confusion matrix; the table of classes has the numbers.",
            lambda theme, _: confusion_matrix_figure(counts, names, theme=theme),
            has_narrow=False,
        )
        tables["classes"] = class_table(counts, names)
        tables["confusions"] = confusion_table(counts, names)
    if images is not None:
        if targets is None or predictions is None or confidences is None:
            raise ArgumentError(
                "write_report: images expects targets, predictions and confidences beside it, but "
                "one of them is missing; give all four, or none for a report without mistakes"
            )
        mistakes = partial(
            worst_mistakes, images, targets, predictions, confidences, class_names, count=count
        )
        drawings["mistakes"] = Drawing(
            "The mistakes made with the highest confidence.",
            lambda theme, narrow: mistakes(theme=theme, columns=3 if narrow else 6),
        )
    folder = Path(folder)
    pictures = {}
    for name, drawing in drawings.items():
        png = png_bytes(drawing.draw(LIGHT, False))
        replace_file(folder / f"{name}.png", png)
        pictures[name] = _picture(drawing, png)
    page = _template().render(
        title=summary.get("title", "Training report"),
        subtitle=summary.get("subtitle"),
        command=summary.get("command"),
        results=pairs(summary.get("results", {})),
        facts={
            key: pairs(value)
            for key, value in summary.items()
            if isinstance(value, Mapping) and key != "results"
        },
        pictures=pictures,
        tables=tables,
    )
    return replace_file(folder / "report.html", page.encode())


def _predictions(
    targets: npt.ArrayLike, predictions: npt.ArrayLike, theme: Theme, _: bool
) -> Figure:
    return predicted_against_true(targets, predictions, theme=theme)


def _picture(drawing: Drawing, wide_light: bytes) -> dict[str, Any]:
    """The forms of one figure for an HTML <picture>: (media query, data URI), the first match wins.

    The wide light form, already drawn, is the fallback.
    """
    narrow, dark = "(max-width: 40rem)", "(prefers-color-scheme: dark)"
    forms = [(dark, DARK, False)]
    if drawing.has_narrow:
        forms = [(f"{narrow} and {dark}", DARK, True), (narrow, LIGHT, True), *forms]
    return {
        "words": drawing.words,
        "sources": [
            (media, _data_uri(png_bytes(drawing.draw(theme, is_narrow))))
            for media, theme, is_narrow in forms
        ],
        "uri": _data_uri(wide_light),
    }


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _template() -> Any:
    """The page's template, with every value escaped and every missing name an error."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = (
        resources.files("tinygrad_course.viz").joinpath("templates/report.html").read_text("utf-8")
    )
    return environment.from_string(text)
