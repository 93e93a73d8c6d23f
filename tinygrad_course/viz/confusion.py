"""The confusion matrix as a picture in which the mistakes, not the diagonal, catch the eye.

Right answers get a pale shade of their own; the strong colours belong to mistakes alone, scaled to
the most frequent of them. Read `mistakes.py` next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import ShapeError
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
MOST_CELLS_WITH_COUNTS = 25  # classes; beyond this a count no longer fits its cell


def confusion_matrix_figure(
    matrix: npt.ArrayLike, class_names: Sequence[object] | None = None, *, theme: Theme = LIGHT
) -> Figure:
    """Draw a confusion matrix: true classes down, predicted classes across.

    A mistake's colour is its share of the true class, C[i, j] / sum_j C[i, j], so that rare and
    frequent classes read alike; the cells hold the counts, the right margin each class's recall.

    Args:
        matrix: counts of shape (K, K), from `metrics.confusion_matrix`.
        class_names: K names; the numbers 0 to K - 1 without them.
        theme: the colours.

    Returns:
        A figure; write it with `save_png`.

    Raises:
        ShapeError: a matrix that is not square, or another number of names.

    Example:
        >>> figure = confusion_matrix_figure([[9, 1], [0, 10]], ["cat", "dog"])
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['cat', 'dog']
    """
    counts = square("confusion_matrix_figure", matrix)
    classes = len(counts)
    names = names_of("confusion_matrix_figure", class_names, classes)
    side = min(max(0.46 * classes, 2.6), 8.2)
    longest = max(len(plain(name)) for name in names)
    below = 0.05 * longest if longest > 3 else 0.0
    figure = blank_figure(side + 1.4 + 0.08 * longest, side + 2.1 + below, theme)
    axes = figure.add_subplot()
    quiet(axes, theme, grid=False)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    mistakes = np.where(np.eye(classes, dtype=bool), 0.0, shares)
    worst = float(mistakes.max())
    colors = _colors(shares, mistakes, theme)
    axes.imshow(colors, interpolation="nearest", aspect="equal")
    if classes <= MOST_CELLS_WITH_COUNTS:
        _counts(axes, counts, colors, theme)
        _recall(axes, counts, theme)
    _ticks(axes, names, theme)
    _words(axes, counts, theme)
    if worst > 0:
        _scale(figure, axes, worst, theme)
    return figure


def square(function: str, matrix: npt.ArrayLike) -> Array:
    """The matrix as an array of shape (K, K), K at least 1, or an error that says so."""
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ShapeError(
            f"{function}: matrix expects shape (K, K), but has {counts.shape}; make one with "
            "metrics.confusion_matrix(predictions, targets)"
        )
    return counts


def _colors(shares: Array, mistakes: Array, theme: Theme) -> Array:
    """RGB of every cell, shape (K, K, 3): one scale for the diagonal, another for mistakes."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    right = LinearSegmentedColormap.from_list("right", theme.right)
    wrong = LinearSegmentedColormap.from_list("wrong", theme.wrong)
    colors = wrong(mistakes / (mistakes.max() or 1))[..., :3]
    colors[mistakes == 0] = to_rgb(theme.right[0])
    diagonal = np.arange(len(shares))
    colors[diagonal, diagonal] = right(shares[diagonal, diagonal])[:, :3]
    return np.asarray(colors)


