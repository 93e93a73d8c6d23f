"""The bank's activations: relu, leaky relu, sigmoid, tanh.

Read next: `softmax.py`.
"""

from __future__ import annotations

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, sizes


def _matrix(rng: Generator, square: bool) -> Values:
    return {"x": normal(rng, *sizes(rng, 2, square))}


RELU = Operation(
    name="relu",
    arguments=("x",),
    checked=("x",),
    forward="y = np.maximum(x, 0)",
    backward="dx = dy * (x > 0)",
    sample=_matrix,
    words=("rectifier",),
    mutants=(
        Mutant(
            "mask_forgotten",
            "dx = dy",
            "the mask is missing: where x < 0 the output is constant and the gradient zero",
        ),
        Mutant(
            "mask_of_upstream",
            "dx = dy * (dy > 0)",
            "the mask is taken of the upstream gradient instead of the input",
        ),
        Mutant(
            "guided",
            "dx = dy * (x > 0) * (dy > 0)",
            "two masks, of x and of dy: that is guided backpropagation, a picture, not a gradient",
            also=("clipped:negative",),
        ),
        Mutant(
            "mask_flipped",
            "dx = dy * (x < 0)",
            "the mask lets through where x < 0: it is the wrong way round",
        ),
        Mutant(
            "output_for_mask",
            "dx = dy * y",
            "the output stands where its sign belongs: the slope is 1, not x",
            also=("extra-factor:x", "extra-factor:y", "extra-factor:abs(x)"),
        ),
        Mutant(
            "mask_without_upstream",
            "dx = 1.0 * (x > 0)",
            "the mask alone: it is not multiplied by the upstream gradient",
            also=("ignores-upstream",),
        ),
        Mutant(
            "half_below_zero",
            "dx = dy * np.where(x > 0, 1.0, 0.5)",
            "0.5 is a choice at the kink alone, not for all x below zero",
            "pytorch #114234",
        ),
        Mutant(
            "wrong_threshold",
            "dx = dy * (x > 1)",
            "the mask compares with 1 instead of 0",
            also=("masked:abs(x) > 1", "zero:elements where abs(x) < 1"),
        ),
        Mutant(
            "relu6_upper_bound",
            "dx = dy * (x > 0) * (x < 1)",
            "the slope is cut above 1 too, as for a clip",
            also=("masked:abs(x) < 1", "masked:abs(y) < 1", "zero:elements where abs(x) > 1"),
        ),
    ),
)


def _leaky(rng: Generator, square: bool) -> Values:
    return {**_matrix(rng, square), "negative_slope": float(rng.uniform(0.02, 0.4))}


LEAKY_RELU = Operation(
    name="leaky_relu",
    arguments=("x", "negative_slope"),
    checked=("x",),
    forward="y = np.where(x > 0, x, negative_slope * x)",
    backward="dx = dy * np.where(x > 0, 1.0, negative_slope)",
    sample=_leaky,
    defaults="negative_slope = 0.01",
    words=("leakyrelu", "lrelu"),
    mutants=(
        Mutant(
            "plain_relu",
            "dx = dy * (x > 0)",
            "below zero the slope is negative_slope, not 0",
            also=("zero:elements where x < 0",),
        ),
        Mutant("slope_forgotten", "dx = dy", "below zero the slope is negative_slope, not 1"),
        Mutant(
            "branches_swapped",
            "dx = dy * np.where(x > 0, negative_slope, 1.0)",
            "the two slopes are swapped",
        ),
        Mutant(
            "slope_everywhere",
            "dx = dy * negative_slope",
            "the slope below zero is used above zero too",
        ),
        Mutant(
            "slope_negative",
            "dx = dy * np.where(x > 0, 1.0, -negative_slope)",
            "below zero the slope has the wrong sign, as that of |x| would",
            also=("negated:elements where x < 0",),
        ),
        Mutant(
            "slope_times_input",
            "dx = dy * np.where(x > 0, 1.0, negative_slope * x)",
            "below zero the value of forward stands where its slope belongs",
        ),
        Mutant(
            "mask_of_upstream",
            "dx = dy * np.where(dy > 0, 1.0, negative_slope)",
            "the branch is chosen by the sign of the upstream gradient instead of the input's",
        ),
        Mutant(
            "slope_inverted",
            "dx = dy * np.where(x > 0, 1.0, 1.0 / negative_slope)",
            "below zero it is divided by the slope instead of multiplied",
        ),
    ),
)

