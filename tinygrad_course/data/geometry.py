"""Images flipped, cropped, turned and zoomed: each image by numbers of its own.

All take and give batches (N, H, W, C). Flips and crops move values, whatever they are; turning and
zooming mix neighbours and want floats, of any range, and give values of the same range (0 comes in
from outside the image). Next: `colour.py`.
"""

from __future__ import annotations

import numpy as np

from ..errors import ArgumentError, nearest
from .checks import Array, whole_number
from .transforms import as_images, number_in, windows


class RandomFlip:
    """Mirrors each image with probability p, left to right, top to bottom, or both independently.

    Only where a mirrored picture would carry the same label: a photograph of a cat is one, a 6
    upside down is a 9, a mirrored 2 reads like a 5, and text is none at all. On digits this
    transform teaches the network labels that are wrong.

    Args:
        horizontal: mirror left to right.
        vertical: mirror top to bottom.
        p: the probability of each.

    Example:
        >>> x = np.arange(3.0).reshape(1, 1, 3, 1)
        >>> RandomFlip(p=1)(x, np.random.default_rng(0)).ravel()
        array([2., 1., 0.])
    """

    def __init__(self, horizontal: bool = True, vertical: bool = False, p: float = 0.5) -> None:
        self.horizontal = bool(horizontal)
        self.vertical = bool(vertical)
        self.p = number_in(p, "RandomFlip: p", 0, 1)
        if not (self.horizontal or self.vertical):
            raise ArgumentError(
                "RandomFlip: horizontal or vertical must be True, but neither is; leave it out"
            )

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The flipped images, any dtype.

        Raises:
            ShapeError: `x` has not four axes.
        """
        y: Array = as_images(x, "RandomFlip").copy()
        across, down = rng.random((2, len(x))) < self.p
        if self.horizontal:
            y[across] = y[across, :, ::-1]
        if self.vertical:
            y[down] = y[down, ::-1]
        return y

    def __repr__(self) -> str:
        return f"RandomFlip(horizontal={self.horizontal}, vertical={self.vertical}, p={self.p:g})"


class RandomCrop:
    """Cuts a window out of each image, at a place drawn anew, after adding a border.

    With a border of 4 and the image's own size it is the usual augmentation of CIFAR-10.

    Args:
        size: height and width of the window, or one number for both; the default is the image's.
        padding: width of the border added on every side first.
        border: what it is made of: "zero", or "reflect", the image mirrored at its edge.

    Example:
        >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
        >>> RandomCrop(2)(x, np.random.default_rng(1))[0, :, :, 0]
        array([[1., 2.],
               [4., 5.]])

    References:
        Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural
        networks", 2012, section 4.1. He et al., "Deep residual learning for image recognition",
        2016, section 4.2 (a border of 4).
    """

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        padding: int = 0,
        border: str = "zero",
    ) -> None:
        pair = (size, size) if isinstance(size, int) else size
        if pair is not None and (not isinstance(pair, tuple) or len(pair) != 2):
            raise ArgumentError(
                f"RandomCrop: size must be a number or (height, width), but it is {size!r}"
            )
        self.size = pair and (
            whole_number(pair[0], "RandomCrop: size", 1),
            whole_number(pair[1], "RandomCrop: size", 1),
        )
        self.padding = whole_number(padding, "RandomCrop: padding", 0, 2**15)
        if border not in ("zero", "reflect"):
            raise ArgumentError(
                f"RandomCrop: no border {border!r}; {nearest(str(border), ('zero', 'reflect'))}"
            )
        self.border = border

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The windows, (N, *size, C), any dtype.

        Raises:
            ShapeError: `x` has not four axes.
            ArgumentError: a window larger than the image with its border, or a mirrored border
                wider than the image.
        """
        n, h, w, _ = as_images(x, "RandomCrop").shape
        p = self.padding
        if self.border == "reflect" and p >= min(h, w):
            raise ArgumentError(
                f"RandomCrop: a mirrored border must be narrower than the image, but padding is "
                f"{p} and the images are {h} x {w}"
            )
        widths = ((0, 0), (p, p), (p, p), (0, 0))
        framed = np.pad(x, widths, "reflect") if self.border == "reflect" else np.pad(x, widths)
        height, width = self.size or (h, w)
        rows, columns = h + 2 * p - height, w + 2 * p - width
        if rows < 0 or columns < 0:
            raise ArgumentError(
                f"RandomCrop: size {height} x {width} must fit into the image, but with its "
                f"border it is {h + 2 * p} x {w + 2 * p}"
            )
        top = rng.integers(0, rows + 1, n)
        left = rng.integers(0, columns + 1, n)
        return windows(framed, top, left, (height, width))

    def __repr__(self) -> str:
        return f"RandomCrop(size={self.size}, padding={self.padding}, border={self.border!r})"


