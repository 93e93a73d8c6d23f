"""What is done to the weights themselves, beside an optimizer's step: functions to call around it.

    optim.decay_weights(weights, 1e-2, rate)       before the step
    optimizer.step()
    optim.proximal_l1(weights, 1e-4, optimizer.lr) after it
    optim.max_norm(weights, 3.0)

They work with every optimizer and touch no gradient. Frozen parameters stay as they are. Read next:
`averaging.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, array_module
from ..errors import ArgumentError
from ..tensor import Parameter, mark_written
from .groups import Interval, check_number, pairs


def decay_weights(parameters: Any, strength: float, lr: float) -> None:
    """Shrink the weights by a factor: decoupled weight decay, for any optimizer.

        p <- p (1 - lr strength)

    Called before the step with the rate of that step (`optimizer.values(step=optimizer.steps)`
    knows it), it makes of `Adam` `AdamW`.

    Args:
        parameters: parameters or (name, parameter) pairs.
        strength: the shrinking rate, relative to lr.
        lr: the learning rate.

    Raises:
        ArgumentError: a negative or non-finite number.
        ArgumentTypeError: something that is no `Parameter`.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([4.0, -2.0])
        >>> decay_weights([w], strength=0.5, lr=0.5)
        >>> w.tolist()
        [3.0, -1.5]

    References:
        Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization".
    """
    amount = _amount("decay_weights", strength, lr)
    for array in _written("decay_weights", parameters):
        array *= 1 - amount  # noqa: PLW2901 - in place


def proximal_l1(parameters: Any, strength: float, lr: float) -> None:
    """Soft-thresholding: move the weights towards 0 by lr strength, and stop there.

        p <- sign(p) max(|p| - lr strength, 0)

    After a step of plain SGD on the loss it completes one step of proximal gradient descent on
    loss + strength sum |p|: the weights that the loss does not hold become exactly 0, and stay.
    (The subgradient of `l1_penalty` steps over 0 and back.)

    Args:
        parameters: parameters or (name, parameter) pairs.
        strength: the factor of |p| in the loss.
        lr: the learning rate of the step just made, `optimizer.lr`.

    Raises:
        ArgumentError: a negative or non-finite number.
        ArgumentTypeError: something that is no `Parameter`.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([1.0, -0.25, 0.125])
        >>> proximal_l1([w], strength=0.5, lr=0.5)
        >>> w.tolist()
        [0.75, 0.0, 0.0]

    References:
        Beck and Teboulle 2009, "A Fast Iterative Shrinkage-Thresholding Algorithm for Linear
        Inverse Problems", equations 1.3 to 1.5.
    """
    amount = _amount("proximal_l1", strength, lr)
    for array in _written("proximal_l1", parameters):
        # What clip leaves of a small weight is the weight: the difference is 0, and never -0.
        array -= array_module(array).clip(array, -amount, amount)  # noqa: PLW2901 - in place


def max_norm(parameters: Any, limit: float) -> None:
    """Shorten the incoming weights of every unit that are longer than `limit`.

        w <- w min(1, limit / |w|)      for each column w of (in, out), each filter of a convolution

    |w| is the Euclidean norm over all axes but the last. Parameters of one axis (biases) are passed
    over. A large learning rate then explores without blowing the weights up, which is how the
    first results with dropout were reached: they are not due to dropout alone.

    Args:
        parameters: parameters or (name, parameter) pairs.
        limit: the largest norm, above 0; 3 or 4 are usual (the first paper's squared norm is 15).

    Raises:
        ArgumentError: a limit that is not above 0.
        ArgumentTypeError: something that is no `Parameter`.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([[3.0, 0.5], [4.0, 0.5]])
        >>> max_norm([w], 2.5)
        >>> w.tolist()
        [[1.5, 0.5], [2.0, 0.5]]

    References:
        Hinton, Srivastava, Krizhevsky, Sutskever and Salakhutdinov 2012, "Improving neural networks
        by preventing co-adaptation of feature detectors". Srivastava et al. 2014, "Dropout",
        section 5.1.
    """
    if check_number("max_norm", "limit", limit, Interval()) == 0:
        raise ArgumentError("max_norm: limit must be above 0, but it is 0; 3 or 4 are usual")
    for array in _written("max_norm", parameters):
        if array.ndim < 2:
            continue
        xp = array_module(array)
        squares = (array.astype(np.float64) ** 2).sum(axis=tuple(range(array.ndim - 1)))
        norms = xp.sqrt(squares)
        long = norms > limit
        array *= xp.where(long, limit / xp.where(long, norms, 1), 1).astype(array.dtype)  # noqa: PLW2901 - in place


def _amount(function: str, strength: float, lr: float) -> float:
    rate = check_number(function, "lr", lr, Interval())
    return rate * check_number(function, "strength", strength, Interval())


def _written(function: str, parameters: Any) -> list[Array]:
    """The arrays of the parameters that are trained, noted as written."""
    trained: list[Parameter] = [p for _, p in pairs(function, parameters) if p.requires_grad]
    mark_written(list(trained))
    return [parameter.data for parameter in trained]
