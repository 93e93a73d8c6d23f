"""Pictures in folders, a folder for each class: the user's own images.

    pets/cat/1.png, pets/cat/2.jpg, pets/dog/...               split by seed
    pets/train/cat/..., pets/train/dog/..., pets/test/cat/...  split as it lies

Next: `own.py`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, DataError
from .catalogue import image_dtype
from .checks import Array, whole_number
from .dataset import Dataset, Split, images
from .own import as_path, held_out, own_info

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

_READ = {".png", ".jpg", ".jpeg"}
_NOT_READ = {".bmp", ".gif", ".webp", ".tif", ".tiff", ".heic", ".avif", ".ppm", ".pgm"}
_TRAIN, _TEST = ("train", "training"), ("test", "testing", "val", "valid", "validation")
_GREY, _COLOUR = {"1", "L", "LA"}, {"RGB", "RGBA", "P", "PA", "CMYK", "YCbCr"}
_TURNED = {5, 6, 7, 8}
"""EXIF orientations of a camera held upright: height and width change places."""


class _Picture(NamedTuple):
    path: Path
    label: int


def load_folder(
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    test: float = 0.2,
    seed: int = 0,
    dtype: npt.DTypeLike = np.float32,
) -> Dataset:
    """Pictures from a folder that holds a folder for each class.

    PNG and JPEG are read. Grey pictures make (N, H, W, 1); if one of them has colours, all make
    (N, H, W, 3). Transparency is dropped, and pictures are turned as their camera noted (EXIF).
    The classes are the folders' names in alphabetical order. Files whose name begins with a dot,
    and files that are no pictures, are passed over.

    A folder that holds `train/` and `test/` (or `val/`), each with the folders of the classes, is
    taken as it lies; where there are both `test/` and `val/`, `test/` is judged on and `val/` not
    read. Otherwise a share of every class is held out for testing, by seed.

    Args:
        path: the folder.
        size: resize every picture to (height, width), or to a square; its proportions are not
            kept. Without it all pictures must have one size.
        test: share of the samples held out where the folder is not divided.
        seed: the held-out samples are a function of it.
        dtype: float32 or float64, values 0 .. 1; or uint8, pixels as stored.

    Returns:
        The data set.

    Raises:
        DataError: no folder, no classes, a class without pictures, pictures of different sizes,
            files that cannot be read (named), classes that differ between the parts.
        ArgumentError: a size below 1.
        DtypeError: another dtype.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as pets:
        ...     for name, level in (("cat", 50), ("dog", 200)):
        ...         Path(pets, name).mkdir()
        ...         for i in range(5):
        ...             Image.new("L", (6, 4), level + i).save(Path(pets, name, f"{i}.png"))
        ...     data = load_folder(pets)
        >>> data.classes, data.train.x.shape, data.test.y
        (('cat', 'dog'), (8, 4, 6, 1), array([0, 1]))
    """
    kind = image_dtype(dtype)
    seed = whole_number(seed, "load_folder: seed", 0)
    resized = _size(size)
    top = as_path(path, "load_folder")
    if not top.is_dir():
        is_what = "not a folder" if top.exists() else "not there"
        raise DataError(f"load_folder: expected a folder of folders, but {top} is {is_what}")
    train_folder, test_folder = _parts(top)
    classes = _class_folders(train_folder)
    listed = _pictures(train_folder, classes)
    count = len(listed)
    if test_folder is not None:
        listed += _pictures(test_folder, classes, of=train_folder)
    pixels = _read(listed, resized)
    y = np.array([picture.label for picture in listed], np.int64)
    if test_folder is None:
        train, held = held_out(pixels, y, classes, test, seed, f"load_folder: {top}")
    else:
        train, held = Split(pixels[:count], y[:count]), Split(pixels[count:], y[count:])
    return own_info(
        top,
        f"{len(listed)} pictures of {len(classes)} classes"
        + (f"; tested on {test_folder.name}/" if test_folder is not None else ""),
        classes,
        Split(images(train.x, 255, kind), train.y),
        Split(images(held.x, 255, kind), held.y),
    )


def _size(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    pair = size if isinstance(size, tuple) else (size, size)
    if len(pair) != 2:
        raise ArgumentError(
            f"load_folder: size must be a number or (height, width), but it is {size!r}"
        )
    height, width = (whole_number(side, "load_folder: size", 1, 2**15) for side in pair)
    return height, width


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _parts(top: Path) -> tuple[Path, Path | None]:
    """The folder of the training pictures and that of the test pictures, if it is divided."""
    by_name = {p.name.lower(): p for p in _folders(top) if _folders(p)}
    train = next((by_name[name] for name in _TRAIN if name in by_name), None)
    test = next((by_name[name] for name in _TEST if name in by_name), None)
    if train is None and test is not None:
        raise DataError(
            f"load_folder: {top} holds {test.name}/ but no train/; add it, or put the classes' "
            "folders directly into the folder"
        )
    return (top, None) if train is None else (train, test)


def _class_folders(folder: Path) -> list[str]:
    names = [p.name for p in _folders(folder)]
    if len(names) < 2:
        there = f"only {names[0]}/" if names else "none"
        raise DataError(
            f"load_folder: expected a folder for each class in {folder}, at least two, but there "
            f"is {there}; put the pictures of each class into a folder of its name"
        )
    return names


def _pictures(folder: Path, classes: list[str], of: Path | None = None) -> list[_Picture]:
    """The pictures of each class in `folder`, in alphabetical order."""
    strange = [p.name for p in _folders(folder) if p.name not in classes]
    if strange:
        raise DataError(
            f"load_folder: {folder} holds the class {strange[0]!r}, which {of} does not; "
            "both parts need the same folders"
        )
    found = []
    for label, name in enumerate(classes):
        if of is not None and not (folder / name).is_dir():
            raise DataError(f"load_folder: {folder} lacks the class {name!r}, which {of} holds")
        files = sorted(
            p for p in (folder / name).iterdir() if p.is_file() and not p.name.startswith(".")
        )
        other = [p for p in files if p.suffix.lower() in _NOT_READ]
        if other:
            raise DataError(
                f"load_folder: {other[0]}: only PNG and JPEG are read ({len(other)} such "
                "files in its folder); convert it"
            )
        pictures = [_Picture(p, label) for p in files if p.suffix.lower() in _READ]
        if not pictures:
            got = f"{len(files)} other files" if files else "it is empty"
            raise DataError(
                f"load_folder: expected PNG or JPEG files in {folder / name}, but {got}; "
                "add pictures or remove the folder"
            )
        found += pictures
    return found


class _UnreadableError(Exception):
    """One picture cannot be read; the others are looked at before this is reported."""


def _read(pictures: list[_Picture], size: tuple[int, int] | None) -> Array:
    """The pixels, (N, H, W, C) uint8: first a look at every header, then the pictures."""
    headers = _each(pictures, lambda row: _header(pictures[row].path))
    height, width = _agreed(pictures, [shape for shape, _ in headers]) if size is None else size
    channels = 3 if any(coloured for _, coloured in headers) else 1
    pixels = np.empty((len(pictures), height, width, channels), np.uint8)

    def fill(row: int) -> None:
        pixels[row] = _pixels(pictures[row].path, pixels.shape[1:])

    _each(pictures, fill)
    return pixels


def _each(pictures: list[_Picture], read: Callable[[int], T]) -> list[T]:
    """What `read` gives for each row; the rows where it fails are named together."""
    failed: list[str] = []

    def tried(row: int) -> T | None:
        try:
            return read(row)
        except _UnreadableError as error:
            failed.append(f"  {pictures[row].path}: {error}")
            return None

    results = [tried(row) for row in range(len(pictures))]
    if failed:
        more = f"\n  and {len(failed) - 10} more" if len(failed) > 10 else ""
        raise DataError(
            f"load_folder: {len(failed)} {'picture' if len(failed) == 1 else 'pictures'} cannot be "
            "read; replace or remove\n" + "\n".join(failed[:10]) + more
        )
    return cast("list[T]", results)


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    """The picture, its pixels not yet read; whatever Pillow raises becomes one error."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode not in _GREY | _COLOUR:
                raise ValueError(f"pixels of the kind {image.mode}, not 8 bits a channel")
            yield image
    except Exception as error:  # a damaged picture can raise anything
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise _UnreadableError(text) from error


