"""The bank's elementary functions: exp, log, sqrt, and the L2 penalty.

Read next: `reductions.py`.
"""

from __future__ import annotations

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, positive, sizes


def _matrix(rng: Generator, square: bool) -> Values:
    return {"x": normal(rng, *sizes(rng, 2, square))}


def _positive(rng: Generator, square: bool) -> Values:
    return {"x": positive(rng, *sizes(rng, 2, square))}


UPSTREAM = "the upstream gradient is not multiplied in"

EXP = Operation(
    name="exp",
    arguments=("x",),
    checked=("x",),
    forward="y = np.exp(x)",
    backward="dx = dy * y",
    sample=_matrix,
    mutants=(
        Mutant("input_for_output", "dx = dy * x", "exp is its own derivative: the factor is y"),
        Mutant(
            "power_rule",
            "dx = dy * x * np.exp(x - 1)",
            "the rule of a power x^n is used for an exponential",
        ),
        Mutant(
            "output_forgotten", "dx = dy", "the factor y is missing", also=("missing-factor:y",)
        ),
        Mutant(
            "applied_twice",
            "dx = dy * np.exp(y)",
            "exp is applied to the output, which has been through it already",
            also=("formula:dy * exp(y)",),
        ),
        Mutant("inverse", "dx = dy / y", "divided by y instead of multiplied"),
        Mutant("upstream_forgotten", "dx = y", UPSTREAM, also=("ignores-upstream",)),
        Mutant(
            "inner_derivative",
            "dx = dy * y * x",
            "x is multiplied in as an inner derivative; that of x is 1",
            also=("extra-factor:x",),
        ),
    ),
)

LOG = Operation(
    name="log",
    arguments=("x",),
    checked=("x",),
    forward="y = np.log(x)",
    backward="dx = dy / x",
    sample=_positive,
    words=("ln",),
    mutants=(
        Mutant("multiplied", "dx = dy * x", "multiplied by x instead of divided"),
        Mutant("output", "dx = dy / y", "divided by the output instead of the input"),
        Mutant(
            "base_two",
            "dx = dy / (x * np.log(2))",
            "1 / (x ln 2) is the derivative of log2",
            also=("factor:1.442",),
        ),
        Mutant("base_ten", "dx = dy / (x * np.log(10))", "1 / (x ln 10) is that of log10"),
        Mutant(
            "squared",
            "dx = -dy / x**2",
            "-1 / x^2 is the derivative of 1 / x, one derivative too far",
        ),
        Mutant(
            "clipped",
            "dx = dy / np.maximum(x, 1.0)",
            "the input is clipped in backward, and was not in forward",
        ),
        Mutant("upstream_forgotten", "dx = 1 / x", UPSTREAM, also=("ignores-upstream",)),
        Mutant(
            "input_forgotten", "dx = dy", "the factor 1 / x is missing", also=("extra-factor:x",)
        ),
    ),
)

SQRT = Operation(
    name="sqrt",
    arguments=("x",),
    checked=("x",),
    forward="y = np.sqrt(x)",
    backward="dx = dy / (2 * y)",
    sample=_positive,
    mutants=(
        Mutant("half_forgotten", "dx = dy / y", "the factor 1/2 is missing", also=("factor:2",)),
        Mutant("multiplied", "dx = dy * y / 2", "multiplied by the root instead of divided"),
        Mutant("input", "dx = dy / (2 * x)", "divided by the input instead of its root"),
        Mutant(
            "half_multiplied",
            "dx = 2 * dy / y",
            "2 multiplies where it divides",
            also=("factor:4",),
        ),
        Mutant("root_twice", "dx = dy / (2 * np.sqrt(y))", "the root is taken of the root again"),
        Mutant("upstream_forgotten", "dx = 1 / (2 * y)", UPSTREAM, also=("ignores-upstream",)),
        Mutant("root_forgotten", "dx = dy / 2", "the factor 1 / y is missing"),
    ),
)


def _l2(rng: Generator, square: bool) -> Values:
    return {"w": normal(rng, *sizes(rng, 2, square)), "weight_decay": float(rng.uniform(0.1, 0.9))}


L2_PENALTY = Operation(
    name="l2_penalty",
    arguments=("w", "weight_decay"),
    checked=("w",),
    forward="y = weight_decay * np.sum(w**2)",
    backward="dw = dy * 2 * weight_decay * w",
    sample=_l2,
    words=("l2", "ridge", "weight_penalty"),
    mutants=(
        Mutant(
            "two_forgotten",
            "dw = dy * weight_decay * w",
            "the 2 of the square is missing, unless the penalty carries a 1/2",
            "a lecture whose penalty has w^2 and whose update has w, without the 2",
            also=("factor:1/2",),
        ),
        Mutant(
            "rate_forgotten",
            "dw = dy * 2 * w",
            "the factor weight_decay is missing",
            also=("factor:1/weight_decay",),
        ),
        Mutant(
            "rate_squared",
            "dw = dy * 2 * weight_decay**2 * w",
            "weight_decay enters twice",
            also=("factor:weight_decay",),
        ),
        Mutant(
            "l1_rule",
            "dw = dy * weight_decay * np.sign(w)",
            "sign(w) is the gradient of the L1 penalty",
            "a lecture that shows the L1 update beside the L2 one",
        ),
        Mutant(
            "square_kept", "dw = dy * 2 * weight_decay * w**2", "the square stays; its slope is 2 w"
        ),
        Mutant(
            "mean",
            "dw = dy * 2 * weight_decay * w / w.size",
            "the penalty is a sum, not a mean",
            also=("factor:1/elements",),
        ),
        Mutant(
            "norm",
            "dw = dy * weight_decay * w / np.sqrt(np.sum(w**2))",
            "this is the gradient of the norm, not of its square",
            also=("factor:varying",),
        ),
    ),
)

POINTWISE = (EXP, LOG, SQRT, L2_PENALTY)
