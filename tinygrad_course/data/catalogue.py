"""The data sets by name: `load`, and what is known of one without reading it.

digits, mnist-12k, iris and breast-cancer are part of the package; xor, spirals, moons and linear
are computed; mnist, fashion-mnist and cifar-10 are read from `TGC_DATA` or the cache and downloaded
when they are in neither. Next: `stored.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DtypeError
from .about import INFO
from .checks import whole_number
from .dataset import Dataset, Info, Split, assemble, float_dtype, images
from .inventory import MAKERS, known
from .stored import read_stored


def info(name: str) -> Info:
    """What is known of a data set without reading it.

    Raises:
        ArgumentError: an unknown name; the message holds the nearest valid one.

    Example:
        >>> info("mnist").train_size
        60000
    """
    known(name, "info")
    if name in INFO:
        return INFO[name]
    sample = MAKERS[name]()
    return Info(**{field: getattr(sample, field) for field in Info.__dataclass_fields__})


def load_named(
    name: str,
    *,
    dtype: npt.DTypeLike = np.float32,
    seed: int = 0,
    fetch: bool = True,
    progress: bool = True,
) -> Dataset:
    """A data set by its name: the half of `load` that knows names.

    Args:
        name: one of `names()`.
        dtype: float32 or float64; for images also uint8, which gives the pixels as stored.
        seed: of a generated data set; the others do not depend on it.
        fetch: download what is not on this machine; otherwise raise.
        progress: show a download on standard error.

    Raises:
        ArgumentError: an unknown name (with the nearest valid one).
        DtypeError: another dtype.
        DataError: a file that is damaged, or not there and not to be had.

    Example:
        >>> load_named("iris")
        Dataset('iris': train 120, test 30, samples (4,) float32, 3 classes)
    """
    known(name, "load")
    whole_number(seed, "load: seed", 0)
    if name in MAKERS:
        return MAKERS[name](dtype=dtype, seed=seed)
    known_shape = INFO[name].input_shape
    kind = image_dtype(dtype) if len(known_shape) == 3 else float_dtype(dtype, "load")
    train, test = read_stored(name, fetch=fetch, progress=progress)

    def part(split: Split) -> Split:
        if len(known_shape) == 3:
            x = images(split.x, 16 if name == "digits" else 255, kind)
        else:
            x = split.x.astype(kind)
        return Split(x, split.y.astype(np.int64))

    return assemble(INFO[name], part(train), part(test))


def image_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """`dtype` as float32, float64 or uint8.

    Raises:
        DtypeError: anything else.
    """
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = None
    if dtype is None or kind not in (np.float32, np.float64, np.uint8):
        raise DtypeError(f"load: dtype must be float32, float64 or uint8, but it is {dtype!r}")
    return kind
