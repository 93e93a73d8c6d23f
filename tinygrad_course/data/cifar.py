"""CIFAR-10 in every form in which it is published, each checked against the same six checksums.

Looked for, in this order, in the folder `cifar-10` of `TGC_DATA` and then of the cache:

    cifar-10-batches-bin/data_batch_1.bin ... test_batch.bin    records: a label, then 3 x 32 x 32
    the same with .xz                                           compressed by `xz`
    cifar-10-binary.tar.gz                                      the same files in an archive
    cifar-10-python.tar.gz                                      pickles, see `pickles.py`

Whatever the form, the records are laid out as in the first one and compared with its checksums.
Next: `pickles.py`.
"""

from __future__ import annotations

import hashlib
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from .checks import Array
from .dataset import Split
from .files import FileStatus, cache_folder, data_folder
from .pickles import records_of_pickle
from .published import CIFAR10_ARCHIVES, CIFAR10_BATCHES, CIFAR10_PACKED

_SIDE, _CHANNELS = 32, 3
_RECORD = 1 + _CHANNELS * _SIDE * _SIDE
_BATCHES, _BINARY, _PYTHON = "cifar-10-batches-bin", *CIFAR10_ARCHIVES
_MEMBER_LIMIT = 1 << 26
"""Bytes: a batch has 31 million; an archive that says more of one is not unpacked."""


class Source(NamedTuple):
    """One place where all of CIFAR-10 lies.

    Attributes:
        place: "TGC_DATA" or "cache".
        path: the folder of the batches, or the archive.
    """

    place: str
    path: Path


def locate() -> Source | None:
    """The first complete form of CIFAR-10 on this machine, sound or not."""
    for place, top in _tops():
        folder = top / "cifar-10"
        if not _missing(folder / _BATCHES):
            return Source(place, folder / _BATCHES)
        for name in (_BINARY, _PYTHON):
            if (folder / name).is_file():
                return Source(place, folder / name)
    return None


def status() -> list[FileStatus]:
    """The state of its files, checksums compared; damage is reported, not raised."""
    found = locate()
    if found is None:
        path = cache_folder() / "cifar-10" / _BINARY
        size = CIFAR10_ARCHIVES[_BINARY].size
        return [FileStatus("cifar-10", _BINARY, "absent", str(path), "cache", 0, size)]
    files = [found.path] if found.path.is_file() else [_batch(found.path, n) for n in _names()]
    return [_state(file, found.place) for file in files]


def read_cifar10() -> tuple[Split, Split]:
    """Training and test part: images (N, 32, 32, 3) and labels (N,), both uint8.

    Raises:
        DataError: it is not on this machine, or damaged.
    """
    found = locate()
    if found is None:
        raise _absent()
    parts: dict[str, Split] = {}
    for name, content in _contents(found.path):
        expected = CIFAR10_BATCHES[name]
        got = hashlib.sha256(content).hexdigest()
        if got != expected:
            raise _damaged(found.path, f"{name}: expected SHA-256 {expected}, got {got}")
        parts[name] = parse_batch(content, f"{found.path} ({name})")
    missing = [name for name in CIFAR10_BATCHES if name not in parts]
    if missing:
        raise _damaged(found.path, f"{', '.join(missing)} is not in it")
    *train, test = (parts[name] for name in CIFAR10_BATCHES)
    whole = Split(np.concatenate([p.x for p in train]), np.concatenate([p.y for p in train]))
    return whole, test


def parse_batch(content: bytes, name: str) -> Split:
    """The records of one batch: a label, then a red, a green and a blue plane, row by row.

    Args:
        content: the decompressed file.
        name: what to call it in the error.

    Returns:
        Images (N, 32, 32, 3) and labels (N,), uint8, arrays of their own.

    Raises:
        DataError: a length that is no whole number of records, or a label above 9.

    Example:
        >>> batch = parse_batch(bytes([7]) + bytes(range(256)) * 12, "example")
        >>> batch.y, batch.x.shape, batch.x[0, 0, :3, 0]
        (array([7], dtype=uint8), (1, 32, 32, 3), array([0, 1, 2], dtype=uint8))
    """
    count, rest = divmod(len(content), _RECORD)
    if rest or not count:
        raise DataError(
            f"{name}: expected records of {_RECORD} bytes, got {len(content):,} bytes "
            f"({count} records and {rest} bytes); fetch the file again"
        )
    table = np.frombuffer(content, np.uint8).reshape(count, _RECORD)
    labels = table[:, 0]
    if labels.max() > 9:
        bad = int(np.argmax(labels > 9))
        raise DataError(
            f"{name}: expected labels 0 .. 9, but record {bad} has {labels[bad]}; "
            "fetch the file again"
        )
    planes: Array = table[:, 1:].reshape(count, _CHANNELS, _SIDE, _SIDE)
    return Split(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels.copy())


