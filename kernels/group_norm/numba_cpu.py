"""Group normalisation on a CPU: each sample is read from memory once, and then from cache.

With one group (layer norm, or a whole sample) a sample is one run of numbers, and its sums are
plain sums. With several, each channel is summed over the positions first, as the channels of one
position stand side by side, and a group's sum is that of its channels.

Sums over the samples, for dgamma and dbeta, are taken strip by strip: the strips depend on the
number of samples alone, so the bits do not depend on the number of threads.
Each loop writes one array: to make vectors of a loop LLVM proves that what it writes overlaps
nothing that it reads, and gives up where too many pairs of arrays are to be compared.
Read `reference.py` first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import workspace
from ..arrays import Array
from ..compiled import device_function, kernel, prange
from ..simd import WIDTH, broadcast, fma, sum_lanes
from ..simd.rows import piece, put
from ..simd.wide import WIDE, add, load_wide, multiply, subtract, wide
from ..simd.wide import fma as wide_fma

f32 = np.float32
WORTH_THREADS = 1 << 14
"""Numbers of x from which waking the pool (2 us) pays."""
STRIPS = 32
"""Parts of dgamma and dbeta: each sums a run of samples."""
TOGETHER = 8
"""Rows of C channels that are turned into dx together: 8 of 768, and as many of dy, are 48 KB."""
BLOCK = 256
"""Positions summed at a time: the rounding error grows with 256 + P / 256 instead of P."""

# One group: a sample is one run of numbers --------------------------------------------------------


@device_function
def _sum(x: Any, start: Any, K: Any) -> Any:
    """The sum of the K numbers at `start`."""
    total = wide(f32(0))
    for k in range(0, K, WIDE):
        total = add(total, load_wide(x, start + k, K - k))
    return sum_lanes((total[0] + total[1]) + (total[2] + total[3]))


@device_function
def _sum_of_squares(x: Any, start: Any, K: Any, centre: Any) -> Any:
    """The sum of (x - centre)^2 over the same."""
    whole = K - K % WIDE
    total, apart = wide(f32(0)), wide(centre)
    for k in range(0, whole, WIDE):
        difference = subtract(load_wide(x, start + k, WIDE), apart)
        total = wide_fma(difference, difference, total)
    rest = broadcast(f32(0))
    for k in range(whole, K, WIDTH):
        difference_left = piece(x, start, k, K, centre) - centre
        rest = fma(difference_left, difference_left, rest)
    return sum_lanes(((total[0] + total[1]) + (total[2] + total[3])) + rest)


@kernel(parallel=True)
def _whole(x: Any, gamma: Any, beta: Any, eps: float, y: Any, mean: Any, var: Any) -> None:
    C, K = gamma.size, x.shape[1]
    M = f32(max(1, K))
    for n in prange(x.shape[0]):
        centre = _sum(x, n * K, K) / M
        mean[n] = centre
        var[n] = _sum_of_squares(x, n * K, K, centre) / M
        inverse = f32(1) / np.sqrt(var[n] + f32(eps))
        for start in range(n * K, n * K + K, max(1, C)):
            for c in range(0, C, WIDTH):
                z = (piece(x, start, c, C, 0.0) - centre) * inverse
                scale, shift = piece(gamma, 0, c, C, 0.0), piece(beta, 0, c, C, 0.0)
                put(y, start, c, C, fma(z, scale, shift))


@device_function
def _means(x: Any, dy: Any, start: Any, K: Any, gamma: Any, centre: Any, inverse: Any) -> Any:
    """The means of d = dy gamma and of d z over one sample, the K numbers at `start`."""
    C = gamma.size
    sum_d = sum_dz = wide(f32(0))
    apart, factor = wide(centre), wide(inverse)
    for place in range(start, start + K, max(1, C)):
        for c in range(0, C, WIDE):
            d = multiply(load_wide(dy, place + c, C - c), load_wide(gamma, c, C - c))
            z = multiply(subtract(load_wide(x, place + c, C - c), apart), factor)
            sum_d = add(sum_d, d)
            sum_dz = wide_fma(d, z, sum_dz)
    M = f32(max(1, K))
    mean_d = sum_lanes((sum_d[0] + sum_d[1]) + (sum_d[2] + sum_d[3])) / M
    return mean_d, sum_lanes((sum_dz[0] + sum_dz[1]) + (sum_dz[2] + sum_dz[3])) / M


@kernel(parallel=True)
def _whole_grad(
    dy: Any, x: Any, gamma: Any, mean: Any, var: Any, eps: float, dx: Any, parts: Any
) -> None:
    """Dx, and the parts of dgamma (parts[0]) and dbeta (parts[1]).

    A few samples at a time, so that they stay in the nearest cache: first the means of each, then
    column by column dx and the sums over the samples, which wait in registers.
    """
    N, C = x.shape[0], gamma.size
    P = x.shape[1] // max(1, C)
    strips, together = parts.shape[1], max(1, TOGETHER // max(1, P))
    for s in prange(strips):
        parts[:, s] = f32(0)
        means, of_row = np.empty((together, 2), f32), np.empty((BLOCK, 4), f32)
        last = N * (s + 1) // strips
        for start in range(N * s // strips, last, together):
            count = min(together, last - start)
            for i in range(count):
                n = start + i
                inverse = f32(1) / np.sqrt(var[n] + f32(eps))
                K = P * C
                means[i, 0], means[i, 1] = _means(x, dy, n * K, K, gamma, mean[n], inverse)
            for first in range(0, count * P, BLOCK):
                rows = min(BLOCK, count * P - first)
                for r in range(rows):
                    i = (first + r) // P
                    of_row[r, 0] = mean[start + i]
                    of_row[r, 1] = f32(1) / np.sqrt(var[start + i] + f32(eps))
                    of_row[r, 2], of_row[r, 3] = means[i, 0], means[i, 1]
                for c in range(0, C, WIDTH):
                    scale = piece(gamma, 0, c, C, 0.0)
                    sum_dyz, sum_dy = broadcast(f32(0)), broadcast(f32(0))
                    for r in range(rows):
                        at = (start * P + first + r) * C
                        grad = piece(dy, at, c, C, 0.0)
                        z = (piece(x, at, c, C, 0.0) - of_row[r, 0]) * of_row[r, 1]
                        d = grad * scale - of_row[r, 2] - z * of_row[r, 3]
                        put(dx, at, c, C, d * of_row[r, 1])
                        sum_dyz += grad * z
                        sum_dy += grad
                    dgamma, dbeta = s * C, (strips + s) * C
                    put(parts, dgamma, c, C, piece(parts, dgamma, c, C, 0.0) + sum_dyz)
                    put(parts, dbeta, c, C, piece(parts, dbeta, c, C, 0.0) + sum_dy)


# Several groups: channel by channel ---------------------------------------------------------------


@device_function
def _of_groups(channels: Any, groups: int) -> None:
    """Each channel's number replaced by the sum over its group."""
    width = channels.size // groups
    for g in range(groups):
        total = channels.dtype.type(0)
        for c in range(g * width, g * width + width):
            total += channels[c]
        for c in range(g * width, g * width + width):
            channels[c] = total


