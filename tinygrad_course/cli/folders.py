"""Where runs lie: a folder each, never one over another. Read next: `train.py`."""

from __future__ import annotations

from pathlib import Path

from ..errors import CheckpointError, DataError

RUNS = Path("runs")
LAST, BEST = "last.safetensors", "best.safetensors"


def new_folder(name: str) -> Path:
    """Make runs/NAME, or runs/NAME-2, -3, ... where that exists already.

    Making it claims it: two runs that start together get two folders.
    """
    number = 1
    while True:
        folder = RUNS / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder


def given_folder(folder: Path) -> Path:
    """Make the folder that the user named.

    Raises:
        DataError: it is a file, or holds a run already.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"--out: {folder} is a file; name a folder, which is made if missing")
    held = next((name for name in (LAST, BEST, "log.jsonl") if (folder / name).exists()), None)
    if held is not None:
        raise DataError(
            f"--out: {folder} holds a run already ({held}), and nothing is overwritten; name "
            f"another folder, or go on with that run: `tgc train --resume {folder}`"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def newest_first() -> list[Path]:
    """The runs below `runs/`, the one whose checkpoint was written last at the front."""
    found = [path for name in (LAST, BEST) for path in RUNS.glob(f"*/{name}")]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return list(dict.fromkeys(path.parent for path in found))


def checkpoint_in(place: Path | None, prefer: str = LAST) -> Path:
    """The checkpoint that the user means: a file, a run's folder, or nothing for the newest run.

    The name of a run below `runs/` is enough, where there is no such file or folder here.

    Raises:
        CheckpointError: there is none.
    """
    if place is None:
        runs = newest_first()
        if not runs:
            raise CheckpointError(
                f"there is no trained model in {RUNS.absolute()}; `tgc train` trains one, or name "
                "the folder of a run elsewhere"
            )
        place = runs[0]
    if not place.exists() and (RUNS / place).is_dir():
        place = RUNS / place
    if not place.is_dir():
        return place
    for name in (prefer, LAST, BEST):
        if (place / name).is_file():
            return place / name
    raise CheckpointError(
        f"{place}: expected the folder of a run, but there is no {LAST} in it; "
        "name a folder below runs/, or a .safetensors file"
    )
