"""Several runs in one picture: a colour for each, training thin and dashed, test strong.

Read `curves.py` for one run alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError
from .curves import Record, epochs_of, limits
from .style import FONT, LIGHT, Theme, blank_figure, heading, plain, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d1f", "#56b4e9", "#6a3d9a", "#000000")
"""Told apart by people of every colour vision (after Okabe and Ito), on white paper."""


def compare_runs(
    logs: Mapping[str, Sequence[Record]], *, against: str = "epoch", theme: Theme = LIGHT
) -> Figure:
    """Draw the losses and scores of several runs over their epochs, or over the time they took.

    Args:
        logs: the records of each run by its name; at most eight.
        against: "epoch" or "seconds": with "seconds" a fast run that needs more epochs shows.
        theme: the colours of paper and text.

    Raises:
        ArgumentError: no run, more than eight, or one without an epoch.

    Example:
        >>> log = [{"event": "epoch", "epoch": 1, "train_loss": 0.5, "test_loss": 0.4}]
        >>> figure = compare_runs({"a": log, "b": log})
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['a', 'b']
    """
    if not 1 <= len(logs) <= len(COLOURS):
        raise ArgumentError(
            f"compare_runs: logs expects 1 to {len(COLOURS)} runs, but got {len(logs)}; more lines "
            "cannot be told apart, so compare some of them"
        )
    epochs = {name: epochs_of(log) for name, log in logs.items()}
    for name, records in epochs.items():
        if not records:
            raise ArgumentError(
                f"compare_runs: {name} expects at least one whole epoch, but its log has none; "
                "train it for one, or leave it out"
            )
    everything = [record for records in epochs.values() for record in records]
    drawn = [
        quantity
        for quantity in ("loss", "accuracy", "r2")
        if any(f"test_{quantity}" in record for record in everything)
    ]
    figure = blank_figure(5.4 * len(drawn), 4.3, theme)
    for place, quantity in enumerate(drawn or ["loss"]):
        axes = figure.add_subplot(1, max(len(drawn), 1), place + 1)
        quiet(axes, theme)
        for colour, (name, records) in zip(COLOURS, epochs.items(), strict=False):
            _lines(axes, records, quantity, name, colour, against)
        _finish(axes, epochs, quantity, against, theme)
    return figure


def _lines(
    axes: Axes, records: Sequence[Record], quantity: str, name: str, colour: str, against: str
) -> None:
    times = np.cumsum([float(record.get("seconds") or 0.0) for record in records])
    steps = times if against == "seconds" else [record["epoch"] for record in records]
    for split in ("train", "test"):
        values = [_value(record, f"{split}_{quantity}") for record in records]
        test = split == "test"
        axes.plot(
            steps,
            values,
            color=colour,
            linewidth=2 if test else 1,
            linestyle="-" if test else (0, (3, 2)),
            alpha=1 if test else 0.7,
            marker="o" if len(records) == 1 else "",
            label=plain(name, 40) if test else None,
            zorder=3 if test else 2,
        )


def _value(record: Mapping[str, Any], key: str) -> float:
    value = record.get(key)
    if value is None or not math.isfinite(value):
        return math.nan
    return 100 * value if key.endswith("accuracy") else float(value)


def _finish(
    axes: Axes,
    epochs: Mapping[str, Sequence[Record]],
    quantity: str,
    against: str,
    theme: Theme,
) -> None:
    """Scales, labels, the legend, and which run is the best."""
    values = {
        name: [_value(record, f"test_{quantity}") for record in records]
        for name, records in epochs.items()
    }
    sign = 1 if quantity == "loss" else -1
    best = {n: min(sign * v for v in each if not math.isnan(v)) for n, each in values.items()
            if not all(map(math.isnan, each))}  # fmt: skip
    shown = [v for line in axes.get_lines() for v in np.asarray(line.get_ydata(), float)
             if not math.isnan(v)]  # fmt: skip
    if quantity == "loss":
        limits(axes, np.array(shown), percent=False)
    elif shown:
        ordered = np.sort(shown)
        low = float(ordered[len(ordered) // 20])  # the first epochs of a run may lie far below
        high = float(ordered[-1])
        margin = 0.08 * (high - low) or 1.0
        axes.set_ylim(low - margin, high + margin)
    unit = {"accuracy": "accuracy (%)", "r2": "share of the variance explained"}
    words = {"color": theme.muted, "fontsize": 9, "fontfamily": FONT}
    axes.set_ylabel(unit.get(quantity, "mean loss of an example"), **words)  # type: ignore[arg-type]
    axes.set_xlabel("seconds of training" if against == "seconds" else "epoch", **words)  # type: ignore[arg-type]
    title = {"r2": "R2"}.get(quantity, quantity.capitalize())
    if best:
        first = min(best, key=lambda name: best[name])
        reached = f"{sign * best[first]:.4g}{' %' if quantity == 'accuracy' else ''}"
        heading(axes, title, f"best on test: {reached}, {plain(first, 40)}", theme)
    else:
        heading(axes, title, "no test values", theme)
    if quantity == "loss":
        legend = axes.legend(frameon=False, fontsize=8.5, labelcolor=theme.ink, loc="best")
        legend.set_title("test; training dashed")
        legend.get_title().set(color=theme.muted, fontsize=8, fontfamily=FONT)
