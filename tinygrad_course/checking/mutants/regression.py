"""The bank's losses of regression, as means: squared, absolute, Huber's.

Read next: `conv.py`.
"""

from __future__ import annotations

import numpy as np

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, sizes


def _regression(rng: Generator, square: bool) -> Values:
    N, D = sizes(rng, 2, square)
    x = normal(rng, N, D)
    return {"x": x, "target": x - normal(rng, N, D)}


MSE = Operation(
    name="mse",
    arguments=("x", "target"),
    checked=("x", "target"),
    forward="y = np.mean((x - target) ** 2)",
    backward="""
        dx = dy * 2 * (x - target) / x.size
        dtarget = -dx
    """,
    sample=_regression,
    words=("mse_loss", "mean_squared_error", "squared_error"),
    mutants=(
        Mutant(
            "two_forgotten",
            "dx = dy * (x - target) / x.size",
            "the 2 of the square is missing, unless the loss carries a 1/2",
            "a lecture that leaves the 2 of the square to the learning rate",
            also=("factor:1/2",),
        ),
        Mutant(
            "mean_forgotten",
            "dx = dy * 2 * (x - target)",
            "the loss is a mean over all elements: its gradient carries 1 / their number",
            also=("factor:elements",),
        ),
        Mutant(
            "batch_only",
            "dx = dy * 2 * (x - target) / len(x)",
            "divided by the batch size; the mean runs over all elements",
        ),
        Mutant(
            "sign",
            "dx = dy * 2 * (target - x) / x.size",
            "the difference is the wrong way round",
            "a lecture that leaves the 2 of the square to the learning rate",
            also=("factor:-1",),
        ),
        Mutant(
            "square_kept",
            "dx = dy * 2 * (x - target) ** 2 / x.size",
            "the square stays; its slope is 2 (x - t)",
        ),
        Mutant("target_forgotten", "dx = dy * 2 * x / x.size", "the target is not subtracted"),
        Mutant(
            "absolute",
            "dx = dy * 2 * abs(x - target) / x.size",
            "the sign of the difference is lost",
        ),
        Mutant(
            "upstream_forgotten",
            "dx = 2 * (x - target) / x.size",
            "the upstream gradient dL/dy is not multiplied in",
            also=("ignores-upstream", "factor:varying"),
        ),
        Mutant(
            "target_sign",
            "dtarget = dx",
            "the target enters with a minus",
            also=("factor:-1", "gradient-of:x"),
        ),
    ),
)

L1 = Operation(
    name="l1",
    arguments=("x", "target"),
    checked=("x", "target"),
    forward="y = np.mean(abs(x - target))",
    backward="""
        dx = dy * np.sign(x - target) / x.size
        dtarget = -dx
    """,
    sample=_regression,
    words=("l1_loss", "mean_absolute_error", "mae"),
    mutants=(
        Mutant(
            "mean_forgotten",
            "dx = dy * np.sign(x - target)",
            "the loss is a mean over all elements: its gradient carries 1 / their number",
            also=("factor:elements",),
        ),
        Mutant(
            "difference_for_sign",
            "dx = dy * (x - target) / x.size",
            "the slope of |d| is the sign of d, not d",
        ),
        Mutant(
            "sign_flipped",
            "dx = dy * np.sign(target - x) / x.size",
            "the difference is the wrong way round",
            also=("factor:-1",),
        ),
        Mutant(
            "step",
            "dx = dy * (x > target) / x.size",
            "where x lies below the target the slope is -1, not 0",
        ),
        Mutant(
            "sign_of_input",
            "dx = dy * np.sign(x) / x.size",
            "the sign is that of x instead of the difference",
        ),
        Mutant(
            "batch_only",
            "dx = dy * np.sign(x - target) / len(x)",
            "divided by the batch size; the mean runs over all elements",
        ),
        Mutant(
            "always_one",
            "dx = dy * np.ones_like(x) / x.size",
            "the sign is missing",
            also=("absolute",),
        ),
        Mutant(
            "squared_rule",
            "dx = dy * 2 * (x - target) / x.size",
            "this is the gradient of the squared loss",
        ),
    ),
)


def _huber(rng: Generator, square: bool) -> Values:
    values = _regression(rng, square)
    delta = float(rng.uniform(0.6, 0.9))
    d = values["x"] - values["target"]
    d = np.where(abs(abs(d) - delta) < 0.05, 1.2 * d, d)  # away from the kinks at +- delta
    return {"x": values["x"], "target": values["x"] - d, "delta": delta}


HUBER = Operation(
    name="huber",
    arguments=("x", "target", "delta"),
    checked=("x",),
    forward="""
        d = x - target
        y = np.mean(np.where(abs(d) <= delta, 0.5 * d**2, delta * (abs(d) - 0.5 * delta)))
    """,
    backward="dx = dy * np.where(abs(d) <= delta, d, delta * np.sign(d)) / x.size",
    sample=_huber,
    defaults="delta = 1.0",
    words=("huber_loss", "smooth_l1"),
    mutants=(
        Mutant(
            "never_clipped",
            "dx = dy * d / x.size",
            "beyond delta the slope stays at delta",
        ),
        Mutant(
            "sign_forgotten",
            "dx = dy * np.where(abs(d) <= delta, d, delta) / x.size",
            "beyond -delta the slope is -delta",
        ),
        Mutant(
            "delta_forgotten",
            "dx = dy * np.where(abs(d) <= delta, d, np.sign(d)) / x.size",
            "beyond delta the slope is delta, not 1",
        ),
        Mutant(
            "branches_swapped",
            "dx = dy * np.where(abs(d) > delta, d, delta * np.sign(d)) / x.size",
            "the two branches are swapped",
        ),
        Mutant(
            "mean_forgotten",
            "dx = dy * np.where(abs(d) <= delta, d, delta * np.sign(d))",
            "the loss is a mean over all elements: its gradient carries 1 / their number",
            also=("factor:elements",),
        ),
        Mutant(
            "two_too_many",
            "dx = dy * np.where(abs(d) <= delta, 2 * d, delta * np.sign(d)) / x.size",
            "the 1/2 of the quadratic branch has cancelled the 2",
        ),
        Mutant(
            "outside_zero",
            "dx = dy * np.where(abs(d) <= delta, d, 0.0) / x.size",
            "beyond delta the slope is delta, not 0: outliers still count",
        ),
        Mutant(
            "one_sided",
            "dx = dy * np.where(d <= delta, d, delta) / x.size",
            "the bound below, -delta, is forgotten",
        ),
    ),
)

REGRESSION = (MSE, L1, HUBER)
