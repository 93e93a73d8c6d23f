"""What a check of `tgc doctor` finds: one line, its state, and what helps.

Read next: `checks.py`, which makes them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from .terminal import size

OK, NOTE, BROKEN = "ok", "note", "broken"
LITTLE_DISK = 200_000_000


class Finding(NamedTuple):
    """One line of the doctor.

    Attributes:
        section: the heading it stands under.
        name: what was looked at.
        value: what was found.
        state: "ok", "note" (it works, and could be better) or "broken".
        remedy: what to do; empty if ok.
    """

    section: str
    name: str
    value: str
    state: str = OK
    remedy: str = ""


Check = Callable[[], Iterator[Finding]]


def writable(section: str, name: str, folder: Path, remedy: str) -> Finding:
    """Try to write a file there, or in the nearest folder above that exists already."""
    present = next((p for p in (folder, *folder.parents) if p.exists()), folder)
    try:
        with tempfile.TemporaryFile(dir=present) as file:
            file.write(b"x" * 4096)
        free = shutil.disk_usage(present).free
    except OSError as error:
        value = f"{folder} cannot be written ({error.strerror or error})"
        return Finding(section, name, value, BROKEN, remedy)
    value = f"{folder}, {size(free)} free"
    if free < LITTLE_DISK:
        return Finding(section, name, value, NOTE, f"little space is left: free some, or {remedy}")
    return Finding(section, name, value)