def _counts(axes: Axes, counts: Array, colors: Array, theme: Theme) -> None:
    """The count in every cell that has one, dark or light as its background asks."""
    from matplotlib.colors import to_rgb

    paper, ink = np.array(to_rgb(theme.paper)), np.array(to_rgb(theme.ink))
    paper_wins = _contrast(colors, paper) > _contrast(colors, ink)
    classes = len(counts)
    size = 10 if classes <= 12 else 7.5
    for row, column in np.argwhere((counts > 0) | np.eye(classes, dtype=bool)):
        axes.text(
            column,
            row,
            f"{counts[row, column]:,}",
            ha="center",
            va="center",
            color=theme.paper if paper_wins[row, column] else theme.ink,
            fontsize=size if counts[row, column] < 10_000 else 0.75 * size,
            fontfamily=FONT,
            fontweight="normal" if row == column else "bold",
        )
    # Lines of paper between the cells, so that neighbours of one colour stay two.
    edges = np.arange(1, classes) - 0.5
    axes.hlines(edges, -0.5, classes - 0.5, color=theme.paper, linewidth=1.6)
    axes.vlines(edges, -0.5, classes - 0.5, color=theme.paper, linewidth=1.6)


def _contrast(colors: Array, text: Array) -> Array:
    """Contrast ratio, from 1 to 21, of a text colour on each background (WCAG 2.1)."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    below, above = (colors**2.2) @ weights + 0.05, (text**2.2) @ weights + 0.05
    return np.asarray(np.maximum(below, above) / np.minimum(below, above))


def _recall(axes: Axes, counts: Array, theme: Theme) -> None:
    """The share of each true class that was found, in the right margin."""
    classes = len(counts)
    totals = counts.sum(axis=1)
    style: dict[str, Any] = {
        "fontsize": 8.5,
        "fontfamily": FONT,
        "va": "center",
        "color": theme.muted,
    }
    axes.text(classes - 0.3, -0.85, "recall", **style)
    for row in range(classes):
        found = f"{100 * counts[row, row] / totals[row]:.1f} %" if totals[row] else "—"
        axes.text(classes - 0.3, row, found, **style)


def _ticks(axes: Axes, names: list[str], theme: Theme) -> None:
    """Class names along both sides; every few classes where there are many."""
    every = -(-len(names) // 40)
    places = np.arange(0, len(names), every)
    words = [plain(names[place]) for place in places]
    longest = max(map(len, words))
    size = 10 if len(names) <= 12 else 7.5
    turn = 0 if longest <= 3 else 90 if len(names) > 20 else 40
    style: dict[str, Any] = {
        "parse_math": False,
        "fontfamily": FONT,
        "fontsize": size,
        "color": theme.ink,
    }
    anchor: dict[str, Any] = (
        {"rotation": turn, "ha": "right", "rotation_mode": "anchor"} if turn else {}
    )
    if turn == 90:
        anchor["va"] = "center"
    axes.set_xticks(places, words, **style, **anchor)
    axes.set_yticks(places, words, **style)


def _words(axes: Axes, counts: Array, theme: Theme) -> None:
    label: dict[str, Any] = {"color": theme.muted, "fontsize": 9, "fontfamily": FONT, "labelpad": 8}
    axes.set_xlabel("predicted class", **label)
    axes.set_ylabel("true class", **label)
    total = int(counts.sum())
    wrong = total - int(np.trace(counts))
    take_home = f"{wrong:,} of {total:,} wrong" if wrong else f"all {total:,} right"
    heading(axes, "Confusion matrix", take_home, theme)


def _scale(figure: Figure, axes: Axes, worst: float, theme: Theme) -> None:
    """The mistakes' colour scale, from nothing to the most frequent."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.ticker import MaxNLocator

    wrong = LinearSegmentedColormap.from_list("wrong", theme.wrong)
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 100 * worst), wrong),
        ax=axes,
        orientation="horizontal",
        fraction=0.03,
        shrink=1.0 if len(axes.get_yticks()) <= MOST_CELLS_WITH_COUNTS else 0.85,
        aspect=40,
        pad=0.02,
    )
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, colors=theme.muted, labelsize=8.5, labelfontfamily=FONT)
    bar.ax.xaxis.set_major_locator(MaxNLocator(nbins=6))
    bar.set_label(
        "mistaken share of the true class (%)", color=theme.muted, fontsize=9, fontfamily=FONT
    )
