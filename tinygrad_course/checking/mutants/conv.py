"""The bank's images: convolution, max and average pooling, written with patches (NHWC).

Read next: `norm.py`.
"""

from __future__ import annotations

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, spread

_PATCHES = "cols = patches(x, w.shape[:2], stride, padding)"


def _conv(rng: Generator, square: bool) -> Values:
    N, C, O = (3, 3, 3) if square else [int(n) for n in rng.permutation([2, 3, 4])]
    KH, KW = (3, 3) if square else (3, 2)
    H, W = (6, 6) if square else (int(rng.integers(5, 7)), 7)
    return {
        "x": normal(rng, N, H, W, C),
        "w": normal(rng, KH, KW, C, O),
        "b": normal(rng, O),
        "stride": int(rng.integers(1, 3)),
        "padding": int(rng.integers(1, 2)),
    }


CONV2D = Operation(
    name="conv2d",
    arguments=("x", "w", "b", "stride", "padding"),
    checked=("x", "w", "b"),
    forward="""
        cols = patches(x, w.shape[:2], stride, padding)
        y = np.einsum('nhwijc,ijco->nhwo', cols, w) + b
    """,
    backward="""
        dcols = np.einsum('nhwo,ijco->nhwijc', dy, w)
        dx = fold(dcols, x.shape, stride, padding)
        dw = np.einsum('nhwijc,nhwo->ijco', cols, dy)
        db = dy.sum(axis=(0, 1, 2))
    """,
    sample=_conv,
    defaults="""
        b = np.zeros(w.shape[-1])
        stride = 1
        padding = 0
    """,
    words=("conv", "convolution", "convolution2d"),
    choices={"stride": (1, 2, 3), "padding": (0, 1, 2)},
    layouts=({"x": (0, 2, 3, 1), "w": (2, 3, 1, 0), "y": (0, 2, 3, 1)},),
    mutants=(
        Mutant(
            "kernel_flipped_in_dx",
            "dcols = np.einsum('nhwo,ijco->nhwijc', dy, w[::-1, ::-1])",
            "the kernel is flipped once too often: scatter with the weights as they are",
        ),
        Mutant(
            "overwritten",
            "dx = fold(dcols, x.shape, stride, padding, add=False)",
            "overlapping windows overwrite one another's gradient; they have to add up (+=)",
        ),
        Mutant(
            "offsets_overwritten",
            "dx = fold(dcols, x.shape, stride, padding, by_offset=True)",
            "each place of the kernel overwrites the one before; they have to add up (+=)",
        ),
        Mutant(
            "padding_not_cropped",
            "dx = fold(dcols, x.shape, stride, padding, crop=False)",
            "the gradient of the padded image is cut at the wrong place: remove the padding first",
        ),
        Mutant(
            "last_row_dropped",
            "dx = fold(dcols, x.shape, stride, padding, skip_last=True)",
            "the last row of windows is left out: the loop ends one too early",
        ),
        Mutant(
            "kernel_transposed_in_dx",
            "dcols = np.einsum('nhwo,jico->nhwijc', dy, w)",
            "height and width of the kernel are swapped",
            square=True,
        ),
        Mutant(
            "channels_transposed_in_dx",
            "dcols = np.einsum('nhwo,ijoc->nhwijc', dy, w)",
            "input and output channels of the weights are swapped",
            square=True,
        ),
        Mutant(
            "flipped_dw",
            "dw = np.einsum('nhwijc,nhwo->ijco', cols, dy)[::-1, ::-1]",
            "the gradient of the weights is flipped, as if forward had flipped the kernel",
            also=("flipped:axis0,1",),
        ),
        Mutant(
            "dw_over_batch",
            "dw = np.einsum('nhwijc,nhwo->ijco', cols, dy) / len(x)",
            "divided by the batch size, which the loss has done",
            "a lecture that sums the batch's gradients beside a loss that averages them",
            also=("factor:1/N",),
        ),
        Mutant(
            "dw_over_pixels",
            "dw = np.einsum('nhwijc,nhwo->ijco', cols, dy) / dy[0, :, :, 0].size",
            "the mean over the positions stands where their sum belongs",
            also=("factor:1/output pixels",),
        ),
        Mutant(
            "dw_first_sample",
            "dw = np.einsum('hwijc,hwo->ijco', cols[0], dy[0])",
            "only the first image of the batch counts: the weights are shared by all",
            "taper PR #9",
        ),
        Mutant(
            "dw_transposed",
            "dw = np.einsum('nhwijc,nhwo->jico', cols, dy)",
            "height and width of the kernel's gradient are swapped",
            also=("transposed:(1, 0, 2, 3)",),
            square=True,
        ),
        Mutant(
            "db_without_space",
            "db = dy.sum(axis=0).mean(axis=(0, 1))",
            "a bias is added at every position: sum over them, not mean",
            also=("factor:1/output pixels",),
        ),
        Mutant(
            "db_over_batch",
            "db = dy.mean(axis=0).sum(axis=(0, 1))",
            "a bias is added in every sample: sum over them, not mean",
            also=("factor:1/N",),
        ),
        Mutant(
            "db_not_summed",
            "db = dy.sum(axis=0)",
            "a bias is shared by all positions; the gradient has to be summed over them too",
            also=("missing-sum:axis0,1",),
        ),
    ),
)


