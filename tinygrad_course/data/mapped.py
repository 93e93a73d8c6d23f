"""Data larger than memory: arrays that stay in their files, read a batch at a time.

NumPy maps a .npy file into the address space; the operating system reads the pages that are touched
and forgets them when it needs the room. A `DataLoader` takes such arrays as any other, and its
batches are ordinary ones. Next: `loader.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..errors import DataError
from .checks import Array, check_labels
from .dataset import Dataset, Split
from .own import as_path, own_info

NAMES = ("x_train", "y_train", "x_test", "y_test")


def is_mapped(folder: Path) -> bool:
    """Whether a folder holds arrays rather than pictures."""
    return any((folder / f"{name}.npy").is_file() for name in NAMES)


def load_mapped(path: str | os.PathLike[str]) -> Dataset:
    """Arrays of a folder, x_train.npy, y_train.npy, x_test.npy, y_test.npy, without reading them.

    The arrays are `numpy.memmap`s, read-only, of the dtype they were saved in. Such files are
    written whole by `np.save`, or piece by piece through
    `np.lib.format.open_memmap(path, "w+", dtype, shape)`; an .npz unpacked by any zip program is
    such a folder. Integers in y are labels 0 .. K-1; floats, (N, 1), are regression targets.

    Pixels stored as uint8 take a quarter of the room; `MinMax(0, 255)` among the loader's
    transforms makes floats of each batch.

    Args:
        path: the folder.

    Raises:
        DataError: a file is missing, damaged, of Python objects, or does not fit the others.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, rows in (("train", 6), ("test", 2)):
        ...         np.save(Path(folder, f"x_{name}.npy"), np.zeros((rows, 3), np.float32))
        ...         np.save(Path(folder, f"y_{name}.npy"), np.arange(rows) % 2)
        ...     data = load_mapped(folder)
        ...     type(data.train.x).__name__, data.train.x.shape, data.classes
        ('memmap', (6, 3), ('0', '1'))
    """
    folder = as_path(path, "load_mapped")
    if not folder.is_dir():
        is_what = "not a folder" if folder.exists() else "not there"
        raise DataError(f"load_mapped: expected a folder of .npy files, but {folder} is {is_what}")
    train_x, train_y, test_x, test_y = (_map(folder / f"{name}.npy") for name in NAMES)
    for part, x, y in (("train", train_x, train_y), ("test", test_x, test_y)):
        if len(x) != len(y) or not len(x):
            raise DataError(
                f"load_mapped: {folder}: x_{part} and y_{part} must have one row a sample each, "
                f"and some, but their shapes are {x.shape} and {y.shape}"
            )
    if train_x.shape[1:] != test_x.shape[1:] or train_x.dtype != test_x.dtype:
        raise DataError(
            f"load_mapped: {folder}: x_train and x_test must have samples of one shape and dtype, "
            f"but they are {train_x.shape} {train_x.dtype} and {test_x.shape} {test_x.dtype}"
        )
    return own_info(
        folder,
        f"{len(train_x) + len(test_x)} samples in mapped files",
        _classes(folder, train_y, test_y),
        Split(train_x, train_y),
        Split(test_x, test_y),
    )


def _map(file: Path) -> Array:
    try:
        array: Array = np.load(file, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(
            f"load_mapped: {file} is not there; all of {', '.join(NAMES)} (.npy) are needed"
        ) from None
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"load_mapped: {file} cannot be mapped ({error}); np.save(path, array) of numbers "
            "writes it"
        ) from error
    if array.ndim == 0 or array.dtype.kind not in "biuf":
        raise DataError(
            f"load_mapped: {file}: expected numbers, one sample a row, but it is {array.dtype} of "
            f"shape {array.shape}"
        )
    return array


def _classes(folder: Path, train: Array, test: Array) -> tuple[str, ...]:
    if train.dtype.kind == "f" and test.dtype.kind == "f":
        if train.ndim != 2 or train.shape[1] != 1 or test.shape[1:] != (1,):
            raise DataError(
                f"load_mapped: {folder}: targets must have the shape (N, 1), but they are "
                f"{train.shape} and {test.shape}"
            )
        return ()
    count = int(max(train.max(), test.max())) + 1
    check_labels(train, max(count, 1), f"{folder}: y_train")
    check_labels(test, max(count, 1), f"{folder}: y_test")
    return tuple(str(k) for k in range(count))
