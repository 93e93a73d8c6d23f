"""The bank's softmax, its logarithm, and dropout.

Read next: `elementary.py`.
"""

from __future__ import annotations

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, sizes


def _matrix(rng: Generator, square: bool) -> Values:
    return {"x": normal(rng, *sizes(rng, 2, square))}


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
            "a lecture in which softmax and cross-entropy are one thing",
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
            "texts in which p is the probability of keeping",
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

NORMALISED = (SOFTMAX, LOG_SOFTMAX, DROPOUT)
