"""Are two sets of samples drawn alike? Ask a small network to tell them apart.

If it cannot, the test data say what the model will do; if it can, one of the two sets is not like
the other, and a good score on it may mean nothing. Read next: `advice.py`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..data import Dataset, Split, Standardize
from ..functional import softmax
from ..grad_mode import no_grad
from ..metrics import roc_auc
from ..tensor import tensor
from ..train import fit
from .recipe import Recipe, assemble

Array = npt.NDArray[np.floating]


class ToldApart(NamedTuple):
    """How well two sets of samples can be told apart.

    Attributes:
        auc: the chance that of one sample of each the right one is called the second; 0.5 if they
            are alike.
        above: above this it is no chance: 0.5 and three standard deviations of the AUC of equal
            sets (Mann and Whitney), at least 0.65.
    """

    auc: float
    above: float


def told_apart(first: Array, second: Array, *, samples: int = 1000, seed: int = 0) -> ToldApart:
    """Train a small network to tell two sets apart, and test it on samples it has not seen.

    Args:
        first: samples (N, ...).
        second: samples (M, ...) of the same shape.
        samples: take at most so many of each, drawn by seed.
        seed: of the draw and of the network.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(600, 3))
        >>> alike, other = told_apart(x[:300], x[300:]), told_apart(x[:300], x[300:] + 2)
        >>> alike.auc < alike.above, other.auc > 0.95
        (True, True)

    References:
        Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017.
    """
    rng = np.random.default_rng(seed)
    drawn = [
        part[rng.permutation(len(part))[:samples]].reshape(min(len(part), samples), -1)
        for part in (first, second)
    ]
    halves = [(part[: len(part) // 2], part[len(part) // 2 :]) for part in drawn]
    seen, unseen = (
        Split(
            np.concatenate([half[i] for half in halves]).astype(np.float32),
            np.repeat([0, 1], [len(half[i]) for half in halves]),
        )
        for i in (0, 1)
    )
    scale = Standardize.fit(seen.x)
    dataset = Dataset(
        name="first or second",
        description="Which of two sets a sample is from",
        classes=("first", "second"),
        input_shape=seen.x.shape[1:],
        train_size=len(seen.x),
        test_size=len(unseen.x),
        origin="generated",
        licence="",
        source="",
        train=Split(scale(seen.x), seen.y),
        test=Split(scale(unseen.x), unseen.y),
    )
    epochs = 10 + 4000 // len(seen.x)  # few samples make few steps an epoch
    recipe = Recipe(model="mlp", data="xor", optimizer="adamw", lr=2e-3, epochs=epochs, seed=seed)
    run = assemble(recipe, dataset)
    run.test = None
    fit(run)
    run.model.eval()
    with no_grad():
        shares = softmax(run.model(tensor(dataset.test.x))).numpy()[:, 1]
    n, m = (int((unseen.y == k).sum()) for k in (0, 1))
    deviation = math.sqrt((n + m + 1) / (12 * n * m))
    return ToldApart(float(roc_auc(shares, unseen.y)), 0.5 + max(3 * deviation, 0.15))
