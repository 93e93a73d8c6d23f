"""Learning curves: loss and accuracy of a run, epoch by epoch, training beside test.

Each line carries its name and last value at its end, so that there is no legend to decode. Read
`confusion.py` next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError
from .style import FONT, LIGHT, Theme, blank_figure, heading, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Record = Mapping[str, Any]
Values = npt.NDArray[np.float64]


def epochs_of(log: Sequence[Record]) -> list[Record]:
    """The records of whole epochs, in the order of their number; the last of a number counts."""
    numbered = {record["epoch"]: record for record in log if record.get("event") == "epoch"}
    return [numbered[number] for number in sorted(numbered)]


def learning_curves(log: Sequence[Record], *, theme: Theme = LIGHT, columns: int = 2) -> Figure:
    """Draw loss and accuracy over the epochs of a run.

    The loss axis is logarithmic where the values span more than a factor of 20. Values that are
    missing or not finite leave a gap.

    Args:
        log: the run's records; those with `event` "epoch" are drawn. They hold `epoch` and any of
            `train_loss`, `test_loss`, `train_accuracy`, `test_accuracy` (from 0 to 1), `train_r2`,
            `test_r2`.
        theme: the colours.
        columns: 2 for panels side by side, 1 for one above the other.

    Returns:
        A figure; write it with `save_png`.

    Raises:
        ArgumentError: no epoch in the log.

    Example:
        >>> log = [{"event": "epoch", "epoch": 1, "train_loss": 0.5, "test_loss": 0.4}]
        >>> [axes.get_title(loc="left") for axes in learning_curves(log).axes]
        ['Loss']
    """
    epochs = epochs_of(log)
    if not epochs:
        raise ArgumentError(
            f"learning_curves: log expects at least one record with event 'epoch', but has none "
            f"among {len(log)}; train for one epoch first"
        )
    steps = np.array([record["epoch"] for record in epochs], dtype=float)
    drawn = [
        quantity
        for quantity in ("loss", "accuracy", "r2")
        if any(f"{split}_{quantity}" in record for record in epochs for split in ("train", "test"))
    ] or ["loss"]
    columns = min(columns, len(drawn))
    rows = math.ceil(len(drawn) / columns)
    figure = blank_figure(4.9 * columns, 3.5 * rows, theme)
    for place, quantity in enumerate(drawn):
        axes = figure.add_subplot(rows, columns, place + 1)
        quiet(axes, theme)
        percent = quantity == "accuracy"
        lines = {
            split: _values(epochs, f"{split}_{quantity}") * (100 if percent else 1)
            for split in ("train", "test")
        }
        _panel(axes, steps, lines, quantity, theme)
    return figure


def _values(epochs: Sequence[Record], key: str) -> Values:
    values = np.array(
        [math.nan if record.get(key) is None else record[key] for record in epochs], dtype=float
    )
    values[~np.isfinite(values)] = math.nan
    return values


def _panel(
    axes: Axes, steps: Values, lines: Mapping[str, Values], quantity: str, theme: Theme
) -> None:
    """One quantity: a thin line for training, a strong one for test, the best test value ringed."""
    from matplotlib.ticker import MaxNLocator

    percent = quantity == "accuracy"
    shown = {"train": "training", "test": "test"}
    everything = np.concatenate(list(lines.values()))
    if quantity == "r2":  # a first epoch of -90 would flatten all that follows
        everything = np.maximum(everything, -0.25)
    limits(axes, everything, percent=percent)
    few, many = len(steps) <= 30, len(steps) > 150
    labels = []
    for split, values in lines.items():
        known = np.flatnonzero(~np.isnan(values))
        if not known.size:
            continue
        color = theme.train if split == "train" else theme.test
        axes.plot(
            steps,
            values,
            color=color,
            linewidth=(1.5 if split == "train" else 2.2) / (1.5 if many else 1),
            marker="o" if few else "",
            markersize=3 if split == "train" else 4,
            solid_capstyle="round",
            clip_on=quantity == "r2",
            zorder=3,
        )
        last = values[known[-1]]
        labels.append(
            (max(_height(axes, last), 0.0), f"{shown[split]} {_words(last, percent)}", color)
        )
    _end_labels(axes, labels)
    if len(steps) == 1:
        axes.set_xlim(steps[0] - 1, steps[0] + 1)
        axes.set_xticks(steps, [f"{steps[0]:.0f}"])
    else:
        axes.set_xlim(steps[0], steps[-1])
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlabel("epoch", color=theme.muted, fontsize=9, fontfamily=FONT)
    axes.set_ylabel(
        {"accuracy": "accuracy (%)", "r2": "share of the variance explained"}.get(
            quantity, "mean loss of an example"
        ),
        color=theme.muted,
        fontsize=9,
        fontfamily=FONT,
    )
    test = lines["test"]
    if np.isnan(test).all():
        heading(axes, quantity.capitalize(), "no test values in this run", theme)
        return
    best = int(np.nanargmin(test) if quantity == "loss" else np.nanargmax(test))
    axes.plot(
        steps[best],
        test[best],
        marker="o",
        markersize=10,
        markerfacecolor="none",
        markeredgecolor=theme.test,
        markeredgewidth=1.4,
        clip_on=False,
        zorder=4,
    )
    take_home = f"best on test: {_words(test[best], percent)}, epoch {steps[best]:.0f}"
    heading(axes, quantity.capitalize(), take_home, theme)


def _words(value: float, percent: bool) -> str:
    return f"{value:.2f} %" if percent else f"{value:#.3g}".rstrip(".")


def limits(axes: Axes, values: Values, *, percent: bool) -> None:
    """The y axis: losses from 0, or logarithmic; accuracies where they are."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    finite = values[~np.isnan(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    if percent:
        margin = max(0.06 * (high - low), 0.5)
        axes.set_ylim(max(low - margin, 0.0), min(high + margin, 100.0))
    elif low > 0 and high > 20 * low:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.3, high * 1.2)
        decades = math.log10(high / low)
        subs = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        return
    else:
        foot = min(low, 0.0)
        axes.set_ylim(foot, high + (0.06 * (high - foot) or 1.0))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _height(axes: Axes, value: float) -> float:
    """Where a value stands on the y axis: 0 at its foot, 1 at its top."""
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def _end_labels(axes: Axes, labels: list[tuple[float, str, str]], apart: float = 0.075) -> None:
    """Name each line at its right end, pushed apart where two would overlap."""
    labels.sort()
    heights = [height for height, _, _ in labels]
    if len(heights) == 2 and heights[1] - heights[0] < apart:
        middle = min(max(sum(heights) / 2, apart / 2), 1 - apart / 2)
        heights = [middle - apart / 2, middle + apart / 2]
    for height, (_, text, color) in zip(heights, labels, strict=True):
        axes.annotate(
            text,
            (1, height),
            xytext=(9, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            color=color,
            fontsize=9,
            fontfamily=FONT,
        )
