"""What `test_kernels_conv2d.py` runs in a process of its own for each vector width.

TGC_SIMD_WIDTH=8 python tests/conv2d_program.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from tinygrad_course.kernels.conv2d import (
    numba_direct,
    numba_winograd,
    numba_winograd2,
    reference,
)
from tinygrad_course.kernels.simd import WIDTH

CASES = (  # x, w, stride, padding, dilation, groups
    ((2, 9, 11, 5), (5, 3, 5, 37), (1, 1), ((2, 2), (1, 1)), (1, 1), 1),
    ((3, 13, 14, 6), (3, 3, 3, 38), (2, 2), ((1, 1), (1, 0)), (1, 2), 2),
    ((2, 8, 12, 3), (3, 3, 3, 2), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((2, 7, 9, 16), (3, 3, 16, 48), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((2, 9, 8, 21), (3, 3, 1, 21), (1, 1), ((1, 1), (1, 1)), (1, 1), 21),
    ((2, 9, 8, 24), (3, 3, 1, 24), (2, 2), ((0, 0), (0, 0)), (1, 1), 24),
    ((2, 8, 11, 16), (5, 5, 16, 48), (1, 1), ((2, 2), (1, 3)), (1, 1), 1),
    ((1, 9, 8, 256), (3, 3, 256, 272), (1, 1), ((1, 1), (0, 2)), (1, 1), 1),
)

rng = np.random.default_rng(0)


def check(got, expected, tolerance):
    largest = np.abs(expected).max()
    assert np.abs(got - expected).max() <= tolerance * largest, (got.shape, tolerance)


for x_shape, w_shape, stride, padding, dilation, groups in CASES:
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x = rng.standard_normal(x_shape).astype(np.float32)
    w = rng.standard_normal(w_shape).astype(np.float32)
    b = rng.standard_normal(w_shape[3]).astype(np.float32)
    y = reference.conv2d(x, w, b, **geometry)
    dx = reference.conv2d_input_grad(y, w, x_shape=x_shape, **geometry)
    dw = reference.conv2d_weight_grad(x, y, w_shape=w_shape, **geometry)
    for module, tolerance in (
        (numba_direct, 4e-6),
        (numba_winograd2, 6e-6),
        (numba_winograd, 6e-5),
    ):
        check(module.conv2d(x, w, b, **geometry), y, tolerance)
        check(module.conv2d_input_grad(y, w, x_shape=x_shape, **geometry), dx, tolerance)
        check(module.conv2d_weight_grad(x, y, w_shape=w_shape, **geometry), dw, tolerance)
sys.stdout.write(f"{WIDTH}\n")
