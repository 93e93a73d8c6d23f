"""An image file as the network saw its digits in training: light ink on black, sized, centred.

MNIST's digits were scaled to fit a box of 20 x 20 pixels and placed with their centre of mass in
the middle of 28 x 28; a photograph has paper, light and shadow around them, and those go first.
Read next: `predict.py`.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import DataError

Array = npt.NDArray[Any]

WORK = 256
"""The longer side, in pixels, to which a large picture is reduced first."""
BACKGROUND = 64
"""The same while the background is estimated."""
SPECK = 0.08
"""Less ink than this share of the largest piece is dust, not part of the digit."""
LEAST_CONTRAST = 0.06
"""Less difference than this between ink and paper is noise."""


class Picture(NamedTuple):
    """What became of an image.

    Attributes:
        pixels: (H, W) float32 from 0 to 1, the ink being light.
        inverted: whether it was dark on light.
        note: what looks strange about it, in words; empty if nothing does.
    """

    pixels: npt.NDArray[np.float32]
    inverted: bool
    note: str


def read_digit(path: str | Path, height: int, width: int) -> Picture:
    """Read a PNG, JPEG or other image of one digit, of any size and either polarity.

    Args:
        path: the file.
        height: of the result.
        width: of the result.

    Raises:
        DataError: no file, no image, or nothing on it.
    """
    path = Path(path)
    picture = _load(path)
    inverted = _is_dark_on_light(picture)
    light = 1 - picture if inverted else picture
    ink = _ink(light)
    if ink is not None and max(light.shape) > WORK:
        # Found in a reduced picture; looked at again from near, at all the pixels there are.
        ink = _ink(_closer(light, ink))
    if ink is None:
        raise DataError(
            f"{path}: expected a digit, but all of the picture has nearly the same brightness; "
            "write one large digit with a dark pen on white paper"
        )
    top, bottom, left, right = _box(ink)
    note = _strange(bottom - top, right - left, float((ink > _threshold(ink)).mean()))
    return Picture(_centred(ink[top:bottom, left:right], height, width), inverted, note)


def read_picture(
    path: str | Path, height: int, width: int, channels: int
) -> npt.NDArray[np.float32]:
    """Read a picture as the user's own training pictures are read: resized, nothing else.

    Args:
        path: the file.
        height: of the result.
        width: of the result.
        channels: 1 for grey, 3 for colours.

    Returns:
        (height, width, channels) float32 from 0 to 1.

    Raises:
        DataError: no file, or no image.
    """
    from PIL import Image, ImageOps

    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: expected an image, but there is no such file; check the name")
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
            if upright.size != (width, height):
                upright = upright.resize((width, height), Image.Resampling.BILINEAR)
            pixels = np.asarray(upright, np.float32) / np.float32(255)
    except Exception as error:  # a damaged picture can raise anything
        raise DataError(
            f"{path}: expected an image, but it cannot be read ({error}); save it as PNG or JPEG"
        ) from error
    return pixels.reshape(height, width, channels).astype(np.float32, copy=False)


def _ink(light: Array) -> Array | None:
    """The ink, from 0 to 1, of a picture with light ink; None if there is none."""
    ink = _without_background(_resized(light, min(1.0, WORK / max(light.shape))))
    full = float(ink.max())
    if max(ink.shape) > BACKGROUND:  # strokes are wide: the grain of a photograph is not
        moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        full = float(np.mean([np.roll(ink, move, (0, 1)) for move in moves], axis=0).max())
    if full < LEAST_CONTRAST:
        return None
    ink = np.clip(ink / full, 0, 1)
    return _without_specks(ink, ink > _threshold(ink))


def _box(ink: Array) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the ink."""
    rows, columns = np.nonzero(ink > _threshold(ink))
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def _closer(light: Array, ink: Array) -> Array:
    """The part of a large picture around the ink that was found in the small one."""
    scale = max(light.shape) / max(ink.shape)
    top, bottom, left, right = _box(ink)
    margin = max(bottom - top, right - left) / 2 + 2
    rows = slice(max(0, int(scale * (top - margin))), int(scale * (bottom + margin)) + 1)
    columns = slice(max(0, int(scale * (left - margin))), int(scale * (right + margin)) + 1)
    return light[rows, columns]


