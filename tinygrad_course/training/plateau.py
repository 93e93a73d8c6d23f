"""Reduce on plateau: a hyper-parameter that shrinks when the validation error no longer does.

It is a hyper-parameter like any schedule (a function of the step), and a callback that `fit` tells
the error; the optimizer is not patched. Read `optim/schedules.py` for those that need no error.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..errors import ArgumentError, nearest

if TYPE_CHECKING:
    from ..train import Record, Training


class ReduceOnPlateau:
    """A value that is multiplied by a factor when an error stopped getting better.

    An error is better if it is below best (1 - threshold) ("rel") or best - threshold ("abs"); for
    mode "max" it is an accuracy, and better above best (1 + threshold) or best + threshold. After
    more than `patience` epochs in a row that were not better, value = max(value factor, minimum).
    A NaN is never better. The words and the arithmetic are PyTorch's.

    Given to an optimizer it acts where it stands; it must be told the error after each epoch: as a
    callback of `fit`, or by `update` in a loop of your own. As a callback it looks at the run's
    history alone, so a resumed run goes on with the value that the whole one would have had.

    Args:
        value: to begin with, such as the learning rate; above 0.
        factor: between 0 and 1.
        patience: epochs without a better error that are forgiven.
        threshold: how much better counts.
        threshold_mode: "rel" or "abs".
        cooldown: epochs after a reduction in which none is counted as bad.
        minimum: the lowest value.
        eps: a reduction by no more than this is not made.
        mode: "min" for errors, "max" for accuracies.
        watch: the key of the epochs' records, for `fit`.

    Attributes:
        value: as it is now.

    Raises:
        ArgumentError: an argument out of its range.

    Example:
        >>> lr = ReduceOnPlateau(0.1, factor=0.5, patience=1)
        >>> for error in (1.0, 0.8, 0.9, 0.8, 0.7):
        ...     reduced = lr.update(error)
        ...     print(lr(0), reduced)
        0.1 False
        0.1 False
        0.1 False
        0.05 True
        0.05 False
        >>> from tinygrad_course import Parameter, optim
        >>> optim.SGD([Parameter([1.0])], lr=lr).lr
        0.05
    """

    def __init__(
        self,
        value: float,
        *,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        minimum: float = 0.0,
        eps: float = 1e-8,
        mode: str = "min",
        watch: str = "test_loss",
    ) -> None:
        for name, given, right in (
            ("value", value, 0 < value < math.inf),
            ("factor", factor, 0 < factor < 1),
            ("patience", patience, patience >= 0),
            ("threshold", threshold, 0 <= threshold < math.inf),
            ("cooldown", cooldown, cooldown >= 0),
            ("minimum", minimum, 0 <= minimum <= value),
            ("eps", eps, 0 <= eps < math.inf),
        ):
            if not right:
                expected = {"value": "a finite number above 0", "factor": "between 0 and 1",
                            "minimum": f"from 0 to value, {value}"}  # fmt: skip
                raise ArgumentError(
                    f"ReduceOnPlateau: {name} expects a number "
                    f"{expected.get(name, 'of at least 0')}, but got {given!r}"
                )
        for name, word, words in (
            ("mode", mode, ("min", "max")),
            ("threshold_mode", threshold_mode, ("rel", "abs")),
        ):
            if word not in words:
                raise ArgumentError(
                    f"ReduceOnPlateau: there is no {name} {word!r}; {nearest(word, words)}"
                )
        self.start, self.factor, self.patience = float(value), factor, patience
        self.threshold, self.threshold_mode, self.mode = threshold, threshold_mode, mode
        self.cooldown, self.minimum, self.eps, self.watch = cooldown, minimum, eps, watch
        self.reset()

    def reset(self) -> None:
        """Forget what was told, and begin with the first value again."""
        self.value = self.start
        self.best = math.inf if self.mode == "min" else -math.inf
        self._bad = self._cooling = 0

    def __call__(self, step: int) -> float:
        """The value now; the step does not matter, the errors do."""
        return self.value

    def __repr__(self) -> str:
        return f"ReduceOnPlateau({self.start!r}, factor={self.factor!r}, now={self.value!r})"

    def update(self, error: float) -> bool:
        """Tell the next epoch's error.

        Returns:
            Whether the value was reduced.
        """
        if self._better(error):
            self.best, self._bad = error, 0
        else:
            self._bad += 1
        if self._cooling:
            self._cooling -= 1
            self._bad = 0
        if self._bad <= self.patience:
            return False
        self._bad, self._cooling = 0, self.cooldown
        reduced = max(self.value * self.factor, self.minimum)
        if self.value - reduced <= self.eps:
            return False
        self.value = reduced
        return True

    def on_start(self, run: Training) -> None:
        """Read what came before."""
        self.reset()
        for record in run.progress.history:
            self.on_epoch(run, record)

    def on_epoch(self, run: Training, record: Record) -> None:
        """Tell the epoch's error."""
        error = record.get(self.watch)
        if error is None:
            raise ArgumentError(
                f"ReduceOnPlateau: the epochs' records expect {self.watch!r}, but epoch "
                f"{record['epoch']} has none; give Training(test=...) data to evaluate on, or "
                "watch='train_loss'"
            )
        self.update(error)

    def _better(self, error: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            bound = self.best * (1 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return error < bound if self.mode == "min" else error > bound
