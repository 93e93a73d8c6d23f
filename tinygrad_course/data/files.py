"""The files of the data sets: their names and checksums, and where they are looked for.

A file is taken from the folder in `TGC_DATA`, else from the user's cache; never without comparing
its checksum. Next: `download.py`, which fills the cache.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ..errors import DataError
from .idx import decompress


@dataclass(frozen=True)
class File:
    """A published file, known by its checksum.

    Attributes:
        folder: the folder it lies in, below `TGC_DATA` and below the cache.
        name: its published name.
        size: bytes.
        sha256: of the file as published.
        unpacked_size: bytes without gzip; 0 if it is not compressed.
        unpacked_sha256: of the unpacked file.
    """

    folder: str
    name: str
    size: int
    sha256: str
    unpacked_size: int = 0
    unpacked_sha256: str = ""

    def fault(self, content: bytes, *, unpacked: bool = False) -> str:
        """What is wrong with `content`, in words; empty if it is this file."""
        size, digest = self.size, self.sha256
        if unpacked:
            size, digest = self.unpacked_size, self.unpacked_sha256
        if len(content) != size:
            return f"expected {size:,} bytes, got {len(content):,}"
        got = hashlib.sha256(content).hexdigest()
        return "" if got == digest else f"expected SHA-256 {digest}, got {got}"


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


EMBEDDED = {
    "digits": File(
        "embedded",
        "digits-8x8.npz",
        45_374,
        "6f801551877abf69fbf3711373bb642a18dc933430a3385cd6febc235225ea6f",
    ),
    "mnist-12k": File(
        "embedded",
        "mnist-12k.npz",
        1_932_805,
        "9b8f80a66d32638e577b1142490de9d2f893e21d4aa3854f387ece050809af30",
    ),
}
"""The files that are part of the package."""

DOWNLOADS = {
    "mnist": (
        File(
            "mnist",
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        File(
            "mnist",
            "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        File(
            "mnist",
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        File(
            "mnist",
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    )
}
"""Training images, training labels, test images, test labels."""

MIRRORS = {
    "mnist": (
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    )
}
"""Addresses that serve the published files, tried in order. What they send is checked, not them."""


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