def _load(path: Path) -> Array:
    """The picture as brightness from 0 to 1, as its owner sees it: upright, on white."""
    from PIL import Image, ImageOps

    if path.is_dir():
        raise DataError(f"{path}: expected an image, but it is a folder; name a PNG or JPEG in it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                image = ImageOps.exif_transpose(file)
                image.thumbnail((4 * WORK, 4 * WORK))
                image.load()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; check the name and the folder") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(f"{path}: the picture is too large; reduce it to 2000 pixels") from None
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(
            f"{path}: cannot be read as an image ({error}); give a PNG or JPEG file"
        ) from None
    if image.mode in ("I", "I;16", "I;16B", "F"):  # more than 8 bits: Pillow would clip them
        values = np.asarray(image, np.float64)
        low, high = values.min(), values.max()
        return np.asarray((values - low) / (high - low or 1), np.float32)
    if image.mode in ("P", "LA", "PA", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        alpha = np.asarray(image.getchannel("A"), np.float32) / 255
        grey = np.asarray(image.convert("RGB").convert("L"), np.float32) / 255
        # A drawing on nothing: what is drawn may be black or white, so take the paper unlike it.
        drawn = grey[alpha > 0.5]
        paper = 1.0 if not drawn.size or drawn.mean() < 0.5 else 0.0
        return grey * alpha + paper * (1 - alpha)
    return np.asarray(image.convert("L"), np.float32) / 255


def _is_dark_on_light(grey: Array) -> bool:
    """Whether the ink is dark: what runs around the edge is the background."""
    grey = _resized(grey, min(1.0, WORK / max(grey.shape)))
    edge = max(1, min(grey.shape) // 20)
    frame = np.concatenate(
        [part.ravel() for part in (grey[:edge], grey[-edge:], grey[:, :edge], grey[:, -edge:])]
    )
    # The whole picture has the last word where the edge is neither: ink covers less than paper.
    background = np.median(frame) if frame.std() < 0.25 else np.median(grey)
    return bool(background > (grey.min() + grey.max()) / 2)


def _without_background(grey: Array) -> Array:
    """Subtract the paper and its shadows: an opening wider than any stroke removes the ink."""
    from PIL import Image, ImageFilter

    small = _resized(grey, min(1.0, BACKGROUND / max(grey.shape)))
    window = max(3, max(small.shape) // 3 | 1)
    image = Image.fromarray(np.uint8(np.round(255 * np.clip(small, 0, 1))))
    image = image.filter(ImageFilter.MinFilter(window)).filter(ImageFilter.MaxFilter(window))
    image = image.filter(ImageFilter.BoxBlur(window // 4))
    image = image.resize(grey.shape[::-1], Image.Resampling.BILINEAR)
    ink = np.clip(grey - np.asarray(image, np.float32) / 255, 0, 1)
    edge = max(1, min(grey.shape) // 20)
    frame = np.concatenate([ink[:edge].ravel(), ink[-edge:].ravel()])
    noise = _percentile(frame, 90)  # 0 for a clean drawing, the grain of the paper in a photograph
    return np.where(ink > 1.5 * noise, ink - noise, 0.0) if noise > 0.004 else ink


def _without_specks(ink: Array, mask: npt.NDArray[np.bool_]) -> Array:
    """Keep the largest connected piece, and others that are not small beside it: a 5's top stroke.

    Dust goes, and the shadow that is left in a corner of a photograph.
    """
    labels = np.zeros(mask.shape, np.intp)
    height, width = mask.shape
    sums = [0.0]
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        labels[start] = len(sums)
        stack, total = [start], 0.0
        while stack:
            row, column = stack.pop()
            total += float(ink[row, column])
            for r in range(max(row - 1, 0), min(row + 2, height)):
                for c in range(max(column - 1, 0), min(column + 2, width)):
                    if mask[r, c] and not labels[r, c]:
                        labels[r, c] = len(sums)
                        stack.append((r, c))
        sums.append(total)
    small = np.flatnonzero(np.array(sums) < SPECK * max(sums))
    # A speck's faint rim lies below the threshold: outside all pieces only what is near them stays.
    kept = mask & ~np.isin(labels, small)
    near = kept.copy()
    for _ in range(2):
        near[1:] |= near[:-1].copy()
        near[:-1] |= near[1:].copy()
        near[:, 1:] |= near[:, :-1].copy()
        near[:, :-1] |= near[:, 1:].copy()
    return np.where(near & (kept | ~mask), ink, 0.0)


def _threshold(ink: Array) -> float:
    """Otsu's threshold: the cut that makes both sides most uniform. (Otsu 1979, equation 12.)"""
    counts, edges = np.histogram(ink, bins=64, range=(0.0, 1.0))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = ink.size - below
    weighted = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = weighted[:-1] / below, (weighted[-1] - weighted[:-1]) / above
        between = below * above * (means[0] - means[1]) ** 2
    return float(edges[1 + int(np.nanargmax(between))]) * 0.5


def _centred(ink: Array, height: int, width: int) -> npt.NDArray[np.float32]:
    """Scale the ink to 20/28 of the frame (all of a small one); centre its mass."""
    share = 20 / 28 if min(height, width) >= 16 else 1.0
    scale = min(share * height / ink.shape[0], share * width / ink.shape[1])
    ink = _resized(ink, scale)
    ink = ink[:height, :width]
    h, w = ink.shape
    total = ink.sum()
    row = float((ink.sum(1) * np.arange(h)).sum() / total)
    column = float((ink.sum(0) * np.arange(w)).sum() / total)
    top = int(np.clip(round(height / 2 - row), 0, height - h))
    left = int(np.clip(round(width / 2 - column), 0, width - w))
    placed = np.zeros((height, width), np.float32)
    # In the middle of a stroke the ink is full: what scaling has blurred becomes as dark as a pen.
    full = _percentile(ink[ink > 0.5 * ink.max()], 75)
    placed[top : top + h, left : left + w] = np.clip(ink / full, 0, 1)
    return placed


def _resized(values: Array, scale: float) -> Array:
    """An image scaled with antialiasing; at least one pixel is left."""
    if scale == 1.0:
        return values
    from PIL import Image

    height, width = (max(1, round(n * scale)) for n in values.shape)
    image = Image.fromarray(np.asarray(values, np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX if scale < 1 else
                                   Image.Resampling.BICUBIC)).clip(0, 1)  # fmt: skip


def _strange(height: int, width: int, inked: float) -> str:
    if width > 1.8 * height:
        return "it is wider than high: is there more than one digit on it?"
    if inked > 0.5:
        return "more than half of it is ink: leave some paper around the digit"
    return ""


def _percentile(values: Array, percent: float) -> float:
    return float(np.percentile(values, percent))
