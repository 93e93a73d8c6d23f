"""Who looks on while `fit` trains: the log, the checkpoints, patience. Any object will do.

    folder = RunFolder("runs/first")
    fit(run, [NonFinite(), *folder.callbacks(), Patience(5)])

A callback has some of the methods that `fit` lists. Those that save stand before those that stop.
Read next: `nonfinite.py`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checkpoint import save
from ..errors import ArgumentError, CheckpointError
from ..files import remove_leftovers, replace_file, unwritable
from ..train import Record, Training
from .nonfinite import NonFinite


def score_of(record: Record) -> float | None:
    """An epoch's test accuracy, or R2 for a regression; None where nothing was tested.

    Example:
        >>> score_of({"test_r2": 0.5}), score_of({"test_accuracy": None})
        (0.5, None)
    """
    score = record.get("test_accuracy", record.get("test_r2"))
    return None if score is None else float(score)


def time_to(history: Sequence[Record], score: float) -> float | None:
    """Seconds of training until an epoch reached a test accuracy (or R2); None if none did.

    Example:
        >>> history = [{"test_accuracy": a, "seconds": 2.0} for a in (0.8, 0.95, 0.9)]
        >>> time_to(history, 0.9), time_to(history, 0.99)
        (4.0, None)

    References:
        Coleman et al., "DAWNBench: An end-to-end deep learning benchmark and competition", 2017.
    """
    seconds: float = 0.0
    for record in history:
        seconds += float(record["seconds"])
        reached = score_of(record)
        if reached is not None and reached >= score:
            return seconds
    return None


def best_epoch(history: Sequence[Record]) -> Record | None:
    """The first record with the highest test accuracy or R2; without tests, the lowest loss.

    Example:
        >>> best_epoch([{"epoch": 1, "test_accuracy": 0.9}, {"epoch": 2, "test_accuracy": 0.8}])
        {'epoch': 1, 'test_accuracy': 0.9}
    """
    tested = [(score_of(record), record) for record in history]
    scores = [score for score, _ in tested if score is not None and not math.isnan(score)]
    if scores:
        best: Record = next(record for score, record in tested if score == max(scores))
        return best
    return min(history, key=lambda record: float(record["train_loss"]), default=None)


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Attributes:
        path: the folder; it is made when something is written.

    Example:
        >>> RunFolder(Path("runs/first")).last.as_posix()
        'runs/first/last.safetensors'
    """

    path: Path

    @property
    def last(self) -> Path:
        """The newest checkpoint: what a resumed run starts from."""
        return self.path / "last.safetensors"

    @property
    def best(self) -> Path:
        """The checkpoint after the epoch with the highest test accuracy."""
        return self.path / "best.safetensors"

    @property
    def log(self) -> Path:
        """One JSON record a line, one line an epoch."""
        return self.path / "log.jsonl"

    def callbacks(self, every: int | None = 100) -> list[Any]:
        """The log and the checkpoints, in the order in which they must be told.

        Args:
            every: also save after so many optimizer steps; None saves after epochs only.
        """
        return [JsonlLog(self.log), CheckpointCallback(self, every)]

    def claim(self) -> None:
        """Make sure that no earlier run would be overwritten.

        Raises:
            CheckpointError: there is a checkpoint already, or the folder cannot be made.
        """
        if self.last.exists():
            raise CheckpointError(
                f"{self.path} already holds a run, which would be overwritten; resume it, or "
                "choose another folder"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from error


class JsonlLog:
    """Writes each epoch's record as a line of JSON.

    When a run starts anew the file is emptied; when it is resumed, the lines of later steps than
    its checkpoint's are cut off, as is a line that a crash left unfinished.

    Args:
        path: the file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def on_start(self, run: Training) -> None:
        """Bring the file to the step at which the run stands."""
        remove_leftovers(self.path)
        lines = self._lines_up_to(run.progress.step) if run.progress.step else []
        logged = {json.loads(line).get("epoch") for line in lines}
        lines += [_line(r) for r in run.progress.history if r["epoch"] not in logged]
        replace_file(self.path, "".join(lines).encode())

    def on_epoch(self, run: Training, record: Record) -> None:
        """Append the record, and bring it to the disk."""
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_line(record))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from error

    def _lines_up_to(self, step: int) -> list[str]:
        """The whole lines of records up to `step`."""
        kept: list[str] = []
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            raise CheckpointError(
                f"{self.path} cannot be read ({error.strerror}); look at its permissions"
            ) from error
        for line in content.decode("utf-8", "replace").splitlines(keepends=True):
            try:
                record = json.loads(line)
                if not line.endswith("\n") or record.get("step", 0) > step:
                    break
            except (ValueError, AttributeError, TypeError):
                break
            kept.append(line)
        return kept


class CheckpointCallback:
    """Saves the run after each epoch, every so many steps, and when it is better than before.

    Args:
        folder: where.
        every: also save after so many optimizer steps; None saves after epochs only.
    """

    def __init__(self, folder: RunFolder, every: int | None = 100) -> None:
        if every is not None and every < 1:
            raise ArgumentError(f"CheckpointCallback: every must be at least 1, but it is {every}")
        self.folder = folder
        self.every = every

    def on_start(self, run: Training) -> None:
        """Save the beginning, so that a run can be resumed from its first second on."""
        remove_leftovers(self.folder.last)
        remove_leftovers(self.folder.best)
        if run.progress.step == 0:
            save(self.folder.last, run)

    def on_batch(self, run: Training) -> None:
        """Save within an epoch; not at its end, where `on_epoch` does."""
        progress = run.progress
        if self.every and progress.step % self.every == 0 and progress.batch < len(run.loader):
            save(self.folder.last, run)

    def on_epoch(self, run: Training, record: Record) -> None:
        """Save; the best one first, since from the last one on it would not be made again."""
        if best_epoch(run.progress.history) is record:
            save(self.folder.best, run)
        save(self.folder.last, run)


class Patience:
    """Stops training after some epochs without a better test accuracy.

    It looks at the run's history alone, so a resumed run stops where the whole one would have.

    Args:
        epochs: how many, at least 1.

    References:
        Prechelt, "Early stopping - but when?", 1998: this is his criterion UP, on accuracy.
    """

    def __init__(self, epochs: int) -> None:
        if epochs < 1:
            raise ArgumentError(f"Patience: epochs must be at least 1, but it is {epochs}")
        self.epochs = epochs

    def on_start(self, run: Training) -> None:
        """A run that was stopped stays stopped."""
        self._look(run)

    def on_epoch(self, run: Training, record: Record) -> None:
        """Count from the best epoch."""
        self._look(run)

    def _look(self, run: Training) -> None:
        best = best_epoch(run.progress.history)
        if best is not None and run.progress.epoch - best["epoch"] >= self.epochs:
            score = "R2" if run.regression else "accuracy"
            run.stop(
                f"no better test {score} for {self.epochs} epochs (the best was epoch "
                f"{best['epoch']})"
            )


class TargetScore:
    """Stops training once a test accuracy (R2 for regression) is reached: time to accuracy.

    Args:
        score: what to reach, between 0 and 1.
    """

    def __init__(self, score: float) -> None:
        self.score = score

    def on_start(self, run: Training) -> None:
        """A run that was stopped stays stopped."""
        self._look(run)

    def on_epoch(self, run: Training, record: Record) -> None:
        """Look at the newest epoch."""
        self._look(run)

    def _look(self, run: Training) -> None:
        seconds = time_to(run.progress.history, self.score)
        if seconds is not None:
            name = "an R2" if run.regression else "a test accuracy"
            run.stop(f"{name} of {self.score:g} is reached, after {seconds:.1f} s of training")


def _line(record: Record) -> str:
    """A record as one line; what JSON cannot say (NaN, infinity) becomes null."""
    plain = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }
    return json.dumps(plain) + "\n"


__all__ = [
    "CheckpointCallback",
    "JsonlLog",
    "NonFinite",
    "Patience",
    "RunFolder",
    "TargetScore",
    "best_epoch",
    "score_of",
    "time_to",
]