def _header(path: Path) -> tuple[tuple[int, int], bool]:
    """((height, width), whether it has colours)."""
    with _opened(path) as image:
        width, height = image.size
        # Without the first question Pillow would decode a whole PNG in search of the second.
        turned = "exif" in image.info and image.getexif().get(0x0112) in _TURNED
        return (width, height) if turned else (height, width), image.mode in _COLOUR


def _pixels(path: Path, shape: tuple[int, ...]) -> Array:
    """The pixels of a picture, upright, as (H, W, C)."""
    from PIL import Image, ImageOps

    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image) if "exif" in image.info else image
        upright = upright.convert("RGB" if shape[2] == 3 else "L")
        if upright.size != (shape[1], shape[0]):
            upright = upright.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
        return np.asarray(upright).reshape(shape)


def _agreed(pictures: list[_Picture], shapes: list[tuple[int, int]]) -> tuple[int, int]:
    """The one size of all pictures."""
    (usual, count), *others = Counter(shapes).most_common()
    if others:
        first = next(p.path for p, shape in zip(pictures, shapes, strict=True) if shape != usual)
        shape = next(shape for shape in shapes if shape != usual)
        raise DataError(
            f"load_folder: all pictures must have one size, but {first} is {shape[0]} x {shape[1]} "
            f"(height x width) and {count} of {len(shapes)} are {usual[0]} x {usual[1]}; "
            f"size={usual} resizes them"
        )
    return usual
