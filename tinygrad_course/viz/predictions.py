"""Predicted against true numbers: a regression at a glance. Read `curves.py` for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import ShapeError
from ..metrics import r2
from .style import FONT, LIGHT, Theme, blank_figure, heading, quiet

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def predicted_against_true(
    targets: npt.ArrayLike, predictions: npt.ArrayLike, *, theme: Theme = LIGHT
) -> Figure:
    """A point for each sample; those on the diagonal are right.

    A cloud that lies flatter than the diagonal belongs to a model that dares too little, one that
    opens towards large values to errors that grow with them.

    Args:
        targets: N true numbers, of shape (N,) or (N, 1).
        predictions: as many predicted ones.
        theme: the colours.

    Raises:
        ShapeError: they differ in number, or there are none.

    Example:
        >>> predicted_against_true([1.0, 2.0], [1.1, 1.9]).axes[0].get_xlabel()
        'true'
    """
    true = np.asarray(targets, np.float64).reshape(-1)
    said = np.asarray(predictions, np.float64).reshape(-1)
    if true.shape != said.shape or not true.size:
        raise ShapeError(
            f"predicted_against_true: expects as many predictions as targets, but got {said.size} "
            f"for {true.size}"
        )
    figure = blank_figure(5.2, 5.0, theme)
    axes = figure.add_subplot()
    quiet(axes, theme)
    everything = np.concatenate([true, said])
    low, high = float(everything.min()), float(everything.max())
    margin = 0.04 * (high - low) or 1.0
    ends = (low - margin, high + margin)
    axes.plot(ends, ends, color=theme.muted, linewidth=1, zorder=2)
    axes.scatter(
        true,
        said,
        s=16 if true.size < 500 else 7,
        color=theme.test,
        alpha=0.75 if true.size < 500 else 0.35,
        linewidths=0,
        zorder=3,
    )
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    axes.set_xlabel("true", color=theme.muted, fontsize=9, fontfamily=FONT)
    axes.set_ylabel("predicted", color=theme.muted, fontsize=9, fontfamily=FONT)
    explained = f", R2 {r2(said, true):.3f}" if true.size > 1 else ""
    error = float(np.sqrt(np.mean((said - true) ** 2)))
    heading(axes, "Predictions", f"{true.size:,} test samples{explained}, error {error:.4g}", theme)
    return figure
