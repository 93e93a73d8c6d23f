"""`load`: a data set of the catalogue by its name, or the user's own by its path.

Next: `catalogue.py` for the names; `folder.py`, `archive.py`, `table.py`, `mapped.py` for paths.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, DataError, DtypeError, nearest
from .archive import load_npz
from .catalogue import image_dtype, load_named
from .dataset import Dataset
from .folder import load_folder
from .inventory import names
from .mapped import is_mapped, load_mapped
from .own import as_path
from .table import load_csv

_TABLES = {".csv", ".tsv", ".txt"}
_TAKES: dict[str, set[str]] = {
    "name": set(),
    "folder": {"size", "test"},
    "mapped": set(),
    "npz": {"task", "test"},
    "csv": {"target", "task", "drop", "one_hot", "missing", "header", "delimiter", "test"},
}
"""Which options mean something for which kind."""


def kind_of(where: str | os.PathLike[str]) -> str:
    """What `load` takes `where` for: "name", "folder", "mapped", "npz" or "csv".

    A name of the catalogue is that name, whatever lies in the current folder; write `./mnist` for a
    folder of that name. Everything else is a path if it exists, has a separator in it, or ends like
    a file that `load` reads.

    Raises:
        ArgumentError: neither a name nor a path (with the nearest name).
        DataError: a file of another kind, or nothing at that path.

    Example:
        >>> kind_of("mnist"), kind_of("flats.csv"), kind_of("waves.npz")
        ('name', 'csv', 'npz')
    """
    if isinstance(where, str) and where in names():
        return "name"
    path = as_path(where, "load")
    if path.is_dir():
        return "mapped" if is_mapped(path) else "folder"
    ending = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if ending.lower() == ".npz":
        return "npz"
    if ending.lower() in _TABLES:
        return "csv"
    if path.exists():
        raise DataError(
            f"load: {path} is neither a folder of pictures nor an .npz or .csv file; the data sets "
            f"by name are {', '.join(names())}"
        )
    text = os.fspath(where)
    if path.is_absolute() or len(path.parts) > 1 or text.startswith((".", "~")) or path.suffix:
        raise DataError(f"load: {path} is not there; check the path")
    raise ArgumentError(
        f"load: no data set {text!r}, and no such folder here; {nearest(text, names())}"
    )


def load(
    name: str | os.PathLike[str],
    *,
    target: str | int | None = None,
    dtype: npt.DTypeLike = np.float32,
    seed: int = 0,
    fetch: bool = True,
    progress: bool = True,
    task: str | None = None,
    size: int | tuple[int, int] | None = None,
    drop: Sequence[str | int] | None = None,
    one_hot: bool | Sequence[str | int] | None = None,
    missing: str | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    test: float | None = None,
) -> Dataset:
    """A data set by its name, or the user's own by its path.

    Images come as (N, H, W, C) with values from 0 to 1: the pixel divided by 255 (by 16 for
    digits). Labels are int64. Nothing is shuffled here. The parts:

        digits         test: of each class the samples 0, 5, 10, ...; the rest is for training
        iris, breast-cancer    the same
        mnist-12k      MNIST train[::6] and t10k[::5]
        mnist, fashion-mnist, cifar-10    the published parts
        xor, spirals, moons, linear       generated; see the functions of these names
        a folder       `load_folder`, or `load_mapped` if it holds x_train.npy ...
        FILE.npz       `load_npz`
        FILE.csv       `load_csv`, which needs `target`

    Args:
        name: one of `names()`, or the path of a folder, an .npz or a .csv file.
        target: for a table: the column to predict.
        dtype: float32 or float64; for images also uint8, which gives the pixels as stored.
        seed: of a generated data set, and of the part held out of the user's own data; the
            others do not depend on it.
        fetch: download what is not on this machine; otherwise raise.
        progress: show a download on standard error.
        task: for .npz and tables: "auto", "classification" or "regression".
        size: for a folder: resize the pictures.
        drop: for a table: columns to leave out.
        one_hot: for a table: columns of text to turn into numbers.
        missing: for a table: what to do about missing values.
        header: for a table: whether its first row names the columns.
        delimiter: for a table: what stands between its cells.
        test: for the user's own data: the share held out where they are not divided.

    Returns:
        The data set; every call makes new arrays (mapped files excepted).

    Raises:
        ArgumentError: an unknown name (with the nearest valid one), or an option that means
            nothing for data of this kind.
        DtypeError: another dtype.
        DataError: a file that is damaged, or not there and not to be had.

    Example:
        >>> data = load("mnist-12k")
        >>> data
        Dataset('mnist-12k': train 10000, test 2000, samples (28, 28, 1) float32, 10 classes)
        >>> float(data.train.x.min()), float(data.train.x.max())
        (0.0, 1.0)
    """
    kind = kind_of(name)
    options: dict[str, Any] = {
        "target": target,
        "task": task,
        "size": size,
        "drop": drop,
        "one_hot": one_hot,
        "missing": missing,
        "header": header,
        "delimiter": delimiter,
        "test": test,
    }
    given = {option: value for option, value in options.items() if value is not None}
    foreign = sorted(set(given) - _TAKES[kind])
    if foreign:
        takes = ", ".join(sorted(_TAKES[kind])) or "no such options"
        raise ArgumentError(
            f"load: {foreign[0]} means nothing for {os.fspath(name)} ({kind}), which takes {takes}"
        )
    path = Path(name)
    if kind == "name":
        return load_named(str(name), dtype=dtype, seed=seed, fetch=fetch, progress=progress)
    if kind == "folder":
        return load_folder(path, seed=seed, dtype=dtype, **given)
    if kind == "mapped":
        return _as_stored(load_mapped(path), dtype)
    if kind == "npz":
        return load_npz(path, seed=seed, dtype=dtype, **given)
    return load_csv(path, given.pop("target", None), seed=seed, dtype=dtype, **given)


def _as_stored(data: Dataset, dtype: npt.DTypeLike) -> Dataset:
    """Mapped data, if they have the dtype that is wanted: converting them would read them all."""
    stored = data.train.x.dtype
    wanted = image_dtype(dtype)
    if stored != wanted:
        raise DtypeError(
            f"load: {data.source} holds {stored}, which is mapped and not converted, but dtype is "
            f"{wanted}; use dtype={stored.name!r}, or save the arrays as {wanted}"
        )
    return data
