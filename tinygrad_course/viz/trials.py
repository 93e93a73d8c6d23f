"""The trials of a search as a picture: a panel for each setting, the score over its values.

A panel that is flat says that its setting hardly matters; one with a hill says where to look on.
`training/search.py` makes the trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError
from .style import FONT, LIGHT, Theme, blank_figure, heading, plain, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def search_trials(
    trials: Sequence[Mapping[str, Any]],
    *,
    log: Sequence[str] = (),
    score: str = "accuracy",
    theme: Theme = LIGHT,
) -> Figure:
    """Draw the score of every trial over each of its settings; the best one is ringed.

    Args:
        trials: records with `settings` and `score`; one without a score stands at the foot as x.
        log: the settings with a logarithmic axis.
        score: what it is: "accuracy" (drawn in percent) or "R2".
        theme: the colours.

    Raises:
        ArgumentError: no trial with a score.

    Example:
        >>> trials = [{"settings": {"lr": rate}, "score": 1 - rate} for rate in (0.1, 0.5)]
        >>> search_trials(trials, log=["lr"]).axes[0].get_xlabel()
        'lr'
    """
    scored = [trial for trial in trials if trial["score"] is not None]
    if not scored:
        raise ArgumentError(
            f"search_trials: trials expects one with a score, but all {len(trials)} failed; search "
            "among lower rates"
        )
    factor = 100 if score == "accuracy" else 1
    fields = list(scored[0]["settings"])
    columns = min(len(fields), 3)
    rows = -(-len(fields) // columns)
    figure = blank_figure(max(4.0 * columns, 5.2), 3.4 * rows + 0.2, theme)
    best = max(scored, key=lambda trial: trial["score"])
    values = [factor * trial["score"] for trial in scored]
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 1.0
    for place, field in enumerate(fields):
        axes = figure.add_subplot(rows, columns, place + 1)
        quiet(axes, theme)
        axes.set_ylim(low - 2 * margin, high + margin)
        where = _positions(axes, trials, field, field in log)
        for trial, x in zip(trials, where, strict=True):
            failed = trial["score"] is None
            y = low - 1.5 * margin if failed else factor * trial["score"]
            axes.plot(x, y, "x" if failed else "o", color=theme.muted if failed else theme.train,
                      markersize=5, alpha=0.75, zorder=3)  # fmt: skip
            if trial is best:
                axes.plot(x, y, "o", color=theme.test, markersize=8, zorder=4)
        axes.set_xlabel(field.replace("_", " "), color=theme.muted, fontsize=9, fontfamily=FONT)
        if place == 0:
            unit = "accuracy (%)" if score == "accuracy" else score
            axes.set_ylabel(unit, color=theme.muted, fontsize=9, fontfamily=FONT)
            words = ", ".join(f"{name} {value}" for name, value in best["settings"].items())
            shown = f"{factor * best['score']:.4g}{' %' if factor == 100 else ''}"
            heading(axes, f"{len(trials)} trials", f"best: {shown} with {plain(words, 90)}", theme)
            for text in axes.texts:  # it may reach over the next panels
                text.set_in_layout(False)
    return figure


def _positions(
    axes: Axes, trials: Sequence[Mapping[str, Any]], field: str, log: bool
) -> list[float]:
    """Where each trial's value lies on the axis; names stand side by side."""
    given = [trial["settings"][field] for trial in trials]
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool)
                  for value in given)  # fmt: skip
    if numbers and len(set(given)) > 6:
        if log:
            axes.set_xscale("log")
        return [float(value) for value in given]
    names = sorted(set(given), key=lambda value: value if numbers else str(value))
    axes.set_xticks(range(len(names)), [plain(f"{n:g}" if numbers else n, 12) for n in names])
    axes.set_xlim(-0.6, len(names) - 0.4)
    spread = np.random.default_rng(0).uniform(-0.12, 0.12, len(given))
    return [names.index(value) + float(off) for value, off in zip(given, spread, strict=True)]
