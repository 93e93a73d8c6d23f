"""Writing files so that a crash, a full disk or a power cut leaves the old one or the new one.

Pictures, reports, checkpoints and weights are all written by `replace_file`.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from .errors import FileError


def replace_file(path: str | Path, content: bytes) -> Path:
    """Write `content` beside `path`, bring it to the disk, and give it the name.

    Args:
        path: the file; missing folders are made.
        content: all of its bytes.

    Returns:
        The path.

    Raises:
        FileError: it cannot be written; a file that stood there is unchanged, and nothing
            else is left behind.

    Example:
        >>> replace_file("folder/note.txt", b"done").read_bytes()
        b'done'
    """
    path = Path(path)
    writer = f"{os.getpid()}-{threading.get_ident()}"  # two may write one file
    temporary = path.with_name(f".{path.name}.{writer}.part")
    try:
        if path.exists() and not path.is_file():
            # A rename would replace a device or a pipe by a file, for everyone on the machine.
            raise FileError(
                f"{path} cannot be written: expected a file or nothing, but there is a folder or "
                "a device; give the name of a file"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # before the rename: else a power cut leaves an empty file
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise
    _sync_folder(path.parent)
    return path


def unwritable(path: Path, error: OSError) -> FileError:
    """The error for a file that cannot be written."""
    return FileError(
        f"{path} cannot be written ({error.strerror or error}); free some space, or choose another "
        "folder. What stood there before is unchanged"
    )


def remove_leftovers(path: Path) -> None:
    """Delete temporary files that killed processes left beside `path`."""
    for temporary in path.parent.glob(f".{path.name}.*.part"):
        with suppress(OSError):
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Bring the new name itself to the disk. Some systems offer no way to do that: no harm."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
