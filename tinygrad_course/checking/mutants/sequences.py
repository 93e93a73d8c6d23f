"""The bank's sequences: one step of an RNN, one step of an LSTM, attention.

Read next: `families.py`.
"""

from __future__ import annotations

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, sizes


def _rnn(rng: Generator, square: bool) -> Values:
    N, D, H = sizes(rng, 3, square)
    return {
        "x": normal(rng, N, D),
        "h": normal(rng, N, H),
        "w": 0.25 * normal(rng, D, H),
        "u": 0.25 * normal(rng, H, H),
        "b": normal(rng, H),
    }


RNN_STEP = Operation(
    name="rnn_step",
    arguments=("x", "h", "w", "u", "b"),
    checked=("x", "h", "w", "u", "b"),
    forward="y = np.tanh(x @ w + h @ u + b)",
    backward="""
        da = dy * (1 - y**2)
        dx = da @ w.T
        dh = da @ u.T
        dw = x.T @ da
        du = h.T @ da
        db = da.sum(axis=0)
    """,
    sample=_rnn,
    defaults="b = np.zeros(w.shape[-1])",
    words=("rnn", "rnn_cell", "rnncell"),
    mutants=(
        Mutant(
            "tanh_forgotten",
            "da = dy",
            "the derivative of tanh, 1 - y^2, is missing",
        ),
        Mutant(
            "sigmoid_rule",
            "da = dy * y * (1 - y)",
            "y (1 - y) is the logistic function's derivative; that of tanh is 1 - y^2",
        ),
        Mutant(
            "square_forgotten",
            "da = dy * (1 - y)",
            "the output has to be squared in the derivative of tanh",
        ),
        Mutant(
            "recurrent_not_transposed",
            "dh = da @ u",
            "the recurrent weights are square: U for U^T raises nothing, and is wrong",
        ),
        Mutant(
            "input_weights_for_state",
            "dh = da @ w.T",
            "the gradient of the state goes through U, not W",
            square=True,
            also=("gradient-of:x",),
        ),
        Mutant(
            "new_state_for_old",
            "du = y.T @ da",
            "U multiplied the state before the step; the new one is used",
        ),
        Mutant(
            "recurrent_transposed",
            "du = da.T @ h",
            "this is the transposed gradient of U",
            also=("transposed:(1, 0)",),
        ),
        Mutant(
            "weights_over_batch",
            "dw = x.T @ da / len(x)",
            "divided by the batch size, which the loss has done",
            also=("factor:1/N",),
        ),
        Mutant(
            "bias_mean",
            "db = da.mean(axis=0)",
            "a bias is added in every sample: sum over them, not mean",
            also=("factor:1/N",),
        ),
        Mutant(
            "bias_before_tanh",
            "db = dy.sum(axis=0)",
            "the bias lies inside tanh: its gradient goes through 1 - y^2 too",
        ),
    ),
)


def _lstm(rng: Generator, square: bool) -> Values:
    N, D, H = sizes(rng, 3, square)
    return {
        "x": normal(rng, N, D),
        "h": normal(rng, N, H),
        "c": normal(rng, N, H),
        "w": 0.25 * normal(rng, D, 4 * H),
        "u": 0.25 * normal(rng, H, 4 * H),
        "b": normal(rng, 4 * H),
    }


