"""What `test_simd.py` runs in a process of its own for each width: every vector function, the tile.

TGC_SIMD_WIDTH=8 python tests/simd_program.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from tinygrad_course.kernels.compiled import kernel
from tinygrad_course.kernels.simd import (
    TILE_ROWS,
    TILE_VECTORS,
    WIDTH,
    absolute,
    address,
    broadcast,
    floor,
    fma,
    load,
    load_first,
    make_tile,
    max_lanes,
    maximum,
    minimum,
    select,
    sqrt,
    store,
    store_first,
    sum_lanes,
    transpose_block,
    two_to_the,
)

F32 = np.float32
RNG = np.random.default_rng(0)
NONE = F32(-np.inf)


@kernel
def _arithmetic(x, y, out):
    a, b = load(x, 0), load(y, 0)
    store(out, 0 * WIDTH, a + b)
    store(out, 1 * WIDTH, a - b)
    store(out, 2 * WIDTH, a * b)
    store(out, 3 * WIDTH, a / b)
    store(out, 4 * WIDTH, -a)
    store(out, 5 * WIDTH, fma(a, b, broadcast(F32(1))))
    store(out, 6 * WIDTH, a * F32(3) + 1)
    store(out, 7 * WIDTH, 1 - a)


def arithmetic():
    x, y = RNG.standard_normal((2, WIDTH)).astype(F32)
    out = np.zeros((8, WIDTH), F32)
    _arithmetic(x, y, out)
    exact = x.astype(np.float64) * y + 1
    expected = [x + y, x - y, x * y, x / y, -x, exact, x * F32(3) + F32(1), F32(1) - x]
    np.testing.assert_allclose(out, np.array(expected, F32), rtol=3e-7, atol=3e-7)
    np.testing.assert_array_equal(out[5], exact.astype(F32))  # one rounding, not two


@kernel
def _functions(x, y, out):
    a, b = load(x, 0), load(y, 0)
    store(out, 0 * WIDTH, minimum(a, b))
    store(out, 1 * WIDTH, maximum(a, b))
    store(out, 2 * WIDTH, absolute(a))
    store(out, 3 * WIDTH, floor(a))
    store(out, 4 * WIDTH, sqrt(absolute(a)))
    store(out, 5 * WIDTH, select(a > b, a, b))
    store(out, 6 * WIDTH, select(a <= b, a, b))


def functions():
    special = [np.nan, np.inf, -np.inf, 0.0]
    x = np.resize(np.array([*special, 1.5, -1.5, 2.0, -0.25], F32), WIDTH)
    y = np.resize(np.array([1.0, 1.0, 1.0, 1.0, np.nan, 2.0, 2.0, -3.0], F32), WIDTH)
    out = np.zeros((7, WIDTH), F32)
    _functions(x, y, out)
    with np.errstate(invalid="ignore"):
        expected = [
            np.minimum(x, y),
            np.maximum(x, y),
            np.abs(x),
            np.floor(x),
            np.sqrt(np.abs(x)),
            np.where(x > y, x, y),
            np.where(x <= y, x, y),
        ]
    np.testing.assert_array_equal(out, np.array(expected))


@kernel
def _powers(x, out):
    for i in range(0, x.size, WIDTH):
        store(out, i, two_to_the(load(x, i)))


def powers():
    x = np.arange(-126, 128, dtype=F32)
    x = np.pad(x, (0, -x.size % WIDTH))
    out = np.zeros_like(x)
    _powers(x, out)
    np.testing.assert_array_equal(out, np.exp2(x.astype(np.float64)).astype(F32))


@kernel
def _borders(x, out, count):
    store_first(out, 0, load_first(x, 1, count), count)
    store(out, WIDTH, load_first(x, 1, count))


def borders():
    """x lies at the very end of its memory: a load beyond the border would leave it."""
    for count in range(-1, WIDTH + 2):
        inside = min(max(count, 0), WIDTH)
        x = RNG.standard_normal(1 + inside).astype(F32)
        out = np.full(2 * WIDTH, 7, F32)
        _borders(x, out, count)
        np.testing.assert_array_equal(out[:inside], x[1:])
        assert (out[inside:WIDTH] == 7).all()
        np.testing.assert_array_equal(out[WIDTH : WIDTH + inside], x[1:])
        assert not out[WIDTH + inside :].any()


@kernel
def _folds(x, out):
    out[0] = sum_lanes(load(x, 0))
    out[1] = max_lanes(load(x, 0))


def folds():
    x = RNG.standard_normal(WIDTH).astype(F32)
    out = np.zeros(2, F32)
    _folds(x, out)
    halves = x
    while halves.size > 1:
        halves = halves[: halves.size // 2] + halves[halves.size // 2 :]
    np.testing.assert_array_equal(out, [halves[0], x.max()])
    x[WIDTH // 2] = np.nan
    _folds(x, out)
    assert np.isnan(out).all()


@kernel
def _transposes(x, rows, columns, out):
    transpose_block(address(x, 0), x.shape[1], rows, columns, address(out, 0), WIDTH)


def transposes():
    for rows in range(WIDTH + 1):
        for columns in range(1, WIDTH + 1):
            x = RNG.standard_normal((max(rows, 1), columns)).astype(F32)
            out = np.full((WIDTH, WIDTH), 7, F32)
            _transposes(x, rows, columns, out)
            expected = np.zeros((WIDTH, WIDTH), F32)
            expected[:columns, :rows] = x[:rows].T
            np.testing.assert_array_equal(out, expected)


_tile, _edge = make_tile(), make_tile(edge=True)
_small = make_tile(3, 1)
COLUMNS = TILE_VECTORS * WIDTH


@kernel
def _full_tile(a, b, start, start_row, lowest, c):
    K, N = b.shape
    begin = address(start, 0) if start.size else 0
    _tile(
        address(a, 0), K, 0, 1, address(b, 0), 0, N, 1, K, begin, start_row, lowest,
        address(c, 0), N,
    )  # fmt: skip


@kernel
def _edge_tile(a, b, start, start_row, lowest, c, rows, columns):
    K, N = b.shape
    begin = address(start, 0) if start.size else 0
    _edge(
        address(a, 0), K, 0, 1, address(b, 0), 0, N, 1, K, begin, start_row, lowest,
        address(c, 0), c.shape[1], rows, columns,
    )  # fmt: skip


@kernel
def _segments(a, b, c):
    """Three segments of two steps; a is read with a stride of 5 between its steps."""
    _small(
        address(a, 0), 1, 10, 5, address(b, 0), 2 * WIDTH, WIDTH, 3, 2, 0, 0, NONE,
        address(c, 0), WIDTH,
    )  # fmt: skip


def tiles():
    for K in (0, 1, 2, 37):
        a = RNG.standard_normal((TILE_ROWS, K)).astype(F32)
        b = RNG.standard_normal((K, COLUMNS)).astype(F32)
        product = a.astype(np.float64) @ b
        bound = 2e-7 * (K + 1) * (np.abs(a) @ np.abs(b) + 10)
        bias = RNG.standard_normal(COLUMNS).astype(F32)
        before = RNG.standard_normal(product.shape).astype(F32)
        nothing = np.zeros(0, F32)
        for start, row, add in ((nothing, 0, 0), (bias, 0, bias), (before, COLUMNS, before)):
            for lowest in (NONE, F32(0)):
                c = np.full(product.shape, 7, F32)
                _full_tile(a, b, start, row, lowest, c)
                expected = np.maximum(product + add, lowest)
                assert (np.abs(c - expected) <= bound).all(), (K, row, lowest)
        for rows in range(1, TILE_ROWS + 1):
            for columns in range(1, COLUMNS + 1):
                c = np.full((TILE_ROWS, columns), 7, F32)
                _edge_tile(a[:rows], b, bias[:columns], 0, NONE, c, rows, columns)
                expected = (product + bias)[:rows, :columns]
                assert (np.abs(c[:rows] - expected) <= bound[:rows, :columns]).all()
                assert (c[rows:] == 7).all()
    a = np.arange(40, dtype=F32)
    b = RNG.standard_normal((3, 2, WIDTH)).astype(F32)
    c = np.zeros((3, WIDTH), F32)
    _segments(a, b, c)
    gathered = np.array(
        [[[i + 10 * s + 5 * k for k in range(2)] for s in range(3)] for i in range(3)]
    )
    expected = np.einsum("isk,skj->ij", gathered.astype(np.float64), b)
    np.testing.assert_allclose(c, expected, rtol=1e-5, atol=1e-4)


def nonfinite():
    """What is not a number stays none, through the sums and through the ReLU's floor."""
    a = np.ones((TILE_ROWS, 3), F32)
    b = np.ones((3, COLUMNS), F32)
    a[0, 0], b[1, 1], b[2, 2] = np.nan, np.inf, -np.inf
    c = np.zeros((TILE_ROWS, COLUMNS), F32)
    _full_tile(a, b, np.zeros(0, F32), 0, F32(0), c)
    assert np.isnan(c[0]).all()
    assert (c[1:, 1] == np.inf).all()
    assert (c[1:, 2] == 0).all()
    assert np.isfinite(c[1:, 3:]).all()


def product():
    from tinygrad_course.kernels.matmul import numba_cpu, reference

    for trial in range(60):
        M, K, N = (int(RNG.integers(1, 3 * TILE_ROWS * (1 + trial % 2))) for _ in range(3))
        K = 2 * numba_cpu._DEPTH + 5 if trial == 7 else K
        if trial == 12:  # b is read as it lies
            M, K, N = 5, 21, numba_cpu._LARGE // 21 + 9
        a = RNG.standard_normal((M, K)).astype(F32)
        b = RNG.standard_normal((K, N)).astype(F32)
        if trial % 2:
            a = np.asfortranarray(a)
        if trial % 3:
            b = np.asfortranarray(b)
        bound = K * np.finfo(F32).eps * (np.abs(a).astype(float) @ np.abs(b))
        exact = reference.matmul(a.astype(np.float64), b.astype(np.float64))
        assert (np.abs(numba_cpu.matmul(a, b) - exact) <= bound).all(), (M, K, N)


if __name__ == "__main__":
    for check in (
        arithmetic, functions, powers, borders, folds, transposes, tiles, nonfinite, product,
    ):  # fmt: skip
        check()
    sys.stdout.write(f"{WIDTH}\n")
