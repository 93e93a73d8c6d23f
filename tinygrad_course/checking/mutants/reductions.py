"""The bank's reductions: sum, mean and maximum along an axis.

Read next: `moves.py`.
"""

from __future__ import annotations

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, sizes, spread

UPSTREAM = "the upstream gradient is not multiplied in"


def _matrix(rng: Generator, square: bool) -> Values:
    return {"x": normal(rng, *sizes(rng, 2, square))}


def _axis(rng: Generator, square: bool) -> Values:
    return {**_matrix(rng, square), "axis": int(rng.integers(0, 2))}


SUM = Operation(
    name="sum",
    arguments=("x", "axis"),
    checked=("x",),
    forward="y = x.sum(axis=axis)",
    backward="""
        g = dy if axis is None else np.expand_dims(dy, axis)
        dx = np.broadcast_to(g, x.shape)
    """,
    sample=_axis,
    defaults="axis = None",
    mutants=(
        Mutant(
            "not_spread",
            "dx = dy",
            "every element of x adds to the sum: its gradient is spread to the shape of x",
        ),
        Mutant(
            "spread_and_divided",
            "dx = np.broadcast_to(g, x.shape) / (x.size / np.size(dy))",
            "divided by the number of terms: that is the mean's gradient",
        ),
        Mutant(
            "times_input",
            "dx = g * x",
            "the derivative of a sum with respect to a term is 1, not the term",
            also=("extra-factor:x",),
        ),
        Mutant(
            "ones",
            "dx = np.ones_like(x)",
            "ones, whatever the upstream gradient",
            also=("ignores-upstream",),
        ),
        Mutant(
            "first_only",
            "dx = g * (np.indices(x.shape)[axis or 0] == 0)",
            "the gradient reaches only the first term",
            also=("zero:rest of axis",),
        ),
        Mutant(
            "wrong_axis",
            "dx = np.broadcast_to(np.expand_dims(dy, 1 - (axis or 0)), x.shape)",
            "the gradient is spread along the other axis",
            also=("transposed",),
            square=True,
        ),
        Mutant(
            "summed_upstream",
            "dx = np.full_like(x, dy.sum())",
            "all upstream gradients are added up before they are spread",
        ),
    ),
)

MEAN = Operation(
    name="mean",
    arguments=("x", "axis"),
    checked=("x",),
    forward="y = x.mean(axis=axis)",
    backward="""
        n = x.size // np.size(dy)
        g = dy if axis is None else np.expand_dims(dy, axis)
        dx = np.broadcast_to(g, x.shape) / n
    """,
    sample=_axis,
    defaults="axis = None",
    words=("average",),
    mutants=(
        Mutant(
            "not_divided", "dx = np.broadcast_to(g, x.shape)", "the 1 / n of the mean is missing"
        ),
        Mutant("all_elements", "n = x.size", "n is the number of averaged elements, not of all"),
        Mutant(
            "batch_size",
            "n = x.shape[0]",
            "n is the number of averaged elements, not the batch size",
        ),
        Mutant("divided_twice", "dx = np.broadcast_to(g, x.shape) / n**2", "1 / n enters twice"),
        Mutant("multiplied", "dx = np.broadcast_to(g, x.shape) * n", "multiplied by n"),
        Mutant(
            "unbiased",
            "n = x.size // np.size(dy) - 1",
            "n - 1 belongs to the unbiased variance, not to the mean",
        ),
        Mutant(
            "times_input", "dx = g * x / n", "each term has slope 1 / n", also=("extra-factor:x",)
        ),
        Mutant("wrong_count", "n = np.size(dy)", "n counts the outputs, not the averaged elements"),
        Mutant(
            "ones",
            "dx = np.ones_like(x) / n",
            "the upstream gradient is ignored",
            also=("ignores-upstream",),
        ),
    ),
)


def _spread(rng: Generator, square: bool) -> Values:
    return {"x": spread(rng, *sizes(rng, 2, square)), "axis": int(rng.integers(0, 2))}


MAX = Operation(
    name="max",
    arguments=("x", "axis"),
    checked=("x",),
    forward="y = x.max(axis=axis)",
    backward="""
        g = dy if axis is None else np.expand_dims(dy, axis)
        hit = x == (y if axis is None else np.expand_dims(y, axis))
        dx = g * hit
    """,
    sample=_spread,
    defaults="axis = None",
    words=("maximum_of", "amax"),
    mutants=(
        Mutant(
            "spread_evenly",
            "dx = np.broadcast_to(g, x.shape) / (x.size / np.size(dy))",
            "the gradient is shared by all, as a mean would; it belongs to the maximum alone",
        ),
        Mutant("to_all", "dx = np.broadcast_to(g, x.shape)", "the mask of the maximum is missing"),
        Mutant("mask_only", "dx = 1.0 * hit", UPSTREAM, also=("ignores-upstream",)),
        Mutant("overall_maximum", "hit = x == x.max()", "one maximum of all, not one per slice"),
        Mutant(
            "minimum",
            "hit = x == x.min(axis=axis, keepdims=True)",
            "the gradient goes to the minimum",
        ),
        Mutant(
            "first_element",
            "hit = np.indices(x.shape)[axis or 0] == 0",
            "the gradient goes to the first element, wherever the maximum is",
        ),
        Mutant(
            "times_input",
            "dx = g * hit * x",
            "the slope at the maximum is 1",
            also=("extra-factor:x",),
        ),
        Mutant("mask_flipped", "dx = g * ~hit", "the gradient goes to all but the maximum"),
    ),
)


REDUCTIONS = (SUM, MEAN, MAX)
