"""Initializers with structure: orthogonal matrices, and the identity.

Random weights keep a signal's variance on average; these keep every direction of it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..random import Generator, default_generator
from .checks import finite, float_dtype
from .fans import Array, Shape, sizes


def orthogonal(
    shape: Shape,
    gain: float = 1.0,
    *,
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Array:
    """A random matrix whose columns, or rows if they are fewer, are orthonormal, times `gain`.

    W' W = gain^2 I where in >= out,   W W' = gain^2 I where in <= out

    A product of fifty of them is orthogonal again: no direction of the signal or of its gradient
    grows or shrinks, where a product of Gaussian matrices keeps the length on average and loses
    most directions. A conv weight is taken as the matrix (KH KW C_in, C_out). It comes from the QR
    decomposition of a Gaussian matrix, R's diagonal made positive: then every rotation is as
    likely as any other.

    Args:
        shape: (in, out), or (KH, KW, C_in / groups, C_out).
        gain: what makes up for the nonlinearity; see `gain`.
        generator: where the numbers come from; one draw.
        dtype: of the array; computed in float64 and rounded to it.

    Raises:
        ShapeError: fewer than two axes.
        ArgumentError: a gain that is not finite.

    Example:
        >>> import tinygrad_course as tg
        >>> w = orthogonal((4, 3), generator=tg.Generator(0), dtype="float64")
        >>> bool(abs(w.T @ w - np.eye(3)).max() < 1e-14)
        True

    References:
        Saxe, McClelland and Ganguli 2014, "Exact solutions to the nonlinear dynamics of learning
        in deep linear neural networks", section 3. Mezzadri 2007, "How to generate random matrices
        from the classical compact groups", section 5 (the signs).
    """
    axes = _matrix("orthogonal", shape)
    rows, columns = math.prod(axes[:-1]), axes[-1]
    source = default_generator if generator is None else generator
    drawn = source.numpy().standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    tall = q if rows >= columns else q.T
    values = finite("orthogonal", "gain", gain) * tall.reshape(axes)
    return np.ascontiguousarray(values, float_dtype("orthogonal", dtype))


def identity(
    shape: Shape,
    gain: float = 1.0,
    *,
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Array:
    """Weights that hand their inputs on: output k is `gain` times input k.

    A dense weight gets ones on its diagonal; a conv weight gets them at the tap that stands on the
    pixel itself under "same" padding, (KH - 1) // 2 and (KW - 1) // 2 (Dirac's delta). Outputs
    beyond the inputs are 0, and inputs beyond the outputs are lost.

    Args:
        shape: (in, out), or (KH, KW, C_in / groups, C_out).
        gain: the value of the ones.
        generator: taken and ignored, as a layer hands it over.
        dtype: of the array.

    Raises:
        ShapeError: fewer than two axes.
        ArgumentError: a gain that is not finite.

    Example:
        >>> identity((2, 3)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
        >>> identity((3, 3, 1, 1))[:, :, 0, 0].tolist()
        [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]

    References:
        Le, Jaitly and Hinton 2015, "A Simple Way to Initialize Recurrent Networks of Rectified
        Linear Units". Zagoruyko and Komodakis 2017, "DiracNets", section 3.1.
    """
    axes = _matrix("identity", shape)
    values = np.zeros(axes, float_dtype("identity", dtype))
    centre = tuple((n - 1) // 2 for n in axes[:-2])
    values[centre] = finite("identity", "gain", gain) * np.eye(axes[-2], axes[-1])
    return values


def _matrix(name: str, shape: Shape) -> tuple[int, ...]:
    axes = sizes(name, shape)
    if len(axes) < 2 or min(axes) < 1:
        raise ShapeError(
            f"{name}: a weight has shape (in, out) or (KH, KW, C_in / groups, C_out), but this has "
            f"{axes}; start a bias with zeros"
        )
    return axes