class RandomRotate:
    """Turns each image about its centre by an angle uniform in -degrees .. degrees.

    Positive is counterclockwise. Values between pixels are mixed from the four around them
    (bilinear); what comes in from outside is 0. Small angles keep a digit's label; by 180 degrees
    a 6 is a 9.

    Args:
        degrees: the largest angle, 0 .. 180.

    Example:
        >>> x = np.zeros((1, 3, 3, 1), np.float32)
        >>> x[0, 0, 1] = 1
        >>> RandomRotate(90).turned(x, np.array([90.0]))[0, :, :, 0].round(3)
        array([[0., 0., 0.],
               [1., 0., 0.],
               [0., 0., 0.]], dtype=float32)
    """

    def __init__(self, degrees: float) -> None:
        self.degrees = number_in(degrees, "RandomRotate: degrees", 0, 180)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The turned images, floats of the dtype and the range of `x` and 0.

        Raises:
            ShapeError: `x` has not four axes.
            DtypeError: `x` holds integers.
        """
        as_images(x, "RandomRotate", floats=True)
        return self.turned(x, rng.uniform(-self.degrees, self.degrees, len(x)))

    @staticmethod
    def turned(x: Array, degrees: Array) -> Array:
        """Each image of `x` (N, H, W, C) turned by its own angle, (N,)."""
        angle = np.deg2rad(degrees)
        cos, sin = np.cos(angle), np.sin(angle)
        # Rows count downwards, so this is counterclockwise; the inverse, as `_resample` needs it.
        return _resample(x, np.array([[cos, sin], [-sin, cos]]).transpose(2, 0, 1))

    def __repr__(self) -> str:
        return f"RandomRotate({self.degrees:g})"


class RandomZoom:
    """Enlarges or shrinks each image about its centre by a factor drawn anew.

    The factor is log-uniform in low .. high, so that halving is as likely as doubling. Bilinear, 0
    outside.

    Args:
        low: the smallest factor, above 0; below 1 the image shrinks.
        high: the largest factor.

    Example:
        >>> x = np.ones((1, 4, 4, 1), np.float32)
        >>> RandomZoom(0.5, 0.5)(x, np.random.default_rng(0))[0, :, :, 0]
        array([[0., 0., 0., 0.],
               [0., 1., 1., 0.],
               [0., 1., 1., 0.],
               [0., 0., 0., 0.]], dtype=float32)
    """

    def __init__(self, low: float = 0.8, high: float = 1.25) -> None:
        self.low = number_in(low, "RandomZoom: low", 2**-10, 2**10)
        self.high = number_in(high, "RandomZoom: high", 2**-10, 2**10)
        if self.low > self.high:
            raise ArgumentError(
                f"RandomZoom: low must be at most high, but low is {low} and high is {high}"
            )

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The zoomed images, floats of the dtype and the range of `x` and 0.

        Raises:
            ShapeError: `x` has not four axes.
            DtypeError: `x` holds integers.
        """
        as_images(x, "RandomZoom", floats=True)
        factor = np.exp(rng.uniform(np.log(self.low), np.log(self.high), len(x)))
        return _resample(x, np.eye(2) / factor[:, np.newaxis, np.newaxis])

    def __repr__(self) -> str:
        return f"RandomZoom({self.low:g}, {self.high:g})"


def _resample(x: Array, inverse: Array) -> Array:
    """y[n, p] = x[n, centre + inverse[n] (p - centre)], bilinear, 0 outside.

    Args:
        x: images (N, H, W, C), floats.
        inverse: a matrix for each image, (N, 2, 2): from a place (row, column) of the result,
            measured from the centre, to the place it is taken from.
    """
    n, h, w, c = x.shape
    centre = np.array([(h - 1) / 2, (w - 1) / 2])
    place = np.indices((h, w)).reshape(2, -1) - centre[:, np.newaxis]
    row, column = np.moveaxis(inverse @ place, 1, 0) + centre[:, np.newaxis, np.newaxis]
    # Sines of right angles miss a whole number by 1e-16, which must not bring in the next pixel.
    row, column = row.round(9), column.round(9)
    top, left = np.floor(row).astype(np.intp), np.floor(column).astype(np.intp)
    # Two pixels of zeros all round: whatever lies outside is taken from there.
    framed = np.zeros((n, h + 4, w + 4, c), x.dtype)
    framed[:, 2:-2, 2:-2] = x
    flat = framed.reshape(-1, c)
    first = np.arange(n)[:, np.newaxis] * (h + 4)
    total = np.zeros((n, h * w, c), x.dtype)
    for down in (0, 1):
        for right in (0, 1):
            i = np.clip(top + down, -2, h + 1) + 2
            j = np.clip(left + right, -2, w + 1) + 2
            share = np.abs(1 - down - (row - top)) * np.abs(1 - right - (column - left))
            total += share[..., np.newaxis].astype(x.dtype) * flat[(first + i) * (w + 4) + j]
    return total.reshape(n, h, w, c)
