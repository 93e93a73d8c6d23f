"""From a recipe to the data a run learns from: loaded, scaled by the training part, augmented.

What is done to the samples is a property of the data set: digits may be shifted, photographs
mirrored, and the columns of a table are standardised. Read next: `recipe.py`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..data import Dataset, RandomFlip, RandomShift, Split, Standardize, Transform, kind_of, load
from ..errors import ShapeError

if TYPE_CHECKING:
    from .recipe import Recipe


class Usual(NamedTuple):
    """The augmentation a data set gets where the recipe names none."""

    shift: int = 0
    flip: bool = False


_AUGMENTATION = {
    "mnist-12k": Usual(shift=2),
    "mnist": Usual(shift=2),
    "cifar-10": Usual(shift=4, flip=True),
}
"""Digits that a program has centred may be moved, but a mirrored 2 is no 2; in 8 x 8 pixels there
is no room. Photographs may be mirrored; a shift by up to 4 is a crop after a border of 4."""

DIGITS = ("digits", "mnist-12k", "mnist")
"""Data sets of digits drawn light on dark: a picture to predict is made to look like theirs."""

_OPTIONS = ("target", "task", "size", "drop", "one_hot", "missing")


def usual_augmentation(data: str) -> Usual:
    """What training images of a data set are put through, by its name; none for unknown data.

    Example:
        >>> usual_augmentation("cifar-10"), usual_augmentation("./pets")
        (Usual(shift=4, flip=True), Usual(shift=0, flip=False))
    """
    return _AUGMENTATION.get(data, Usual())


def augmentation(recipe: Recipe, dataset: Dataset) -> list[Transform]:
    """The transforms of a complete recipe.

    Raises:
        ShapeError: images are to be moved or mirrored, but the samples are none.
    """
    if (recipe.shift or recipe.flip) and len(dataset.input_shape) != 3:
        which = "shift" if recipe.shift else "flip"
        raise ShapeError(
            f"Recipe: {which} expects images (H, W, C), but a sample of {dataset.name} has the "
            f"shape {dataset.input_shape}; leave {which} out"
        )
    transforms: list[Transform] = []
    if recipe.shift:
        transforms.append(RandomShift(recipe.shift))
    if recipe.flip:
        transforms.append(RandomFlip())
    return transforms


def load_data(recipe: Recipe) -> Dataset:
    """The data set that a recipe names, as it lies there: not scaled.

    Raises:
        DataError: not on this machine, or damaged.
        ArgumentError: an option that means nothing for data of this kind.
    """
    options = {name: getattr(recipe, name) for name in _OPTIONS}
    given = {name: value for name, value in options.items() if value not in (None, (), False)}
    return load(recipe.data, dtype=recipe.dtype, **given)


@dataclass(frozen=True)
class Scaling:
    """How samples and targets were standardised, with statistics of the training part alone.

    It belongs to the model: a checkpoint keeps it, and whatever the model is asked about later
    goes through it unchanged.

    Attributes:
        x: of the samples, or None.
        y: of the targets of a regression, or None.

    Example:
        >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])
        >>> scaling = Scaling(Standardize.fit(x), None)
        >>> Scaling.from_state(scaling.state()).samples(x).tolist()
        [[-1.0, -1.0], [1.0, 1.0]]
    """

    x: Standardize | None = None
    y: Standardize | None = None

    @classmethod
    def fit(cls, dataset: Dataset) -> Scaling:
        """That of a data set: tables are standardised, and numbers to be predicted.

        Images lie between 0 and 1 as they come, and generated points have scales that are part of
        the lesson: both stay as they are.
        """
        table = len(dataset.input_shape) == 1 and dataset.origin != "generated"
        scaled_targets = dataset.task == "regression" and dataset.origin != "generated"
        return cls(
            Standardize.fit(dataset.train.x) if table else None,
            Standardize.fit(dataset.train.y) if scaled_targets else None,
        )

    def samples(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Samples as the model takes them."""
        return x if self.x is None else self.x(x)

    def part(self, part: Split) -> Split:
        """Samples and targets as the model takes and gives them."""
        return Split(self.samples(part.x), part.y if self.y is None else self.y(part.y))

    def apply(self, dataset: Dataset) -> Dataset:
        """The data set as the model takes it."""
        if self.x is None and self.y is None:
            return dataset
        return replace(dataset, train=self.part(dataset.train), test=self.part(dataset.test))

    def predictions(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What the model put out, in the unit of the targets."""
        return outputs if self.y is None else self.y.inverse(outputs)

    @property
    def unit(self) -> float:
        """The standard deviation of the targets: an error of 1 is so much in their unit."""
        return 1.0 if self.y is None else float(self.y.std.reshape(-1)[0])

    def state(self) -> dict[str, Any]:
        """Both as plain lists, fit for JSON."""
        return {
            name: None if part is None else part.state()
            for name, part in (("x", self.x), ("y", self.y))
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | None) -> Scaling:
        """The scaling whose `state()` this is; none at all for None."""
        parts = {k: v and Standardize.from_state(v) for k, v in (state or {}).items()}
        return cls(parts.get("x"), parts.get("y"))


def prepared(dataset: Dataset, dtype: str) -> tuple[Dataset, Scaling]:
    """The data set in a dtype and scaled, and how it was scaled.

    Args:
        dataset: as it was loaded.
        dtype: float32 or float64.
    """

    def cast(part: Split) -> Split:
        y = part.y if part.y.dtype.kind in "iu" else part.y.astype(dtype, copy=False)
        return Split(part.x.astype(dtype, copy=False), y)

    dataset = replace(dataset, train=cast(dataset.train), test=cast(dataset.test))
    scaling = Scaling.fit(dataset)
    return scaling.apply(dataset), scaling


def fingerprint(recipe: Recipe, dataset: Dataset) -> int | None:
    """A checksum of the user's own training data, so that a resumed run notices other ones.

    None for data that cannot have changed, and for mapped files, which would all have to be read.
    """
    if dataset.origin != "own" or kind_of(recipe.data) == "mapped":
        return None
    x, y = (np.ascontiguousarray(array) for array in dataset.train)
    return zlib.crc32(y.tobytes(), zlib.crc32(x.data))