def _names() -> list[str]:
    return list(CIFAR10_BATCHES)


def _tops() -> list[tuple[str, Path]]:
    given = data_folder()
    return [*([] if given is None else [("TGC_DATA", given)]), ("cache", cache_folder())]


def _batch(folder: Path, name: str) -> Path:
    """The file of a batch: as published if it is there, else compressed."""
    plain = folder / name
    return plain if plain.is_file() else folder / f"{name}.xz"


def _missing(folder: Path) -> list[str]:
    return [name for name in _names() if not _batch(folder, name).is_file()]


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, records) of the batches, in the layout of the binary version."""
    try:
        if path.is_dir():
            # Unpacking takes a second a file, outside the interpreter's lock.
            with ThreadPoolExecutor(4) as pool:
                unpacked = pool.map(_unpacked, [_batch(path, name) for name in _names()])
                yield from zip(_names(), unpacked, strict=True)
            return
        binary = path.name == _BINARY
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                base = member.name.rpartition("/")[2]
                name = base if binary else f"{base}.bin"
                if not member.isfile() or name not in CIFAR10_BATCHES:
                    continue
                if member.size > _MEMBER_LIMIT:
                    raise _damaged(path, f"{member.name} has {member.size:,} bytes")
                stream = archive.extractfile(member)
                content = stream.read() if stream is not None else b""
                yield name, content if binary else records_of_pickle(content, f"{path} ({base})")
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError, zlib.error) as error:
        raise _damaged(path, str(error) or type(error).__name__) from error


def _unpacked(file: Path) -> bytes:
    if file.suffix != ".xz":
        return file.read_bytes()
    with lzma.open(file) as stream:
        return stream.read(_MEMBER_LIMIT)


def _state(file: Path, place: str) -> FileStatus:
    """The status of one batch or archive."""
    size, expected, detail = 0, 0, ""
    try:
        content = file.read_bytes()
        size = len(content)
        if file.name in CIFAR10_ARCHIVES:
            published = CIFAR10_ARCHIVES[file.name]
            expected, detail = published.size, published.fault(content)
        else:
            name = file.name.removesuffix(".xz")
            expected = size
            got = hashlib.sha256(content).hexdigest()
            # Unpacking takes a second a file; one packed in the usual way is known by its own sum.
            if file.suffix == ".xz" and got != CIFAR10_PACKED.get(name):
                got = hashlib.sha256(lzma.decompress(content)).hexdigest()
            elif file.suffix == ".xz":
                got = CIFAR10_BATCHES[name]
            if got != CIFAR10_BATCHES[name]:
                detail = f"expected SHA-256 {CIFAR10_BATCHES[name]}, got {got}"
    except OSError as error:
        detail = f"cannot be read ({error.strerror or error})"
    except (lzma.LZMAError, EOFError) as error:
        detail = f"does not unpack ({error})"
    state = "corrupt" if detail else "present"
    return FileStatus("cifar-10", file.name, state, str(file), place, size, expected, detail)


def _absent() -> DataError:
    looked = []
    for _, top in _tops():
        folder = top / "cifar-10"
        gone = _missing(folder / _BATCHES)
        lacks = f" (lacks {', '.join(gone)})" if len(gone) < len(CIFAR10_BATCHES) else ""
        looked += [f"  {folder / _BATCHES}{lacks}", *(f"  {folder / n}" for n in CIFAR10_ARCHIVES)]
    return DataError(
        "load: cifar-10 is not on this machine.\nLooked for:\n" + "\n".join(looked) + "\n"
        "Remedy: `tgc data fetch cifar-10` gets it (170 MB); or set TGC_DATA to a folder that "
        "holds one of them"
    )


def _damaged(path: Path, fault: str) -> DataError:
    return DataError(
        f"{path}: {fault}: the file is damaged or another one; put the published one there, or "
        "delete it and run `tgc data fetch cifar-10`"
    )