SIGMOID = Operation(
    name="sigmoid",
    arguments=("x",),
    checked=("x",),
    forward="y = sigmoid(x)",
    backward="dx = dy * y * (1 - y)",
    sample=_matrix,
    words=("logistic",),
    mutants=(
        Mutant(
            "second_factor_forgotten",
            "dx = dy * y",
            "the factor (1 - y) is missing",
            also=("missing-factor:1 - y",),
        ),
        Mutant(
            "first_factor_forgotten",
            "dx = dy * (1 - y)",
            "the factor y is missing",
            also=("missing-factor:y",),
        ),
        Mutant(
            "input_for_output",
            "dx = dy * x * (1 - x)",
            "y (1 - y) is written with the input x: it holds for the output y = sigmoid(x)",
            also=("formula:dy * x * (1 - x)",),
        ),
        Mutant(
            "plus_for_minus",
            "dx = dy * y * (1 + y)",
            "the sign within (1 - y) is flipped",
        ),
        Mutant(
            "tanh_rule",
            "dx = dy * (1 - y**2)",
            "1 - y^2 is the derivative of tanh",
            also=("formula:dy * (1 - y**2)",),
        ),
        Mutant(
            "applied_twice",
            "dx = dy * sigmoid(y) * (1 - sigmoid(y))",
            "sigmoid is applied to the output, which has been through it already",
        ),
        Mutant(
            "output_squared",
            "dx = dy * y * (1 - y**2)",
            "y (1 - y) has y in its second factor, not y^2",
            also=("extra-factor:1 + y",),
        ),
        Mutant(
            "upstream_forgotten",
            "dx = y * (1 - y)",
            "the upstream gradient is not multiplied in",
            also=("ignores-upstream",),
        ),
    ),
)

TANH = Operation(
    name="tanh",
    arguments=("x",),
    checked=("x",),
    forward="y = np.tanh(x)",
    backward="dx = dy * (1 - y**2)",
    sample=_matrix,
    mutants=(
        Mutant(
            "input_for_output",
            "dx = dy * (1 - x**2)",
            "1 - y^2 is written with the input x: it holds for the output y = tanh(x)",
            also=("formula:dy * (1 - x**2)",),
        ),
        Mutant("square_forgotten", "dx = dy * (1 - y)", "the output has to be squared"),
        Mutant(
            "sigmoid_rule",
            "dx = dy * y * (1 - y)",
            "y (1 - y) is the derivative of the logistic function",
        ),
        Mutant("plus_for_minus", "dx = dy * (1 + y**2)", "the sign within 1 - y^2 is flipped"),
        Mutant(
            "applied_twice",
            "dx = dy * (1 - np.tanh(y) ** 2)",
            "tanh is applied to the output, which has been through it already",
            also=("formula:dy * (1 - tanh(y)**2)",),
        ),
        Mutant(
            "root",
            "dx = dy * np.sqrt(1 - y**2)",
            "there is no square root in the derivative",
        ),
        Mutant(
            "squared_difference",
            "dx = dy * (1 - y) ** 2",
            "1 - y^2 is not (1 - y)^2",
            also=("formula:dy * (1 - y)**2",),
        ),
        Mutant(
            "upstream_forgotten",
            "dx = 1 - y**2",
            "the upstream gradient is not multiplied in",
            also=("ignores-upstream",),
        ),
    ),
)

ACTIVATIONS = (RELU, LEAKY_RELU, SIGMOID, TANH)
