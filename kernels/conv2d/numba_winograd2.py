"""Winograd's F(2x2, 3x3): 16 multiplications for 36, as exact as the direct convolution.

The same as `numba_winograd.py` with smaller tiles; it runs under `numerics("precise")`.
"""

from __future__ import annotations

from .numba_winograd import Winograd
from .winograd_tiles import F2x2

_trio = Winograd(F2x2)
conv2d = _trio.conv2d
conv2d_input_grad = _trio.conv2d_input_grad
conv2d_weight_grad = _trio.conv2d_weight_grad
