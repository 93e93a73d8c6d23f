"""The geometry of sliding windows, as users write it, checked once and made regular.

Kernels are handed stride (sh, sw), padding ((top, bottom), (left, right)) and dilation (dh, dw).
"""

from __future__ import annotations

import operator
from typing import Any, TypeAlias

from ..errors import ArgumentError, ArgumentTypeError, ShapeError

Pair: TypeAlias = tuple[int, int]
Padding: TypeAlias = tuple[Pair, Pair]


def pair(
    name: str,
    what: str,
    value: Any,
    *,
    least: int = 1,
    form: str = "an integer or a pair (vertical, horizontal)",
) -> Pair:
    """A number for both directions, or a pair of them, each at least `least`; `form` says so."""
    given = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    try:
        numbers = tuple([operator.index(n) for n in given])
    except TypeError:
        numbers = ()
    if len(numbers) != 2:
        raise ArgumentTypeError(f"{name}: {what} must be {form}, but it is {value!r}")
    if min(numbers) < least:
        raise ArgumentError(f"{name}: {what} must be at least {least}, but it is {value!r}")
    return numbers


def regular_padding(
    name: str, padding: Any, image: Pair, size: Pair, stride: Pair, dilation: Pair
) -> Padding:
    """Padding as ((top, bottom), (left, right)).

    "valid" is none. "same" makes the output ceil(input / stride); an odd remainder goes to the
    bottom and the right.
    """
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ArgumentError(
                f"{name}: padding must be 'same', 'valid', an integer, (vertical, horizontal) or "
                f"((top, bottom), (left, right)), but it is {padding!r}"
            )
        if padding == "valid":
            return (0, 0), (0, 0)
        return (
            _same(image[0], size[0], stride[0], dilation[0]),
            _same(image[1], size[1], stride[1], dilation[1]),
        )
    if isinstance(padding, (tuple, list)) and any(isinstance(p, (tuple, list)) for p in padding):
        sides = [pair(name, "padding", p, least=0) for p in padding]
        if len(sides) != 2:
            raise ArgumentError(
                f"{name}: padding must have two pairs ((top, bottom), (left, right)), not "
                f"{padding!r}"
            )
        return sides[0], sides[1]
    vertical, horizontal = pair(name, "padding", padding, least=0)
    return (vertical, vertical), (horizontal, horizontal)


def one_sided(name: str, padding: Any, length: int, size: int, stride: int, dilation: int) -> Pair:
    """Padding of a sequence as (left, right)."""
    form = "an integer, (left, right), 'same' or 'valid'"
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ArgumentError(f"{name}: padding must be {form}, but it is {padding!r}")
        return _same(length, size, stride, dilation) if padding == "same" else (0, 0)
    return pair(name, "padding", padding, least=0, form=form)


def _same(n: int, size: int, stride: int, dilation: int) -> Pair:
    reach = (size - 1) * dilation + 1
    total = max((-(-n // stride) - 1) * stride + reach - n, 0)
    return total // 2, total - total // 2


def output_size(
    name: str, image: Pair, size: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> Pair:
    """(OH, OW): floor((n + before + after - dilation (size - 1) - 1) / stride) + 1 each way.

    Raises:
        ShapeError: the window is larger than the padded image.
    """
    if min(size) < 1:
        raise ShapeError(f"{name}: a window of {size} is empty; it must be at least 1 by 1")
    lengths = []
    for n, k, s, (before, after), d in zip(image, size, stride, padding, dilation, strict=True):
        reach = (k - 1) * d + 1
        room = n + before + after - reach
        if room < 0:
            raise ShapeError(
                f"{name}: a window of {size} (dilation {dilation}) does not fit an image "
                f"of {image} with padding {padding}: it reaches over {reach}, but there are "
                f"{n + before + after}"
            )
        lengths.append(room // s + 1)
    return lengths[0], lengths[1]


def output_length(
    name: str, length: int, size: int, stride: int, padding: Pair, dilation: int
) -> int:
    """`output_size` of a sequence.

    Raises:
        ShapeError: the window is larger than the padded sequence.
    """
    if size < 1:
        raise ShapeError(f"{name}: a window of {size} steps is empty; it must have at least 1")
    reach, there = (size - 1) * dilation + 1, length + padding[0] + padding[1]
    if reach > there:
        raise ShapeError(
            f"{name}: a window of {size} steps (dilation {dilation}) does not fit a sequence of "
            f"{length} with padding {padding}: it reaches over {reach}, but there are {there}"
        )
    return (there - reach) // stride + 1


def check_image(name: str, x: Any) -> None:
    """Raise unless x is a batch of images (N, H, W, C)."""
    if len(x.shape) != 4:
        hint = " add the batch axis with x[None]" if len(x.shape) == 3 else ""
        raise ShapeError(
            f"{name}: x must be a batch of images (N, H, W, C), but has shape "
            f"{tuple(x.shape)};{hint}"
        )
