"""Arrays in an .npz file: the user's own data, as NumPy saves them. Next: `own.py`."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from .catalogue import image_dtype
from .checks import Array, check_finite, whole_number
from .dataset import Dataset, Split, float_dtype, images
from .own import as_path, check_task, held_out, labels, own_info, targets

_WHOLE, _PARTS = ("x", "y"), ("x_train", "y_train", "x_test", "y_test")


def load_npz(
    path: str | os.PathLike[str],
    *,
    task: str = "auto",
    test: float = 0.2,
    seed: int = 0,
    dtype: npt.DTypeLike = np.float32,
) -> Dataset:
    """The arrays of an .npz file: `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`.

    x has one sample a row: (N, D) for a table, (N, H, W) or (N, H, W, C) for images. Images of
    uint8 become numbers 0 .. 1 (divided by 255); everything else keeps its values. y is one label
    or number a sample. Nothing is unpickled.

    Args:
        path: the file.
        task: "classification" (labels: whole numbers or text, in sorted order classes 0, 1, ...),
            "regression" (numbers), or "auto": regression if y holds floats.
        test: share of the samples held out where the file has `x` and `y` only.
        seed: the held-out samples are a function of it.
        dtype: float32 or float64; for images also uint8, if they are stored so.

    Returns:
        The data set.

    Raises:
        DataError: not there, damaged, other arrays, of pickled objects, of different lengths, not
            finite, or axes in another order.
        ArgumentError: another task.
        DtypeError: another dtype.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "waves.npz")
        ...     np.savez(path, x=np.arange(20.0).reshape(10, 2), y=np.repeat(["low", "high"], 5))
        ...     data = load_npz(path)
        >>> data
        Dataset('waves': train 8, test 2, samples (2,) float32, 2 classes)
        >>> data.classes
        ('high', 'low')
    """
    check_task(task, "load_npz")
    seed = whole_number(seed, "load_npz: seed", 0)
    file = as_path(path, "load_npz")
    where = f"load_npz: {file}"
    arrays = _arrays(file)
    names = tuple(arrays)
    kind = _dtype(arrays[names[0]], dtype)
    samples = [_samples(arrays[name], f"{where}: {name}", kind) for name in names[::2]]
    answers = [_answers(arrays[name], f"{where}: {name}") for name in names[1::2]]
    for x, y, x_name, y_name in zip(samples, answers, names[::2], names[1::2], strict=True):
        if len(x) != len(y) or not len(x):
            raise DataError(
                f"{where}: {x_name} and {y_name} must have one row a sample each, and some, but "
                f"their shapes are {x.shape} and {y.shape}"
            )
    if len(samples) == 2 and samples[0].shape[1:] != samples[1].shape[1:]:
        raise DataError(
            f"{where}: x_train and x_test must have samples of one shape, but they are "
            f"{samples[0].shape} and {samples[1].shape}"
        )
    together = np.concatenate(answers)
    if task == "auto":
        task = "regression" if together.dtype.kind == "f" else "classification"
    classes: tuple[str, ...] = ()
    if task == "classification":
        if together.ndim != 1:
            raise DataError(
                f"{where}: labels must have the shape (N,), but y has {together.shape}; for "
                "one-hot rows save y.argmax(-1)"
            )
        together, classes = labels(together, where)
    else:
        together = targets(together, kind if kind.kind == "f" else np.dtype(np.float32), where)
    if len(samples) == 2:
        cut = len(samples[0])
        train, held = Split(samples[0], together[:cut]), Split(samples[1], together[cut:])
    else:
        train, held = held_out(samples[0], together, classes, test, seed, where)
    what = f"{len(classes)} classes" if classes else "a number to predict"
    return own_info(file, f"{len(together)} samples, {what}", classes, train, held)


def _arrays(file: Path) -> dict[str, Array]:
    """The arrays x and y, or the four of a divided file, in the order of `_WHOLE` or `_PARTS`."""
    remedy = "is the file whole?"
    try:
        with file.open("rb") as stream:
            content = np.load(stream, allow_pickle=False)
            there = content.files if isinstance(content, np.lib.npyio.NpzFile) else []
            names = next((each for each in (_PARTS, _WHOLE) if set(each) <= set(there)), ())
            arrays = {name: content[name] for name in names}
    except FileNotFoundError:
        raise DataError(f"load_npz: {file} is not there; check the path") from None
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        if "allow_pickle" in str(error):
            remedy = (
                "an array of Python objects is a program, which is not run here: save numbers or "
                "text of one dtype"
            )
        raise DataError(f"load_npz: {file}: cannot be read ({error}); {remedy}") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise DataError(f"load_npz: {file}: cannot be read ({name} is no array); {remedy}")
    if not arrays:
        raise DataError(
            f"load_npz: {file}: expected the arrays x and y, or x_train, y_train, x_test and "
            f"y_test, but it holds {', '.join(there) or 'none'}; np.savez(path, x=..., y=...) "
            "writes them"
        )
    return arrays


def _dtype(x: Array, dtype: npt.DTypeLike) -> np.dtype[Any]:
    pixels = x.dtype == np.uint8 and x.ndim in (3, 4)
    return image_dtype(dtype) if pixels else float_dtype(dtype, "load_npz")


def _samples(x: Array, where: str, kind: np.dtype[Any]) -> Array:
    """Samples (N, D) or (N, H, W, C) of the dtype `kind`."""
    if x.dtype.kind not in "biuf" or x.ndim < 2 or x.ndim > 4:
        raise DataError(
            f"{where} must be numbers (N, D), (N, H, W) or (N, H, W, C), but it is {x.dtype} of "
            f"shape {x.shape}"
        )
    if x.ndim == 4 and x.shape[1] in (1, 3) and x.shape[3] not in (1, 3):
        raise DataError(
            f"{where} must have the channels last (N, H, W, C), but its shape is {x.shape}; save "
            "x.transpose(0, 2, 3, 1)"
        )
    check_finite(x, where.removeprefix("load_npz: "))
    if x.ndim > 2 and x.dtype == np.uint8:
        return images(x, 255, kind)
    return (x[..., np.newaxis] if x.ndim == 3 else x).astype(kind)


def _answers(y: Array, where: str) -> Array:
    if y.dtype.kind not in "biufSU" or y.ndim == 0:
        raise DataError(
            f"{where} must be one number or text a sample, but it is {y.dtype} of shape {y.shape}"
        )
    if y.dtype.kind == "f":
        check_finite(y, where.removeprefix("load_npz: "))
    return y
