"""A page of the mistakes a classifier was surest of: the quickest way to see what it does not see.

Images are shown as images; points of the plane where they lie; other features as profiles. Read
`report.py` next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, ShapeError
from .style import (
    FONT,
    LIGHT,
    Theme,
    blank_figure,
    heading,
    names_of,
    plain,
    quiet,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]


def worst_mistakes(
    images: npt.ArrayLike,
    targets: npt.ArrayLike,
    predictions: npt.ArrayLike,
    confidences: npt.ArrayLike,
    class_names: Sequence[object] | None = None,
    *,
    count: int = 36,
    theme: Theme = LIGHT,
    columns: int = 6,
) -> Figure:
    """Draw the wrong answers given with the highest confidence, the worst first.

    Args:
        images: N examples: images (N, H, W) or (N, H, W, C), of any range of values; points
            (N, 2); or other features (N, D).
        targets: the N true classes.
        predictions: the N predicted classes.
        confidences: the N probabilities, from 0 to 1, of the predicted classes.
        class_names: a name for each class; their numbers without them.
        count: the most to show; in the plane every mistake has its place.
        theme: the colours.
        columns: how many stand side by side.

    Returns:
        A figure; write it with `save_png`.

    Raises:
        ShapeError: arrays of different lengths, or examples that cannot be drawn.
        ArgumentError: a count or a number of columns below 1.

    Example:
        >>> import numpy as np
        >>> figure = worst_mistakes(np.zeros((2, 8, 8)), [7, 3], [1, 3], [0.98, 0.9])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1 of 2 examples wrong', 'true 7, said 1 (98 %)']
    """
    examples, true, said, sure = _arrays(images, targets, predictions, confidences)
    if count < 1 or columns < 1:
        raise ArgumentError(
            f"worst_mistakes: count and columns expect at least 1, but got {count} and {columns}"
        )
    classes = 1 + max(int(true.max(initial=0)), int(said.max(initial=0)))
    names = [plain(n) for n in names_of("worst_mistakes", class_names, classes, at_least=True)]
    wrong = np.flatnonzero(true != said)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:count]
    apart = "\n" if any(len(names[true[i]] + names[said[i]]) > 8 for i in worst) else " "
    captions = [
        f"true {names[true[i]]},{apart}said {names[said[i]]} ({_percent(sure[i])})" for i in worst
    ]
    summary = f"{len(wrong):,} of {len(true):,} examples wrong"
    if len(wrong) > len(worst):
        summary += f"; the {len(worst)} most confident"
    if not len(wrong):
        return _none_wrong(len(true), theme)
    if examples.ndim == 2 and examples.shape[1] == 2:
        return _plane(examples, wrong, sure, theme, words=(captions[0], summary))
    return _mosaic(examples[worst], captions, summary, theme, columns)


def _arrays(*given: npt.ArrayLike) -> tuple[Array, Array, Array, Array]:
    examples, true, said, sure = (np.asarray(array) for array in given)
    if examples.ndim == 1:
        examples = examples[:, None]
    if examples.ndim not in (2, 3, 4):
        raise ShapeError(
            "worst_mistakes: images expects shape (N, H, W), (N, H, W, C) or (N, D), but has "
            f"{examples.shape}; reshape each example to an image or a row of features"
        )
    length = (len(examples),)
    named = {"targets": true, "predictions": said, "confidences": sure}
    for name, array in named.items():
        if array.shape != length:
            raise ShapeError(
                f"worst_mistakes: {name} expects shape {length}, one value for each of images "
                f"{examples.shape}, but has {array.shape}"
            )
    return examples, true.astype(np.int64), said.astype(np.int64), sure.astype(np.float64)


def _percent(sure: float) -> str:
    """Whole percents; 100 % is kept for a probability of exactly 1."""
    return f"{100 if sure >= 1 else min(round(100 * sure), 99)} %"


def _none_wrong(total: int, theme: Theme) -> Figure:
    figure = blank_figure(6.4, 1.4, theme)
    axes = figure.add_subplot()
    quiet(axes, theme, grid=False)
    axes.set_axis_off()
    words: dict[str, Any] = {
        "ha": "center",
        "va": "center",
        "fontfamily": FONT,
        "transform": axes.transAxes,
    }
    axes.text(0.5, 0.62, "No mistakes", color=theme.ink, fontsize=14, fontweight="bold", **words)
    axes.text(0.5, 0.34, f"all {total:,} examples right", color=theme.muted, fontsize=10, **words)
    return figure


def _mosaic(
    examples: Array, captions: list[str], summary: str, theme: Theme, columns: int
) -> Figure:
    """Every example in its cell of one grid, its caption below."""
    columns = min(columns, max(len(examples), 3))  # three leave room for the heading
    lines = 1 + max(caption.count("\n") for caption in captions)
    width, gap = 1.0, 0.22
    height = examples.shape[1] / examples.shape[2] if examples.ndim > 2 else 0.6
    height = min(max(height, 0.3), 2.5)
    step_x, step_y = width + gap, height + 0.13 + 0.14 * lines
    rows = math.ceil(len(examples) / columns)
    size = (columns * step_x - gap, rows * step_y)
    figure = blank_figure(1.22 * size[0] + 0.6, 1.22 * size[1] + 1.0, theme)
    figure.set_layout_engine("none")
    left, top = 0.3 / figure.get_figwidth(), 1 - 0.8 / figure.get_figheight()
    across = 1.22 * size[0] / figure.get_figwidth()
    down = 1.22 * size[1] / figure.get_figheight()
    axes = figure.add_axes((left, top - down, across, down))
    quiet(axes, theme, grid=False)
    axes.set_axis_off()
    heading(axes, "Worst mistakes", summary, theme)
    finite = examples[np.isfinite(examples)] if examples.dtype.kind == "f" else examples
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    scaled = np.nan_to_num((examples - low) / ((high - low) or 1.0)).clip(0, 1)
    for place, (example, caption) in enumerate(zip(scaled, captions, strict=True)):
        x, y = (place % columns) * step_x, (place // columns) * step_y
        _draw(axes, example, (x, x + width, y + height, y), theme)
        axes.text(
            x + width / 2,
            y + height + 0.07,
            caption,
            ha="center",
            va="top",
            color=theme.ink,
            fontsize=8.5 if lines == 1 else 7.5,
            fontfamily=FONT,
            linespacing=1.15,
            parse_math=False,
        )
    axes.set_xlim(0, size[0])
    axes.set_ylim(size[1], 0)
    return figure


def _draw(
    axes: Axes, example: Array, extent: tuple[float, float, float, float], theme: Theme
) -> None:
    """One example, its values from 0 to 1, in the rectangle `extent`."""
    left, right, bottom, top = extent
    if example.ndim == 1:
        x = np.linspace(left, right, len(example))
        axes.fill_between(x, bottom, bottom + (top - bottom) * example, color=theme.grid, lw=0)
        axes.plot(x, bottom + (top - bottom) * example, color=theme.test, linewidth=1)
        return
    if example.ndim == 3 and example.shape[2] != 3:
        example = example.mean(axis=2)
    axes.imshow(
        example,
        cmap="gray",
        vmin=0,
        vmax=1,
        extent=extent,
        interpolation="nearest",
        aspect="auto",
    )


def _plane(
    points: Array, wrong: Array, sure: Array, theme: Theme, *, words: tuple[str, str]
) -> Figure:
    """Points of the plane: the right ones faint, the wrong ones the larger the surer."""
    caption, summary = words
    figure = blank_figure(5.6, 5.2, theme)
    axes = figure.add_subplot()
    quiet(axes, theme)
    axes.grid(visible=True, axis="x", color=theme.grid, linewidth=0.8)
    heading(axes, "Worst mistakes", f"{summary} (larger: more confident)", theme)
    axes.scatter(points[:, 0], points[:, 1], s=9, color=theme.muted, alpha=0.35, linewidths=0)
    axes.scatter(
        points[wrong, 0],
        points[wrong, 1],
        s=15 + 70 * sure[wrong] ** 2,
        color=theme.test,
        edgecolors=theme.paper,
        linewidths=0.8,
    )
    worst = wrong[np.argmax(sure[wrong])]
    axes.annotate(
        caption.replace("\n", " "),
        points[worst],
        xytext=(0, 9),
        textcoords="offset points",
        ha="center",
        color=theme.ink,
        fontsize=8.5,
        fontfamily=FONT,
        parse_math=False,
        bbox={"boxstyle": "round,pad=0.25", "facecolor": theme.paper, "edgecolor": theme.grid},
    )
    for axis, label in ((axes.xaxis, "first feature"), (axes.yaxis, "second feature")):
        axis.set_label_text(label, color=theme.muted, fontsize=9, fontfamily=FONT)
    return figure
