"""Writing figures: to bytes, or to a file that is never seen half written.

Read `report.py` next, which puts the same bytes into one page.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def png_bytes(figure: Figure, dpi: float = 160) -> bytes:
    """The figure as the bytes of a PNG file; the same figure gives the same bytes."""
    buffer = BytesIO()
    figure.savefig(
        buffer,
        format="png",
        dpi=dpi,
        facecolor=figure.get_facecolor(),
        bbox_inches=None,
        metadata={"Software": None},
    )
    return buffer.getvalue()


def save_png(figure: Figure, path: str | Path, dpi: float = 160) -> Path:
    """Write a figure to a PNG file; a reader sees the old file or the whole new one.

    Args:
        figure: any matplotlib figure.
        path: where; missing folders are made.
        dpi: pixels per inch.

    Returns:
        The path.

    Raises:
        FileError: the file cannot be written; an older one stays as it was.
    """
    return replace_file(path, png_bytes(figure, dpi))
