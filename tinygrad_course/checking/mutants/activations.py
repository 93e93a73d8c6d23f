"""The bank's activations: relu, leaky relu, sigmoid, tanh, softmax and its logarithm, dropout.

Read next: `elementary.py`.
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
            "input_clipped_gradient",
            "dx = np.maximum(dy, 0)",
            "relu is applied to the gradient; it has to be the mask of the forward pass",
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

SOFTMAX = Operation(
    name="softmax",
    arguments=("x",),
    checked=("x",),
    forward="y = softmax(x)",
    backward="""
        s = (dy * y).sum(axis=-1, keepdims=True)
        dx = y * (dy - s)
    """,
    sample=_matrix,
    mutants=(
        Mutant(
            "diagonal_only",
            "dx = dy * y * (1 - y)",
            "only the Jacobian's diagonal is used; each output depends on all inputs of its row",
        ),
        Mutant(
            "sum_forgotten",
            "dx = y * dy",
            "the normalising sum depends on x too: its part - y sum(dy y) is missing",
            also=("missing-term:y along axis1",),
        ),
        Mutant(
            "sum_over_the_batch",
            "s = (dy * y).sum(axis=0, keepdims=True)",
            "the sum runs over the samples instead of the classes",
        ),
        Mutant(
            "sum_over_everything",
            "s = (dy * y).sum()",
            "the sum runs over all rows; each row is normalised by itself",
        ),
        Mutant(
            "mean_for_sum",
            "s = (dy * y).mean(axis=-1, keepdims=True)",
            "the mean over the classes stands where their sum belongs",
            also=("missing-term:y along axis1",),
        ),
        Mutant(
            "sum_of_upstream",
            "s = dy.sum(axis=-1, keepdims=True)",
            "the upstream gradients are summed without their weights y",
            also=("missing-term:y along axis1",),
        ),
        Mutant(
            "sum_without_output",
            "dx = y * dy - s",
            "the sum has to be multiplied by y as well",
        ),
        Mutant(
            "plus_for_minus",
            "dx = y * (dy + s)",
            "the sum is added instead of subtracted",
            also=("missing-term:y along axis1",),
        ),
        Mutant(
            "loss_shortcut",
            "dx = y - dy",
            "y - t is the gradient of softmax with cross-entropy, not of softmax alone",
            "LECTURES E20",
        ),
        Mutant("output_forgotten", "dx = dy - s", "the factor y in front is missing"),
    ),
)

LOG_SOFTMAX = Operation(
    name="log_softmax",
    arguments=("x",),
    checked=("x",),
    forward="y = np.log(softmax(x))",
    backward="""
        s = dy.sum(axis=-1, keepdims=True)
        dx = dy - np.exp(y) * s
    """,
    sample=_matrix,
    words=("logsoftmax",),
    mutants=(
        Mutant(
            "sum_forgotten",
            "dx = dy - np.exp(y)",
            "softmax is multiplied by the sum of the upstream gradients: it is 1 only for a loss",
        ),
        Mutant(
            "exp_forgotten",
            "dx = dy - y * s",
            "the sum is weighted with softmax = exp(y), not with its logarithm y",
            also=("missing-term",),
        ),
        Mutant(
            "softmax_rule",
            "dx = y * (dy - (dy * y).sum(axis=-1, keepdims=True))",
            "this is the rule of softmax; its logarithm has another",
        ),
        Mutant(
            "second_term_forgotten", "dx = dy", "the part through the normalising sum is missing"
        ),
        Mutant(
            "sum_over_the_batch",
            "s = dy.sum(axis=0, keepdims=True)",
            "the sum runs over the samples instead of the classes",
        ),
        Mutant(
            "mean_for_sum",
            "s = dy.mean(axis=-1, keepdims=True)",
            "the mean over the classes stands where their sum belongs",
        ),
        Mutant(
            "plus_for_minus", "dx = dy + np.exp(y) * s", "the second term is added, not subtracted"
        ),
        Mutant(
            "uniform",
            "dx = dy - s / y.shape[-1]",
            "the sum is spread evenly; it is weighted with softmax",
        ),
    ),
)


def _dropout(rng: Generator, square: bool) -> Values:
    N, D = sizes(rng, 2, square)
    N, D = N + 2, D + 2
    p = float(rng.choice([0.2, 0.3, 0.4]))
    mask = (rng.uniform(size=(N, D)) >= p).astype(float)
    mask[0, 0], mask[0, 1] = 0.0, 1.0
    return {"x": normal(rng, N, D), "mask": mask, "p": p}


DROPOUT = Operation(
    name="dropout",
    arguments=("x", "mask", "p"),
    checked=("x",),
    forward="y = x * mask / (1 - p)",
    backward="dx = dy * mask / (1 - p)",
    sample=_dropout,
    defaults="""
        p = 0.5
        mask = (y != 0).astype(float)
    """,
    mutants=(
        Mutant(
            "mask_forgotten",
            "dx = dy / (1 - p)",
            "the mask of forward is not applied: dropped elements get a gradient",
            "numpy-ml #94",
            also=("formula",),
        ),
        Mutant(
            "scale_forgotten",
            "dx = dy * mask",
            "forward scales by 1 / (1 - p); backward has to as well",
            also=("factor:1 - p",),
        ),
        Mutant(
            "scaled_twice",
            "dx = dy * mask / (1 - p) ** 2",
            "the scale 1 / (1 - p) enters twice",
            also=("factor:1/(1 - p)",),
        ),
        Mutant(
            "drop_for_keep",
            "dx = dy * mask / p",
            "divided by the probability of dropping instead of that of keeping",
            "LECTURES E13",
            also=("factor:(1 - p)/p",),
        ),
        Mutant(
            "multiplied_by_keep",
            "dx = dy * mask * (1 - p)",
            "multiplied by the keep probability instead of divided",
            also=("factor:(1 - p)**2",),
        ),
        Mutant("nothing_done", "dx = dy", "neither mask nor scale: that is evaluation's gradient"),
        Mutant(
            "mask_flipped",
            "dx = dy * (1 - mask) / (1 - p)",
            "the mask is the wrong way round: the gradient flows where x was dropped",
        ),
        Mutant(
            "output_for_mask",
            "dx = dy * y",
            "the output stands where the mask belongs",
            also=("extra-factor:x",),
        ),
    ),
)

ACTIVATIONS = (RELU, LEAKY_RELU, SIGMOID, TANH, SOFTMAX, LOG_SOFTMAX, DROPOUT)
