"""The files of the data sets: where they are looked for, and what is made of them.

A file is taken from the folder in `TGC_DATA`, else from the user's cache; never without comparing
its checksum. Next: `download.py`, which fills the cache.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ..errors import DataError
from .idx import decompress
from .published import File


@dataclass(frozen=True)
class FileStatus:
    """Where a file is and how it is.

    Attributes:
        dataset: the data set it belongs to.
        file: its name.
        state: "present", "absent", "corrupt", or "generated" (there is no file).
        path: where it was found; where it would be put if it is absent; empty if generated.
        place: "package", "TGC_DATA", "cache" or "".
        size: bytes found.
        expected_size: bytes it should have.
        detail: what is wrong with a corrupt file.
    """

    dataset: str
    file: str
    state: str
    path: str = ""
    place: str = ""
    size: int = 0
    expected_size: int = 0
    detail: str = ""


def data_folder() -> Path | None:
    """The folder that `TGC_DATA` names; None if it is not set. Nothing is ever written there.

    Raises:
        DataError: it names something that is not a folder.
    """
    value = os.environ.get("TGC_DATA", "")
    if not value:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"TGC_DATA: expected a folder with the data sets (mnist/... inside), but {folder} is "
            f"{'not a folder' if folder.exists() else 'not there'}; correct it or unset it"
        )
    return folder


def cache_folder() -> Path:
    """The user's cache: `$XDG_CACHE_HOME/tinygrad_course`, else `~/.cache/tinygrad_course`.

    Raises:
        DataError: the user has no home folder and XDG_CACHE_HOME is not set.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():  # the specification says to ignore a relative one
        return base / "tinygrad_course"
    try:
        return Path.home() / ".cache" / "tinygrad_course"
    except RuntimeError as error:
        raise DataError(
            f"cache: expected a home folder, found none ({error}); set XDG_CACHE_HOME to a "
            "folder that can be written"
        ) from error


def candidates(file: File) -> list[tuple[str, Path, bool]]:
    """(place, path, whether unpacked) of every path where a file may lie, in search order."""
    folders = [("TGC_DATA", data_folder()), ("cache", cache_folder())]
    return [
        (place, folder / file.folder / name, name != file.name)
        for place, folder in folders
        if folder is not None
        for name in dict.fromkeys((file.name, file.name.removesuffix(".gz")))
    ]


def locate(file: File) -> tuple[str, Path, bool] | None:
    """The first of `candidates` that is there, sound or not."""
    return next((found for found in candidates(file) if found[1].is_file()), None)


def status_of(dataset: str, file: File) -> FileStatus:
    """Where a file of a data set is, after comparing its checksum; never raises for a bad file."""
    found = locate(file)
    if found is None:
        target = cache_folder() / file.folder / file.name
        return FileStatus(dataset, file.name, "absent", str(target), "cache", 0, file.size)
    place, path, unpacked = found
    expected = file.unpacked_size if unpacked else file.size
    try:
        content = path.read_bytes()
    except OSError as error:
        detail = f"cannot be read ({error.strerror or error})"
        return FileStatus(dataset, path.name, "corrupt", str(path), place, 0, expected, detail)
    detail = file.fault(content, unpacked=unpacked)
    state = "corrupt" if detail else "present"
    size = len(content)
    return FileStatus(dataset, path.name, state, str(path), place, size, expected, detail)


def read(file: File) -> bytes | None:
    """The unpacked content of a file, its checksum compared; None if it is nowhere.

    Raises:
        DataError: it is there, but damaged or unreadable.
    """
    found = locate(file)
    if found is None:
        return None
    place, path, unpacked = found
    remedy = (
        "put the published file there, or unset TGC_DATA"
        if place == "TGC_DATA"
        else f"`tgc data fetch {file.folder}` replaces it"
    )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); {remedy}") from error
    fault = file.fault(content, unpacked=unpacked)
    if fault:
        raise DataError(f"{path}: {fault}: the file is damaged or another one; {remedy}")
    return decompress(content, str(path))


def embedded_path(file: File) -> str:
    """The path of an embedded file, to be shown."""
    return str(resources.files(__package__).joinpath(file.folder, file.name))


def read_embedded(file: File) -> bytes:
    """The content of an embedded file, its checksum compared.

    Raises:
        DataError: the installation is damaged.
    """
    resource = resources.files(__package__).joinpath(file.folder, file.name)
    try:
        content = resource.read_bytes()
    except OSError as error:
        raise DataError(
            f"{resource}: cannot be read ({error.strerror or error}); the installation is not "
            "complete: install tinygrad_course again"
        ) from error
    fault = file.fault(content)
    if fault:
        raise DataError(f"{resource}: {fault}; install tinygrad_course again")
    return content
