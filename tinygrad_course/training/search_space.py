"""What a search varies: ranges and lists of values for the fields of a recipe.

    lr=0.001:0.1:log        a number between the two, every order of magnitude as likely
    momentum=0.5:0.99       a number between the two
    batch_size=32,64,128    one of these

Read next: `search.py`, which tries them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentError, Error, nearest
from .recipe import Recipe
from .recipe_checks import REAL, SWITCHES, WHOLE

FIELDS = (
    "model", "epochs", "batch_size", "optimizer", "lr", "schedule", "momentum", "weight_decay",
    "shift", "flip", "accumulate", "clip", "seed", "classic",
)  # fmt: skip
"""The fields that a search may vary: what decides how well a model learns the same data."""

FORMS = "LOW:HIGH, LOW:HIGH:log or VALUE,VALUE,..."


@dataclass(frozen=True)
class Choices:
    """One of some values.

    Attributes:
        field: of the recipe.
        values: at least one.
    """

    field: str
    values: tuple[Any, ...]
    log = False

    def draw(self, rng: np.random.Generator) -> Any:
        """One of them, each as likely."""
        return self.values[int(rng.integers(len(self.values)))]


@dataclass(frozen=True)
class Range:
    """A number between two, drawn evenly, or evenly in its logarithm.

    Attributes:
        field: of the recipe.
        low: the least value.
        high: the largest.
        log: draw the logarithm evenly: for rates and decays, which matter by factors.
    """

    field: str
    low: float
    high: float
    log: bool = False

    def draw(self, rng: np.random.Generator) -> float | int:
        """A number of three digits, whole where the field is; more digits would mean nothing."""
        whole = self.field in WHOLE  # its last value is as likely as the others
        ends: tuple[float, float] = (self.low, self.high + whole)
        if self.log:
            ends = math.log(ends[0]), math.log(ends[1])
        value = float(rng.uniform(*ends))
        value = math.exp(value) if self.log else value
        if whole:
            return int(min(max(math.floor(value), self.low), self.high))
        return float(f"{min(max(value, self.low), self.high):.3g}")


Dimension = Choices | Range


def parse(text: str) -> Dimension:
    """What `--set` is given.

    Args:
        text: FIELD=LOW:HIGH, FIELD=LOW:HIGH:log or FIELD=VALUE,VALUE,...

    Raises:
        ArgumentError: no such field, a value that it cannot have, another form.

    Example:
        >>> parse("lr=0.001:0.1:log")
        Range(field='lr', low=0.001, high=0.1, log=True)
        >>> parse("batch_size=32,64")
        Choices(field='batch_size', values=(32, 64))
    """
    name, equals, rest = text.partition("=")
    field = name.strip().lstrip("-").replace("-", "_")
    if not equals or not rest.strip():
        raise ArgumentError(f"search: expects FIELD={FORMS}, but got {text!r}")
    if field not in FIELDS:
        raise ArgumentError(f"search: cannot vary {field!r}; {nearest(field, FIELDS)}")
    if ":" not in rest:
        values = tuple(_value(field, word.strip(), text) for word in rest.split(","))
        if len(set(values)) < len(values):
            raise ArgumentError(f"search: {text!r} names a value twice; once is enough")
        return Choices(field, values)
    low, high, *more = (part.strip() for part in rest.split(":"))
    if field not in {*WHOLE, *REAL} or more not in ([], ["log"]):
        what = f"{field} is no number" if field not in {*WHOLE, *REAL} else f"got {text!r}"
        raise ArgumentError(f"search: expects {FORMS} for {field}, but {what}")
    found = Range(field, float(_value(field, low, text)), float(_value(field, high, text)),
                  bool(more))  # fmt: skip
    if not found.low < found.high or (found.log and found.low <= 0):
        above = " above 0" if found.log else ""
        raise ArgumentError(
            f"search: a range goes from a lower to a higher number{above}, but got {text!r}"
        )
    return found


def _value(field: str, word: str, text: str) -> Any:
    """A word as a value of the field, looked at by the recipe itself."""
    value: Any = word
    try:
        if field in WHOLE:
            value = int(word)
        elif field in REAL:
            value = float(word)
        elif field in SWITCHES:
            value = {"true": True, "yes": True, "false": False, "no": False}[word.lower()]
        Recipe.from_dict({field: value})
    except Error as error:
        raise ArgumentError(f"search: {text!r}: {str(error).removeprefix('Recipe: ')}") from error
    except (ValueError, KeyError) as error:
        kind = "true or false" if field in SWITCHES else "a number"
        raise ArgumentError(f"search: {text!r}: {field} expects {kind}, not {word!r}") from error
    return value


def check(space: Sequence[Dimension], trials: int | None) -> None:
    """Make sure that a space can be searched.

    Raises:
        ArgumentError: nothing to vary, a field twice, or a range without a number of trials.
    """
    names = [each.field for each in space]
    if not names:
        raise ArgumentError(f"search: nothing to vary; give --set FIELD={FORMS}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ArgumentError(f"search: {twice[0]} is varied twice; put all its values into one list")
    ranges = [each.field for each in space if isinstance(each, Range)]
    if trials is None and ranges:
        raise ArgumentError(
            f"search: {ranges[0]} has a range, which has no grid; say how many random trials "
            "(--trials 20), or list the values to try"
        )


def settings_of(space: Sequence[Dimension], trials: int | None, seed: int) -> list[dict[str, Any]]:
    """The settings of each trial: all combinations, or random draws where `trials` is given.

    Draw number i depends on seed and i alone, so more trials can be added later.

    Example:
        >>> space = [parse("lr=0.1,0.2"), parse("batch_size=32,64")]
        >>> len(settings_of(space, None, 0))
        4
        >>> draws = settings_of([parse("lr=0.001:0.1:log")], 3, 0)
        >>> settings_of([parse("lr=0.001:0.1:log")], 5, 0)[:3] == draws
        True
    """
    check(space, trials)
    if trials is None:
        grids = [each.values for each in space if isinstance(each, Choices)]
        names = [each.field for each in space]
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*grids)]
    rngs = [np.random.default_rng([seed, number]) for number in range(trials)]
    return [{each.field: each.draw(rng) for each in space} for rng in rngs]
