"""The learning-rate range test as a picture: loss over rate, and where to read it.

`optim/range_test.py` says what is read; `curves.py` draws whole runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ArgumentError
from ..optim import RangeReading
from .style import FONT, LIGHT, Theme, blank_figure, heading, quiet

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def rate_range(
    rates: Sequence[float],
    losses: Sequence[float],
    reading: RangeReading,
    suggestion: float,
    *,
    theme: Theme = LIGHT,
) -> Figure:
    """Draw each mini-batch's loss over the rate it was trained with, and their running mean.

    Args:
        rates: the rates, rising.
        losses: as many losses.
        reading: what `read_range_test` says of them.
        suggestion: the rate to mark.
        theme: the colours.

    Raises:
        ArgumentError: no losses, or not as many as rates.

    Example:
        >>> reading = RangeReading(0.1, 1.0, 10.0, [1.0, 0.9, 0.3, 0.2])
        >>> figure = rate_range([0.001, 0.01, 0.1, 1.0, 10.0], [1, 0.9, 0.3, 0.2, 9], reading, 0.3)
        >>> figure.axes[0].get_xscale()
        'log'
    """
    if not losses or len(rates) != len(losses):
        raise ArgumentError(
            f"rate_range: losses expects one for each rate, but got {len(losses)} for {len(rates)}"
        )
    figure = blank_figure(6.4, 4.0, theme)
    axes = figure.add_subplot()
    quiet(axes, theme)
    values, smooth = np.array(losses, float), np.array(reading.smooth, float)
    axes.set_xscale("log")
    axes.plot(rates, values, ".", color=theme.train, markersize=4, alpha=0.5, zorder=2)
    axes.plot(rates[: len(smooth)], smooth, color=theme.test, linewidth=2.2, zorder=3)
    span = float(smooth.max() - smooth.min()) or 1.0
    axes.set_ylim(max(float(smooth.min()) - 0.35 * span, 0.0), float(smooth.max()) + 0.35 * span)
    axes.axvline(suggestion, color=theme.ink, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    marks = (("falls fastest", reading.steepest, "right"), ("lowest", reading.lowest, "left"))
    for words, rate, side in marks:
        height = smooth[list(rates).index(rate)]
        axes.plot(rate, height, "o", color=theme.test, markersize=8, zorder=4)
        axes.annotate(
            f"{words}: {rate:.2g}", (rate, height), textcoords="offset points",
            xytext=(10 if side == "left" else -10, -4), ha=side, va="top", color=theme.ink,
            fontsize=9, fontfamily=FONT, zorder=5,
            bbox={"facecolor": theme.paper, "alpha": 0.8, "linewidth": 0, "pad": 1.5},
        )  # fmt: skip
    for label, name in ((axes.set_xlabel, "learning rate"), (axes.set_ylabel, "batch's loss")):
        label(name, color=theme.muted, fontsize=9, fontfamily=FONT)
    ending = (
        "the loss never exploded" if reading.diverged is None
        else f"it explodes at {reading.diverged:.2g}"
    )  # fmt: skip
    heading(axes, "Learning-rate range test", f"take up to {suggestion:.2g}; {ending}", theme)
    return figure
