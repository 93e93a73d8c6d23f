"""Prechelt's stopping criteria: questions about the errors of a run so far.

Two formulas, three families, fourteen members. Read `early_stopping.py` next, which asks them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from ..errors import ArgumentError, DataError


def generalization_loss(error: float, lowest: float) -> float:
    """GL(t) = 100 (E_va(t) / E_opt(t) - 1): how far, in percent, above the best so far.

    E_va(t) is the validation error of epoch t itself, E_opt(t) the lowest of epochs 1 to t.

    Args:
        error: E_va(t), at least 0.
        lowest: E_opt(t), at most E_va(t).

    Example:
        >>> generalization_loss(1.25, lowest=1.0)
        25.0
    """
    if lowest == 0:
        return 0.0 if error == 0 else math.inf
    return 100 * (error / lowest - 1)


def training_progress(errors: Sequence[float]) -> float:
    """P_k(t) = 1000 (sum E_tr / (k min E_tr) - 1), over a strip of k training errors.

    How far, per thousand, the strip's mean lies above its minimum. It is large while the error
    falls fast, and also while it is unstable; it goes to 0 as training settles.

    Args:
        errors: the training errors of k epochs, each at least 0.

    Example:
        >>> training_progress([1.5, 1.25, 1.0])
        250.0
    """
    lowest = min(errors)
    if lowest == 0:
        return 0.0 if not any(errors) else math.inf
    return 1000 * (sum(errors) / (len(errors) * lowest) - 1)


@dataclass
class Errors:
    """The errors of a run so far, one entry an epoch.

    Attributes:
        train: E_tr, the mean over the epoch's examples, each as it was when seen.
        validation: E_va after the epoch, or None where it was not measured.
        lowest: E_opt, the lowest validation error up to the epoch; infinite before the first.
    """

    train: list[float] = field(default_factory=list)
    validation: list[float | None] = field(default_factory=list)
    lowest: list[float] = field(default_factory=list)

    def append(self, train: float, validation: float | None) -> None:
        """Add an epoch.

        Raises:
            ArgumentError: an error below 0, a NaN or an infinity.
        """
        for name, error in (("train", train), ("validation", validation)):
            if error is not None and not 0 <= error < math.inf:
                raise ArgumentError(
                    f"early stopping: the {name} error expects a finite number of at least 0, as "
                    f"the criteria are ratios, but in epoch {len(self.train) + 1} it is "
                    f"{error:g}; a run that diverged has nothing to wait for"
                )
        best = self.lowest[-1] if self.lowest else math.inf
        self.train.append(float(train))
        self.validation.append(None if validation is None else float(validation))
        self.lowest.append(best if validation is None else min(best, float(validation)))

    def at(self, epoch: int) -> float:
        """E_va(epoch), counted from 1, which must have been measured."""
        error = self.validation[epoch - 1]
        if error is None:
            raise DataError(
                f"early stopping: a validation error is expected at the end of each strip, but "
                f"epoch {epoch} has none; evaluate after each epoch, or choose a strip length k "
                "that the evaluations divide"
            )
        return error


class Criterion(Protocol):
    """A question about the errors so far. Any object with these two will do."""

    @property
    def name(self) -> str:
        """What tables call it."""

    def holds(self, errors: Errors) -> bool:
        """Whether training should stop after the last of these epochs."""


def positive(owner: str, argument: str, value: float) -> None:
    """Raise unless the argument is a finite number above 0."""
    if not (value > 0 and math.isfinite(value)):
        raise ArgumentError(
            f"{owner}: {argument} expects a finite number above 0, but got {value!r}"
        )


@dataclass(frozen=True)
class GL:
    """Stop after the first epoch t with GL(t) > alpha: see `generalization_loss`.

    Args:
        alpha: percent above the lowest error so far, above 0.

    Example:
        >>> from tinygrad_course.training.early_stopping import Watch
        >>> watch = Watch(GL(5), safety=None)
        >>> [watch.update(1.0, error) for error in (1.0, 0.8, 0.83, 0.85)]
        [False, False, False, True]

    References:
        Prechelt 1998, "Early stopping - but when?", section 2.1; so are the two below.
    """

    alpha: float

    def __post_init__(self) -> None:
        positive("GL", "alpha", self.alpha)

    @property
    def name(self) -> str:
        """GL and its alpha."""
        return f"GL {self.alpha:g}"

    def holds(self, errors: Errors) -> bool:
        """Whether it does at the last epoch; never where nothing was measured."""
        error = errors.validation[-1]
        return error is not None and generalization_loss(error, errors.lowest[-1]) > self.alpha


@dataclass(frozen=True)
class PQ:
    """Stop at the first end of a strip with GL(t) / P_k(t) > alpha: the progress quotient.

    While the training error falls fast, a generalisation loss may yet be repaired, so progress
    excuses loss. See `training_progress`.

    Args:
        alpha: loss in percent for each per mille of progress, above 0.
        k: epochs in a strip.

    Example:
        >>> from tinygrad_course.training.early_stopping import Watch
        >>> watch = Watch(PQ(1, k=2), safety=None)
        >>> pairs = [(2.0, 1.0), (1.0, 1.0), (0.5, 1.2), (0.4, 1.3), (0.4, 1.3), (0.39, 1.31)]
        >>> [watch.update(train, validation) for train, validation in pairs]
        [False, False, False, False, False, True]
    """

    alpha: float
    k: int = 5

    def __post_init__(self) -> None:
        positive("PQ", "alpha", self.alpha)
        positive("PQ", "k", self.k)

    @property
    def name(self) -> str:
        """PQ and its alpha."""
        return f"PQ {self.alpha:g}"

    def holds(self, errors: Errors) -> bool:
        """Whether it does at the last epoch, if a strip ends there."""
        epoch = len(errors.train)
        if epoch % self.k:
            return False
        loss = generalization_loss(errors.at(epoch), errors.lowest[-1])
        # As a product: without any progress, a loss of 0 is no reason to stop, and any other is.
        return loss > self.alpha * training_progress(errors.train[-self.k :])


@dataclass(frozen=True)
class UP:
    """Stop when the validation error rose in s strips one after the other, however little.

    UP_1 stops after the first strip that ends with E_va(t) > E_va(t - k); UP_s where UP_(s-1)
    stopped at t - k, and that holds again. It looks at changes alone, and so forgives any level.

    Args:
        s: how many strips, at least 1.
        k: epochs in a strip.

    Example:
        >>> from tinygrad_course.training.early_stopping import Watch
        >>> watch = Watch(UP(2, k=1), safety=None)
        >>> [watch.update(1.0, error) for error in (3, 2, 2.1, 2.0, 2.1, 2.2)]
        [False, False, False, False, False, True]
    """

    s: int
    k: int = 5

    def __post_init__(self) -> None:
        positive("UP", "s", self.s)
        positive("UP", "k", self.k)

    @property
    def name(self) -> str:
        """UP and its s."""
        return f"UP {self.s}"

    def holds(self, errors: Errors) -> bool:
        """Whether it does at the last epoch, if a strip ends there."""
        epoch = len(errors.train)
        if epoch % self.k or epoch <= self.s * self.k:
            return False
        ends = [errors.at(epoch - i * self.k) for i in range(self.s + 1)]
        return all(later > earlier for later, earlier in pairwise(ends))


@dataclass(frozen=True)
class Safety:
    """What ends a run that no criterion ends: training has settled, or has taken long enough.

    None of the criteria stops for certain, so Prechelt adds this one to each of them.

    Args:
        progress: stop at the end of a strip with P_k(t) below it, per thousand.
        epochs: stop after so many.
        k: epochs in a strip.

    Example:
        >>> Safety().holds(Errors(train=[0.3] * 5))
        True
    """

    progress: float = 0.1
    epochs: int = 3000
    k: int = 5

    def __post_init__(self) -> None:
        positive("Safety", "epochs", self.epochs)
        positive("Safety", "k", self.k)

    @property
    def name(self) -> str:
        """As tables say it."""
        return "safety"

    def holds(self, errors: Errors) -> bool:
        """Whether it does at the last epoch."""
        epoch = len(errors.train)
        if epoch >= self.epochs:
            return True
        return epoch % self.k == 0 and training_progress(errors.train[-self.k :]) < self.progress


SAFETY = Safety()
"""Progress below 0.1 per thousand, or 3000 epochs."""

ALL_14: tuple[Criterion, ...] = (
    *(GL(alpha) for alpha in (1, 2, 3, 5)),
    *(PQ(alpha) for alpha in (0.5, 0.75, 1, 2, 3)),
    *(UP(s) for s in (2, 3, 4, 6, 8)),
)
"""The fourteen of Prechelt's study."""


def criterion(text: str) -> Criterion:
    """The criterion that a word means: gl5, pq0.75, up3.

    Args:
        text: GL, PQ or UP in any case, and its parameter.

    Raises:
        ArgumentError: none of them, or a parameter out of its range.

    Example:
        >>> criterion("gl5"), criterion("PQ0.75"), criterion("up 3")
        (GL(alpha=5.0), PQ(alpha=0.75, k=5), UP(s=3, k=5))
    """
    word, number = text.strip().lower()[:2], text.strip()[2:]
    try:
        if word == "up":
            return UP(int(number))
        if word in ("gl", "pq"):
            return GL(float(number)) if word == "gl" else PQ(float(number))
    except ValueError as error:
        if isinstance(error, ArgumentError):
            raise
    raise ArgumentError(
        f"early stopping: expected gl, pq or up and a number, as gl5, pq0.75 or up3, but got "
        f"{text!r}; the fourteen of the paper are "
        f"{', '.join(each.name.replace(' ', '').lower() for each in ALL_14)}"
    )
