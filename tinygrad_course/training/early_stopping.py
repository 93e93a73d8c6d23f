"""When to stop: a criterion asked after each epoch, or fourteen asked about a recorded run.

`EarlyStopping` is the callback of `fit`, `replay` shows what each criterion would have cost.
`stopping_criteria.py` has the criteria; read `plateau.py` next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ArgumentError, DataError
from .stopping_criteria import (
    ALL_14,
    GL,
    PQ,
    SAFETY,
    UP,
    Criterion,
    Errors,
    Safety,
    generalization_loss,
    positive,
    training_progress,
)

if TYPE_CHECKING:
    from ..train import Record, Training

__all__ = [
    "ALL_14",
    "GL",
    "PQ",
    "SAFETY",
    "UP",
    "Criterion",
    "EarlyStopping",
    "Errors",
    "Safety",
    "Stop",
    "Watch",
    "generalization_loss",
    "replay",
    "table",
    "training_progress",
]


class Watch:
    """A criterion, asked after each epoch.

    Args:
        criterion: what stops.
        safety: what stops otherwise, or None.

    Attributes:
        errors: what it was told.
        stopped: the name of what stopped first, or None.
    """

    def __init__(self, criterion: Criterion, safety: Criterion | None = SAFETY) -> None:
        self.criterion = criterion
        self.safety = safety
        self.errors = Errors()
        self.stopped: str | None = None

    def update(self, train_error: float, validation_error: float | None = None) -> bool:
        """Tell the errors of the next epoch, and whether to stop after it.

        Args:
            train_error: E_tr(t).
            validation_error: E_va(t), or None where it was not measured.

        Returns:
            True from the epoch on after which to stop.

        Raises:
            ArgumentError: an error below 0, a NaN or an infinity.
            DataError: no validation error where a strip ends.
        """
        self.errors.append(train_error, validation_error)
        for each in (self.criterion, self.safety):
            if self.stopped is None and each is not None and each.holds(self.errors):
                self.stopped = each.name
        return self.stopped is not None


class EarlyStopping:
    """The callback: stops `fit` where a criterion says so.

    It looks at the run's history alone, so a resumed run stops where the whole one would have. The
    model to keep is the one with the lowest validation error, not the last: save it on the way.

    Args:
        criterion: such as `GL(5)`, `PQ(0.5)` or `UP(3)`.
        safety: what stops otherwise, or None.
        train: the key of E_tr in the epochs' records.
        validation: the key of E_va. Data that decide when to stop are no longer test data.

    Example:
        >>> from tinygrad_course import data, models, optim, train
        >>> digits = data.load("digits")
        >>> model = models.build("mlp", input_shape=digits.input_shape, classes=10)
        >>> adam = optim.Adam(model.named_parameters(), lr=0.05)
        >>> loader = data.DataLoader(*digits.train, 32, shuffle=True)
        >>> run = train.Training(model, adam, loader, epochs=100, test=digits.test)
        >>> history = train.fit(run, [EarlyStopping(UP(1, k=2))])
        >>> len(history) < 100, run.stopped.startswith("UP 1")
        (True, True)
    """

    def __init__(
        self,
        criterion: Criterion,
        *,
        safety: Criterion | None = SAFETY,
        train: str = "train_loss",
        validation: str = "test_loss",
    ) -> None:
        self.criterion, self.safety = criterion, safety
        self.train, self.validation = train, validation
        self.watch = Watch(criterion, safety)

    def on_start(self, run: Training) -> None:
        """Read what came before; a run that was stopped stays stopped."""
        if run.test is None:
            raise ArgumentError(
                "EarlyStopping: validation data are expected, but the run has none to evaluate on; "
                "give Training(test=...) a part that is not trained on"
            )
        self.watch = Watch(self.criterion, self.safety)
        for record in run.progress.history:
            self._look(run, record)

    def on_epoch(self, run: Training, record: Record) -> None:
        """Ask."""
        self._look(run, record)

    def _look(self, run: Training, record: Mapping[str, Any]) -> None:
        errors = record[self.train], record[self.validation]
        if not all(math.isfinite(error) for error in errors):
            run.stop(f"the errors of epoch {record['epoch']} are not finite")
        elif self.watch.update(*errors) and not run.stopped:
            run.stop(
                f"{self.watch.stopped} (the lowest {self.validation} was "
                f"{self.watch.errors.lowest[-1]:.4g})"
            )


class Stop(NamedTuple):
    """Where a criterion would have stopped a recorded run, and what that costs.

    Attributes:
        criterion: its name.
        stopped_by: its name, "safety", or "end" where the record ends before.
        epoch: after which training stops, from 1.
        error: the last validation error measured by then.
        best_epoch: where the lowest by then was, the one whose weights are kept.
        best_error: that error.
        loss: percent by which it lies above the lowest of the whole record.
        time: seconds by then, or epochs where the record has no seconds.
        share: that, as a share of the whole record's.
    """

    criterion: str
    stopped_by: str
    epoch: int
    error: float
    best_epoch: int
    best_error: float
    loss: float
    time: float
    share: float


def replay(
    records: Sequence[Mapping[str, Any]],
    criteria: Sequence[Criterion] = ALL_14,
    *,
    safety: Criterion | None = SAFETY,
    train: str = "train_loss",
    validation: str = "test_loss",
    every: int = 1,
) -> list[Stop]:
    """Where would each criterion have stopped this run?

    Args:
        records: one for each epoch, as `fit` returns them and the log holds them; a validation
            error that is missing or None was not measured.
        criteria: which to ask.
        safety: what stops otherwise, or None.
        train: the key of the training error.
        validation: the key of the validation error.
        every: use the validation error of each so many epochs only; Prechelt measured it at the
            ends of strips, which is every=5.

    Returns:
        One `Stop` for each criterion, in their order; `table` prints them.

    Raises:
        DataError: no records, no validation errors, or a missing training error.
        ArgumentError: an error below 0, a NaN or an infinity; every below 1.

    Example:
        >>> errors = [5, 4, 3, 3.5, 4, 2, 3]
        >>> records = [{"train_loss": 1 / (i + 1), "test_loss": e} for i, e in enumerate(errors)]
        >>> stop, = replay(records, [GL(20)])
        >>> stop.epoch, stop.error, stop.best_epoch, stop.best_error, stop.loss
        (5, 4.0, 3, 3.0, 50.0)
    """
    positive("replay", "every", every)
    whole = Errors()
    for number, record in enumerate(records, 1):
        if record.get(train) is None:
            raise DataError(
                f"replay: records expects {train!r} in each epoch, but epoch {number} has none; "
                f"its keys are {', '.join(map(str, record))} (a log has null where a run diverged)"
            )
        measured = record.get(validation) if number % every == 0 else None
        whole.append(record[train], measured)
    if not whole.lowest or not math.isfinite(whole.lowest[-1]):
        raise DataError(
            f"replay: records expects epochs with {validation!r}, but none of {len(records)} has "
            "it; train with data to evaluate on, or name another key"
        )
    seconds = [record.get("seconds") for record in records]
    timed = [1.0 if None in seconds else float(each or 0.0) for each in seconds]
    return [_stop(Watch(each, safety), whole, timed) for each in criteria]


def _stop(watch: Watch, whole: Errors, seconds: list[float]) -> Stop:
    for errors in zip(whole.train, whole.validation, strict=True):
        if watch.update(*errors):
            break
    seen = watch.errors
    epoch, best = len(seen.train), seen.lowest[-1]
    measured = [error for error in seen.validation if error is not None]
    time, total = sum(seconds[:epoch]), sum(seconds)
    return Stop(
        criterion=watch.criterion.name,
        stopped_by=watch.stopped or "end",
        epoch=epoch,
        error=measured[-1] if measured else math.nan,
        best_epoch=seen.validation.index(best) + 1 if measured else 0,
        best_error=best,
        loss=generalization_loss(best, whole.lowest[-1]),
        time=time,
        share=time / total if total else 1.0,
    )


def table(stops: Sequence[Stop]) -> str:
    """The stops as text, one line each.

    Example:
        >>> records = [{"train_loss": 1 / e, "test_loss": abs(e - 4) + 2} for e in range(1, 9)]
        >>> print(table(replay(records, [GL(60), UP(1, k=2)])))
        criterion  stopped by  epoch   error    best  at epoch  loss %  time %
        GL 60      GL 60           6       4       2         4     0.0    75.0
        UP 1       UP 1            6       4       2         4     0.0    75.0
    """
    lines = ["criterion  stopped by  epoch   error    best  at epoch  loss %  time %"]
    lines += [
        f"{stop.criterion:<9}  {stop.stopped_by:<10}  {stop.epoch:5}  {stop.error:6.4g}  "
        f"{stop.best_error:6.4g}  {stop.best_epoch:8}  {stop.loss:6.1f}  {100 * stop.share:6.1f}"
        for stop in stops
    ]
    return "\n".join(lines)
