"""Data sets made of a formula: xor, spirals and moons, two numbers a sample.

All need a hidden layer (no straight line separates their classes) and are seen whole in one plot.
Next: `linear.py`, where a straight line is the truth.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, ArgumentTypeError
from .checks import whole_number
from .dataset import Dataset, Info, Split, assemble, float_dtype
from .streams import GENERATED, stream

_TRAIN, _TEST = 0, 1


def xor(
    *,
    train: int = 400,
    test: int = 200,
    noise: float = 0.1,
    seed: int = 0,
    dtype: npt.DTypeLike = np.float32,
) -> Dataset:
    """The exclusive or: is exactly one of two inputs on?

    The four corners (0, 0), (0, 1), (1, 0), (1, 1) in turn, each moved by Gaussian noise:
    x = corner + noise * normal, y = corner_0 xor corner_1.

    Args:
        train: number of training samples.
        test: number of test samples.
        noise: standard deviation of the noise; 0 gives the corners themselves.
        seed: the samples are a function of it.
        dtype: float32 or float64.

    Returns:
        x of shape (N, 2), y of 0 ("equal") and 1 ("different").

    Raises:
        ArgumentError: a size below 1, a noise below 0, a seed out of range.
        DtypeError: another dtype.

    Example:
        >>> data = xor(train=4, noise=0)
        >>> data.train.x.tolist()
        [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
        >>> data.train.y.tolist()
        [0, 1, 1, 0]

    References:
        Rumelhart, Hinton, Williams, "Learning internal representations by error propagation",
        1986, where a network with hidden units learns it.
    """
    kind = float_dtype(dtype, "xor")
    spread = checked_noise(noise, "xor")

    def part(size: int, minor: int) -> Split:
        rng = np.random.Generator(stream(seed, GENERATED, 0, minor))
        corner = np.arange(size) % 4
        bits = np.stack([corner // 2, corner % 2], axis=1)
        x = bits + spread * rng.standard_normal((size, 2))
        return Split(x.astype(kind), bits[:, 0] ^ bits[:, 1])

    checked_sizes("xor", train, test, seed)
    info = Info(
        name="xor",
        description=f"The exclusive or of two inputs, noise {spread:g}",
        classes=("equal", "different"),
        input_shape=(2,),
        train_size=int(train),
        test_size=int(test),
        origin="generated",
        licence="none needed (generated)",
        source="tinygrad_course.data.xor",
    )
    return assemble(info, part(train, _TRAIN), part(test, _TEST))


def spirals(
    *,
    train: int = 600,
    test: int = 300,
    classes: int = 3,
    turns: float = 0.75,
    noise: float = 0.2,
    seed: int = 0,
    dtype: npt.DTypeLike = np.float32,
) -> Dataset:
    """Interleaved spiral arms, one class each.

    For a radius r uniform in 0 .. 1 and class k:
    angle = 2 pi (turns r + k / classes) + noise * normal, x = (r cos(angle), r sin(angle)).

    Args:
        train: number of training samples; the classes take turns.
        test: number of test samples.
        classes: number of arms, at least 2.
        turns: how many times an arm winds round the centre.
        noise: standard deviation of the angle, in radians.
        seed: the samples are a function of it.
        dtype: float32 or float64.

    Returns:
        x of shape (N, 2) inside the unit circle, y in 0 .. classes - 1.

    Raises:
        ArgumentError: a size below 1, fewer than 2 classes, a noise below 0.
        DtypeError: another dtype.

    Example:
        >>> spirals(train=6, test=3, seed=1).train.y.tolist()
        [0, 1, 2, 0, 1, 2]

    References:
        Lang, Witbrock, "Learning to tell two spirals apart", Connectionist Models Summer School
        1988.
    """
    kind = float_dtype(dtype, "spirals")
    spread = checked_noise(noise, "spirals")
    arms = whole_number(classes, "spirals: classes", 2)
    if not isinstance(turns, (int, float)) or not math.isfinite(turns):
        raise ArgumentError(f"spirals: turns must be a finite number, but it is {turns!r}")

    def part(size: int, minor: int) -> Split:
        rng = np.random.Generator(stream(seed, GENERATED, 1, minor))
        y = np.arange(size) % arms
        radius = rng.random(size)
        angle = 2 * np.pi * (turns * radius + y / arms) + spread * rng.standard_normal(size)
        x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return Split(x.astype(kind), y)

    checked_sizes("spirals", train, test, seed)
    info = Info(
        name="spirals",
        description=f"{arms} interleaved spiral arms, noise {spread:g}",
        classes=tuple(f"arm {k}" for k in range(arms)),
        input_shape=(2,),
        train_size=int(train),
        test_size=int(test),
        origin="generated",
        licence="none needed (generated)",
        source="tinygrad_course.data.spirals",
    )
    return assemble(info, part(train, _TRAIN), part(test, _TEST))


def moons(
    *,
    train: int = 400,
    test: int = 200,
    noise: float = 0.15,
    seed: int = 0,
    dtype: npt.DTypeLike = np.float32,
) -> Dataset:
    """Two half circles, each reaching into the other.

    For t uniform in 0 .. pi: the upper moon is (cos t, sin t), the lower one
    (1 - cos t, 1/2 - sin t); both coordinates are moved by noise * normal.

    Args:
        train: number of training samples; the moons take turns.
        test: number of test samples.
        noise: standard deviation of the noise.
        seed: the samples are a function of it.
        dtype: float32 or float64.

    Returns:
        x of shape (N, 2), y of 0 ("upper") and 1 ("lower").

    Raises:
        ArgumentError: a size below 1, a noise below 0.
        DtypeError: another dtype.

    Example:
        >>> data = moons(train=4, test=2, noise=0)
        >>> data.train.y.tolist()
        [0, 1, 0, 1]
        >>> upper = data.train.x[data.train.y == 0]
        >>> np.hypot(*upper.T).round(6).tolist()
        [1.0, 1.0]
    """
    kind = float_dtype(dtype, "moons")
    spread = checked_noise(noise, "moons")

    def part(size: int, minor: int) -> Split:
        rng = np.random.Generator(stream(seed, GENERATED, 2, minor))
        y = np.arange(size) % 2
        t = np.pi * rng.random(size)
        upper, lower = (np.cos(t), np.sin(t)), (1 - np.cos(t), 0.5 - np.sin(t))
        x = np.where(y == 0, upper, lower).T + spread * rng.standard_normal((size, 2))
        return Split(x.astype(kind), y)

    checked_sizes("moons", train, test, seed)
    info = Info(
        name="moons",
        description=f"Two half circles that reach into each other, noise {spread:g}",
        classes=("upper", "lower"),
        input_shape=(2,),
        train_size=int(train),
        test_size=int(test),
        origin="generated",
        licence="none needed (generated)",
        source="tinygrad_course.data.moons",
    )
    return assemble(info, part(train, _TRAIN), part(test, _TEST))


def checked_sizes(function: str, train: int, test: int, seed: int) -> None:
    """Make sure that sizes are at least 1 and the seed at least 0."""
    whole_number(train, f"{function}: train", 1)
    whole_number(test, f"{function}: test", 1)
    whole_number(seed, f"{function}: seed", 0)


def checked_noise(noise: float, function: str) -> float:
    """`noise` as a float, at least 0."""
    if isinstance(noise, bool) or not isinstance(noise, (int, float, np.floating)):
        raise ArgumentTypeError(f"{function}: noise must be a number, but it is {noise!r}")
    if not (math.isfinite(noise) and noise >= 0):
        raise ArgumentError(f"{function}: noise must be at least 0, but it is {noise}")
    return float(noise)
