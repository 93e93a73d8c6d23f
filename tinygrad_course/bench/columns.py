"""How each kind of row is shown, in the terminal and on the page alike.

Read next: `page.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Column(NamedTuple):
    """A heading, and what stands under it."""

    title: str
    cell: Callable[[Row], str]
    number: bool = True


def digits(value: float | None, unit: str = "") -> str:
    """Three significant digits, without an exponent; a dash for what is not known.

    Example:
        >>> digits(0.08349), digits(133.7, " ms"), digits(2345.6), digits(None)
        ('0.0835', '134 ms', '2346', '-')
    """
    if value is None:
        return "-"
    size = abs(value)
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 else 4
    return f"{value:.{places}f}{unit}"


def band(low: float | None, high: float | None) -> str:
    """The spread in words.

    Example:
        >>> band(0.31, 0.345)
        '0.310 to 0.345'
    """
    return "" if low is None or high is None else f"{digits(low)} to {digits(high)}"


def _text(name: str) -> Callable[[Row], str]:
    return lambda row: str(row.get(name) or "")


def _number(name: str) -> Callable[[Row], str]:
    return lambda row: digits(row.get(name))


def _implementation(row: Row) -> str:
    """Its name, with a star where it is the one that runs; in a word what is wrong with it."""
    name = f"{row['implementation']}{' *' if row['chosen'] else ''}"
    return f"{name} {row['fault'].partition(':')[0].upper()}" if row.get("fault") else name


def _percent(row: Row) -> str:
    share = row["percent"]
    return "-" if share is None else f"{share:.{1 if share < 10 else 0}f} %"


COLUMNS: dict[str, tuple[Column, ...]] = {
    "steps": (
        Column("step", _text("step"), number=False),
        Column("peer", lambda row: row["peer"] or "none", number=False),
        Column("ms", _number("ms")),
        Column("", lambda row: band(row["ms_low"], row["ms_high"]), number=False),
        Column("peer ms", _number("peer_ms")),
        Column("ratio", _number("ratio")),
        Column("", lambda row: band(row["ratio_low"], row["ratio_high"]), number=False),
        Column("peak MB", _number("peak_mb")),
        Column("peer's", _number("peer_peak_mb")),
        Column("first ms", _number("first_ms")),
    ),
    "profile": (
        Column("step", _text("step"), number=False),
        Column("op", _text("op"), number=False),
        Column("implementation", _text("implementation"), number=False),
        Column("calls", lambda row: f"{row['calls']:g}"),
        Column("ms", _number("ms")),
        Column("share", lambda row: f"{100 * row['share']:.1f} %"),
    ),
    "kernels": (
        Column("op", _text("op"), number=False),
        Column("size", _text("size"), number=False),
        Column("implementation", _implementation, number=False),
        Column("us", _number("us")),
        Column("", lambda row: band(row["us_low"], row["us_high"]), number=False),
        Column("GB/s", _number("gigabytes_per_second")),
        Column("GFLOP/s", _number("gigaflops")),
        Column("% of", _percent),
        Column("ceiling", _text("bound"), number=False),
        Column("error", lambda row: "-" if row["error"] is None else f"{row['error']:.0e}"),
        Column("x NumPy", _number("speedup")),
        Column("x 1 thread", _number("speedup_one")),
        Column("first ms", _number("first_ms")),
    ),
    "ceiling": (
        Column("what", _text("what"), number=False),
        Column("threads", _text("threads")),
        Column("GB/s", _number("gigabytes_per_second")),
        Column("GFLOP/s", _number("gigaflops")),
    ),
    "overhead": (
        Column("engine", _text("engine"), number=False),
        Column("forward us", _number("forward_us")),
        Column("forward and backward us", _number("us")),
        Column("ratio", _number("ratio")),
        Column("", lambda row: band(row["ratio_low"], row["ratio_high"]), number=False),
    ),
}


def cells_of(kind: str, row: Row) -> list[str]:
    """One row as text, in the order of its columns."""
    return [column.cell(row) for column in COLUMNS[kind]]
