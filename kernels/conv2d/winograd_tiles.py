"""The stages of Winograd's algorithm on some tiles: read them, multiply, write them.

Each function here runs in one thread and works on addresses; `winograd_kernels.py` gives them to
all threads. V, M and U are planes, one for each of the a^2 positions, `plane` floats apart; a plane
of V holds one row of channels for each tile.

Every kernel takes a `Tiling`, and is compiled anew for each of its classes, F(4x4, 3x3) and its
like: the class holds the matrices, which so become constants of the machine code.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

from ..arrays import Array
from ..compiled import device_function, kernel
from ..registry import Shape
from ..simd import WIDTH, address
from ..simd.panel import PANEL, make_panel
from ..simd.winograd import Matrices, make_transform, matrices, prefetch

# Which tiles --------------------------------------------------------------------------------------


class _Tiles(NamedTuple):
    m: int
    a: int
    down: int
    across: int
    top: int
    left: int
    tiles: int


class Tiling(_Tiles):
    """The outputs of all images, cut into tiles of m x m, each of which reads a x a inputs.

    Attributes:
        m, a: the sides of a tile.
        down, across: tiles along a column and along a row of an image.
        top, left: the inputs of an image's first tile begin at row -top and column -left.
        tiles: how many there are in all images.
        matrices: those of the class's F(m, r).
    """

    __slots__ = ()
    matrices: ClassVar[Matrices]

    @classmethod
    def of(cls, outputs: Shape | Array, top: int, left: int) -> Tiling:
        """The tiles of outputs of shape (N, H, W, ...)."""
        m, a = cls.matrices.outputs.shape
        down, across = -(-outputs[1] // m), -(-outputs[2] // m)
        return cls(m, a, down, across, top, left, outputs[0] * down * across)


class F4x4(Tiling):
    """F(4x4, 3x3): 36 multiplications for 16 outputs of 9 taps."""

    __slots__ = ()
    matrices = matrices(4, 3, points=(0, 1, -1, 2, -2))


class F2x2(Tiling):
    """F(2x2, 3x3): 16 multiplications for 4 outputs of 9 taps."""

    __slots__ = ()
    matrices = matrices(2, 3, points=(0, 1, -1))


class F4x4of5x5(Tiling):
    """F(4x4, 5x5): 64 multiplications for 16 outputs of 25 taps."""

    __slots__ = ()
    matrices = matrices(4, 5, points=(0, 1, -1, 2, -2, Fraction(1, 2), Fraction(-1, 2)))


# The transforms -----------------------------------------------------------------------------------

_read = make_transform(lambda f: f.inputs, "read")
_write = make_transform(lambda f: f.outputs, "write")
_spread = make_transform(lambda f: f.outputs.T, "read")
_filter = make_transform(lambda f: f.filters)
_gather = make_transform(lambda f: f.filters.T)
_panel = make_panel()

# The stages ---------------------------------------------------------------------------------------


@device_function
def _corner(tiling: Any, tile: int) -> tuple[int, int, int]:
    """The image of a tile, and the row and column where its outputs begin."""
    tiles = tiling.down * tiling.across
    image, place = tile // tiles, tile % tiles
    return image, place // tiling.across * tiling.m, place % tiling.across * tiling.m


@device_function
def _ask_for(images: Any, image: int, row: int, column: int, m: int) -> None:
    """Prefetch m x m pixels: what the tile below will read, a row of tiles from now."""
    H, W, C = images.shape[1:]
    for below in range(row, row + m):
        place = address(images, ((image * H + below) * W + column) * C)
        for line in range(0, 4 * m * C, 64):
            prefetch(place + line)


@kernel
def read_tiles(tiling: Any, x: Any, begin: int, end: int, v: int, plane: int, nothing: int) -> None:
    """v[position, tile, :] = B^T X B for the tiles from begin to end; X is zero outside x."""
    H, W, C = x.shape[1:]
    m, a = tiling.m, tiling.a
    for tile in range(begin, end):
        image, h, w = _corner(tiling, tile)
        h, w = h - tiling.top, w - tiling.left
        _ask_for(x, image, h + a, w, m)
        exist = (-h, H - h, -w, W - w)
        source, target = address(x, ((image * H + h) * W + w) * C), v + 4 * (tile - begin) * C
        for c in range(0, 4 * C, 4 * WIDTH):
            _read(tiling, source + c, (W * C, C), target + c, (a * plane, plane), exist, nothing)


@kernel
def write_tiles(
    tiling: Any, products: int, row: int, plane: int, y: Any, begin: int, end: int,
    first: int, last: int, lowest: Any, nothing: int,
) -> None:  # fmt: skip
    """Y = max(lowest, A^T M A) for the tiles from begin to end, as far as they lie in y.

    Of the filters from first to last only, which is what `products` holds, `row` floats a tile.
    """
    H, W, O = y.shape[1:]
    steps = tiling.a * plane, plane
    for tile in range(begin, end):
        image, h, w = _corner(tiling, tile)
        exist = (0, H - h, 0, W - w)
        source = products + 4 * (tile - begin) * row
        target = address(y, ((image * H + h) * W + w) * O + first)
        for o in range(0, 4 * (last - first), 4 * WIDTH):
            _write(tiling, source + o, steps, target + o, (W * O, O), exist, nothing, lowest)


@kernel
def spread_tiles(
    tiling: Any, dy: Any, begin: int, end: int, g: int, plane: int, nothing: int
) -> None:
    """The adjoint of `write_tiles`: g[position, tile, :] = A dY A^T."""
    H, W, O = dy.shape[1:]
    m, a = tiling.m, tiling.a
    for tile in range(begin, end):
        image, h, w = _corner(tiling, tile)
        _ask_for(dy, image, h + m, w, m)
        exist = (0, H - h, 0, W - w)
        source, target = address(dy, ((image * H + h) * W + w) * O), g + 4 * (tile - begin) * O
        for o in range(0, 4 * O, 4 * WIDTH):
            _spread(tiling, source + o, (W * O, O), target + o, (a * plane, plane), exist, nothing)


@kernel
def transform_filters(tiling: Any, w: Any, panel: int, u: int, plane: int) -> None:
    """U of one panel of filters: u[position, c, :] = G g G^T."""
    _, KW, C, O = w.shape
    first, last = panel * PANEL, min(O, panel * PANEL + PANEL)
    for c in range(C):
        for o in range(first, last, WIDTH):
            g, u_c = address(w, c * O + o), u + 4 * (c * PANEL + o - first)
            _filter(tiling, g, (KW * C * O, C * O), u_c, (tiling.a * plane, plane))


@device_function
def gather_filter(tiling: Any, u: int, plane: int, dw: Any, c: int, o: int) -> None:
    """The adjoint for WIDTH filters of one channel: dg = G^T dU G."""
    _, KW, C, O = dw.shape
    g = address(dw, c * O + o)
    _gather(tiling, u, (tiling.a * plane, plane), g, (KW * C * O, C * O))


@kernel
def multiply(
    a: int, a_row: int, a_step: int, rows: int, steps: int, b: int, b_step: int,
    start: int, start_row: int, c: int, c_row: int, columns: int,
) -> None:  # fmt: skip
    """One panel of a product, as `simd/panel.py` says; rows are computed in fours."""
    _panel(a, a_row, a_step, rows, steps, b, b_step, start, start_row, c, c_row, columns)