def _pool(rng: Generator, square: bool) -> Values:
    stride = int(rng.integers(1, 3))
    H, W = int(rng.integers(5, 7)), 7
    return {"x": spread(rng, 2, H, W, 3), "size": 2 if square else 3, "stride": stride}


MAX_POOL2D = Operation(
    name="max_pool2d",
    arguments=("x", "size", "stride"),
    checked=("x",),
    forward="""
        windows = patches(x, (size, size), stride)
        y = windows.max(axis=(3, 4))
    """,
    backward="""
        hit = windows == y[:, :, :, None, None]
        dx = fold(hit * dy[:, :, :, None, None], x.shape, stride)
    """,
    sample=_pool,
    defaults="""
        size = int(np.ceil(x.shape[1] / y.shape[1]))
        stride = size
    """,
    words=("maxpool", "max_pool", "maxpool2d"),
    choices={"size": (2, 3), "stride": (2, 1, 3)},
    layouts=({"x": (0, 2, 3, 1), "y": (0, 2, 3, 1)},),
    mutants=(
        Mutant(
            "shared_by_the_window",
            "hit = np.ones_like(windows) / size**2",
            "the gradient is shared by the window, as in average pooling",
        ),
        Mutant(
            "to_the_whole_window",
            "hit = np.ones_like(windows)",
            "every element of the window gets the whole gradient: the mask is missing",
        ),
        Mutant(
            "overwritten",
            "dx = fold(hit * dy[:, :, :, None, None], x.shape, stride, add=False)",
            "overlapping windows overwrite one another's gradient; they have to add up",
        ),
        Mutant(
            "first_of_the_window",
            "hit = np.arange(size**2).reshape(size, size, 1) == np.zeros_like(windows)",
            "the gradient goes to the window's first element, wherever the maximum was",
        ),
        Mutant(
            "maximum_of_the_image",
            "hit = windows == x.max(axis=(1, 2))[:, None, None, None, None]",
            "compared with the maximum of the whole image instead of the window's",
        ),
        Mutant(
            "maximum_over_channels",
            "hit = windows == windows.max(axis=(3, 4, 5), keepdims=True)",
            "the maximum is taken over the channels as well; each channel has its own",
        ),
        Mutant(
            "minimum",
            "hit = windows == windows.min(axis=(3, 4), keepdims=True)",
            "the gradient goes to the minimum",
        ),
        Mutant(
            "times_value",
            "dx = fold(windows * hit * dy[:, :, :, None, None], x.shape, stride)",
            "the slope at the maximum is 1, not its value",
            also=("extra-factor:x",),
        ),
        Mutant(
            "last_row_dropped",
            "dx = fold(hit * dy[:, :, :, None, None], x.shape, stride, skip_last=True)",
            "the last row of windows is left out: the loop ends one too early",
        ),
    ),
)


def _average(rng: Generator, square: bool) -> Values:
    values = _pool(rng, square)
    return {**values, "x": normal(rng, *values["x"].shape)}


AVG_POOL2D = Operation(
    name="avg_pool2d",
    arguments=("x", "size", "stride"),
    checked=("x",),
    forward="""
        windows = patches(x, (size, size), stride)
        y = windows.mean(axis=(3, 4))
    """,
    backward="""
        share = np.broadcast_to(dy[:, :, :, None, None] / size**2, windows.shape)
        dx = fold(share, x.shape, stride)
    """,
    sample=_average,
    defaults="""
        size = int(np.ceil(x.shape[1] / y.shape[1]))
        stride = size
    """,
    words=("avgpool", "average_pool", "mean_pool", "avgpool2d", "avg_pool"),
    choices={"size": (2, 3), "stride": (2, 1, 3)},
    layouts=({"x": (0, 2, 3, 1), "y": (0, 2, 3, 1)},),
    mutants=(
        Mutant(
            "not_divided",
            "share = np.broadcast_to(dy[:, :, :, None, None], windows.shape)",
            "a mean over the window: each element gets 1 / size^2 of the gradient",
            also=("factor:window",),
        ),
        Mutant(
            "divided_by_size",
            "share = np.broadcast_to(dy[:, :, :, None, None] / size, windows.shape)",
            "divided by the window's side instead of its area",
            also=("factor:size",),
        ),
        Mutant(
            "overwritten",
            "dx = fold(share, x.shape, stride, add=False)",
            "overlapping windows overwrite one another's gradient; they have to add up",
        ),
        Mutant(
            "to_the_maximum",
            "share = (windows == windows.max((3, 4), keepdims=True)) * dy[:, :, :, None, None]",
            "the gradient goes to the maximum, as in max pooling",
        ),
        Mutant(
            "first_of_the_window",
            "share = (np.arange(size**2).reshape(size, size, 1) == 0) * dy[:, :, :, None, None]",
            "only the window's first element gets a gradient",
        ),
        Mutant(
            "last_row_dropped",
            "dx = fold(share, x.shape, stride, skip_last=True)",
            "the last row of windows is left out: the loop ends one too early",
        ),
        Mutant(
            "divided_by_pixels",
            "share = np.broadcast_to(dy[:, :, :, None, None] / y[0, :, :, 0].size, windows.shape)",
            "divided by the number of output pixels instead of the window's elements",
        ),
        Mutant(
            "divided_twice",
            "share = np.broadcast_to(dy[:, :, :, None, None] / size**4, windows.shape)",
            "1 / size^2 enters twice",
            also=("factor:1/window",),
        ),
    ),
)

IMAGES = (CONV2D, MAX_POOL2D, AVG_POOL2D)
