"""The bank's elementary functions: exp, log, sqrt; and moves of elements, reductions, embedding.

Read next: `losses.py`.
"""

from __future__ import annotations

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, positive, sizes, spread


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
            "dx = np.broadcast_to(g, x.shape) * (np.arange(x.shape[axis or 0]) == 0).reshape((-1, 1) if not axis else (1, -1))",
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
            "dx = np.swapaxes(dy.reshape(x.shape[0], x.shape[2], x.shape[1]), 1, 2)",
            "channels and positions are swapped on the way back",
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
            "dweight = np.stack([dy[tokens == v][-1] if (tokens == v).any() else 0 * weight[v] for v in range(len(weight))])",
            "dweight[tokens] += dy adds a repeated token only once: use np.add.at",
        ),
        Mutant(
            "first_only",
            "dweight = np.stack([dy[tokens == v][0] if (tokens == v).any() else 0 * weight[v] for v in range(len(weight))])",
            "only the first occurrence of a token counts",
        ),
        Mutant(
            "mean_of_occurrences",
            "dweight = np.einsum('ntv,ntd->vd', hits, dy) / np.maximum(hits.sum(axis=(0, 1)), 1)[:, None]",
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
            "LECTURES E06",
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
            "LECTURES E07",
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

POINTWISE = (EXP, LOG, SQRT)
REDUCTIONS = (SUM, MEAN, MAX)
MOVES = (RESHAPE, TRANSPOSE, CONCATENATE, EMBEDDING)
PENALTIES = (L2_PENALTY,)
