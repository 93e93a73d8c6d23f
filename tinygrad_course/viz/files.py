"""Writing figures: to bytes, or to a file that is never seen half written.

Read `report.py` next, which puts the same bytes into one page.
"""

from __future__ import annotations

import contextlib
import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError

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
        DataError: the file cannot be written; an older one stays as it was.
    """
    return write_whole("save_png", path, png_bytes(figure, dpi))


def write_whole(function: str, path: str | Path, data: bytes) -> Path:
    """Write `data` under a temporary name beside `path`, then rename: all of it or nothing."""
    path = Path(path)
    if path.exists() and not path.is_file():
        # A rename would replace a device or a pipe by a file, for everyone on the machine.
        raise DataError(
            f"{function}: {path} expects to be a file or not to exist, but is a folder or a "
            "device; give the name of a file"
        )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise DataError(
            f"{function}: {path} cannot be written ({error.strerror or error}); free some space "
            "or choose another folder. A file that stood there before is unchanged"
        ) from error
    return path
