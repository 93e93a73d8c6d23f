"""One kernel in four dialects: c = a b as Python loops, in NumPy, in Numba, and as a register tile.

The mathematics is one line, c[i, j] = sum over k of a[i, k] b[k, j], and each dialect does the same
2 n^3 operations. They differ in what moves. The Python loop handles objects; NumPy hands whole
matrices to BLAS; Numba compiles the loops, in the order in which a row of b is read forwards, so
each instruction works on a vector; the tile keeps a block of c in registers from the first k to the
last. `kernels/simd/__init__.py` says why that block reaches the machine's peak.
"""

import time

import numpy as np
from tinygrad_course.kernels import compiled

if compiled.available():
    from tinygrad_course.kernels.compiled import kernel
    from tinygrad_course.kernels.simd import TILE_ROWS, TILE_VECTORS, WIDTH, address, make_tile

    tile, TILE_COLUMNS, NO_RELU = make_tile(), TILE_VECTORS * WIDTH, np.float32(-np.inf)

    @kernel
    def in_numba(a, b, c):
        n = a.shape[0]
        for i in range(n):
            c[i, :] = 0
            for k in range(n):
                for j in range(n):
                    c[i, j] += a[i, k] * b[k, j]

    @kernel
    def in_tiles(a, b, c):
        n = a.shape[0]  # a multiple of the tile both ways; kernels/matmul treats the borders
        for j in range(0, n, TILE_COLUMNS):
            for i in range(0, n, TILE_ROWS):
                from_a, from_b = (address(a, i * n), n, 0, 1), (address(b, j), 0, n)
                tile(*from_a, *from_b, 1, n, 0, 0, NO_RELU, address(c, i * n + j), n)


def in_python(a, b, c):
    n = len(a)
    for i in range(n):
        for j in range(n):
            total = 0.0
            for k in range(n):
                total += a[i, k] * b[k, j]
            c[i, j] = total


def in_numpy(a, b, c):
    np.matmul(a, b, out=c)


def best_time(function, *arrays):
    function(*arrays)  # the first call compiles
    times = []
    while sum(times) < 0.2:
        start = time.perf_counter()
        function(*arrays)
        times.append(time.perf_counter() - start)
    return min(times)


def main(n=384, n_loop=96):
    dialects = [(in_python, n_loop), (in_numpy, n)]
    if compiled.available():
        dialects += [(in_numba, n), (in_tiles, n)]
    rng, slowest = np.random.default_rng(0), None
    print(f"{'dialect':10}{'n':>5}{'time':>12}{'GFLOP/s':>10}{'against the loop':>18}")
    for function, size in dialects:
        a, b = (rng.standard_normal((size, size)).astype(np.float32) for _ in "ab")
        c = np.empty_like(a)
        seconds = best_time(function, a, b, c)
        assert np.allclose(c, a.astype(np.float64) @ b, atol=1e-3)
        speed, name = 2 * size**3 / seconds / 1e9, function.__name__[3:]
        slowest = slowest or speed
        print(f"{name:10}{size:5}{seconds * 1e3:9.3f} ms{speed:10.3f}{speed / slowest:17,.0f}x")


if __name__ == "__main__":
    main()
