"""What an op's own values say about a gradient that it lost (made zero) or spoilt (NaN, infinite).

A list of rules, each a few lines: dead relus, saturated sigmoids, factors of zero, roots of zero.
Used by `flow.py` while the kept values are there; `why.py` prints what they return.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .health import host
from .kept import kept_values

FLAT = 1e-6
NORMALISERS = ("Softmax", "LogSoftmax", "BatchNorm", "GroupNorm")


class Symptom(NamedTuple):
    """A cause and a remedy, each a sentence without its full stop."""

    cause: str
    remedy: str


def symptom_of(node: Any, arrived: Any) -> Symptom | None:
    """Why `node`, at which the gradient `arrived` came in, handed on zeros or worse; or None.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([-1.0, -2.0], requires_grad=True)
        >>> symptom_of(tg.relu(x).node, np.ones(2)).cause
        'relu is dead: all 2 of its inputs are at or below 0, where its slope is 0'
    """
    kept = {
        name: host(v)
        for name, v in kept_values(node).items()
        if hasattr(v, "shape") and hasattr(v, "dtype")
    }
    first = arrived[0] if isinstance(arrived, (tuple, list)) else arrived
    grad = None if first is None else host(first)
    name = type(node).__name__
    with np.errstate(all="ignore"):
        for rule in RULES:
            found = rule(name, node, kept, grad)
            if found is not None:
                return found
    return None


def _forward_spoilt(name: str, node: Any, kept: Any, grad: Any) -> Symptom | None:
    """A NaN or an infinity that was there before backward began."""
    for key, values in kept.items():
        if key == "y" or values.dtype.kind != "f" or np.isfinite(values).all():
            continue
        return Symptom(
            f"{name} multiplies by {key}, which holds NaN or infinite values since forward",
            "find where forward made them: run it inside tg.detect_anomaly()",
        )
    if name == "Exp" and np.isinf(kept.get("y", np.zeros(()))).any():
        top = np.log(np.finfo(kept["y"].dtype).max)
        return Symptom(
            f"exp overflowed in forward: in {kept['y'].dtype} its input must stay below {top:.1f}",
            "subtract the maximum first, or use tg.logsumexp, tg.softmax or tg.cross_entropy, "
            "which do",
        )
    return None


def _singular(name: str, node: Any, kept: Any, grad: Any) -> Symptom | None:
    """An infinite slope."""
    x, y, b, a = (kept.get(key) for key in "xyba")
    at, what, remedy = None, "", ""
    if name == "Sqrt" and y is not None:
        at, what = ~(y > 0), "sqrt has an infinite slope at 0, and no value below"
        remedy = "write tg.sqrt(x + 1e-8), or keep zeros out"
    elif name in {"Log", "BoundedLog"} and x is not None:
        at, what = ~(x > 0), "log has an infinite slope at 0 and no value below"
        remedy = (
            "write tg.log(x + 1e-8), or use tg.log_softmax or tg.cross_entropy, which never take "
            "the logarithm of 0"
        )
    elif name == "Div" and b is not None:
        at, what = b == 0, "the divisor is 0"
        remedy = "add a small number to the divisor"
    elif name == "Pow" and a is not None:
        at, what = ~(a > 0), "a power has an infinite slope at 0, or no value below"
        remedy = "keep the base above 0: (x + 1e-8) ** p"
    if at is None or not at.any():
        return None
    cause = f"{what}: {int(at.sum())} of {at.size} values are there"
    if grad is not None and grad.shape == at.shape and (grad[at] == 0).all():
        cause += ". The gradient that arrives there is 0, and 0 times infinity is NaN"
        remedy = (
            "tg.where(ok, f(x), 0) hides f's value, not its slope: make the argument safe before "
            "the op, f(tg.where(ok, x, 1.0)), and select afterwards"
        )
    return Symptom(cause, remedy)


PRODUCTS = {"Mul", "Dense", "MatMul", "Conv2d", "Outer", "Einsum"}
"""Ops in which a factor of zeros lets no gradient through."""


def _saturated(name: str, node: Any, kept: Any, grad: Any) -> Symptom | None:
    """A slope of 0 because of where the input is."""
    y, x = kept.get("y"), kept.get("x")
    kind = getattr(node, "activation", None) or name.lower()  # a layer may end in one
    if kind == "relu" and y is not None and (y <= 0).any():
        closed = int((y <= 0).sum())
        if closed < y.size:
            return Symptom(
                f"relu is closed: {closed} of its {y.size} inputs are at or below 0, where its "
                "slope is 0",
                "some closed units are normal; if these never open, do as for a dead relu: a lower "
                "learning rate, He's start, normalised inputs, or tg.leaky_relu",
            )
        return Symptom(
            f"relu is dead: all {closed} of its inputs are at or below 0, where its slope is 0",
            "lower the learning rate, start biases at 0 and weights by He's rule, normalise "
            "the inputs, or use tg.leaky_relu, whose slope is never 0",
        )
    if kind in {"sigmoid", "tanh"} and y is not None:
        slope = 1.0 - y * y if kind == "tanh" else y * (1.0 - y)
        flat = int((slope < FLAT).sum())
        ends = "-1 or 1" if kind == "tanh" else "0 or 1"
        if flat:
            return Symptom(
                f"{kind} is saturated: {flat} of {y.size} outputs are {ends} to six "
                "digits, where the slope is all but 0",
                "its inputs are too large: scale or normalise them, start with smaller weights, "
                "and let tg.binary_cross_entropy_with_logits or tg.cross_entropy take the logits",
            )
    if name in {"Abs", "Square"} and x is not None and (x == 0).any():
        return Symptom(
            f"{int((x == 0).sum())} of {x.size} inputs of {name.lower()} are exactly 0, its "
            "turning point",
            "start from values that are not 0",
        )
    if name == "SoftmaxCrossEntropy" and grad is not None and grad.any():
        return Symptom(
            "the predictions are already certain and right to the last digit",
            "nothing is left to learn from these samples; check that the labels are no input",
        )
    return None


def _switched_off(name: str, node: Any, kept: Any, grad: Any) -> Symptom | None:
    """A factor of 0, a mask, a branch not taken, a step."""
    for key, values in kept.items():
        if (
            name.removesuffix("Activation") in PRODUCTS
            and key != "y"
            and values.size
            and not values.any()
        ):
            return Symptom(
                f"the other factor, {key} of shape {values.shape}, is all zeros",
                "if it is a mask, it hides everything; if it is a weight, start it with random "
                "values; if it is an activation, ask why it is zero",
            )
    zeros = kept.get("b", kept.get("a"))
    if name == "Mul" and zeros is not None and (zeros == 0).any():
        return Symptom(
            f"the other factor is 0 at {int((zeros == 0).sum())} of {zeros.size} places: a mask",
            "that is right if these places shall not learn",
        )
    if name in {"Where", "Maximum", "Minimum"}:
        return Symptom(
            f"{name.lower()} took the other input there, and only the one taken gets the gradient",
            "if it comes from a clip, the values are out of its range; if from a condition, it is "
            "never true: print how often it is",
        )
    return None


def _chosen(name: str, node: Any, kept: Any, grad: Any) -> Symptom | None:
    """Values that were dropped or not chosen, and steps."""
    if name == "Sign":
        return Symptom("sign is a step: its slope is 0 everywhere", "use a smooth function: tanh")
    if name in {"Dropout", "SpatialDropout"}:
        return Symptom(
            f"dropout (p = {getattr(node, 'p', '?')}) dropped these values",
            "another batch keeps others; with p = 1 nothing is ever kept",
        )
    if name in {"GetItem", "Take", "TakeLast", "Embedding", "MaxPool2d", "MaxLast", "MinLast",
                "AdaptiveMaxPool2d"}:  # fmt: skip
        return Symptom(
            f"{name} chose other elements, and only those chosen get a gradient",
            "that is right if they shall not learn from this batch",
        )
    return None


def _cancelled(name: str, node: Any, kept: Any, grad: Any) -> Symptom | None:
    """A normalised output whose sum is a constant."""
    if name in NORMALISERS and grad is not None and grad.size and np.ptp(grad) == 0:
        return Symptom(
            f"the gradient that arrives at {name} is {grad.flat[0]:.4g} everywhere, and the sum of "
            "a normalised output never changes",
            "weigh the outputs differently: use a real loss, not .sum() or .mean() of this output",
        )
    return None


RULES = (_forward_spoilt, _singular, _cancelled, _saturated, _switched_off, _chosen)
