"""The IDX format, in which MNIST is published: a magic number, the sizes, the values.

    byte 0, 1   zero
    byte 2      what a value is: 8 uint8, 9 int8, 11 int16, 12 int32, 13 float32, 14 float64
    byte 3      the number of axes
    then        the size of each axis, then the values, all big-endian

A file is taken only if it is exactly that. Next: `files.py`.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np

from ..errors import DataError
from .checks import Array

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def parse_idx(content: bytes, name: str) -> Array:
    """The array that an IDX file holds.

    Args:
        content: the file, decompressed.
        name: the file's name, for the error.

    Returns:
        An array of its own (writable, native byte order).

    Raises:
        DataError: wrong magic number, a value type that does not exist, a header cut short,
            values missing, or bytes left over.

    Example:
        >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]), "labels")
        array([7, 8, 9], dtype=uint8)
    """

    def wrong(expected: str, got: str) -> DataError:
        return DataError(f"IDX file {name}: expected {expected}, got {got}; fetch the file again")

    if len(content) < 4:
        raise wrong("a header of at least 4 bytes", f"a file of {len(content)} bytes")
    if content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise wrong(
            "the magic number 00 00, then a type 08, 09, 0b, 0c, 0d or 0e",
            content[:3].hex(" ") + (" (still compressed?)" if content[:2] == b"\x1f\x8b" else ""),
        )
    dtype, axes = np.dtype(_TYPES[content[2]]), content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise wrong(f"a header of {start} bytes for {axes} axes", f"{len(content)} bytes")
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    expected, got = math.prod(shape) * dtype.itemsize, len(content) - start
    if got != expected:
        fault = "truncated" if got < expected else "with bytes left over"
        raise wrong(f"{expected} bytes of values for the shape {shape}", f"{got} ({fault})")
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def read_idx(path: str | os.PathLike[str]) -> Array:
    """The array in an IDX file, compressed (`.gz`) or not.

    Raises:
        DataError: the file is not there, cannot be read, or is not what its format says.
    """
    file = Path(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(
            f"read_idx: cannot read {file}: {error.strerror or error}; check the path"
        ) from error
    return parse_idx(decompress(content, str(file)), str(file))


def decompress(content: bytes, name: str) -> bytes:
    """`content` unpacked where its first two bytes are gzip's, else as it is.

    Raises:
        DataError: a damaged or truncated gzip file.
    """
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{name}: expected a whole gzip file of {len(content)} bytes, got one that does not "
            f"unpack ({error}); fetch the file again"
        ) from error
