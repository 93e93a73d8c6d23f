"""The one look of every figure: two themes, a blank figure, quiet axes, text that is never parsed.

Figures are made through matplotlib's objects on an Agg canvas; pyplot and its global settings are
neither read for style nor changed. Read `curves.py` next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONT = "DejaVu Sans"  # ships with matplotlib, so that a figure is the same on every machine


@dataclass(frozen=True)
class Theme:
    """Colours that people of every colour vision tell apart (blue against orange, never red-green).

    `train` and `test` are the two curves; `right` shades correct cells from none to all;
    `wrong` shades mistakes from one to the most frequent.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    train: str
    test: str
    right: tuple[str, str]
    wrong: tuple[str, ...]


LIGHT = Theme(
    paper="#ffffff",
    ink="#1c2430",
    muted="#667085",
    grid="#e6e9ee",
    train="#0072b2",
    test="#d55e00",
    right=("#f1f5f9", "#cfe0ee"),
    wrong=("#fee9d6", "#f9b97f", "#e5721f", "#a63f03"),
)
DARK = Theme(
    paper="#171c24",
    ink="#e8ecf2",
    muted="#9aa4b2",
    grid="#2b323d",
    train="#56b4e9",
    test="#f0a23c",
    right=("#1d242e", "#27435a"),
    wrong=("#3d2c1d", "#7d4a17", "#cf7a1f", "#ffc27a"),
)


def blank_figure(width: float, height: float, theme: Theme) -> Figure:
    """An empty figure of `width` x `height` inches that belongs to nobody else."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12, wspace=0.06, hspace=0.06)
    figure = Figure(figsize=(width, height), facecolor=theme.paper, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def quiet(axes: Axes, theme: Theme, *, grid: bool = True) -> None:
    """Leave of an axes what carries information: faint lines, small labels, no box."""
    axes.set_facecolor(theme.paper)
    for side, spine in axes.spines.items():
        spine.set_visible(grid and side == "bottom")
        spine.set_color(theme.muted)
        spine.set_linewidth(0.8)
    axes.tick_params(
        which="both", length=0, colors=theme.muted, labelsize=9, labelfontfamily=FONT, pad=5
    )
    axes.set_axisbelow(True)
    axes.grid(visible=False, which="both")
    if grid:
        axes.grid(visible=True, which="major", axis="y", color=theme.grid, linewidth=0.8)


def heading(axes: Axes, title: str, subtitle: str, theme: Theme) -> None:
    """A bold title at the left and, under it, what the reader should take home."""
    axes.set_title(
        title,
        loc="left",
        color=theme.ink,
        fontsize=12,
        fontweight="bold",
        fontfamily=FONT,
        pad=24,
        parse_math=False,
    )
    axes.annotate(
        subtitle,
        (0, 1),
        xytext=(0, 9),
        xycoords="axes fraction",
        textcoords="offset points",
        color=theme.muted,
        fontsize=9,
        fontfamily=FONT,
        parse_math=False,
    )


def plain(text: object, width: int = 14) -> str:
    """One short line: white space joined, cut at `width` characters with an ellipsis."""
    line = " ".join(str(text).split())
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def names_of(
    function: str, class_names: Sequence[object] | None, classes: int, *, at_least: bool = False
) -> list[str]:
    """A name for each of `classes` classes: the given ones (or more), or their numbers."""
    if class_names is None:
        return [str(number) for number in range(classes)]
    given = len(class_names)
    if given < classes or (given > classes and not at_least):
        raise ShapeError(
            f"{function}: class_names expects {classes} names, one a class, but got {given}; "
            "name every class in the order of its number"
        )
    return [str(name) for name in class_names]
