"""Numbers as a reader takes them in: a few of them, and a small map of where the large ones are.

A map's cell stands for a block of the array: its value of the largest magnitude, so that one NaN in
a million is seen. Used by `screen.py` (characters) and `page.py` (HTML).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .health import health_of, host

ROWS, COLUMNS = 8, 24
RED, BLUE = (178, 24, 43), (33, 102, 172)


class Map(NamedTuple):
    """An array made small.

    Attributes:
        cells: values (rows, columns), at most 8 by 24.
        of: which part of the array it shows, as an index; "" for all of it.
        top: the largest finite magnitude.
    """

    cells: np.ndarray[Any, Any]
    of: str
    top: float


def map_of(value: Any) -> Map | None:
    """The map of an array; None where there is nothing to see: a number, or no values.

    Example:
        >>> map_of(np.arange(1600.0).reshape(40, 40)).cells.shape
        (8, 24)
    """
    array = host(value)
    if array.size < 2 or array.dtype.kind not in "fiub":
        return None
    part, of = part_of(array.astype(np.float64))
    grid = np.atleast_2d(part)
    finite = grid[np.isfinite(grid)]
    return Map(_pooled(grid), of, float(abs(finite).max()) if finite.size else 0.0)


def part_of(array: Any) -> tuple[Any, str]:
    """The matrix of an array that is shown: the first image's first channel, the first filter.

    Returns:
        The matrix, and its index in words; "" for the whole.

    Example:
        >>> part_of(np.zeros((5, 6, 7, 3)))[1], part_of(np.zeros((2, 3, 4)))[1]
        ('[0, :, :, 0]', '[0]')
    """
    if array.ndim == 4 and array.shape[0] == array.shape[1] != array.shape[2]:  # (K, K, C, O)
        return array[:, :, 0, 0], "[:, :, 0, 0]"
    if array.ndim == 4 and array.shape[1] > 1:
        return array[0, :, :, 0], "[0, :, :, 0]"
    extra = max(0, array.ndim - 2)
    return array[(0,) * extra], f"[{', '.join(['0'] * extra)}]" if extra else ""


def _pooled(grid: Any) -> Any:
    """At most ROWS by COLUMNS blocks, each as its most conspicuous value."""
    blocks = [np.array_split(grid, min(ROWS, grid.shape[0]), axis=0)]
    rows = []
    for band in blocks[0]:
        parts = np.array_split(band, min(COLUMNS, grid.shape[1]), axis=1)
        rows.append([_conspicuous(part) for part in parts])
    return np.array(rows)


def _conspicuous(block: Any) -> float:
    magnitude = np.where(np.isnan(block), np.inf, abs(block)).reshape(-1)
    nans = np.isnan(block)
    return math.nan if nans.any() else float(block.reshape(-1)[magnitude.argmax()])


def letters(value: float, top: float) -> str:
    """A cell in two characters: sign and tenths of the largest, `NN` for NaN, `II` for infinite.

    Example:
        >>> [letters(v, 2.0) for v in (2.0, -1.0, 0.01, 0.0, math.nan)]
        ['+9', '-5', '+0', ' 0', 'NN']
    """
    if math.isnan(value) or math.isinf(value):
        return "NN" if math.isnan(value) else "II"
    if value == 0 or not top:
        return " 0"
    return f"{'+' if value > 0 else '-'}{min(9, int(10 * abs(value) / top))}"


def colour(value: float, top: float) -> str:
    """A cell's colour: blue below 0, white at 0, red above; violet for NaN and infinite.

    Example:
        >>> colour(0.0, 1.0), colour(1.0, 1.0), colour(-1.0, 1.0), colour(math.inf, 1.0)
        ('#f7f7f7', '#b2182b', '#2166ac', '#c400ff')
    """
    if not math.isfinite(value):
        return "#c400ff"
    share = min(1.0, abs(value) / top) ** 0.7 if top else 0.0
    end = RED if value > 0 else BLUE
    return "#" + "".join(f"{round(247 + (c - 247) * share):02x}" for c in end)


def numbers(value: Any, most: int = 24) -> str:
    """The values, truncated; of more than two axes, those of `part_of`.

    Example:
        >>> numbers(np.array([1.0, 0.123456]))
        '[1.     0.1235]'
    """
    array = host(value)
    if not array.ndim:
        return f"{array.item():.6g}" if array.dtype.kind == "f" else str(array.item())
    if array.ndim > 2 and most < array.size:
        array = part_of(array)[0]
    return np.array2string(array, precision=4, threshold=most, edgeitems=2, max_line_width=96)


def in_words(value: Any) -> str:
    """Shape, norm and what is remarkable.

    Example:
        >>> in_words(np.array([3.0, -4.0, 0.0, 0.0]))
        '(4,)  norm 5, largest 4, 50 % zeros'
    """
    if not host(value).ndim:
        return f"()  {numbers(value)}"
    health = health_of(value)
    shape = f"({', '.join(map(str, health.shape))}{',' if len(health.shape) == 1 else ''})"
    if host(value).dtype.kind != "f" or not math.prod(health.shape):
        return f"{shape}  {host(value).dtype}"
    parts = [f"norm {health.norm:.4g}", f"largest {health.largest:.4g}"]
    if health.zero:
        parts = ["all zeros"]
    elif health.zeros:
        parts.append(f"{100 * health.zeros:.0f} % zeros")
    if health.bad:
        parts.append(health.bad)
    return f"{shape}  {', '.join(parts)}".rstrip()