@kernel(parallel=True)
def _channels(x: Any, gamma: Any, beta: Any, eps: float, y: Any, mean: Any, var: Any) -> None:
    number = x.dtype.type
    N, P, C = x.shape
    groups = mean.shape[1]
    width = C // groups
    M = number(max(1, P * width))
    for n in prange(N):
        centre, squares, part = np.zeros(C, x.dtype), np.zeros(C, x.dtype), np.zeros(C, x.dtype)
        for block in range(0, P, BLOCK):
            part[:] = number(0)
            for p in range(block, min(P, block + BLOCK)):
                row = x[n, p]
                for c in range(C):
                    part[c] += row[c]
            for c in range(C):
                centre[c] += part[c]
        _of_groups(centre, groups)
        for c in range(C):
            centre[c] /= M
        for block in range(0, P, BLOCK):
            part[:] = number(0)
            for p in range(block, min(P, block + BLOCK)):
                row = x[n, p]
                for c in range(C):
                    part[c] += (row[c] - centre[c]) * (row[c] - centre[c])
            for c in range(C):
                squares[c] += part[c]
        _of_groups(squares, groups)
        for g in range(groups):
            mean[n, g], var[n, g] = centre[g * width], squares[g * width] / M
        for c in range(C):
            squares[c] = gamma[c] / np.sqrt(squares[c] / M + number(eps))
        for p in range(P):
            row, result = x[n, p], y[n, p]
            for c in range(C):
                result[c] = (row[c] - centre[c]) * squares[c] + beta[c]


