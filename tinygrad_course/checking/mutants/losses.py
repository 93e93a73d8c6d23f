"""The bank's losses: softmax with cross-entropy, and the logistic loss, as means.

Read next: `regression.py`.
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
            "a lecture that sums the batch's gradients beside a loss that averages them",
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


LOSSES = (CROSS_ENTROPY, BINARY)
