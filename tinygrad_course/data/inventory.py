"""Which files of the data sets are on this machine, whether they are sound, and getting the rest.

What `tgc data list`, `verify` and `fetch` stand on; `load` asks `complete` before it reads.
Next: `download.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ArgumentError, ArgumentTypeError, DataError, nearest
from . import cifar
from .about import INFO
from .dataset import Dataset
from .files import FileStatus, embedded_path, read_embedded, status_of
from .generated import moons, spirals, xor
from .linear import linear
from .published import DOWNLOADS, EMBEDDED

_REMEDY = {
    "package": "install tinygrad_course again",
    "TGC_DATA": "put the published file there, or unset TGC_DATA",
    "cache": "`tgc data fetch {}` replaces it",
}

MAKERS: dict[str, Callable[..., Dataset]] = {
    "xor": xor,
    "spirals": spirals,
    "moons": moons,
    "linear": linear,
}
"""The data sets that are computed."""


def names() -> list[str]:
    """The names that `load` takes.

    Example:
        >>> names()[:5]
        ['digits', 'mnist-12k', 'mnist', 'fashion-mnist', 'cifar-10']
        >>> names()[5:]
        ['iris', 'breast-cancer', 'xor', 'spirals', 'moons', 'linear']
    """
    return [*INFO, *MAKERS]


def known(name: str, function: str) -> None:
    """Make sure that `name` is one of `names()`.

    Raises:
        ArgumentTypeError: not a string.
        ArgumentError: an unknown name; the message holds the nearest valid one.
    """
    if not isinstance(name, str):
        raise ArgumentTypeError(f"{function}: name must be a string, but it is {name!r}")
    if name not in INFO and name not in MAKERS:
        raise ArgumentError(f"{function}: no data set {name!r}; {nearest(name, names())}")


def status(name: str | None = None) -> list[FileStatus]:
    """Where the files are and whether they are sound; damage is reported, not raised.

    Args:
        name: a data set; the default is all of them.

    Returns:
        One `FileStatus` a file, checksums compared.

    Raises:
        ArgumentError: an unknown name.
        DataError: `TGC_DATA` names something that is not a folder.

    Example:
        >>> [(line.file, line.state, line.size) for line in status("iris")]
        [('iris.npz', 'present', 1332)]
    """
    if name is None:
        return [line for each in names() for line in status(each)]
    known(name, "status")
    if name in EMBEDDED:
        file = EMBEDDED[name]
        try:
            size, state, detail = len(read_embedded(file)), "present", ""
        except DataError as error:
            size, state, detail = 0, "corrupt", str(error)
        path = embedded_path(file)
        return [FileStatus(name, file.name, state, path, "package", size, file.size, detail)]
    if name == "cifar-10":
        return cifar.status()
    if name in DOWNLOADS:
        return [status_of(name, file) for file in DOWNLOADS[name]]
    return [FileStatus(name, "", "generated")]


def verify(name: str | None = None) -> list[FileStatus]:
    """`status`, but anything absent or damaged is an error.

    Raises:
        DataError: naming the first file that is not sound, and the remedy.

    Example:
        >>> [line.state for line in verify("digits")]
        ['present']
    """
    lines = status(name)
    for line in lines:
        if line.state == "absent":
            raise DataError(
                f"verify: {line.dataset} needs {line.path}, which is not there; "
                f"`tgc data fetch {line.dataset}` gets it"
            )
        if line.state == "corrupt":
            remedy = _REMEDY[line.place].format(line.dataset)
            if line.place == "cache" and not _replaceable(line):
                remedy = f"delete it and run `tgc data fetch {line.dataset}`"
            raise DataError(f"verify: {line.path}: {line.detail}; {remedy}")
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

    Example:
        >>> [line.state for line in fetch("xor")]
        ['generated']
    """
    known(name, "fetch")
    complete(name, progress)
    return verify(name)


def complete(name: str, progress: bool) -> None:
    """Download the files of `name` that are absent, or damaged in the cache."""
    if name not in DOWNLOADS:
        return
    # Imported here: the standard library's HTTP client takes 20 ms that few runs need.
    from .download import download

    lines = {line.file: line for line in status(name)}
    for file in DOWNLOADS[name]:
        line = lines.get(file.name) or lines.get(file.name.removesuffix(".gz"))
        if line is not None and (line.state == "absent" or _replaceable(line)):
            download(file, progress=progress)


def _replaceable(line: FileStatus) -> bool:
    """Whether a download takes the place of a damaged file."""
    # CIFAR-10 may lie in the cache as files that somebody put there; they would still come first.
    downloaded = line.dataset != "cifar-10" or line.file == DOWNLOADS["cifar-10"][0].name
    return line.state == "corrupt" and line.place == "cache" and downloaded
