"""The batches of CIFAR-10's Python archive, without running what a pickle may ask to be run.

A pickle is a program: it may name any function of any module and call it. Here it may name three,
those of an array, and gets stand-ins for them that only write down what they are given.
Next: `cifar.py`, which compares what came out with the published checksums.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from ..errors import DataError

_PIXELS = 3 * 32 * 32


class _Type:
    """Stands in for `numpy.dtype`: remembers its code."""

    def __init__(self, code: bytes, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        """Byte order and fields: a single byte has none."""


class _Array:
    """Stands in for `numpy.ndarray`: remembers shape, dtype, order and bytes."""

    shape: Any = ()
    dtype: Any = None
    fortran: Any = False
    content: Any = b""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, self.dtype, self.fortran, self.content = state


def _reconstruct(kind: object, *_: object) -> _Array:
    """Stands in for the function that makes an empty array to be filled."""
    if kind is not _Array:
        raise pickle.UnpicklingError("asks for an array that is none")
    return _Array()


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
}


class _Unpickler(pickle.Unpickler):
    """Knows the three names in `_ALLOWED`, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"asks for {module}.{name}, which CIFAR-10 does not need: do not open it elsewhere"
            ) from None


def records_of_pickle(content: bytes, name: str) -> bytes:
    """The records of a pickled batch, laid out as in the binary version.

    Args:
        content: the pickle: a dict with `data`, an array (N, 3072) of uint8, and `labels`, a list
            of N integers 0 .. 9.
        name: what to call it in the error.

    Returns:
        N records of 3073 bytes, each a label and 3 x 32 x 32 pixels.

    Raises:
        DataError: something else, or a pickle that asks for anything but arrays.
    """
    try:
        # Written by Python 2: its strings are bytes.
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle can raise anything
        raise DataError(f"{name}: is not a batch of CIFAR-10: {error}") from error
    fault = _fault(batch)
    if fault:
        raise DataError(f"{name}: is not a batch of CIFAR-10: {fault}")
    data = batch[b"data"]
    pixels = np.frombuffer(data.content, np.uint8).reshape(
        data.shape, order="F" if data.fortran else "C"
    )
    labels = np.array(batch[b"labels"], np.uint8)
    return np.concatenate([labels[:, np.newaxis], pixels], axis=1).tobytes()


def _fault(batch: Any) -> str:
    """What is wrong with an unpickled batch, in words; empty if nothing is."""
    if not isinstance(batch, dict) or not {b"data", b"labels"} <= set(batch):
        return "expected a dict with data and labels"
    data, labels = batch[b"data"], batch[b"labels"]
    if not isinstance(labels, list) or not all(type(y) is int and 0 <= y <= 9 for y in labels):
        return "expected labels to be a list of integers 0 .. 9"
    whole = (
        isinstance(data, _Array)
        and isinstance(data.dtype, _Type)
        and data.dtype.code in (b"u1", b"|u1")
        and data.shape == (len(labels), _PIXELS)
        and isinstance(data.content, bytes)
        and len(data.content) == len(labels) * _PIXELS
    )
    return "" if whole else f"expected data to be a uint8 array of shape ({len(labels)}, {_PIXELS})"