LSTM_STEP = Operation(
    name="lstm_step",
    arguments=("x", "h", "c", "w", "u", "b"),
    checked=("x", "h", "c", "w", "u", "b"),
    forward="""
        i, f, g, o = np.split(x @ w + h @ u + b, 4, axis=-1)
        i = sigmoid(i)
        f = sigmoid(f)
        g = np.tanh(g)
        o = sigmoid(o)
        cell = f * c + i * g
        y = o * np.tanh(cell)
    """,
    backward="""
        dcell = dy * o * (1 - np.tanh(cell) ** 2)
        di = dcell * g * i * (1 - i)
        df = dcell * c * f * (1 - f)
        dg = dcell * i * (1 - g**2)
        do = dy * np.tanh(cell) * o * (1 - o)
        da = np.concatenate([di, df, dg, do], axis=-1)
        dc = dcell * f
        dx = da @ w.T
        dh = da @ u.T
        dw = x.T @ da
        du = h.T @ da
        db = da.sum(axis=0)
    """,
    sample=_lstm,
    defaults="b = np.zeros(w.shape[-1])",
    words=("lstm", "lstm_cell", "lstmcell"),
    mutants=(
        Mutant(
            "cell_tanh_forgotten",
            "dcell = dy * o",
            "the output is o tanh(c): the derivative of that tanh is missing",
        ),
        Mutant(
            "forget_uses_new_cell",
            "df = dcell * cell * f * (1 - f)",
            "the forget gate multiplied the cell before the step, not the new one",
        ),
        Mutant(
            "candidate_sigmoid_rule",
            "dg = dcell * i * g * (1 - g)",
            "the candidate goes through tanh: its derivative is 1 - g^2",
        ),
        Mutant(
            "output_gate_without_tanh",
            "do = dy * cell * o * (1 - o)",
            "the output gate multiplies tanh(c), not c",
        ),
        Mutant(
            "gates_swapped",
            "da = np.concatenate([df, di, dg, do], axis=-1)",
            "input and forget gate are swapped in the order of the gates",
        ),
        Mutant(
            "candidate_behind_output",
            "da = np.concatenate([di, df, do, dg], axis=-1)",
            "candidate and output gate are swapped in the order of the gates",
        ),
        Mutant(
            "input_gate_rule_forgotten",
            "di = dcell * g",
            "the derivative of the input gate's sigmoid, i (1 - i), is missing",
        ),
        Mutant(
            "old_cell_not_scaled",
            "dc = dcell",
            "the old cell was multiplied by the forget gate",
        ),
        Mutant(
            "bias_mean",
            "db = da.mean(axis=0)",
            "a bias is added in every sample: sum over them, not mean",
            also=("factor:1/N",),
        ),
    ),
)


def _attention(rng: Generator, square: bool) -> Values:
    T, S, D, E = (3, 3, 3, 3) if square else [int(n) for n in rng.permutation([2, 3, 4, 5])]
    return {"q": normal(rng, 2, T, D), "k": normal(rng, 2, S, D), "v": normal(rng, 2, S, E)}


ATTENTION = Operation(
    name="attention",
    arguments=("q", "k", "v"),
    checked=("q", "k", "v"),
    forward="""
        scale = q.shape[-1] ** -0.5
        p = softmax(q @ k.swapaxes(-1, -2) * scale)
        y = p @ v
    """,
    backward="""
        dv = p.swapaxes(-1, -2) @ dy
        dp = dy @ v.swapaxes(-1, -2)
        ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
        dq = ds @ k * scale
        dk = ds.swapaxes(-1, -2) @ q * scale
    """,
    sample=_attention,
    words=("scaled_dot_product_attention", "dot_product_attention", "self_attention"),
    mutants=(
        Mutant(
            "scale_forgotten_in_dq",
            "dq = ds @ k",
            "the scores are divided by sqrt(D) in forward; backward has to as well",
            also=("factor:sqrt(length of axis 2)",),
        ),
        Mutant(
            "scale_forgotten_in_dk",
            "dk = ds.swapaxes(-1, -2) @ q",
            "the scores are divided by sqrt(D) in forward; backward has to as well",
            also=("factor:sqrt(length of axis 2)",),
        ),
        Mutant(
            "scale_squared",
            "dq = ds @ k * scale**2",
            "divided by D instead of its square root",
            also=("factor:1/sqrt(length of axis 2)",),
        ),
        Mutant(
            "softmax_forgotten",
            "ds = dp",
            "the gradient skips softmax",
        ),
        Mutant(
            "softmax_diagonal",
            "ds = dp * p * (1 - p)",
            "only the diagonal of softmax's Jacobian is used",
        ),
        Mutant(
            "softmax_sum_forgotten",
            "ds = p * dp",
            "softmax's normalising sum depends on the scores too: its part is missing",
        ),
        Mutant(
            "softmax_over_queries",
            "ds = p * (dp - (dp * p).sum(axis=-2, keepdims=True))",
            "softmax runs over the keys; its sum in backward runs over the queries",
        ),
        Mutant(
            "keys_transposed",
            "dk = ds @ q * scale",
            "the scores' gradient has to be transposed: keys are its columns",
            square=True,
        ),
        Mutant(
            "weights_not_transposed",
            "dv = p @ dy",
            "the attention weights have to be transposed: values are their columns",
            square=True,
        ),
        Mutant(
            "values_for_keys",
            "dq = ds @ v * scale",
            "the queries met the keys, not the values",
            square=True,
        ),
    ),
)

SEQUENCES = (RNN_STEP, LSTM_STEP, ATTENTION)
