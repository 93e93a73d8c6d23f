"""The bank's linear algebra: dense and matmul.

Read next: `broadcasting.py`.
"""

from __future__ import annotations

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, sizes


def _dense(rng: Generator, square: bool) -> Values:
    N, I, O = sizes(rng, 3, square)
    return {"x": normal(rng, N, I), "w": normal(rng, I, O), "b": normal(rng, O)}


DENSE = Operation(
    name="dense",
    arguments=("x", "w", "b"),
    checked=("x", "w", "b"),
    forward="y = x @ w + b",
    backward="""
        dx = dy @ w.T
        dw = x.T @ dy
        db = dy.sum(axis=0)
    """,
    sample=_dense,
    defaults="b = np.zeros(w.shape[-1])",
    words=("linear", "affine", "fully_connected", "fc"),
    layouts=({"w": (1, 0)},),
    mutants=(
        Mutant(
            "weights_not_transposed",
            "dx = dy @ w",
            "the weights enter backward transposed; on square weights W for W^T raises nothing",
            also=("transposed-factor:w",),
            square=True,
        ),
        Mutant(
            "weight_gradient_transposed",
            "dw = dy.T @ x",
            "the two factors are the wrong way round, which gives the transposed gradient",
            also=("transposed:(1, 0)",),
            square=True,
        ),
        Mutant(
            "weight_gradient_divided_by_batch",
            "dw = x.T @ dy / x.shape[0]",
            "the mean over the batch belongs to the loss; dL/dy carries it already",
            "a lecture that sums the batch's gradients beside a loss that averages them",
            also=("factor:1/N",),
        ),
        Mutant(
            "input_gradient_divided_by_batch",
            "dx = dy @ w.T / x.shape[0]",
            "the gradient of a sample is divided by the batch size, which the loss has done",
            "a lecture that sums the batch's gradients beside a loss that averages them",
            also=("factor:1/N",),
        ),
        Mutant(
            "bias_mean",
            "db = dy.mean(axis=0)",
            "a bias is added to every row, so its gradient is the sum over the rows, not the mean",
            also=("factor:1/N", "mean-for-sum:axis0"),
        ),
        Mutant(
            "bias_not_summed",
            "db = dy",
            "a bias is broadcast over the batch; backward has to sum over that axis",
            "pytorch #1787",
            also=("missing-sum:axis0",),
        ),
        Mutant(
            "bias_first_row",
            "db = dy[0]",
            "only the first row of the batch reaches the bias",
            also=("slice-for-sum:axis0",),
        ),
        Mutant(
            "bias_summed_to_a_scalar",
            "db = dy.sum()",
            "the sum runs over all axes, and the features with them",
            also=("extra-sum:axis0",),
        ),
        Mutant(
            "bias_times_input_sum",
            "db = dy.sum(axis=0) * x.sum()",
            "the bias does not meet the input: its local derivative is 1",
            also=("factor:varying",),
        ),
        Mutant(
            "input_gradient_plus_input",
            "dx = dy @ w.T + x",
            "the input itself was added to its gradient",
            also=("extra-term:x",),
        ),
        Mutant(
            "weight_gradient_of_ones",
            "dw = x.T @ np.ones_like(dy)",
            "the upstream gradient dy is ignored, as if the loss were the sum of the outputs",
            also=("ignores-upstream",),
        ),
    ),
)


def _matmul(rng: Generator, square: bool) -> Values:
    N, I, O = sizes(rng, 3, square)
    return {"a": normal(rng, N, I), "b": normal(rng, I, O)}


MATMUL = Operation(
    name="matmul",
    arguments=("a", "b"),
    checked=("a", "b"),
    forward="y = a @ b",
    backward="""
        da = dy @ b.T
        db = a.T @ dy
    """,
    sample=_matmul,
    words=("mm", "dot", "matrix_multiply"),
    mutants=(
        Mutant(
            "b_not_transposed",
            "da = dy @ b",
            "B enters the gradient of A transposed",
            also=("transposed-factor:b",),
            square=True,
        ),
        Mutant(
            "a_not_transposed",
            "db = a @ dy",
            "A enters the gradient of B transposed",
            also=("transposed-factor:a",),
            square=True,
        ),
        Mutant(
            "a_on_the_wrong_side",
            "da = b.T @ dy",
            "matrices do not commute: B^T stands to the right of dy",
            square=True,
        ),
        Mutant(
            "b_on_the_wrong_side",
            "db = dy @ a.T",
            "matrices do not commute: A^T stands to the left of dy",
            square=True,
        ),
        Mutant(
            "b_transposed_result",
            "db = dy.T @ a",
            "this is the transposed gradient of B",
            also=("transposed:(1, 0)",),
            square=True,
        ),
        Mutant(
            "a_elementwise",
            "da = dy * b.T",
            "a matrix product was taken for an elementwise one",
            square=True,
        ),
        Mutant(
            "swapped",
            "da = a.T @ dy",
            "this is the gradient of the other factor",
            also=("gradient-of:b",),
            square=True,
        ),
        Mutant(
            "rows_divided",
            "db = a.T @ dy / len(a)",
            "a product is no mean: nothing is divided by the number of rows",
            also=("factor:1/N",),
        ),
    ),
)


LINEAR = (DENSE, MATMUL)
