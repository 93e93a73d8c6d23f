"""What a data set is: two pairs of arrays, the names of the classes, and where it comes from.

`Info` is what can be said without reading anything (the command line lists it); `Dataset` adds the
arrays. Next: `catalogue.py`, which knows the data sets by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import DtypeError
from .checks import Array


class Split(NamedTuple):
    """One part of a data set: samples and their labels.

    Attributes:
        x: the samples, shape (N, ...); images are (N, H, W, C).
        y: the labels, shape (N,), int64; for regression the targets, shape (N, 1), of the dtype
            of x. Two axes, as a network puts them out: (N, 1) minus (N,) would be (N, N).
    """

    x: Array
    y: Array


@dataclass(frozen=True)
class Info:
    """What is known of a data set before it is read.

    Attributes:
        name: what `load` takes.
        description: one sentence.
        classes: the name of each class; label k means classes[k]. Empty for regression.
        input_shape: the shape of one sample.
        train_size: number of training samples.
        test_size: number of test samples.
        origin: "embedded" (part of the package), "download", "generated", or "own" (the user's).
        licence: the licence of the data, which is not that of the code.
        source: whose data it is, and where it comes from.
        features: the names of the columns of a table; empty where they have none.
    """

    name: str
    description: str
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    train_size: int
    test_size: int
    origin: str
    licence: str
    source: str
    features: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def task(self) -> str:
        """What is to be predicted: "classification" (a label) or "regression" (a number)."""
        return "classification" if self.classes else "regression"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Info):
    """A data set in memory.

    Besides the attributes of `Info` it has:

    Attributes:
        train: the samples to learn from, as `Split(x, y)`.
        test: the samples to be judged on; never used for fitting anything.

    Example:
        >>> from tinygrad_course.data import load
        >>> data = load("digits")
        >>> x, y = data.train
        >>> x.shape, x.dtype.name, y.dtype.name
        ((1433, 8, 8, 1), 'float32', 'int64')
        >>> data
        Dataset('digits': train 1433, test 364, samples (8, 8, 1) float32, 10 classes)
    """

    train: Split
    test: Split

    def __repr__(self) -> str:
        task = f"{len(self.classes)} classes" if self.classes else "regression"
        return (
            f"Dataset({self.name!r}: train {len(self.train.x)}, test {len(self.test.x)}, "
            f"samples {self.input_shape} {self.train.x.dtype}, {task})"
        )


def assemble(info: Info, train: Split, test: Split) -> Dataset:
    """The data set of `info` with its arrays."""
    known = {each.name: getattr(info, each.name) for each in fields(Info)}
    return Dataset(**known, train=train, test=test)


def float_dtype(dtype: npt.DTypeLike, function: str) -> np.dtype[Any]:
    """`dtype` as float32 or float64.

    Raises:
        DtypeError: anything else.
    """
    try:
        result = np.dtype(dtype)
    except TypeError:
        result = None
    if dtype is None or result not in (np.float32, np.float64):
        raise DtypeError(f"{function}: dtype must be float32 or float64, but it is {dtype!r}")
    return result


def images(pixels: Array, maximum: int, dtype: np.dtype[Any]) -> Array:
    """Pixel values 0 .. maximum as images (N, H, W, C) of numbers from 0 to 1.

    A dtype of uint8 keeps the values as they are.

    Args:
        pixels: shape (N, H, W), which get a channel axis, or (N, H, W, C); uint8.
        maximum: the value that becomes 1.0.
        dtype: float32, float64 or uint8.
    """
    with_channel = pixels[..., np.newaxis] if pixels.ndim == 3 else pixels
    if dtype == np.uint8:
        return with_channel
    scaled = with_channel.astype(dtype)
    scaled /= dtype.type(maximum)
    return scaled
