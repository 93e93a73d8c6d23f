"""The bank's moves of elements: reshape, transpose, concatenate, embedding.

Read next: `losses.py`.
"""

from __future__ import annotations

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, sizes


def _reshape(rng: Generator, square: bool) -> Values:
    N, H, C = sizes(rng, 3, square)
    return {"x": normal(rng, N, H, C), "shape": (N, H * C)}


RESHAPE = Operation(
    name="reshape",
    arguments=("x", "shape"),
    checked=("x",),
    forward="y = x.reshape(shape)",
    backward="dx = dy.reshape(x.shape)",
    sample=_reshape,
    defaults="shape = y.shape",
    words=("flatten", "view"),
    mutants=(
        Mutant("not_reshaped", "dx = dy", "the gradient needs the shape of the input"),
        Mutant(
            "column_order",
            "dx = dy.reshape(x.shape, order='F')",
            "read in column order; forward read row by row",
            also=("reordered",),
        ),
        Mutant(
            "transposed_first",
            "dx = dy.T.reshape(x.shape)",
            "transposed first: reshape alone undoes reshape",
            also=("reordered",),
        ),
        Mutant(
            "axes_swapped",
            "dx = dy.reshape(x.shape[1], x.shape[0], x.shape[2]).swapaxes(0, 1)",
            "the first two axes are swapped on the way back",
            also=("reordered",),
        ),
        Mutant("flattened", "dx = dy.ravel()", "the gradient is flat; it needs the input's shape"),
        Mutant("input_returned", "dx = x", "the input is returned instead of its gradient"),
    ),
)


def _transpose(rng: Generator, square: bool) -> Values:
    return {"x": normal(rng, *sizes(rng, 3, square)), "axes": (1, 2, 0)}


TRANSPOSE = Operation(
    name="transpose",
    arguments=("x", "axes"),
    checked=("x",),
    forward="y = x.transpose(axes)",
    backward="dx = dy.transpose(np.argsort(axes))",
    sample=_transpose,
    defaults="axes = tuple(range(x.ndim))[::-1]",
    words=("permute",),
    mutants=(
        Mutant(
            "same_order",
            "dx = dy.transpose(axes)",
            "the same order again; what undoes it is its inverse, argsort(axes)",
            square=True,
            also=("transposed",),
        ),
        Mutant(
            "reversed",
            "dx = dy.transpose()",
            "all axes are reversed; that undoes only a reversal",
            square=True,
            also=("transposed",),
        ),
        Mutant(
            "not_transposed",
            "dx = dy",
            "the gradient still has the output's order of axes",
            square=True,
            also=("transposed",),
        ),
        Mutant(
            "reshaped",
            "dx = dy.reshape(x.shape)",
            "reshape gives the shape, and leaves every value in the wrong place",
            also=("reordered",),
        ),
        Mutant(
            "swapped_pair",
            "dx = dy.swapaxes(0, 1)",
            "two axes are swapped, where three went round",
            square=True,
            also=("transposed",),
        ),
        Mutant(
            "last_two",
            "dx = dy.swapaxes(1, 2)",
            "the last two axes are swapped, where three went round",
            square=True,
            also=("transposed",),
        ),
    ),
)


def _concatenate(rng: Generator, square: bool) -> Values:
    N, C, D = sizes(rng, 3, square)
    return {"a": normal(rng, N, C), "b": normal(rng, N, D)}


CONCATENATE = Operation(
    name="concatenate",
    arguments=("a", "b"),
    checked=("a", "b"),
    forward="y = np.concatenate([a, b], axis=1)",
    backward="""
        da = dy[:, : a.shape[1]]
        db = dy[:, a.shape[1] :]
    """,
    sample=_concatenate,
    words=("concat", "cat"),
    mutants=(
        Mutant("a_from_the_end", "da = dy[:, -a.shape[1] :]", "a's part lies at the start"),
        Mutant("b_from_the_start", "db = dy[:, : b.shape[1]]", "b's part lies behind that of a"),
        Mutant(
            "off_by_one",
            "db = dy[:, a.shape[1] - 1 : -1]",
            "b's part starts one column too early",
        ),
        Mutant(
            "swapped",
            "da = dy[:, a.shape[1] :]",
            "a gets b's part",
            square=True,
            also=("gradient-of:b",),
        ),
        Mutant(
            "divided",
            "da = dy[:, : a.shape[1]] / 2",
            "joining two arrays is no mean of them",
            also=("factor:1/2",),
        ),
        Mutant("whole", "db = dy", "b gets the gradient of both"),
        Mutant(
            "wrong_axis",
            "da = dy.T[: a.shape[1]].reshape(a.shape)",
            "the part is cut from the other axis",
            also=("reordered",),
        ),
    ),
)


def _embedding(rng: Generator, square: bool) -> Values:
    V, D = sizes(rng, 2, square)
    tokens = rng.integers(0, V, (3, 4))
    tokens[0, 0] = tokens[1, 1] = tokens[2, 3] = 0
    return {"weight": normal(rng, V + 1, D), "tokens": tokens}


EMBEDDING = Operation(
    name="embedding",
    arguments=("weight", "tokens"),
    checked=("weight",),
    forward="y = weight[tokens]",
    backward="""
        hits = one_hot(tokens, np.zeros((1, len(weight)), dy.dtype))
        dweight = np.einsum('ntv,ntd->vd', hits, dy)
    """,
    sample=_embedding,
    words=("lookup", "word_embedding"),
    mutants=(
        Mutant(
            "overwritten",
            "dweight = assigned(weight, tokens, dy)",
            "dweight[tokens] += dy adds a repeated token only once: use np.add.at",
        ),
        Mutant(
            "first_only",
            "dweight = assigned(weight, tokens[::-1, ::-1], dy[::-1, ::-1])",
            "only the first occurrence of a token counts",
        ),
        Mutant(
            "mean_of_occurrences",
            "dweight = np.einsum('ntv,ntd->vd', hits / np.maximum(hits.sum((0, 1)), 1), dy)",
            "divided by the number of occurrences: sum, not mean",
            also=("slice-factor:axis0",),
        ),
        Mutant(
            "divided_by_batch",
            "dweight = np.einsum('ntv,ntd->vd', hits, dy) / len(tokens)",
            "divided by the batch size",
            also=("factor:1/N",),
        ),
        Mutant(
            "first_sequence",
            "dweight = np.einsum('tv,td->vd', hits[0], dy[0])",
            "only the first sequence of the batch counts",
        ),
        Mutant(
            "shifted",
            "hits = one_hot(tokens - 1, np.zeros((1, len(weight)), dy.dtype))",
            "tokens are counted from 1",
            also=("shifted:axis0",),
        ),
        Mutant(
            "counts",
            "dweight = np.einsum('ntv,ntd->vd', hits, np.ones_like(dy))",
            "occurrences are counted, the upstream gradient is ignored",
            also=("ignores-upstream",),
        ),
        Mutant(
            "padding_always",
            "dweight = np.einsum('ntv,ntd->vd', hits, dy) * (np.arange(len(weight)) > 0)[:, None]",
            "row 0 gets no gradient, as if it were padding; nobody said so in forward",
            also=("zero:first of axis 0",),
        ),
    ),
)


MOVES = (RESHAPE, TRANSPOSE, CONCATENATE, EMBEDDING)
