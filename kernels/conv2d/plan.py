"""Where everything stands in a direct convolution: tables of offsets, made once per geometry.

Along one axis, a convolution and its input gradient are the same thing: places, each of which sums
a few taps of the other image. `windows` and `adjoint` say which taps; `Plan` turns the two axes
into the tables that the gather tile reads. Read next: `direct_kernels.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from ..arrays import Array, Padding, output_length
from ..registry import Shape

_CHUNK_FLOATS = 64 << 10
"""Floats of the source that one chunk of work reads: 256 KiB, which the L2 cache holds beside the
filters. With 128 KiB a 3x3 convolution with stride 2 takes 1.1 to 1.3 times as long."""
_SHORTER = 1.15
"""How many times fewer rows of taps make up for places in shorter runs."""
_VECTOR = 16
"""Floats of the longest vector; a frame ends with a whole one behind it."""
_CHUNK_PLACES = 1024
"""Pixels of the destination that one chunk of work computes, at most: the length of its tables."""


class Phase(NamedTuple):
    """The places start, start + stride, ... of one axis: all with the same taps.

    Attributes:
        start: the first place.
        stride: the distance between two of them.
        length: how many there are.
        taps: (index in the filter, shift): place v reads the source at v * step + shift.
    """

    start: int
    stride: int
    length: int
    taps: tuple[tuple[int, int], ...]


class Axis(NamedTuple):
    """One axis of a convolution.

    Attributes:
        step: how far the source moves from one place of a phase to the next.
        phases: together, their places are the whole axis of the destination.
    """

    step: int
    phases: tuple[Phase, ...]

    def first(self) -> int:
        """The lowest shift of any tap: where the source of place 0 begins."""
        return min((shift for phase in self.phases for _, shift in phase.taps), default=0)

    def reach(self) -> int:
        """How many numbers of the source lie between the lowest and the highest tap, both in."""
        last = max((shift for phase in self.phases for _, shift in phase.taps), default=0)
        return last - self.first() + 1

    def runs(self, phase: Phase, length: int) -> Iterator[tuple[range, range]]:
        """The places of a phase in runs, each with those of its taps that meet the source.

        A 5x5 filter whose input gradient is 14 rows high meets 10 rows of dy: of its 70 rows of
        taps 20 meet nothing, and each of the 4 first and 4 last places is a run of its own.
        """
        begin, before = 0, range(0)
        for v in range(phase.length):
            at = v * self.step
            met = [t for t, (_, shift) in enumerate(phase.taps) if 0 <= at + shift < length]
            taps = range(met[0], met[-1] + 1) if met else range(0)  # shifts only rise or only fall
            if v > begin and taps != before:
                yield range(begin, v), before
                begin = v
            before = taps
        yield range(begin, phase.length), before

    def places(self) -> int:
        """The places of the longest phase."""
        return max(phase.length for phase in self.phases)


def windows(outputs: int, size: int, stride: int, before: int, dilation: int) -> Axis:
    """The axis of a forward convolution: y[p] = sum over i of x[p stride - before + i dilation].

    Example:
        >>> windows(4, size=3, stride=1, before=1, dilation=1).phases[0].taps
        ((0, -1), (1, 0), (2, 1))
    """
    taps = tuple((i, i * dilation - before) for i in range(size))
    return Axis(stride, (Phase(0, 1, outputs, taps),))


def adjoint(inputs: int, size: int, stride: int, before: int, dilation: int) -> Axis:
    """The axis of an input gradient: dx[h] = sum of dy[p] over the p, i that met h going forward.

    They met where p stride = h + before - i dilation. Of h = v stride + e, the taps that divide
    depend on e alone: `stride` phases, each an ordinary convolution of dy with some of the taps.
    A phase without taps (a 1x1 filter with stride 2 has one) is zero.

    Example:
        >>> [phase.taps for phase in adjoint(6, size=3, stride=2, before=1, dilation=1).phases]
        [((1, 0),), ((0, 1), (2, 0))]
    """
    phases = []
    for e in range(min(stride, inputs)):
        met = [(i, e + before - i * dilation) for i in range(size)]
        taps = tuple((i, distance // stride) for i, distance in met if distance % stride == 0)
        phases.append(Phase(e, stride, -(-(inputs - e) // stride), taps))
    return Axis(1, tuple(phases))


class _Tables(NamedTuple):
    chunks: int
    images: int
    bands: int
    band: int
    copied: bool
    frame_rows: int
    frame_columns: int
    row_step: int
    first_row: int
    first_column: int
    place_rows: int
    rows: Array
    columns: Array
    first_place: Array
    read_at: Array
    write_at: Array
    first_step: Array
    last_step: Array
    steps: Array
    tap_order: Array


class Plan(_Tables):
    """A convolution from a source (N, H, W, channels) to a destination (N, OH, OW, filters).

    Work is cut into chunks: a band of rows of one image, or several whole images where those are
    small. A chunk's source is first copied into a frame of zeros where taps reach outside.

    Attributes:
        chunks, images, bands, band: chunks in all; images in one; bands of one image, and the
            rows of each phase in one band.
        copied: whether a chunk's source is copied into a frame.
        frame_rows, frame_columns: the frame of one image.
        row_step, first_row, first_column: the frame of band v begins at row v row_step + first_row
            and at column first_column of the source.
        place_rows: the destination's rows between two bands, by rows of a band.
        rows, columns, first_place: of each phase: its rows in an image, the places in a row, and
            where its places begin in the next two tables. "Phase" is here also a run of rows that
            meet the same taps.
        read_at: for each place of a chunk, where its window begins in the frame.
        write_at: where its result stands, from the chunk's first row on.
        first_step, last_step: of each phase: where its steps begin and end in `steps`.
        steps: offsets from a window's beginning, one for every tap and channel.
        tap_order: the taps i KW + j in the order of `steps`.
        channelwise: whether each channel has one filter of its own; the class says it, and a
            kernel is compiled for each class.
    """

    __slots__ = ()
    channelwise: ClassVar[bool] = False


class ChannelwisePlan(Plan):
    """A depthwise convolution, with as many groups as channels: one step for every tap."""

    __slots__ = ()
    channelwise = True


def make_plan(
    source: Shape, destination: Shape, vertical: Axis, horizontal: Axis, kernel_width: int,
    groups: int, clip: bool,
) -> Plan:  # fmt: skip
    """The tables of a convolution from `source` to `destination` (shapes, NHWC).

    With `clip`, rows of taps that meet nothing but padding may be left out.
    """
    N, H, W, C = source
    OH, OW, O = destination[1:]
    places, width = vertical.places(), horizontal.places()
    top, left = vertical.first(), horizontal.first()
    frame_columns = (width - 1) * horizontal.step + horizontal.reach()
    whole_rows = (places - 1) * vertical.step + vertical.reach()
    channelwise = groups > 1 and groups == C == O
    copied = top < 0 or left < 0 or top + whole_rows > H or left + frame_columns > W
    copied = copied or (channelwise and C % _VECTOR != 0)  # whole vectors are read of the last ones
    if not copied:
        frame_columns = W

    image_floats = whole_rows * frame_columns * C
    images = max(1, min(N, _CHUNK_FLOATS // image_floats, _CHUNK_PLACES // (places * width)))
    band = places
    if images == 1:
        fitting = (_CHUNK_FLOATS // (frame_columns * C) - vertical.reach()) // vertical.step + 1
        band = max(1, min(places, fitting, max(_CHUNK_PLACES // width, 64 // width + 1)))
    bands = -(-places // band)
    band = -(-places // bands)
    frame_rows = (band - 1) * vertical.step + vertical.reach() if copied else H

    row, depth = frame_columns * C, C // groups
    rows, columns, first_place = [], [], [0]
    first_step: list[int] = []
    last_step: list[int] = []
    read_at, write_at, tap_order = [], [], []
    steps: list[Array] = []
    for down in vertical.phases:
        runs = list(vertical.runs(down, H)) if clip and bands == 1 else []
        if len(runs) <= 1 or _SHORTER * _taps_in(runs) > down.length * len(down.taps):
            runs = [(range(min(band, down.length)), range(len(down.taps)))]
        for across in horizontal.phases:
            before = len(steps)
            for i, h in down.taps:
                for j, w in across.taps:
                    begin = (h - top) * row + (w - left) * C
                    steps.append(begin + np.arange(depth))
                    tap_order.append(i * kernel_width + j)
            for places_down, taps_down in runs:
                n, v, u = np.ogrid[:images, places_down.start : places_down.stop, : across.length]
                at = n * (frame_rows * row) + v * (vertical.step * row) + u * (horizontal.step * C)
                read_at.append(at.ravel())
                y = v * down.stride + down.start
                x = u * across.stride + across.start
                write_at.append((((n * OH + y) * OW + x) * O).ravel())
                rows.append(down.length if len(runs) == 1 else len(places_down))
                columns.append(across.length)
                first_place.append(first_place[-1] + at.size)
                first_step.append((before + taps_down.start * len(across.taps)) * depth)
                last_step.append((before + taps_down.stop * len(across.taps)) * depth)

    def table(parts: Any) -> Array:
        return np.ascontiguousarray(parts, dtype=np.int64)

    kind = ChannelwisePlan if channelwise else Plan
    return kind(
        chunks=-(-N // images) * bands,
        images=images,
        bands=bands,
        band=band,
        copied=copied,
        frame_rows=frame_rows,
        frame_columns=frame_columns,
        row_step=vertical.step,
        first_row=top,
        first_column=left,
        place_rows=vertical.phases[0].stride,
        rows=table(rows),
        columns=table(columns),
        first_place=table(first_place),
        read_at=table(np.concatenate(read_at)),
        write_at=table(np.concatenate(write_at)),
        first_step=table(first_step),
        last_step=table(last_step),
        steps=table(np.concatenate(steps) if steps else []),
        tap_order=table(tap_order),
    )


def _taps_in(runs: list[tuple[range, range]]) -> int:
    return sum(len(places) * len(taps) for places, taps in runs)


Pair: TypeAlias = tuple[int, int]


@functools.lru_cache(maxsize=256)
def forward_plan(
    x_shape: Shape, w_shape: Shape, stride: Pair, padding: Padding, dilation: Pair, groups: int,
    clip: bool = False,
) -> Plan:  # fmt: skip
    """The plan of `conv2d`; not clipped, as padding counts there: 0 times infinity is NaN."""
    axes = []
    for k in (0, 1):
        arguments = (w_shape[k], stride[k], padding[k], dilation[k])
        outputs = output_length(x_shape[1 + k], *arguments)
        axes.append(windows(outputs, w_shape[k], stride[k], padding[k][0], dilation[k]))
    places = (x_shape[0], axes[0].places(), axes[1].places(), w_shape[3])
    return make_plan(x_shape, places, axes[0], axes[1], w_shape[1], groups, clip)


@functools.lru_cache(maxsize=256)
def input_grad_plan(
    dy_shape: Shape, w_shape: Shape, x_shape: Shape, stride: Pair, padding: Padding,
    dilation: Pair, groups: int,
) -> Plan:  # fmt: skip
    """The plan of `conv2d_input_grad`: the source is dy, the destination is dx."""
    axes = [
        adjoint(x_shape[1 + k], w_shape[k], stride[k], padding[k][0], dilation[k]) for k in (0, 1)
    ]
    return make_plan(dy_shape, x_shape, axes[0], axes[1], w_shape[1], groups, True)
