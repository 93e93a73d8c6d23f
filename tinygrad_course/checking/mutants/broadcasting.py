"""The bank's sums and products of arrays, one of which is broadcast.

Read next: `activations.py`.
"""

from __future__ import annotations

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, sizes


def _broadcast(rng: Generator, square: bool) -> Values:
    N, D = sizes(rng, 2, square)
    return {"a": normal(rng, N, D), "b": normal(rng, D)}


ADD = Operation(
    name="add",
    arguments=("a", "b"),
    checked=("a", "b"),
    forward="y = a + b",
    backward="""
        da = unbroadcast(dy, a)
        db = unbroadcast(dy, b)
    """,
    sample=_broadcast,
    words=("bias", "plus"),
    mutants=(
        Mutant(
            "b_not_summed",
            "db = dy",
            "b was broadcast; its gradient has to be summed over the axis that was added",
            "pytorch #1787, autograd #384",
            also=("missing-sum:axis0",),
        ),
        Mutant(
            "b_mean",
            "db = dy.mean(axis=0)",
            "broadcasting copies b, and the gradients of copies add up: sum, not mean",
            also=("mean-for-sum:axis0", "factor:1/N"),
        ),
        Mutant(
            "b_first_row",
            "db = dy[0]",
            "only one of the copies of b gives its gradient",
            "burn #181",
            also=("slice-for-sum:axis0",),
        ),
        Mutant(
            "b_last_row",
            "db = dy[-1]",
            "each row overwrites the gradient of the row before instead of adding to it",
            also=("slice-for-sum:axis0",),
        ),
        Mutant(
            "b_wrong_axis",
            "db = dy.sum(axis=1)[: b.size]",
            "the sum runs over the other axis",
            also=("wrong-axis:1",),
            square=True,
        ),
        Mutant(
            "b_ones",
            "db = np.full_like(b, dy.size / b.size)",
            "the local derivative 1 is not multiplied by the upstream gradient",
            also=("ignores-upstream",),
        ),
        Mutant(
            "a_times_value",
            "da = dy * a",
            "the derivative of a sum with respect to a term is 1, not the term",
            also=("extra-factor:a",),
        ),
        Mutant(
            "a_times_other",
            "da = dy * b",
            "this is the rule of the product, not of the sum",
            also=("extra-factor:b",),
        ),
    ),
)

MULTIPLY = Operation(
    name="mul",
    arguments=("a", "b"),
    checked=("a", "b"),
    forward="y = a * b",
    backward="""
        da = unbroadcast(dy * b, a)
        db = unbroadcast(dy * a, b)
    """,
    sample=_broadcast,
    words=("multiply", "times", "product", "scale"),
    mutants=(
        Mutant(
            "own_factor",
            "da = dy * a",
            "the derivative of a b with respect to a is b, the other factor",
        ),
        Mutant(
            "other_forgotten",
            "da = dy",
            "the other factor is missing: dL/da = dL/dy b",
            also=("missing-factor:b",),
        ),
        Mutant(
            "b_not_summed",
            "db = dy * a",
            "b was broadcast; its gradient has to be summed over the axis that was added",
            "nd4j #2424, rust-autograd #38",
            also=("missing-sum:axis0",),
        ),
        Mutant(
            "b_mean",
            "db = (dy * a).mean(axis=0)",
            "the gradients of the copies of b add up: sum, not mean",
            also=("factor:1/N",),
        ),
        Mutant(
            "summed_too_early",
            "db = dy.sum(axis=0) * a.sum(axis=0)",
            "the sum of products is not the product of sums: multiply first, then sum",
        ),
        Mutant(
            "divided",
            "da = dy / b",
            "the upstream gradient is divided by the other factor instead of multiplied",
        ),
        Mutant(
            "output_for_factor",
            "da = dy * y",
            "the output stands where the other factor belongs",
            also=("extra-factor:a",),
        ),
        Mutant(
            "b_first_row",
            "db = (dy * a)[0]",
            "only one of the copies of b gives its gradient",
            also=("part-of-the-sum",),
        ),
    ),
)

BROADCAST = (ADD, MULTIPLY)
