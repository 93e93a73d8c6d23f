"""One file from the network into the cache, whole or not at all.

It is received under a temporary name in the folder where it will lie, compared with its size and
checksum, flushed to the disk, and only then renamed: whatever interrupts this, the final name
never stands for half a file. Next: `progress.py`, what the user sees meanwhile.
"""

from __future__ import annotations

import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from ..errors import DataError
from .files import cache_folder, candidates
from .progress import show
from .published import MIRRORS, File

TIMEOUT = 30.0
"""Seconds without a byte after which a mirror is given up."""

_BLOCK = 1 << 16


class _RefusedError(Exception):
    """One mirror did not give the file; the next is tried."""


def download(file: File, mirrors: Sequence[str] = (), *, progress: bool = True) -> Path:
    """Fetch a file into the cache.

    Args:
        file: which.
        mirrors: addresses of folders that serve it; the default is `MIRRORS`.
        progress: show on standard error how it goes.

    Returns:
        Where it lies now.

    Raises:
        DataError: no mirror gave the file (saying what each one answered, where the file was
            looked for, and how to get it by hand), or the cache cannot be written.
    """
    folder = cache_folder() / file.folder
    target = folder / file.name
    failures = []
    for mirror in mirrors or MIRRORS[file.folder]:
        url = mirror.rstrip("/") + "/" + file.name
        try:
            _fetch(url, file, folder, target, progress)
            return target
        except _RefusedError as refusal:
            failures.append(f"  {url}: {refusal}")
    looked = "\n".join(f"  {path}" for _, path, _ in candidates(file))
    tried = "\n".join(failures)
    raise DataError(
        f"{file.folder}: the file {file.name} ({file.size:,} bytes) is not on this machine and "
        f"could not be downloaded.\nLooked for:\n{looked}\nTried:\n{tried}\n"
        f"Remedy: with a network, `tgc data fetch {file.folder}`; without one, copy the file to "
        f"{target}, or set TGC_DATA to a folder that holds {file.folder}/{file.name}; "
        "digits, mnist-12k, iris, breast-cancer, xor, spirals, moons and linear need no download"
    )


def _fetch(url: str, file: File, folder: Path, target: Path, progress: bool) -> None:
    """Receive, compare, flush, rename; the temporary file is gone afterwards in every case."""
    with _open(url) as response:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=folder)
        except OSError as error:
            raise _unwritable(folder, error) from error
        part = Path(name)
        try:
            with os.fdopen(handle, "w+b") as out, show(file.name, file.size, url, progress) as step:
                _receive(response, out, file, folder, step)
                out.seek(0)
                fault = file.fault(out.read())
            if fault:
                raise _RefusedError(f"what it sent is not the published file: {fault}")
            try:
                part.chmod(0o644)  # mkstemp makes files that only their owner can read
                part.replace(target)
            except OSError as error:
                raise _unwritable(folder, error) from error
        finally:
            part.unlink(missing_ok=True)


def _open(url: str) -> http.client.HTTPResponse:
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "tinygrad_course"})
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            raise _RefusedError(f"HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _RefusedError(str(error.reason)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _RefusedError(str(error) or type(error).__name__) from error
    return response


def _receive(
    response: http.client.HTTPResponse,
    out: BinaryIO,
    file: File,
    folder: Path,
    step: Callable[[int], None],
) -> None:
    """Copy the answer to `out`, never more than one block beyond the size expected."""
    received = 0
    while received <= file.size:
        try:
            block = response.read(_BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise _RefusedError(f"broke off after {received:,} of {file.size:,} bytes") from error
        if not block:
            break
        try:
            out.write(block)
        except OSError as error:
            raise _unwritable(folder, error) from error
        received += len(block)
        step(len(block))
    try:
        out.flush()
        os.fsync(out.fileno())
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"cache: cannot write into {folder} ({error.strerror or error}); free space or set "
        "XDG_CACHE_HOME to a folder that can be written"
    )
