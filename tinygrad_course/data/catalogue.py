"""The data sets by name: `load`, and what the command line asks of them.

digits and mnist-12k are part of the package, xor and spirals are computed, mnist is read from
`TGC_DATA` or the cache and downloaded when it is in neither. Next: `files.py`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, ArgumentTypeError, DataError, DtypeError, nearest
from . import generated
from .about import INFO
from .checks import Array, whole_number
from .dataset import Dataset, Info, Split, assemble, images
from .files import DOWNLOADS, EMBEDDED, FileStatus, embedded_path, read, read_embedded, status_of
from .idx import parse_idx

_REMEDY = {
    "package": "install tinygrad_course again",
    "TGC_DATA": "put the published file there, or unset TGC_DATA",
    "cache": "`tgc data fetch {}` replaces it",
}

_GENERATED: dict[str, Callable[..., Dataset]] = {
    "xor": generated.xor,
    "spirals": generated.spirals,
}


def names() -> list[str]:
    """The names that `load` takes.

    Example:
        >>> names()
        ['digits', 'mnist-12k', 'mnist', 'xor', 'spirals']
    """
    return [*INFO, *_GENERATED]


def info(name: str) -> Info:
    """What is known of a data set without reading it.

    Raises:
        ArgumentError: an unknown name; the message holds the nearest valid one.

    Example:
        >>> info("mnist").train_size
        60000
    """
    _known(name, "info")
    if name in INFO:
        return INFO[name]
    sample = _GENERATED[name]()
    return Info(**{field: getattr(sample, field) for field in Info.__dataclass_fields__})


def load(
    name: str,
    *,
    dtype: npt.DTypeLike = np.float32,
    seed: int = 0,
    fetch: bool = True,
    progress: bool = True,
) -> Dataset:
    """A data set by its name.

    Images come as (N, H, W, 1) with values from 0 to 1: the pixel divided by 255 (by 16 for
    digits). Labels are int64. Nothing is shuffled here. The parts:

        digits     test: of each class the samples 0, 5, 10, ...; the rest is for training
        mnist-12k  MNIST train[::6] and t10k[::5]
        mnist      the published parts
        xor        400 and 200 generated points
        spirals    600 and 300 generated points

    Args:
        name: one of `names()`.
        dtype: float32 or float64; for images also uint8, which gives the pixels as stored.
        seed: of a generated data set; the others do not depend on it.
        fetch: download what is not on this machine; otherwise raise.
        progress: show a download on standard error.

    Returns:
        The data set; every call makes new arrays.

    Raises:
        ArgumentError: an unknown name (with the nearest valid one).
        DtypeError: another dtype.
        DataError: a file that is damaged, or not there and not to be had.

    Example:
        >>> data = load("mnist-12k")
        >>> data
        Dataset('mnist-12k': train 10000, test 2000, samples (28, 28, 1) float32, 10 classes)
        >>> float(data.train.x.min()), float(data.train.x.max())
        (0.0, 1.0)
    """
    _known(name, "load")
    whole_number(seed, "load: seed", 0)
    if name in _GENERATED:
        return _GENERATED[name](dtype=dtype, seed=seed)
    kind = _image_dtype(dtype)
    if name == "digits":
        train, test = _digits()
        maximum = 16
    else:
        train, test = _mnist_12k() if name == "mnist-12k" else _mnist(fetch, progress)
        maximum = 255
    return assemble(
        INFO[name],
        Split(images(train.x, maximum, kind), train.y.astype(np.int64)),
        Split(images(test.x, maximum, kind), test.y.astype(np.int64)),
    )


def status(name: str | None = None) -> list[FileStatus]:
    """Where the files are and whether they are sound; damage is reported, not raised.

    Args:
        name: a data set; the default is all of them.

    Returns:
        One `FileStatus` a file, checksums compared.

    Raises:
        ArgumentError: an unknown name.
        DataError: `TGC_DATA` names something that is not a folder.
    """
    if name is None:
        return [line for each in names() for line in status(each)]
    _known(name, "status")
    if name in EMBEDDED:
        file = EMBEDDED[name]
        try:
            size, state, detail = len(read_embedded(file)), "present", ""
        except DataError as error:
            size, state, detail = 0, "corrupt", str(error)
        path = embedded_path(file)
        return [FileStatus(name, file.name, state, path, "package", size, file.size, detail)]
    if name in DOWNLOADS:
        return [status_of(name, file) for file in DOWNLOADS[name]]
    return [FileStatus(name, "", "generated")]


def verify(name: str | None = None) -> list[FileStatus]:
    """`status`, but anything absent or damaged is an error.

    Raises:
        DataError: naming the first file that is not sound, and the remedy.
    """
    lines = status(name)
    for line in lines:
        if line.state == "absent":
            raise DataError(
                f"verify: {line.dataset} needs {line.path}, which is not there; "
                f"`tgc data fetch {line.dataset}` gets it"
            )
        if line.state == "corrupt":
            raise DataError(
                f"verify: {line.path}: {line.detail}; {_REMEDY[line.place].format(line.dataset)}"
            )
    return lines


def fetch(name: str, *, progress: bool = True) -> list[FileStatus]:
    """Make sure that a data set is on this machine: download what is absent or damaged.

    A damaged file in the cache is replaced. One in `TGC_DATA`, which is never written, is an
    error.

    Args:
        name: a data set; for one that needs no download this is `verify`.
        progress: show the download on standard error.

    Returns:
        The files' status afterwards.

    Raises:
        ArgumentError: an unknown name.
        DataError: a file could not be had.
    """
    _known(name, "fetch")
    _complete(name, progress)
    return verify(name)


def _complete(name: str, progress: bool) -> None:
    """Download the files of `name` that are absent, or damaged in the cache."""
    # Imported here: the standard library's HTTP client takes 20 ms that few runs need.
    from .download import download

    for file in DOWNLOADS.get(name, ()):
        line = status_of(name, file)
        if line.state == "absent" or (line.state == "corrupt" and line.place == "cache"):
            download(file, progress=progress)


def _known(name: str, function: str) -> None:
    if not isinstance(name, str):
        raise ArgumentTypeError(f"{function}: name must be a string, but it is {name!r}")
    if name not in INFO and name not in _GENERATED:
        raise ArgumentError(f"{function}: no data set {name!r}; {nearest(name, names())}")


def _image_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = None
    if dtype is None or kind not in (np.float32, np.float64, np.uint8):
        raise DtypeError(f"load: dtype must be float32, float64 or uint8, but it is {dtype!r}")
    return kind


def _npz(name: str) -> dict[str, Array]:
    content = io.BytesIO(read_embedded(EMBEDDED[name]))
    with np.load(content, allow_pickle=False) as arrays:
        return dict(arrays)


def _digits() -> tuple[Split, Split]:
    arrays = _npz("digits")
    x, y = arrays["x"], arrays["y"]
    # The samples lie in the order of their writers, who wrote 0 .. 9 in turn: the last rows would
    # be other hands, and every fifth row would be mostly 0s and 5s. So count within each class.
    place = np.empty(len(y), np.intp)
    for label in range(10):
        rows = np.flatnonzero(y == label)
        place[rows] = np.arange(len(rows))
    held_out = place % 5 == 0
    return Split(x[~held_out], y[~held_out]), Split(x[held_out], y[held_out])


def _mnist_12k() -> tuple[Split, Split]:
    arrays = _npz("mnist-12k")
    return (
        Split(arrays["x_train"], arrays["y_train"]),
        Split(arrays["x_test"], arrays["y_test"]),
    )


def _mnist(fetch_missing: bool, progress: bool) -> tuple[Split, Split]:
    if fetch_missing:
        _complete("mnist", progress)
    parts = []
    for file in DOWNLOADS["mnist"]:
        content = read(file)
        if content is None:
            line = status_of("mnist", file)
            raise DataError(
                f"load: mnist needs {line.path}, which is not there; `tgc data fetch mnist` gets "
                "it, or set TGC_DATA to a folder that holds mnist/"
            )
        parts.append(parse_idx(content, file.name))
    train_x, train_y, test_x, test_y = parts
    return Split(train_x, train_y), Split(test_x, test_y)