@kernel(parallel=True)
def _channels_grad(
    dy: Any, x: Any, gamma: Any, mean: Any, var: Any, eps: float, dx: Any, parts: Any
) -> None:
    """Dx, and the parts of dgamma (parts[0]) and dbeta (parts[1])."""
    number = x.dtype.type
    N, P, C = x.shape
    groups = mean.shape[1]
    width = C // groups
    M = number(max(1, P * width))
    strips = parts.shape[1]
    for s in prange(strips):
        dgamma, dbeta = parts[0, s], parts[1, s]
        dgamma[:] = number(0)
        dbeta[:] = number(0)
        centre, inverse = np.empty(C, x.dtype), np.empty(C, x.dtype)
        sum_dy, sum_dyz = np.empty(C, x.dtype), np.empty(C, x.dtype)
        part_dy, part_dyz = np.empty(C, x.dtype), np.empty(C, x.dtype)
        for n in range(N * s // strips, N * (s + 1) // strips):
            for c in range(C):
                centre[c] = mean[n, c // width]
                inverse[c] = number(1) / np.sqrt(var[n, c // width] + number(eps))
                sum_dy[c], sum_dyz[c] = number(0), number(0)
            for block in range(0, P, BLOCK):
                part_dy[:] = number(0)
                part_dyz[:] = number(0)
                for p in range(block, min(P, block + BLOCK)):
                    row, grad = x[n, p], dy[n, p]
                    for c in range(C):
                        part_dy[c] += grad[c]
                    for c in range(C):
                        part_dyz[c] += grad[c] * ((row[c] - centre[c]) * inverse[c])
                for c in range(C):
                    sum_dy[c] += part_dy[c]
                    sum_dyz[c] += part_dyz[c]
            for c in range(C):
                dbeta[c] += sum_dy[c]
                dgamma[c] += sum_dyz[c]
                sum_dy[c] *= gamma[c]
                sum_dyz[c] *= gamma[c]
            _of_groups(sum_dy, groups)
            _of_groups(sum_dyz, groups)
            for p in range(P):
                row, grad, result = x[n, p], dy[n, p], dx[n, p]
                for c in range(C):
                    z = (row[c] - centre[c]) * inverse[c]
                    d = grad[c] * gamma[c]
                    result[c] = (d - sum_dy[c] / M - z * (sum_dyz[c] / M)) * inverse[c]


# The two of the specification ---------------------------------------------------------------------


def group_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    groups: int,
    eps: float,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """As the reference. Error of mean and var: (M / 64 + 8) eps with one group, else as there."""
    N, P, C = x.shape
    if out is None:
        statistics = (np.empty((N, groups), x.dtype), np.empty((N, groups), x.dtype))
        out = (workspace.empty(x.shape, x.dtype), *statistics)
    y, mean, var = out
    x, gamma, beta = (np.ascontiguousarray(a) for a in (x, gamma, beta))
    if groups == 1:
        run = _whole if x.size >= WORTH_THREADS else _whole.serial
        flat = (x.reshape(N, P * C), gamma, beta, eps, y.reshape(N, P * C))
        run(*flat, mean.reshape(N), var.reshape(N))
    else:
        run = _channels if x.size >= WORTH_THREADS else _channels.serial
        run(x, gamma, beta, eps, y, mean, var)
    return out


def group_norm_grad(
    dy: Array,
    x: Array,
    gamma: Array,
    mean: Array,
    var: Array,
    *,
    groups: int,
    eps: float,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """As the reference.

    Error: (M / 64 + 8) eps of the sums of |d| and |d z| with one group, else as there; of dgamma
    and dbeta (N / 32 + 40) eps of the sums over samples.
    """
    N, P, C = x.shape
    if out is None:
        dx = workspace.empty(x.shape, x.dtype)
        out = (dx, np.empty(gamma.shape, x.dtype), np.empty(gamma.shape, x.dtype))
    dx, dgamma, dbeta = out
    dy, x, gamma, mean, var = (np.ascontiguousarray(a) for a in (dy, x, gamma, mean, var))
    parts = np.empty((2, min(STRIPS, max(1, N)), C), x.dtype)
    if groups == 1:
        run = _whole_grad if x.size >= WORTH_THREADS else _whole_grad.serial
        rows = (N, P * C)
        statistics = (mean.reshape(N), var.reshape(N))
        run(dy.reshape(rows), x.reshape(rows), gamma, *statistics, eps, dx.reshape(rows), parts)
    else:
        run = _channels_grad if x.size >= WORTH_THREADS else _channels_grad.serial
        run(dy, x, gamma, mean, var, eps, dx, parts)
    parts[0].sum(axis=0, out=dgamma)
    parts[1].sum(axis=0, out=dbeta)
    return out
