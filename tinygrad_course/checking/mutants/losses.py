"""The bank's losses: softmax with cross-entropy, logistic, squared, absolute and Huber's, as means.

Read next: `conv.py`.
"""

from __future__ import annotations

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, sizes


def _labelled(rng: Generator, square: bool) -> Values:
    N, K = sizes(rng, 2, square)
    N, K = N + 1, K + 1
    return {"logits": normal(rng, N, K), "targets": rng.integers(0, K, N)}


CROSS_ENTROPY = Operation(
    name="cross_entropy",
    arguments=("logits", "targets"),
    checked=("logits",),
    forward="""
        p = softmax(logits)
        t = one_hot(targets, logits)
        y = -np.mean(np.sum(t * np.log(p), axis=-1))
    """,
    backward="dlogits = dy * (p - t) / len(logits)",
    sample=_labelled,
    words=("softmax_cross_entropy", "softmax_loss", "crossentropy", "ce", "softmax_ce"),
    mutants=(
        Mutant(
            "mean_forgotten",
            "dlogits = dy * (p - t)",
            "the loss is a mean over the batch: its gradient carries 1/N",
            "LECTURES E25",
            also=("factor:N",),
        ),
        Mutant(
            "targets_forgotten",
            "dlogits = dy * p / len(logits)",
            "the one at the target is not subtracted: p - t, not p",
        ),
        Mutant(
            "sign",
            "dlogits = dy * (t - p) / len(logits)",
            "t - p is the direction of descent; the gradient is p - t",
            also=("factor:-1",),
        ),
        Mutant(
            "divided_by_all",
            "dlogits = dy * (p - t) / logits.size",
            "divided by N K; the mean runs over the N samples alone",
            also=("factor:1/classes",),
        ),
        Mutant(
            "divided_by_classes",
            "dlogits = dy * (p - t) / logits.shape[-1]",
            "divided by the number of classes instead of the batch size",
        ),
        Mutant(
            "targets_only",
            "dlogits = -dy * t / p / len(logits)",
            "-t / p is the gradient with respect to the probabilities: softmax is forgotten",
            "pytorch #22604",
        ),
        Mutant(
            "softmax_over_the_batch",
            "dlogits = dy * (softmax(logits.T).T - t) / len(logits)",
            "softmax runs over the samples instead of the classes",
        ),
        Mutant(
            "softmax_twice",
            "dlogits = dy * (softmax(p) - t) / len(logits)",
            "softmax is applied to probabilities once more",
            "pytorch #22604",
        ),
        Mutant(
            "logits_for_probabilities",
            "dlogits = dy * (logits - t) / len(logits)",
            "the logits stand where the probabilities belong",
        ),
        Mutant(
            "not_normalised",
            "dlogits = dy * (np.exp(logits) - t) / len(logits)",
            "the exponentials are not divided by their sum",
        ),
        Mutant(
            "upstream_forgotten",
            "dlogits = (p - t) / len(logits)",
            "the upstream gradient dL/dy is not multiplied in; it is 1 only for the last node",
            also=("ignores-upstream", "factor:varying"),
        ),
        Mutant(
            "target_column_only",
            "dlogits = dy * (p - t) * t / len(logits)",
            "only the target's logit gets a gradient; the others enter the normalising sum",
        ),
    ),
)


def _binary(rng: Generator, square: bool) -> Values:
    N, D = sizes(rng, 2, square)
    return {"logits": normal(rng, N, D), "targets": rng.integers(0, 2, (N, D)).astype(float)}


BINARY = Operation(
    name="binary_cross_entropy_with_logits",
    arguments=("logits", "targets"),
    checked=("logits",),
    forward="""
        p = sigmoid(logits)
        y = -np.mean(targets * np.log(p) + (1 - targets) * np.log(1 - p))
    """,
    backward="dlogits = dy * (p - targets) / logits.size",
    sample=_binary,
    words=("bce", "bce_with_logits", "logistic_loss", "sigmoid_cross_entropy"),
    mutants=(
        Mutant(
            "mean_forgotten",
            "dlogits = dy * (p - targets)",
            "the loss is a mean over all elements: its gradient carries 1 / their number",
            also=("factor:elements",),
        ),
        Mutant(
            "batch_only",
            "dlogits = dy * (p - targets) / len(logits)",
            "divided by the batch size; the mean runs over all elements",
        ),
        Mutant(
            "sign",
            "dlogits = dy * (targets - p) / logits.size",
            "t - p is the direction of descent; the gradient is p - t",
            also=("factor:-1",),
        ),
        Mutant(
            "sigmoid_twice",
            "dlogits = dy * (p - targets) * p * (1 - p) / logits.size",
            "the derivative of the logistic function has cancelled already",
        ),
        Mutant(
            "sigmoid_forgotten",
            "dlogits = dy * (p - targets) / (p * (1 - p)) / logits.size",
            "this is the gradient with respect to the probabilities",
        ),
        Mutant(
            "logits_for_probabilities",
            "dlogits = dy * (logits - targets) / logits.size",
            "the logits stand where the probabilities belong",
        ),
        Mutant(
            "targets_forgotten", "dlogits = dy * p / logits.size", "the targets are not subtracted"
        ),
        Mutant(
            "positive_only",
            "dlogits = -dy * targets * (1 - p) / logits.size",
            "only the term of the positive targets is differentiated",
        ),
        Mutant(
            "upstream_forgotten",
            "dlogits = (p - targets) / logits.size",
            "the upstream gradient dL/dy is not multiplied in",
            also=("ignores-upstream", "factor:varying"),
        ),
    ),
)


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
            "LECTURES E19",
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
            "LECTURES E19",
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
    return {**values, "delta": float(rng.uniform(0.6, 0.9))}


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

LOSSES = (CROSS_ENTROPY, BINARY, MSE, L1, HUBER)
