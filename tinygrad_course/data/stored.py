"""Reading the stored data sets: embedded in the package, or files that were published.

Each function gives the training and the test part as they are stored; `catalogue.py` scales them.
Next: `files.py`, where the files are found.
"""

from __future__ import annotations

import io

import numpy as np

from ..errors import DataError
from . import cifar
from .checks import Array
from .dataset import Split
from .files import read, read_embedded, status_of
from .idx import parse_idx
from .inventory import complete
from .published import DOWNLOADS, EMBEDDED


def read_stored(name: str, *, fetch: bool, progress: bool) -> tuple[Split, Split]:
    """Training and test part of a stored data set, values as stored.

    Args:
        name: a data set of `about.INFO`.
        fetch: download what is not on this machine; otherwise raise.
        progress: show a download on standard error.

    Raises:
        DataError: a file that is damaged, or not there and not to be had.
    """
    if name in EMBEDDED:
        arrays = _npz(name)
        if name == "mnist-12k":
            return (
                Split(arrays["x_train"], arrays["y_train"]),
                Split(arrays["x_test"], arrays["y_test"]),
            )
        return _every_fifth(arrays["x"], arrays["y"])
    if name == "cifar-10":
        if fetch and cifar.locate() is None:
            complete(name, progress)
        return cifar.read_cifar10()
    return _published_idx(name, fetch, progress)


def _npz(name: str) -> dict[str, Array]:
    content = io.BytesIO(read_embedded(EMBEDDED[name]))
    with np.load(content, allow_pickle=False) as arrays:
        return dict(arrays)


def _every_fifth(x: Array, y: Array) -> tuple[Split, Split]:
    """Of each class the samples 0, 5, 10, ... for testing, the rest for training."""
    # Counted within each class: digits lie in the order of their writers, who wrote 0 .. 9 in
    # turn, so that every fifth row would be mostly 0s and 5s; irises lie by species.
    place = np.empty(len(y), np.intp)
    for label in range(int(y.max()) + 1):
        rows = np.flatnonzero(y == label)
        place[rows] = np.arange(len(rows))
    held_out = place % 5 == 0
    return Split(x[~held_out], y[~held_out]), Split(x[held_out], y[held_out])


def _published_idx(name: str, fetch_missing: bool, progress: bool) -> tuple[Split, Split]:
    if fetch_missing:
        complete(name, progress)
    parts = []
    for file in DOWNLOADS[name]:
        content = read(file)
        if content is None:
            line = status_of(name, file)
            raise DataError(
                f"load: {name} needs {line.path}, which is not there; `tgc data fetch {name}` "
                f"gets it, or set TGC_DATA to a folder that holds {name}/"
            )
        parts.append(parse_idx(content, file.name))
    train_x, train_y, test_x, test_y = parts
    return Split(train_x, train_y), Split(test_x, test_y)
